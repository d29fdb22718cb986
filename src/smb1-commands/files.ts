/** MS-CIFS 3.3.5.49, MS-SMB 3.3.5.5: NT_CREATE_ANDX; MS-CIFS 3.3.5.7, 3.3.5.8: CLOSE and FLUSH. */
import { after } from '../base/after.ts';
import { statusOfErrno } from '../commands/errno-status.ts';
import { flush as flushOpen } from '../commands/flush.ts';
import {
  FILE_APPEND_DATA,
  FILE_READ_ATTRIBUTES,
  FILE_WRITE_DATA,
  SYNCHRONIZE,
} from '../dtyp/access-mask.ts';
import {
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_REPARSE_POINT } from '../fscc/attributes.ts';
import { closeOpen } from '../objects/teardown.ts';
import { fromUtime } from '../smb1/dos-time.ts';
import { FidWords } from '../smb1/io.ts';
import {
  CloseWords,
  decodeNtCreate,
  EXTENDED_WORD_COUNT,
  MESSAGE_PIPE_STATUS,
  NT_CREATE_REQUEST_EXTENDED_RESPONSE,
  NT_CREATE_REQUEST_OPBATCH,
  NT_CREATE_REQUEST_OPLOCK,
  type NtCreate,
  NtCreateAnswer,
  NtCreateExtendedAnswer,
  OplockLevel,
  ResourceType,
} from '../smb1/open.ts';
import { encodeAllocationSize } from '../smb2/create-context-values.ts';
import { type CreateContext, CreateContextName } from '../smb2/create-contexts.ts';
import {
  FILE_RESERVE_OPFILTER,
  FILE_SYNCHRONOUS_IO_ALERT,
  FILE_SYNCHRONOUS_IO_NONALERT,
  FILE_WRITE_THROUGH,
} from '../smb2/create-options.ts';
import {
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_EXCLUSIVE,
  SMB2_OPLOCK_LEVEL_II,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../smb2/oplock-levels.ts';
import { isErrno } from '../vfs/errno.ts';
import { EMPTY, type MaybePromise, type Smb1Outcome, type TreeCall } from './call.ts';
import type { OpenFile } from './link.ts';
import { maximalRights } from './maximal-rights.ts';
import {
  grantedTo,
  type Made,
  openFile,
  openFor,
  openOf,
  openRequest,
  type Wish,
} from './opening.ts';
import { joinPath, refusePath, sharePath } from './paths.ts';
import { setTimes } from './times.ts';

export const OPLOCK_LEVELS: Readonly<Record<number, number>> = {
  [SMB2_OPLOCK_LEVEL_NONE]: OplockLevel.NONE,
  [SMB2_OPLOCK_LEVEL_II]: OplockLevel.LEVEL_II,
  [SMB2_OPLOCK_LEVEL_EXCLUSIVE]: OplockLevel.EXCLUSIVE,
  [SMB2_OPLOCK_LEVEL_BATCH]: OplockLevel.BATCH,
};

export const wantedOplock = (flags: number): number => {
  if ((flags & NT_CREATE_REQUEST_OPBATCH) !== 0) return SMB2_OPLOCK_LEVEL_BATCH;
  return (flags & NT_CREATE_REQUEST_OPLOCK) !== 0
    ? SMB2_OPLOCK_LEVEL_EXCLUSIVE
    : SMB2_OPLOCK_LEVEL_NONE;
};

/** Of the directory that RootDirectoryFID names. */
export function nameBelow(call: TreeCall, rootFid: number, name: string): string | number {
  if (rootFid === 0) return sharePath(call, name);
  const root = call.link.file(rootFid)?.open;
  const path = root?.handle?.path();
  if (root === undefined || root.tree !== call.request.tree || path === undefined) {
    return STATUS_INVALID_HANDLE;
  }
  if (isErrno(path)) return STATUS_INVALID_HANDLE;
  return joinPath({ directory: path.join('\\'), name: sharePath(call, name) });
}

export function contextsOf(allocationSize: number): CreateContext[] {
  if (allocationSize === 0) return [];
  return [{ name: CreateContextName.ALLOCATION_SIZE, data: encodeAllocationSize(allocationSize) }];
}

/** The answer tells the attributes, so Windows opens for them as well, also where nothing else is asked for. */
export const withAttributes = (access: number): number => (access | FILE_READ_ATTRIBUTES) >>> 0;

/**
 * MS-CIFS 2.2.1.2.3: above them are flags, such as ATTR_POSIX_SEMANTICS, which Linux sends to who speaks CAP_UNIX: up to 6.x as
 * 0x01000000, in 7.2 as 0x00100000.
 */
export const attributesOf = ({ extFileAttributes }: Pick<NtCreate, 'extFileAttributes'>): number =>
  extFileAttributes & 0x000f_ffff;

const FILE_CREATE_TREE_CONNECTION = 0x80;
/** MS-CIFS 2.2.4.64.1: "MUST be ignored by the server"; at SMB2 they are refused. */
const IGNORED_OPTIONS = FILE_CREATE_TREE_CONNECTION | FILE_RESERVE_OPFILTER;

export const optionsOf = ({ createOptions }: Pick<NtCreate, 'createOptions'>): number =>
  createOptions & ~IGNORED_OPTIONS;

/** What NT_CREATE_ANDX and NT_TRANSACT_CREATE have in common. */
type NtWanted = Omit<NtCreate, 'securityFlags'>;

/** MS-SMB 3.3.5.5: who waits for each request of a pipe has to say that it may. */
const mayWait = ({ createOptions, desiredAccess }: NtWanted): boolean =>
  (createOptions & (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT)) === 0 ||
  (desiredAccess & SYNCHRONIZE) !== 0;

/** MS-SMB 3.3.5.5: of a pipe all others are ignored. */
const PIPE_OPTIONS = FILE_WRITE_THROUGH | FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT;

export function ntWish(call: TreeCall, body: NtWanted): Wish | number {
  const isPipe = call.request.tree.files === undefined;
  if (isPipe && !mayWait(body)) return STATUS_INVALID_PARAMETER;
  const name = nameBelow(call, body.rootDirectoryFid, body.name);
  if (typeof name === 'number') return name;
  const refused = isPipe ? undefined : refusePath(name);
  if (refused !== undefined) return refused;
  return {
    name,
    access: withAttributes(body.desiredAccess),
    share: body.shareAccess,
    disposition: body.createDisposition,
    options: isPipe ? body.createOptions & PIPE_OPTIONS : optionsOf(body),
    attributes: attributesOf(body),
    oplockLevel: wantedOplock(body.flags),
    impersonationLevel: body.impersonationLevel,
    createContexts: contextsOf(body.allocationSize),
  };
}

export function ntCreateAndX(call: TreeCall): MaybePromise<Smb1Outcome> {
  const body = decodeNtCreate(call.block, call.unicode);
  const wish = ntWish(call, body);
  if (typeof wish === 'number') return wish;
  return after(openFile(wish, call), (opened): MaybePromise<Smb1Outcome> => {
    if (typeof opened === 'number') return opened;
    const { file, made } = opened;
    const fields = createdFields(file, made);
    const { onSent } = made;
    if ((body.flags & NT_CREATE_REQUEST_EXTENDED_RESPONSE) === 0) {
      return { words: NtCreateAnswer.encode(fields), onSent };
    }
    return after(maximalRights(made.open, made.found), (maximalAccessRights) => ({
      words: NtCreateExtendedAnswer.encode({
        ...fields,
        // Who counts 42 words takes what comes behind them, in FileId, for ByteCount: "zero" where it is not known.
        volumeGuid: NO_GUID,
        fileId: 0n,
        maximalAccessRights,
        guestMaximalAccessRights: 0,
      }),
      shownWords: EXTENDED_WORD_COUNT,
      onSent,
    }));
  });
}

const NO_GUID = Buffer.alloc(16);

const NO_EAS = 0x0001;
const NO_SUBSTREAMS = 0x0002;
const NO_REPARSETAG = 0x0004;

/**
 * MS-SMB 2.2.4.9.2, FileStatusFlags, which stand where a pipe's state does: what a client need not ask for. That a
 * file has no attributes or streams is told where none could have any; to look costs more than being asked.
 */
function fileStatusFlags({ open, response }: Made): number {
  const features = open.home.vfs?.features;
  return (
    (features?.extendedAttributes === true ? 0 : NO_EAS) |
    (features?.namedStreams === true ? 0 : NO_SUBSTREAMS) |
    ((response.fileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) === 0 ? NO_REPARSETAG : 0)
  );
}

export function createdFields({ fid }: OpenFile, made: Made) {
  const { open, response } = made;
  const isPipe = open.pipe !== undefined;
  return {
    oplockLevel: OPLOCK_LEVELS[response.oplockLevel] ?? OplockLevel.NONE,
    fid,
    createAction: response.createAction,
    creationTime: response.creationTime,
    lastAccessTime: response.lastAccessTime,
    lastWriteTime: response.lastWriteTime,
    changeTime: response.changeTime,
    extFileAttributes: response.fileAttributes,
    allocationSize: response.allocationSize,
    endOfFile: response.endOfFile,
    resourceType: isPipe ? ResourceType.MESSAGE_PIPE : ResourceType.DISK,
    nmPipeStatus: isPipe ? MESSAGE_PIPE_STATUS : fileStatusFlags(made),
    directory: (response.fileAttributes & FILE_ATTRIBUTE_DIRECTORY) !== 0 ? 1 : 0,
  };
}

export function close(call: TreeCall): MaybePromise<Smb1Outcome> {
  const { fid, lastTimeModified } = CloseWords.read(call.block.words);
  const file = openOf(call, fid);
  if (typeof file === 'number') return file;
  return closeFile(call, file, lastTimeModified);
}

const WRITING = FILE_WRITE_DATA | FILE_APPEND_DATA;

/** 3.3.5.7: a client that "has write/append access" and caches writes knows better when they were. */
export function closeFile(
  call: TreeCall,
  file: OpenFile,
  lastTimeModified: number,
): MaybePromise<Smb1Outcome> {
  const { open } = file;
  const lastWriteTime = fromUtime(lastTimeModified);
  const end = (): MaybePromise<Smb1Outcome> => {
    const closing = call.link.removeFile(file) ? closeOpen(call.link.server, open) : undefined;
    return after(closing, () => EMPTY);
  };
  const mayWrite = (grantedTo(file) & WRITING) !== 0;
  if (lastWriteTime === 0n || open.handle === undefined || !mayWrite) return end();
  return setTimes(openRequest(call), { lastWriteTime }).then(end);
}

/**
 * 3.3.5.8: all ones means every file of the process, to the first that fails; what it only reads has nothing to flush.
 */
export async function flush(call: TreeCall): Promise<Smb1Outcome> {
  const { fid } = FidWords.read(call.block.words);
  if (fid !== 0xffff) {
    const file = openFor(call, fid, WRITING);
    if (typeof file === 'number') return file;
    const outcome = await flushOpen(undefined, openRequest(call));
    return typeof outcome === 'number' && outcome !== STATUS_SUCCESS ? outcome : EMPTY;
  }
  for (const file of [...call.link.files.values()]) {
    if (file.pid !== call.pid || file.open.closed || (grantedTo(file) & WRITING) === 0) continue;
    const flushed = await file.open.handle?.flush();
    if (flushed !== undefined && isErrno(flushed)) return statusOfErrno(flushed);
  }
  return EMPTY;
}
