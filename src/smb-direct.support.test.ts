/** READ and WRITE by RDMA as a client asks for them, for tests of SMB Direct. No tests of its own. */
import type { RdmaSocket } from './client/rdma-socket.ts';
import type { RawFileId } from './client/requests.ts';
import type { ClientTree } from './client/tree.ts';
import { encodeBufferDescriptors } from './smb2/buffer-descriptor.ts';
import { Command } from './smb2/header.ts';
import { encodeReadRequest } from './smb2/read.ts';
import { encodeWriteRequest } from './smb2/write.ts';
import { readId64 } from './wire/struct.ts';

export interface Place {
  readonly fileId: RawFileId;
  readonly length: number;
  readonly offset?: number;
  readonly channel?: number;
  readonly info: Buffer;
}

const idsOf = (fileId: RawFileId) => ({
  persistentId: readId64(fileId, 0),
  volatileId: readId64(fileId, 8),
});

export const readBy = (
  tree: ClientTree,
  { fileId, length, offset = 0, channel = 2, info }: Place,
) =>
  tree.request({
    command: Command.READ,
    body: encodeReadRequest({
      padding: 0,
      flags: 0,
      length,
      offset,
      ...idsOf(fileId),
      minimumCount: 0,
      channel,
      remainingBytes: 0,
      readChannelInfo: info,
    }),
    payloadBytes: length,
  });

export const writeBy = (
  tree: ClientTree,
  { fileId, length, offset = 0, channel = 2, info }: Place,
  dataOffset = 0,
) => {
  const body = encodeWriteRequest({
    offset,
    ...idsOf(fileId),
    channel,
    remainingBytes: length,
    flags: 0,
    data: Buffer.alloc(0),
    writeChannelInfo: info,
  });
  // DataOffset "MUST be 0".
  body.writeUInt16LE(dataOffset, 2);
  return tree.request({ command: Command.WRITE, body });
};

/** Memory of the client's in so many pieces, and the descriptors of it. */
export function described(socket: RdmaSocket, sizes: readonly number[]) {
  const pieces = sizes.map((size) => Buffer.alloc(size));
  const tokens = pieces.map((piece) => socket.memory.register(piece));
  const info = encodeBufferDescriptors(
    pieces.map((piece, i) => ({ offset: 0n, token: tokens[i]!, length: piece.length })),
  );
  return { pieces, tokens, info };
}
