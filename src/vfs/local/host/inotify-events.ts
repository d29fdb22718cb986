/** What is read from an inotify(7) descriptor: records of struct inotify_event. */
import { textOfName } from '../../../base/disk-names.ts';

export interface InotifyEvent {
  readonly wd: number;
  readonly mask: number;
  /** The same for both halves of a rename. */
  readonly cookie: number;
  /** Empty for the watched directory itself. */
  readonly name: string;
}

/** s32 wd, u32 mask, u32 cookie, u32 length of the name with its padding. */
const HEADER_BYTES = 16;

/** Visits the events of one read, in order. */
export function decodeInotifyEvents(bytes: Buffer, visit: (event: InotifyEvent) => void): void {
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const start = at + HEADER_BYTES;
    const next = start + bytes.readUInt32LE(at + 12);
    if (next > bytes.length) return;
    visit({
      wd: bytes.readInt32LE(at),
      mask: bytes.readUInt32LE(at + 4),
      cookie: bytes.readUInt32LE(at + 8),
      name: textOfName(nameOf(bytes.subarray(start, next))),
    });
    at = next;
  }
}

function nameOf(padded: Buffer): Buffer {
  const end = padded.indexOf(0);
  return end < 0 ? padded : padded.subarray(0, end);
}
