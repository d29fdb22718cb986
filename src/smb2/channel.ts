/** MS-SMB2 2.2.19 and 2.2.21: Channel of READ and WRITE, how their data travels. */
import { Command, HEADER_SIZE } from './header.ts';

export const SMB2_CHANNEL_NONE = 0;
export const SMB2_CHANNEL_RDMA_V1 = 1;
export const SMB2_CHANNEL_RDMA_V1_INVALIDATE = 2;
export const SMB2_CHANNEL_RDMA_TRANSFORM = 3;

/** Where Channel and its information stand in a message, from the SMB2 header on. */
const PLACES = {
  [Command.READ]: { channelAt: HEADER_SIZE + 36, offsetAt: HEADER_SIZE + 44 },
  [Command.WRITE]: { channelAt: HEADER_SIZE + 32, offsetAt: HEADER_SIZE + 40 },
} as const;

/**
 * MS-SMB2 3.3.5.12 and .13: the Token that the answer releases, whatever the answer says; of the first descriptor.
 * Undefined where none is to be, or none is there.
 */
export function tokenToInvalidate(command: number, message: Buffer): number | undefined {
  if (command !== Command.READ && command !== Command.WRITE) return undefined;
  const { channelAt, offsetAt } = PLACES[command];
  if (message.length < offsetAt + 4) return undefined;
  const infoAt = message.readUInt16LE(offsetAt);
  const channel = message.readUInt32LE(channelAt);
  const isTransformed = command === Command.WRITE && channel === SMB2_CHANNEL_RDMA_TRANSFORM;
  const descriptorAt = isTransformed
    ? transformedDescriptorAt(message, infoAt)
    : channel === SMB2_CHANNEL_RDMA_V1_INVALIDATE
      ? infoAt
      : undefined;
  if (descriptorAt === undefined) return undefined;
  const tokenAt = descriptorAt + TOKEN_AT;
  return tokenAt + 4 > message.length ? undefined : message.readUInt32LE(tokenAt);
}

/** 2.2.43: SMB2_RDMA_TRANSFORM has a channel of its own, and says where its descriptors begin. */
function transformedDescriptorAt(message: Buffer, transformAt: number): number | undefined {
  if (message.length < transformAt + RDMA_CHANNEL_AT + 4) return undefined;
  const channel = message.readUInt32LE(transformAt + RDMA_CHANNEL_AT);
  if (channel !== SMB2_CHANNEL_RDMA_V1_INVALIDATE) return undefined;
  return transformAt + message.readUInt16LE(transformAt + RDMA_DESCRIPTOR_OFFSET_AT);
}

/** Of SMB2_RDMA_TRANSFORM. */
const RDMA_DESCRIPTOR_OFFSET_AT = 0;
const RDMA_CHANNEL_AT = 4;
/** Behind Offset, in a descriptor. */
const TOKEN_AT = 8;
