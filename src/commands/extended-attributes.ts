/**
 * Extended attributes: MS-SMB2 3.3.5.9.1 (with a CREATE), 3.3.5.20.1 and MS-FSA 2.1.5.12.12 (asking for
 * them), MS-FSA 2.1.5.15.6 (setting them). FILE_NEED_EA is taken and not kept: there is no place for it
 * where Samba and ksmbd look for the attributes.
 *
 * An answer to a list of names has an entry for each: one that the file has not got comes with an empty
 * value, as from Windows.
 */
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_EA_LIST_INCONSISTENT,
  STATUS_EAS_NOT_SUPPORTED,
  STATUS_INVALID_EA_NAME,
  STATUS_NO_EAS_ON_FILE,
  STATUS_NO_MORE_EAS,
  STATUS_NONEXISTENT_EA_ENTRY,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_ARCHIVE } from '../fscc/attributes.ts';
import {
  decodeFullEas,
  decodeGetEas,
  eaSize,
  encodeFullEas,
  isValidEa,
} from '../fscc/extended-attributes.ts';
import type { Open } from '../objects/open.ts';
import type { CreateRequest } from '../smb2/create.ts';
import { CreateContextName, findCreateContext } from '../smb2/create-contexts.ts';
import { FILE_NO_EA_KNOWLEDGE, FILE_OPEN } from '../smb2/create-options.ts';
import { SL_INDEX_SPECIFIED, SL_RESTART_SCAN, SL_RETURN_SINGLE_ENTRY } from '../smb2/info-types.ts';
import type { QueryInfoRequest } from '../smb2/query-info.ts';
import { EACCES, EOPNOTSUPP, type Errno, isErrno, type Result } from '../vfs/errno.ts';
import { eaKey, isEaName } from '../vfs/extended-attributes.ts';
import type { MaybePromise, VfsEa, VfsHandle } from '../vfs/vfs.ts';
import { WireError } from '../wire/wire-error.ts';
import { statusOfErrno } from './errno-status.ts';
import type { QueryResult } from './query-info.ts';

/** A list that a client sent; one that does not decode has a status of its own. */
function received<T>(decode: (buffer: Buffer) => readonly T[], buffer: Buffer) {
  try {
    return decode(buffer);
  } catch (error) {
    if (error instanceof WireError) return STATUS_EA_LIST_INCONSISTENT;
    throw error;
  }
}

/** What a client wants set. */
function changesIn(buffer: Buffer): readonly VfsEa[] | NtStatus {
  const eas = received(decodeFullEas, buffer);
  if (typeof eas === 'number') return eas;
  return eas.every((ea) => isValidEa(ea) && isEaName(ea.name)) ? eas : STATUS_INVALID_EA_NAME;
}

/** The attributes that a CREATE brings for a new or overwritten file: "MUST ignore … to open an existing file". */
export function createdEas(body: CreateRequest): readonly VfsEa[] | NtStatus {
  const buffer = findCreateContext(body.createContexts, CreateContextName.EA_BUFFER);
  if (buffer === undefined || buffer.length === 0) return [];
  // 2.2.13: who understands no extended attributes cannot bring some.
  if ((body.createOptions & FILE_NO_EA_KNOWLEDGE) !== 0) return STATUS_ACCESS_DENIED;
  return body.createDisposition === FILE_OPEN ? [] : changesIn(buffer);
}

/** An overwritten file has the attributes that came with the CREATE and no others, as on NTFS. */
export async function replaceEas(handle: VfsHandle, eas: readonly VfsEa[]): Promise<Errno | 0> {
  const current = await handle.eas();
  if (isErrno(current)) {
    if (current !== EOPNOTSUPP && current !== EACCES) return current;
    return eas.length === 0 ? 0 : handle.setEas(eas);
  }
  if (current.length === 0 && eas.length === 0) return 0;
  const kept = new Set(eas.map(({ name }) => eaKey(name)));
  const gone = current.filter(({ name }) => !kept.has(eaKey(name)));
  return handle.setEas([...gone.map(({ name }) => ({ name, value: NOTHING })), ...eas]);
}

