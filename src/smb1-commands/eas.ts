/** MS-CIFS 2.2.1.2.2, 2.2.8.3.3, 2.2.8.3.4, 2.2.8.4.2, 3.3.5.58.2 and 3.3.5.58.10: extended attributes as SMB_FEA_LIST and SMB_GEA_LIST. */
import type { OpenRequest } from '../commands/command.ts';
import { statusOfErrno } from '../commands/errno-status.ts';
import { setFullEas } from '../commands/extended-attributes.ts';
import { FILE_READ_EA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_DISK_FULL,
  STATUS_EA_LIST_INCONSISTENT,
  STATUS_EA_TOO_LARGE,
  STATUS_EAS_NOT_SUPPORTED,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
} from '../dtyp/ntstatus.ts';
import { encodeFullEas, isValidEa } from '../fscc/extended-attributes.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import {
  type BrokenList,
  decodeGeaList,
  type Fea,
  feaList,
  readFeaList,
  readGeaList,
} from '../smb1/extended-attributes.ts';
import { EOPNOTSUPP, isErrno } from '../vfs/errno.ts';
import { eaKey, isEaName, isReservedEa } from '../vfs/extended-attributes.ts';
import type { VfsEa } from '../vfs/vfs.ts';
import type { MaybePromise } from './call.ts';
import { setInformation } from './queries.ts';

/** All of them, or those that the list names, each with its value or with none. */
export async function encodeFeaList(
  { open }: OpenRequest,
  list: Buffer | undefined,
): Promise<Buffer | NtStatus> {
  if (open.handle === undefined) return STATUS_EAS_NOT_SUPPORTED;
  if ((open.access & FILE_READ_EA) === 0) return STATUS_ACCESS_DENIED;
  const eas = await open.handle.eas();
  if (isErrno(eas)) return eas === EOPNOTSUPP ? STATUS_EAS_NOT_SUPPORTED : statusOfErrno(eas);
  // Without any an empty list, as Samba's: Linux' client takes STATUS_NO_EAS_ON_FILE for an error of the disk.
  return list === undefined ? feaList(eas) : namedEas(eas, list);
}

/** Those that an SMB_GEA_LIST names, empty where there is none. */
export function namedEas(eas: readonly VfsEa[], list: Buffer): Buffer {
  const known = new Map(eas.map((ea) => [eaKey(ea.name), ea]));
  const named = decodeGeaList(list).map(
    (name) => known.get(eaKey(name)) ?? { name, value: Buffer.alloc(0) },
  );
  return feaList(named);
}

/** What became of a list, for an answer that is whole even where it tells an error. */
export interface EaOutcome {
  readonly status: NtStatus;
  /** Of the attribute that is to blame, in bytes from SizeOfListInBytes on; 0: none is, or nobody knows which. */
  readonly errorOffset: number;
}

const DONE: EaOutcome = { status: STATUS_SUCCESS, errorOffset: 0 };

/** Where the first entry of a list begins. */
export const FIRST_ENTRY_AT = 4;

const mayBeSet = (ea: Fea): boolean => isValidEa(ea) && isEaName(ea.name) && !isReservedEa(ea.name);

/** Which of several did not fit nobody knows. */
function blamed(attributes: readonly Fea[], status: NtStatus): number {
  const refused = attributes.find((ea) => !mayBeSet(ea));
  if (refused !== undefined) return refused.at;
  const tooLarge = status === STATUS_EA_TOO_LARGE || status === STATUS_DISK_FULL;
  return tooLarge && attributes.length === 1 ? attributes[0]!.at : 0;
}

function ofBroken({ brokenAt }: BrokenList): EaOutcome | undefined {
  if (brokenAt === undefined) return undefined;
  // "The size of the extended attribute list is not correct" has a status of its own.
  const status = brokenAt === 0 ? STATUS_UNSUCCESSFUL : STATUS_EA_LIST_INCONSISTENT;
  return { status, errorOffset: brokenAt };
}

/** 2.2.6.2.2, 2.2.6.6.2: what is wrong with an SMB_GEA_LIST; undefined: nothing. */
export const refuseGeaList = (list: Buffer): EaOutcome | undefined => ofBroken(readGeaList(list));

async function setList(
  data: Buffer,
  work: (full: Buffer) => MaybePromise<NtStatus>,
): Promise<EaOutcome> {
  const list = readFeaList(data);
  const { attributes } = list;
  const broken = ofBroken(list);
  if (broken !== undefined) return broken;
  if (attributes.length === 0) return DONE;
  const status = await work(encodeFullEas(attributes).bytes);
  return status === STATUS_SUCCESS ? DONE : { status, errorOffset: blamed(attributes, status) };
}

/** 2.2.8.4.2: SMB_INFO_SET_EAS. */
export async function setFeaList(request: OpenRequest, data: Buffer): Promise<EaOutcome> {
  const { handle } = request.open;
  if (handle === undefined || handle.base !== undefined) {
    return { ...DONE, status: STATUS_INVALID_PARAMETER };
  }
  const full = FileInformationClass.FileFullEaInformation;
  return setList(data, (bytes) => setInformation(request, full, bytes));
}

/**
 * 3.3.5.58.2, 3.3.5.58.10: of what the request has opened just now, and which stays, whatever becomes of these. Who has
 * made it needs no right for it.
 */
export async function setEasOfOpened(
  request: OpenRequest,
  data: Buffer,
  isNew: boolean,
): Promise<EaOutcome> {
  if (data.length <= FIRST_ENTRY_AT) return DONE;
  const { handle } = request.open;
  if (!isNew || handle === undefined || handle.base !== undefined) {
    return setFeaList(request, data);
  }
  return setList(data, (bytes) => setFullEas(bytes, handle));
}
