/**
 * MS-SMB2 3.3.5.12 and 3.3.5.13: data that READ and WRITE move by RDMA (MS-SMBD), signed or encrypted apart from the
 * message, where both ends have agreed to it (SMB2_RDMA_TRANSFORM, 2.2.43). Without it they travel as they are.
 */
import { bufferPool } from '../base/buffer-pool.ts';
import {
  type NtStatus,
  STATUS_AUTH_TAG_MISMATCH,
  STATUS_INVALID_PARAMETER,
  STATUS_INVALID_SIGNATURE,
} from '../dtyp/ntstatus.ts';
import { SMB2_CHANNEL_NONE } from '../smb2/channel.ts';
import { isSigned } from '../smb2/header.ts';
import {
  decodeRdmaTransform,
  encodeRdmaTransform,
  type RdmaTransform,
  SMB2_RDMA_TRANSFORM_ENCRYPTION,
  SMB2_RDMA_TRANSFORM_SIGNING,
} from '../smb2/rdma-transform.ts';
import type { OpenRequest } from './command.ts';

export interface Protected {
  /** What travels by RDMA. */
  readonly data: Buffer;
  /** The SMB2_RDMA_TRANSFORM for the answer. */
  readonly transform: Buffer;
}

/** READ: the data as they go to the client; undefined where they go in plain. They are this one's from now on. */
export function protect(request: OpenRequest, data: Buffer): Protected | undefined {
  const { connection, session, encrypted, header } = request;
  const { rdmaTransforms } = connection;
  if (rdmaTransforms.length === 0) return undefined;
  const info = (transformType: number, signature: Buffer, nonce: Buffer): Buffer =>
    encodeRdmaTransform({
      channel: SMB2_CHANNEL_NONE,
      transformType,
      signature,
      nonce,
      descriptors: Buffer.alloc(0),
    });
  if (encrypted) {
    const { cipher } = session;
    if (!rdmaTransforms.includes(SMB2_RDMA_TRANSFORM_ENCRYPTION) || cipher === undefined) {
      return undefined;
    }
    const sealed = cipher.sealData(data);
    // Where it was not done in place.
    if (sealed.data.buffer !== data.buffer) bufferPool.give(data);
    const transform = info(SMB2_RDMA_TRANSFORM_ENCRYPTION, sealed.tag, sealed.nonce);
    return { data: sealed.data, transform };
  }
  const signer = isSigned(header) ? session.signerOn(connection) : undefined;
  if (!rdmaTransforms.includes(SMB2_RDMA_TRANSFORM_SIGNING) || signer === undefined) {
    return undefined;
  }
  const { signature, nonce } = signer.signData(data);
  return { data, transform: info(SMB2_RDMA_TRANSFORM_SIGNING, signature, nonce) };
}

/** WRITE: what its channel information says of the data. Throws WireError. */
export function takeTransform(request: OpenRequest, info: Buffer): RdmaTransform | NtStatus {
  const { connection, encrypted, header } = request;
  if (connection.rdmaTransforms.length === 0) return STATUS_INVALID_PARAMETER;
  const transform = decodeRdmaTransform(info);
  const { transformType } = transform;
  if (!connection.rdmaTransforms.includes(transformType)) return STATUS_INVALID_PARAMETER;
  const isEncryption = transformType === SMB2_RDMA_TRANSFORM_ENCRYPTION;
  if (isEncryption ? !encrypted : !isSigned(header)) return STATUS_INVALID_PARAMETER;
  return transform;
}

/** WRITE: the data as they were, from what was fetched; or the status that it is refused with. */
export function unprotect(
  { session, connection }: OpenRequest,
  { transformType, signature, nonce }: RdmaTransform,
  data: Buffer,
): Buffer | NtStatus {
  if (transformType === SMB2_RDMA_TRANSFORM_ENCRYPTION) {
    const opened = session.cipher?.openData({ data, nonce, tag: signature });
    return opened ?? STATUS_AUTH_TAG_MISMATCH;
  }
  const isTheirs = session.signerOn(connection)?.verifyData(data, { signature, nonce });
  return isTheirs === true ? data : STATUS_INVALID_SIGNATURE;
}
