/** MS-CIFS 2.2.1.2.2, 2.2.8.3.3, 2.2.8.3.4 and 2.2.8.4.2: extended attributes as SMB_FEA_LIST and SMB_GEA_LIST. */
import type { OpenRequest } from '../commands/command.ts';
import { statusOfErrno } from '../commands/errno-status.ts';
import { FILE_READ_EA } from '../dtyp/access-mask.ts';
import { type NtStatus, STATUS_ACCESS_DENIED, STATUS_EAS_NOT_SUPPORTED } from '../dtyp/ntstatus.ts';
import { encodeFullEas } from '../fscc/extended-attributes.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { decodeFeaList, decodeGeaList, feaList } from '../smb1/extended-attributes.ts';
import { type CreateContext, CreateContextName } from '../smb2/create-contexts.ts';
import { EOPNOTSUPP, isErrno } from '../vfs/errno.ts';
import { eaKey } from '../vfs/extended-attributes.ts';
import type { VfsEa } from '../vfs/vfs.ts';
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

/** For a CREATE: none where the list is empty. */
export function eaContexts(list: Buffer): CreateContext[] {
  if (list.length <= 4) return [];
  const eas = decodeFeaList(list);
  if (eas.length === 0) return [];
  return [{ name: CreateContextName.EA_BUFFER, data: encodeFullEas(eas, MAX_EA_BYTES).bytes }];
}

const MAX_EA_BYTES = 65_536;

export async function setFeaList(request: OpenRequest, data: Buffer): Promise<NtStatus> {
  const eas = decodeFeaList(data);
  if (eas.length === 0) return 0;
  const { bytes } = encodeFullEas(eas, MAX_EA_BYTES);
  return setInformation(request, FileInformationClass.FileFullEaInformation, bytes);
}
