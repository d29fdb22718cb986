/** MS-CIFS 2.2.8: what SMB1 asks of files and file systems, as SMB2's QUERY_INFO and SET_INFO (MS-SMB2 2.2.37, 2.2.39). */
import { after } from '../base/after.ts';
import { Disconnect, type OpenRequest } from '../commands/command.ts';
import { queryFileInfo } from '../commands/query-file-info.ts';
import type { QueryResult } from '../commands/query-info.ts';
import { setInfo } from '../commands/set-info.ts';
import { type NtStatus, STATUS_SUCCESS, STATUS_UNSUCCESSFUL } from '../dtyp/ntstatus.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { FileDispositionInformation } from '../fscc/rename-information.ts';
import { SMB2_0_INFO_FILE } from '../smb2/info-types.ts';
import type { QueryInfoRequest } from '../smb2/query-info.ts';
import type { MaybePromise } from './call.ts';

const NOTHING = Buffer.alloc(0);
const NO_ID = { persistentId: 0, volatileId: 0 };
/** What a query may give; its answer is cut to what the client takes. */
const MAX_INFORMATION_BYTES = 65_536;

export const fsQuery = (
  infoType: number,
  fileInfoClass: number,
  outputBufferLength = MAX_INFORMATION_BYTES,
): QueryInfoRequest => ({
  ...NO_ID,
  infoType,
  fileInfoClass,
  outputBufferLength,
  additionalInformation: 0,
  flags: 0,
  inputBuffer: NOTHING,
});

export interface Information {
  readonly status: NtStatus;
  readonly bytes: Buffer;
}

export function informationOf(result: QueryResult): Information | NtStatus {
  if (typeof result === 'number') return result;
  if (result instanceof Disconnect || !('bytes' in result)) return STATUS_UNSUCCESSFUL;
  return result.status !== STATUS_SUCCESS && result.bytes.length === 0 ? result.status : result;
}

/** A class of MS-FSCC 2.4 of the request's open. */
export function fileInformation(
  request: OpenRequest,
  fileInfoClass: number,
  outputBufferLength = MAX_INFORMATION_BYTES,
): MaybePromise<Information | NtStatus> {
  const query = fsQuery(SMB2_0_INFO_FILE, fileInfoClass, outputBufferLength);
  return after(queryFileInfo(query, request), informationOf);
}

export function setInformation(
  request: OpenRequest,
  fileInfoClass: number,
  buffer: Buffer,
  infoType = SMB2_0_INFO_FILE,
  additionalInformation = 0,
): MaybePromise<NtStatus> {
  const body = { ...NO_ID, infoType, fileInfoClass, buffer, additionalInformation };
  return after(setInfo(body, request), statusOf);
}

const DISPOSED = FileDispositionInformation.encode({ deletePending: true });

/** The request's open is deleted when it closes, where that is allowed (MS-FSA 2.1.5.15.3). */
export const dispose = (request: OpenRequest): MaybePromise<NtStatus> =>
  setInformation(request, FileInformationClass.FileDispositionInformation, DISPOSED);

export function statusOf(outcome: unknown): NtStatus {
  if (typeof outcome === 'number') return outcome;
  if (outcome instanceof Disconnect) return STATUS_UNSUCCESSFUL;
  return (outcome as { status?: NtStatus }).status ?? STATUS_SUCCESS;
}
