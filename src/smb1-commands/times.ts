/** MS-CIFS 2.2.8.4: times and attributes that a client sets, as FileBasicInformation (MS-FSCC 2.4.7). */
import type { OpenRequest } from '../commands/command.ts';
import { setBasic } from '../commands/set-file-info.ts';
import { type NtStatus, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { FileBasicInformation } from '../fscc/file-information.ts';
import { FILE_NOTIFY_CHANGE_LAST_WRITE } from '../smb2/change-notify.ts';

export interface Settings {
  readonly creationTime?: bigint;
  readonly lastAccessTime?: bigint;
  readonly lastWriteTime?: bigint;
  readonly changeTime?: bigint;
  readonly fileAttributes?: number;
}

export const basicInformation = (settings: Settings): Buffer =>
  FileBasicInformation.encode({
    creationTime: 0n,
    lastAccessTime: 0n,
    lastWriteTime: 0n,
    changeTime: 0n,
    fileAttributes: 0,
    ...settings,
  });

/** Whatever the open was made for. */
export async function setTimes({ open }: OpenRequest, settings: Settings): Promise<NtStatus> {
  const status = await setBasic(basicInformation(settings), open, open.handle!);
  if (status === STATUS_SUCCESS) open.file?.note(FILE_NOTIFY_CHANGE_LAST_WRITE);
  return status;
}
