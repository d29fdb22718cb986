/** MS-SMBD 2.2.3.1: how READ and WRITE name memory of the client's, in their channel information. */
import { struct, u32, u64, type Wire } from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';

const BufferDescriptor = struct('SMB_DIRECT Buffer Descriptor V1', 'MS-SMBD 2.2.3.1', {
  offset: u64,
  token: u32,
  length: u32,
});
export type BufferDescriptor = Wire<typeof BufferDescriptor>;

/** An array of them, as READ and WRITE bear it in their channel information. */
export function decodeBufferDescriptors(info: Buffer): BufferDescriptor[] {
  const { size, name } = BufferDescriptor;
  if (info.length === 0 || info.length % size !== 0) {
    throw new WireError(name, `${info.length} bytes are no array of them`);
  }
  return Array.from({ length: info.length / size }, (_, i) =>
    BufferDescriptor.read(info, i * size),
  );
}

export const encodeBufferDescriptors = (all: readonly BufferDescriptor[]): Buffer =>
  Buffer.concat(all.map((one) => BufferDescriptor.encode(one)));
