/**
 * MS-SMB2 3.3.5.15: IOCTL. The checks that all control codes share are here, each code has its
 * function. Codes that are not served get the status that clients fall back on.
 */
import {
  STATUS_FILE_CLOSED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import type { Open } from '../objects/open.ts';
import type { Request } from '../objects/request.ts';
import { SMB2_GLOBAL_CAP_MULTI_CHANNEL } from '../smb2/capabilities.ts';
import { Dialect } from '../smb2/dialect.ts';
import { isRelatedFileId } from '../smb2/file-id.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { type IoctlRequest, SMB2_0_IOCTL_IS_FSCTL } from '../smb2/ioctl.ts';
import {
  decodeValidateNegotiateInfoRequest,
  encodeValidateNegotiateInfoResponse,
} from '../smb2/ioctl-structures.ts';
import {
  encodeNetworkInterfaceInfos,
  RDMA_CAPABLE,
  RSS_CAPABLE,
} from '../smb2/network-interface-info.ts';
import { Disconnect, type MaybePromise, type Outcome } from './command.ts';
import { copyChunk, requestResumeKey } from './copy-chunk.ts';
import { getReferrals } from './dfs.ts';
import { duplicateExtents } from './duplicate-extents.ts';
import {
  fileLevelTrim,
  getCompression,
  queryAllocatedRanges,
  queryFileRegions,
  setCompression,
  setSparse,
  setZeroData,
} from './file-ranges.ts';
import { peekPipe, transceive, waitForPipe } from './ioctl-pipes.ts';
import { reply, respond } from './ioctl-reply.ts';
import {
  createOrGetObjectId,
  deleteObjectId,
  getObjectId,
  setObjectId,
  setObjectIdExtended,
} from './object-id.ts';
import { offloadRead, offloadWrite } from './offload.ts';
import { enumerateSnapshots } from './previous-versions.ts';
import { deleteReparsePoint, getReparsePoint, setReparsePoint } from './reparse-points.ts';
import { requestResiliency } from './resiliency.ts';

/** Codes whose FileId must be all ones: they are about the server, not about an open. */
const WITHOUT_OPEN: ReadonlySet<number> = new Set([
  Fsctl.FSCTL_DFS_GET_REFERRALS,
  Fsctl.FSCTL_DFS_GET_REFERRALS_EX,
  Fsctl.FSCTL_QUERY_NETWORK_INTERFACE_INFO,
  Fsctl.FSCTL_VALIDATE_NEGOTIATE_INFO,
  Fsctl.FSCTL_PIPE_WAIT,
]);

/** For these codes the pipeline lets any FileId pass, which `ioctl` looks at. */
export const needsNoOpen = (body: IoctlRequest): boolean => WITHOUT_OPEN.has(body.ctlCode);

export function ioctl(body: IoctlRequest, request: Request): MaybePromise<Outcome> {
  const { maxTransactSize } = request.connection.dialect!;
  if (body.flags !== SMB2_0_IOCTL_IS_FSCTL) return STATUS_NOT_SUPPORTED;
  if (WITHOUT_OPEN.has(body.ctlCode) && !isRelatedFileId(body)) return STATUS_INVALID_PARAMETER;
  const largest = Math.max(body.input.length, body.maxInputResponse, body.maxOutputResponse);
  if (largest > maxTransactSize) return STATUS_INVALID_PARAMETER;
  switch (body.ctlCode) {
    case Fsctl.FSCTL_VALIDATE_NEGOTIATE_INFO:
      return validateNegotiate(body, request);
    case Fsctl.FSCTL_DFS_GET_REFERRALS:
    case Fsctl.FSCTL_DFS_GET_REFERRALS_EX:
      return getReferrals(body, request);
    case Fsctl.FSCTL_QUERY_NETWORK_INTERFACE_INFO:
      return queryNetworkInterfaces(body, request);
    case Fsctl.FSCTL_PIPE_WAIT:
      return waitForPipe(body, request);
    default:
      return request.open === undefined ? STATUS_FILE_CLOSED : onOpen(body, request, request.open);
  }
}

function onOpen(body: IoctlRequest, request: Request, open: Open): MaybePromise<Outcome> {
  switch (body.ctlCode) {
    case Fsctl.FSCTL_LMR_REQUEST_RESILIENCY: {
      const status = requestResiliency(body.input, request, open);
      return status === STATUS_SUCCESS ? respond(body, open) : status;
    }
    case Fsctl.FSCTL_SRV_REQUEST_RESUME_KEY:
      return requestResumeKey(body, request, open);
    case Fsctl.FSCTL_SRV_COPYCHUNK:
    case Fsctl.FSCTL_SRV_COPYCHUNK_WRITE:
      return copyChunk(body, request, open);
    case Fsctl.FSCTL_DUPLICATE_EXTENTS_TO_FILE:
    case Fsctl.FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX:
      return duplicateExtents(body, request, open);
    case Fsctl.FSCTL_SET_SPARSE:
      return setSparse(body, request, open);
    case Fsctl.FSCTL_SET_ZERO_DATA:
      return setZeroData(body, request, open);
    case Fsctl.FSCTL_QUERY_ALLOCATED_RANGES:
      return queryAllocatedRanges(body, open);
    case Fsctl.FSCTL_QUERY_FILE_REGIONS:
      return queryFileRegions(body, open);
    case Fsctl.FSCTL_FILE_LEVEL_TRIM:
      return fileLevelTrim(body, request, open);
    case Fsctl.FSCTL_GET_COMPRESSION:
      return getCompression(body, open);
    case Fsctl.FSCTL_SET_COMPRESSION:
      return setCompression(body, open);
    case Fsctl.FSCTL_OFFLOAD_READ:
      return offloadRead(body, request, open);
    case Fsctl.FSCTL_OFFLOAD_WRITE:
      return offloadWrite(body, request, open);
    case Fsctl.FSCTL_SRV_ENUMERATE_SNAPSHOTS:
      return enumerateSnapshots(body, open, request.tree!);
    case Fsctl.FSCTL_GET_REPARSE_POINT:
      return getReparsePoint(body, request, open);
    case Fsctl.FSCTL_SET_REPARSE_POINT:
      return setReparsePoint(body, request, open);
    case Fsctl.FSCTL_DELETE_REPARSE_POINT:
      return deleteReparsePoint(body, request, open);
    case Fsctl.FSCTL_PIPE_PEEK:
      return peekPipe(body, open);
    case Fsctl.FSCTL_PIPE_TRANSCEIVE:
      return transceive(body, request, open);
    case Fsctl.FSCTL_CREATE_OR_GET_OBJECT_ID:
      return createOrGetObjectId(body, request, open);
    case Fsctl.FSCTL_GET_OBJECT_ID:
      return getObjectId(body, request, open);
    case Fsctl.FSCTL_SET_OBJECT_ID:
      return setObjectId(body, request, open);
    case Fsctl.FSCTL_SET_OBJECT_ID_EXTENDED:
      return setObjectIdExtended(body, request, open);
    case Fsctl.FSCTL_DELETE_OBJECT_ID:
      return deleteObjectId(body, request, open);
    default:
      return STATUS_INVALID_DEVICE_REQUEST;
  }
}

/** 3.3.5.15.12: a mismatch is an attack on the negotiation, and ends the connection. */
function validateNegotiate(body: IoctlRequest, request: Request): Outcome {
  const { connection, server } = request;
  const dialect = connection.dialect!;
  // As servers of that time: SMB1's NEGOTIATE, which may have led here, says nothing to compare with.
  if (server.options.maxDialect === Dialect.SMB2_02) return STATUS_FILE_CLOSED;
  if (dialect.preauthIntegrity) return new Disconnect('VALIDATE_NEGOTIATE_INFO at 3.1.1');
  const asked = decodeValidateNegotiateInfoRequest(body.input);
  const same =
    asked.dialects.length === connection.clientDialects.length &&
    asked.dialects.every((one, i) => one === connection.clientDialects[i]) &&
    asked.guid.equals(connection.clientGuid) &&
    asked.securityMode === connection.clientSecurityMode &&
    asked.capabilities === connection.clientCapabilities;
  if (!same) return new Disconnect('VALIDATE_NEGOTIATE_INFO does not match the NEGOTIATE');
  const output = encodeValidateNegotiateInfoResponse({
    capabilities: connection.serverCapabilities,
    guid: server.guid,
    securityMode: connection.serverSecurityMode,
    dialect: dialect.revision,
  });
  if (body.maxOutputResponse < output.length) {
    return new Disconnect('VALIDATE_NEGOTIATE_INFO with too small a buffer');
  }
  return reply(body, undefined, output, STATUS_SUCCESS);
}

/** 3.3.5.15.11 */
function queryNetworkInterfaces(body: IoctlRequest, { connection, server }: Request): Outcome {
  const offered = connection.serverCapabilities & SMB2_GLOBAL_CAP_MULTI_CHANNEL;
  if (!connection.dialect!.smb3 || offered === 0) return STATUS_NOT_SUPPORTED;
  const infos = server
    .networkAddresses(connection.transport.localAddress)
    .map(({ rss, rdma, ...place }) => ({
      ...place,
      capability: (rss ? RSS_CAPABLE : 0) | (rdma ? RDMA_CAPABLE : 0),
    }));
  return respond(body, undefined, encodeNetworkInterfaceInfos(infos));
}
