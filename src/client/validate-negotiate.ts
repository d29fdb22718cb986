/** MS-SMB2 3.2.5.5 and 3.2.5.14.12: below 3.1.1, whether somebody meddled with the negotiation. */
import {
  isError,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_NOT_SUPPORTED,
} from '../dtyp/ntstatus.ts';
import { Dialect } from '../smb2/dialect.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { decodeIoctlResponse } from '../smb2/ioctl.ts';
import {
  decodeValidateNegotiateInfoResponse,
  encodeValidateNegotiateInfoRequest,
} from '../smb2/ioctl-structures.ts';
import { ProtocolViolation } from './client-error.ts';
import type { ClientRequest } from './exchange.ts';
import { ioctlRequest, RELATED } from './requests.ts';
import type { ClientTree } from './tree.ts';

const RESPONSE_BYTES = 24;

/** Signed answers by which old servers say that they know nothing of it; they are servers all the same. */
const NOT_KNOWN: readonly number[] = [
  STATUS_FILE_CLOSED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_NOT_SUPPORTED,
];

export function validateNegotiateRequest(tree: ClientTree): ClientRequest {
  const { request } = tree.session.connection.negotiated!;
  const input = encodeValidateNegotiateInfoRequest({
    capabilities: request.capabilities,
    guid: request.clientGuid,
    securityMode: request.securityMode,
    dialects: request.dialects,
  });
  return {
    ...ioctlRequest(RELATED, Fsctl.FSCTL_VALIDATE_NEGOTIATE_INFO, {
      input,
      maxOutput: RESPONSE_BYTES,
    }),
    protection: 'sign',
  };
}

/** Nothing at 3.1.1, where the keys themselves depend on the negotiation, and for sessions without keys. */
export async function validateNegotiate(tree: ClientTree): Promise<void> {
  const { session } = tree;
  const { dialect, response, request } = session.connection.negotiated!;
  const knowsSmb3 = request.dialects.some((one) => one >= Dialect.SMB3_00);
  if (dialect === Dialect.SMB3_11 || !knowsSmb3 || session.signer === undefined) return;
  const answer = await tree.request(validateNegotiateRequest(tree));
  if (!answer.isSigned && !answer.isEncrypted) {
    throw new ProtocolViolation('VALIDATE_NEGOTIATE_INFO: the answer is not signed');
  }
  if (NOT_KNOWN.includes(answer.status)) return;
  if (isError(answer.status)) {
    throw new ProtocolViolation(`VALIDATE_NEGOTIATE_INFO: 0x${answer.status.toString(16)}`);
  }
  const told = decodeValidateNegotiateInfoResponse(decodeIoctlResponse(answer.message).output);
  const same =
    told.capabilities === response.capabilities &&
    told.securityMode === response.securityMode &&
    told.dialect === response.dialectRevision &&
    told.guid.equals(response.serverGuid);
  if (!same) throw new ProtocolViolation('VALIDATE_NEGOTIATE_INFO: somebody meddled');
}
