/** MS-FSCC 2.4.49 FileStreamInformation: the streams of a file as a list of chained entries. */
import { id64, struct, u32 } from '../wire/struct.ts';
import { align8, utf16 } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';

/** 2.4.49 FILE_STREAM_INFORMATION */
export interface StreamInformation {
  /** `:name:$DATA`, or `::$DATA` for the default stream. */
  readonly streamName: string;
  readonly streamSize: number;
  readonly streamAllocationSize: number;
}

const StreamFixed = struct('FILE_STREAM_INFORMATION', '2.4.49', {
  nextEntryOffset: u32,
  streamNameLength: u32,
  streamSize: id64,
  streamAllocationSize: id64,
});

/** What fits of the list. Not complete: STATUS_BUFFER_OVERFLOW, with whole entries only. */
export interface EncodedStreams {
  readonly bytes: Buffer;
  readonly complete: boolean;
}

export function encodeStreamInformation(
  streams: readonly StreamInformation[],
  limit: number,
): EncodedStreams {
  let end = 0;
  let count = 0;
  for (const { streamName } of streams) {
    const needed = align8(end) + StreamFixed.size + streamName.length * 2;
    if (needed > limit) break;
    end = needed;
    count++;
  }
  const bytes = Buffer.alloc(end);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const stream = streams[i]!;
    const streamNameLength = stream.streamName.length * 2;
    const next = align8(StreamFixed.size + streamNameLength);
    const nextEntryOffset = i < count - 1 ? next : 0;
    const nameAt = StreamFixed.write(bytes, { ...stream, nextEntryOffset, streamNameLength }, at);
    bytes.write(stream.streamName, nameAt, 'utf16le');
    at += next;
  }
  return { bytes, complete: count === streams.length };
}

/** An empty buffer is a file (a directory) without streams. */
export function decodeStreamInformation(b: Buffer): StreamInformation[] {
  const streams: StreamInformation[] = [];
  let at = 0;
  while (b.length > 0) {
    const { nextEntryOffset, streamNameLength, ...sizes } = StreamFixed.read(b, at);
    const nameAt = at + StreamFixed.size;
    if (streamNameLength > b.length - nameAt) {
      throw new WireError(StreamFixed.name, `StreamNameLength is ${streamNameLength}`);
    }
    const text = b.subarray(nameAt, nameAt + streamNameLength);
    streams.push({ streamName: utf16(text, StreamFixed.name), ...sizes });
    if (nextEntryOffset === 0) break;
    if (nextEntryOffset < StreamFixed.size || nextEntryOffset % 8 !== 0) {
      throw new WireError(StreamFixed.name, `NextEntryOffset is ${nextEntryOffset}`);
    }
    at += nextEntryOffset;
  }
  return streams;
}
