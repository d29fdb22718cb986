/** The response that QUERY_DIRECTORY, CHANGE_NOTIFY and QUERY_INFO share: MS-SMB2 2.2.34, 2.2.36, 2.2.38. */
import { is, type Struct, struct, u16, u32 } from '../wire/struct.ts';
import { slice } from '../wire/tail.ts';
import { behind, withBuffer } from './body.ts';
import { HEADER_SIZE } from './header.ts';

interface Output {
  readonly outputBufferOffset: number;
  readonly outputBufferLength: number;
}

export const outputResponse = (name: string, section: string): Struct<Output> =>
  struct(name, section, {
    structureSize: is(u16, 9),
    outputBufferOffset: u16,
    outputBufferLength: u32,
  });

/** A view of the output buffer. */
export function decodeOutput(layout: Struct<Output>, message: Buffer): Buffer {
  const { outputBufferOffset, outputBufferLength } = layout.read(message, HEADER_SIZE);
  return slice(message, outputBufferOffset, outputBufferLength, behind(layout), layout.name);
}

export const encodeOutput = (layout: Struct<Output>, outputBuffer: Buffer): Buffer =>
  withBuffer(
    layout,
    { outputBufferOffset: behind(layout), outputBufferLength: outputBuffer.length },
    outputBuffer,
  );
