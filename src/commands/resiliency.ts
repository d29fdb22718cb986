/** MS-SMB2 3.3.5.15.9: FSCTL_LMR_REQUEST_RESILIENCY, which keeps an open whatever it caches. */
import { MAX_RESILIENCY_TIMEOUT_MS, RESILIENCY_TIMEOUT_MS } from '../base/limits.ts';
import { ZERO_GUID } from '../dtyp/guid.ts';
import {
  type NtStatus,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import type { Open } from '../objects/open.ts';
import type { Request } from '../objects/request.ts';
import { FILE_OPENED } from '../smb2/create-options.ts';
import { Dialect } from '../smb2/dialect.ts';
import { decodeNetworkResiliencyRequest } from '../smb2/ioctl-structures.ts';

const secondsOf = (ms: number): number => Math.floor(ms / 1000);

export function requestResiliency(input: Buffer, request: Request, open: Open): NtStatus {
  const { connection, server, session } = request;
  if (connection.dialect!.revision === Dialect.SMB2_02) return STATUS_INVALID_DEVICE_REQUEST;
  if (open.handle?.kind !== 'file') return STATUS_INVALID_DEVICE_REQUEST;
  const timeoutMs = decodeNetworkResiliencyRequest(input);
  if (secondsOf(timeoutMs) > secondsOf(MAX_RESILIENCY_TIMEOUT_MS)) return STATUS_INVALID_PARAMETER;
  const { kind, name } = session!.account!;
  if (!server.options.durableHandles || kind !== 'user') return STATUS_NOT_SUPPORTED;
  const before = open.durability;
  open.durability = {
    isDurable: false,
    isResilient: true,
    owner: name,
    clientGuid: before?.clientGuid ?? connection.clientGuid,
    version: before?.version ?? 1,
    createGuid: before?.createGuid ?? ZERO_GUID,
    fileName: before?.fileName ?? '',
    createAction: before?.createAction ?? FILE_OPENED,
    timeoutMs: timeoutMs === 0 ? RESILIENCY_TIMEOUT_MS : timeoutMs,
    deadlineMs: 0,
  };
  server.keptOpens?.changed(open);
  return STATUS_SUCCESS;
}
