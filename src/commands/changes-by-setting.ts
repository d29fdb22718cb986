/** MS-FSA 2.1.5.15: what a SET_INFO that succeeded changes for those who watch the directory. */
import { TIME_FREEZE, TIME_THAW } from '../dtyp/filetime.ts';
import { FileBasicInformation } from '../fscc/file-information.ts';
import { FileInformationClass as Class } from '../fscc/information-class.ts';
import {
  FILE_NOTIFY_CHANGE_ATTRIBUTES,
  FILE_NOTIFY_CHANGE_CREATION,
  FILE_NOTIFY_CHANGE_EA,
  FILE_NOTIFY_CHANGE_LAST_ACCESS,
  FILE_NOTIFY_CHANGE_LAST_WRITE,
  FILE_NOTIFY_CHANGE_SECURITY,
  FILE_NOTIFY_CHANGE_SIZE,
} from '../smb2/change-notify.ts';
import { SMB2_0_INFO_FILE, SMB2_0_INFO_SECURITY } from '../smb2/info-types.ts';
import type { SetInfoRequest } from '../smb2/set-info.ts';

/** FILE_NOTIFY_CHANGE_… bits; names are told by those who change them. */
export function changesBySetting({ infoType, fileInfoClass, buffer }: SetInfoRequest): number {
  if (infoType === SMB2_0_INFO_SECURITY) return FILE_NOTIFY_CHANGE_SECURITY;
  if (infoType !== SMB2_0_INFO_FILE) return 0;
  switch (fileInfoClass) {
    case Class.FileBasicInformation:
      return basicChanges(buffer);
    case Class.FileAllocationInformation:
    case Class.FileEndOfFileInformation:
      return FILE_NOTIFY_CHANGE_SIZE | FILE_NOTIFY_CHANGE_LAST_WRITE;
    case Class.FileFullEaInformation:
      return FILE_NOTIFY_CHANGE_EA | FILE_NOTIFY_CHANGE_ATTRIBUTES;
    default:
      return 0;
  }
}

/** The one change that no filter of CHANGE_NOTIFY names: 2.1.5.15.2, BreakParentOplock. */
export const setsChangeTime = ({ infoType, fileInfoClass, buffer }: SetInfoRequest): boolean =>
  infoType === SMB2_0_INFO_FILE &&
  fileInfoClass === Class.FileBasicInformation &&
  isSet(FileBasicInformation.read(buffer).changeTime);

const isSet = (time: bigint): boolean => time !== 0n && time !== TIME_FREEZE && time !== TIME_THAW;

function basicChanges(buffer: Buffer): number {
  const info = FileBasicInformation.read(buffer);
  return (
    (info.fileAttributes === 0 ? 0 : FILE_NOTIFY_CHANGE_ATTRIBUTES) |
    (isSet(info.creationTime) ? FILE_NOTIFY_CHANGE_CREATION : 0) |
    (isSet(info.lastAccessTime) ? FILE_NOTIFY_CHANGE_LAST_ACCESS : 0) |
    (isSet(info.lastWriteTime) ? FILE_NOTIFY_CHANGE_LAST_WRITE : 0)
  );
}
