/** MS-FSCC 2.1.2.2 and 2.1.2.3: what every reparse point has in common, as FSCTL_SET_REPARSE_POINT brings it. */
import { struct, u16, u32 } from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  IO_REPARSE_TAG_RESERVED_ONE,
  IO_REPARSE_TAG_RESERVED_ZERO,
  isMicrosoftTag,
} from './reparse-tags.ts';

const Header = struct('REPARSE_DATA_BUFFER', '2.1.2.2', {
  reparseTag: u32,
  reparseDataLength: u16,
  reserved: u16,
});

const GUID_BYTES = 16;
/** "If InputBufferSize is larger than 16384 bytes" (MS-FSA 2.1.5.10.37). */
export const MAX_REPARSE_BYTES = 16_384;

export interface ReparseBuffer {
  readonly tag: number;
  /** Whose tag it is, where it is not Microsoft's; otherwise undefined. */
  readonly guid: Buffer | undefined;
  readonly data: Buffer;
}

/** The lengths have to agree, and a tag that is not Microsoft's has a GUID. */
export function decodeReparseBuffer(input: Buffer): ReparseBuffer {
  const { reparseTag, reparseDataLength } = Header.read(input);
  if (input.length > MAX_REPARSE_BYTES) throw new WireError(Header.name, `${input.length} bytes`);
  const guidBytes = isMicrosoftTag(reparseTag) ? 0 : GUID_BYTES;
  if (input.length !== Header.size + guidBytes + reparseDataLength) {
    throw new WireError(Header.name, `${reparseDataLength} bytes of ${input.length}`);
  }
  const dataAt = Header.size + guidBytes;
  return {
    tag: reparseTag,
    guid: guidBytes === 0 ? undefined : input.subarray(Header.size, dataAt),
    data: input.subarray(dataAt),
  };
}

/** The tag of a buffer, whatever else is in it; undefined where there is none. */
export const tagOfReparseBuffer = (bytes: Buffer): number | undefined =>
  bytes.length < Header.size ? undefined : bytes.readUInt32LE(0);

/** Tags that nothing can have. */
export const isReservedTag = (tag: number): boolean =>
  tag === IO_REPARSE_TAG_RESERVED_ZERO || tag === IO_REPARSE_TAG_RESERVED_ONE || tag === 2;
