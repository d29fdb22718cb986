/** MS-SMB2 3.3.5.20: QUERY_INFO; the classes are in query-file-info.ts and query-fs-info.ts. */
import { type NtStatus, STATUS_INVALID_PARAMETER, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import type { FittedInformation } from '../fscc/information-rules.ts';
import {
  SMB2_0_INFO_FILE,
  SMB2_0_INFO_FILESYSTEM,
  SMB2_0_INFO_QUOTA,
  SMB2_0_INFO_SECURITY,
} from '../smb2/info-types.ts';
import { encodeQueryInfoResponse, type QueryInfoRequest } from '../smb2/query-info.ts';
import type { MaybePromise, OpenRequest, Outcome } from './command.ts';
import { queryFileInfo } from './query-file-info.ts';
import { queryFsInfo } from './query-fs-info.ts';
import { querySecurity } from './query-security.ts';
import { queryQuotas } from './quotas.ts';

export function queryInfo(body: QueryInfoRequest, request: OpenRequest): MaybePromise<Outcome> {
  const { maxTransactSize } = request.connection.dialect!;
  const largest = Math.max(body.outputBufferLength, body.inputBuffer.length);
  if (largest > maxTransactSize) return STATUS_INVALID_PARAMETER;
  const result = query(body, request);
  return result instanceof Promise ? result.then(answerQuery) : answerQuery(result);
}

/** What a class gives: fitted bytes, or a status. */
export type QueryResult = FittedInformation | NtStatus | Outcome;

function query(body: QueryInfoRequest, request: OpenRequest): MaybePromise<QueryResult> {
  switch (body.infoType) {
    case SMB2_0_INFO_FILE:
      return queryFileInfo(body, request);
    case SMB2_0_INFO_FILESYSTEM:
      return queryFsInfo(body, request);
    case SMB2_0_INFO_SECURITY:
      return querySecurity(body, request);
    case SMB2_0_INFO_QUOTA:
      return queryQuotas(body, request);
    default:
      return STATUS_INVALID_PARAMETER;
  }
}

function answerQuery(result: QueryResult): Outcome {
  if (typeof result === 'number' || !('bytes' in result)) return result;
  if (result.bytes.length === 0 && result.status !== STATUS_SUCCESS) return result.status;
  return {
    status: result.status,
    body: encodeQueryInfoResponse({ outputBuffer: result.bytes }),
  };
}