const NOTHING = Buffer.alloc(0);

/** MS-FSA 2.1.5.15.6 */
export async function setFullEas(buffer: Buffer, handle: VfsHandle): Promise<NtStatus> {
  const changes = changesIn(buffer);
  if (typeof changes === 'number') return changes;
  const result = await handle.setEas(changes);
  if (isErrno(result)) {
    return result === EOPNOTSUPP ? STATUS_EAS_NOT_SUPPORTED : statusOfErrno(result);
  }
  const stat = await handle.stat();
  if (!isErrno(stat) && (stat.attributes & FILE_ATTRIBUTE_ARCHIVE) === 0) {
    // "MUST set FILE_ATTRIBUTE_ARCHIVE": where there is no place for it the attributes are still set.
    await handle.set({ attributes: stat.attributes | FILE_ATTRIBUTE_ARCHIVE });
  }
  return STATUS_SUCCESS;
}

/** EaSize as FileEaInformation has it; to whom may not read them there are none. */
export function eaSizeOf(handle: VfsHandle): MaybePromise<number> {
  const size = (eas: Result<readonly VfsEa[]>): number => (isErrno(eas) ? 0 : eaSize(eas));
  const eas = handle.eas();
  return eas instanceof Promise ? eas.then(size) : size(eas);
}

/** MS-SMB2 3.3.5.20.1 and MS-FSA 2.1.5.12.12 */
export async function queryFullEas(
  body: QueryInfoRequest,
  open: Open,
  handle: VfsHandle,
): Promise<QueryResult> {
  const eas = await handle.eas();
  if (isErrno(eas)) return eas === EOPNOTSUPP ? STATUS_NO_EAS_ON_FILE : statusOfErrno(eas);
  const byName = body.inputBuffer.length > 0;
  const byIndex = !byName && (body.flags & SL_INDEX_SPECIFIED) !== 0;
  if (!byName && !byIndex && (body.flags & SL_RESTART_SCAN) !== 0) open.nextEa = 0;
  const meant = byName
    ? named(eas, body.inputBuffer)
    : byIndex
      ? indexed(eas, body.additionalInformation)
      : following(eas, open.nextEa);
  if (typeof meant === 'number') return meant;
  const list = (body.flags & SL_RETURN_SINGLE_ENTRY) === 0 ? meant : meant.slice(0, 1);
  const { bytes, count } = encodeFullEas(
    list.map((ea) => ({ ...ea, flags: 0 })),
    body.outputBufferLength,
  );
  if (count === 0) return STATUS_BUFFER_TOO_SMALL;
  if (!byName && !byIndex) open.nextEa += count;
  return { status: count < list.length ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS, bytes };
}

/** EaList: each name once. */
function named(eas: readonly VfsEa[], buffer: Buffer): readonly VfsEa[] | NtStatus {
  const names = received(decodeGetEas, buffer);
  if (typeof names === 'number') return names;
  if (!names.every((name) => isValidEa({ flags: 0, name }))) return STATUS_INVALID_EA_NAME;
  const known = new Map(eas.map((ea) => [eaKey(ea.name), ea]));
  const asked = new Map(names.map((name) => [eaKey(name), name]));
  return [...asked].map(([key, name]) => known.get(key) ?? { name, value: NOTHING });
}

/** EaIndex: from 1. */
function indexed(eas: readonly VfsEa[], index: number): readonly VfsEa[] | NtStatus {
  if (eas.length === 0) return STATUS_NO_EAS_ON_FILE;
  return index < 1 || index > eas.length ? STATUS_NONEXISTENT_EA_ENTRY : eas.slice(index - 1);
}

/** From where the last answer on this open ended. */
function following(eas: readonly VfsEa[], next: number): readonly VfsEa[] | NtStatus {
  if (eas.length === 0) return STATUS_NO_EAS_ON_FILE;
  return next >= eas.length ? STATUS_NO_MORE_EAS : eas.slice(next);
}
