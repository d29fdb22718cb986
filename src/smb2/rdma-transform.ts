/**
 * MS-SMB2 2.2.43 and 2.2.43.1: SMB2_RDMA_TRANSFORM with its one SMB2_RDMA_CRYPTO_TRANSFORM: how the data that READ and WRITE
 * move by RDMA, apart from the message, are signed or encrypted, and where they lie.
 */
import { pad, struct, u16, u32, type Wire } from '../wire/struct.ts';
import { align8, slice } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import { SMB2_CHANNEL_NONE } from './channel.ts';

/** SMB2_RDMA_TRANSFORM_CAPABILITIES, 2.2.3.1.6: what can be negotiated; TransformType has the same numbers. */
export const SMB2_RDMA_TRANSFORM_NONE = 0;
export const SMB2_RDMA_TRANSFORM_ENCRYPTION = 1;
export const SMB2_RDMA_TRANSFORM_SIGNING = 2;

const Transform = struct('SMB2_RDMA_TRANSFORM', '2.2.43', {
  rdmaDescriptorOffset: u16,
  rdmaDescriptorLength: u16,
  channel: u32,
  transformCount: u16,
  reserved1: pad(2),
  reserved2: pad(4),
});

const CryptoTransform = struct('SMB2_RDMA_CRYPTO_TRANSFORM', '2.2.43.1', {
  transformType: u16,
  signatureLength: u16,
  nonceLength: u16,
  reserved: pad(2),
});

export interface RdmaTransform
  extends Pick<Wire<typeof Transform>, 'channel'>,
    Pick<Wire<typeof CryptoTransform>, 'transformType'> {
  readonly signature: Buffer;
  readonly nonce: Buffer;
  /** An array of SMB_DIRECT_BUFFER_DESCRIPTOR_V1; none where the channel is SMB2_CHANNEL_NONE, as in READ's answer. */
  readonly descriptors: Buffer;
}

/** Where the descriptors begin: "the first 8-byte aligned offset" behind the one transform. */
const endOf = (signatureLength: number, nonceLength: number): number =>
  align8(Transform.size + CryptoTransform.size + signatureLength + nonceLength);

/** 3.3.5.13: one transform of the two that there are, and the descriptors where they have to be; else a WireError. */
export function decodeRdmaTransform(info: Buffer): RdmaTransform {
  const { name } = Transform;
  const fixed = Transform.read(info);
  if (fixed.transformCount !== 1) throw new WireError(name, `${fixed.transformCount} transforms`);
  const { transformType, signatureLength, nonceLength } = CryptoTransform.read(
    info,
    Transform.size,
  );
  if (
    transformType !== SMB2_RDMA_TRANSFORM_ENCRYPTION &&
    transformType !== SMB2_RDMA_TRANSFORM_SIGNING
  ) {
    throw new WireError(CryptoTransform.name, `TransformType ${transformType}`);
  }
  const signatureAt = Transform.size + CryptoTransform.size;
  const nonceAt = signatureAt + signatureLength;
  const end = endOf(signatureLength, nonceLength);
  const { channel, rdmaDescriptorOffset, rdmaDescriptorLength } = fixed;
  const hasChannel = channel !== SMB2_CHANNEL_NONE;
  if (hasChannel && rdmaDescriptorOffset !== end) {
    throw new WireError(name, `descriptors at ${rdmaDescriptorOffset}, not at ${end}`);
  }
  return {
    channel,
    transformType,
    signature: slice(info, signatureAt, signatureLength, signatureAt, CryptoTransform.name),
    nonce: slice(info, nonceAt, nonceLength, nonceAt, CryptoTransform.name),
    descriptors: slice(info, end, hasChannel ? rdmaDescriptorLength : 0, end, name),
  };
}

export function encodeRdmaTransform(v: RdmaTransform): Buffer {
  const end = endOf(v.signature.length, v.nonce.length);
  const hasChannel = v.channel !== SMB2_CHANNEL_NONE;
  const fixed = Transform.encode({
    rdmaDescriptorOffset: hasChannel ? end : 0,
    rdmaDescriptorLength: v.descriptors.length,
    channel: v.channel,
    transformCount: 1,
  });
  const crypto = CryptoTransform.encode({
    transformType: v.transformType,
    signatureLength: v.signature.length,
    nonceLength: v.nonce.length,
  });
  const padding = end - fixed.length - crypto.length - v.signature.length - v.nonce.length;
  return Buffer.concat([fixed, crypto, v.signature, v.nonce, Buffer.alloc(padding), v.descriptors]);
}
