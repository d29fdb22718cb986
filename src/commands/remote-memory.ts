/** MS-SMB2 3.3.5.12 and 3.3.5.13: READ and WRITE whose data travel by RDMA (MS-SMBD). */
import { STATUS_INVALID_PARAMETER } from '../dtyp/ntstatus.ts';
import type { Connection, RemoteMemory } from '../objects/connection.ts';
import { type BufferDescriptor, decodeBufferDescriptors } from '../smb2/buffer-descriptor.ts';
import { SMB2_CHANNEL_RDMA_V1, SMB2_CHANNEL_RDMA_V1_INVALIDATE } from '../smb2/channel.ts';

/** Where the data of one request lie at the client. */
export interface RemoteBuffers {
  readonly memory: RemoteMemory;
  readonly buffers: readonly BufferDescriptor[];
}

/**
 * What a Channel other than SMB2_CHANNEL_NONE names, for `length` bytes; STATUS_INVALID_PARAMETER where the connection
 * has no such channel, the client has described less memory, or a first buffer of none. Throws WireError where it has described none.
 */
export function remoteBuffers(
  connection: Connection,
  channel: number,
  info: Buffer,
  length: number,
): RemoteBuffers | typeof STATUS_INVALID_PARAMETER {
  const { remoteMemory: memory } = connection.transport;
  const isKnown =
    channel === SMB2_CHANNEL_RDMA_V1 ||
    (channel === SMB2_CHANNEL_RDMA_V1_INVALIDATE && connection.dialect!.remoteInvalidation);
  if (memory === undefined || !isKnown || length === 0) return STATUS_INVALID_PARAMETER;
  const buffers = decodeBufferDescriptors(info);
  const described = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
  const isEnough = buffers[0]!.length > 0 && described >= length;
  return isEnough ? { memory, buffers } : STATUS_INVALID_PARAMETER;
}
