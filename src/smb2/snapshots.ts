/** MS-SMB2 2.2.32.2: SRV_SNAPSHOT_ARRAY, and the @GMT token that names a previous version. */
import { compileTimeFormat } from '../base/time-format.ts';
import { type FileTime, fromUnix, toUnix } from '../dtyp/filetime.ts';
import { struct, u32 } from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';

const token = compileTimeFormat('@GMT-%Y.%m.%d-%H.%M.%S', false)!;

/** Tokens have no fractions of seconds. */
export const gmtToken = (time: FileTime): string => token.format(Number(toUnix(time).seconds));

/** Undefined for any other name. */
export function timeOfToken(name: string): FileTime | undefined {
  const seconds = token.parse(name.toUpperCase());
  return seconds === undefined ? undefined : fromUnix(seconds);
}

const Header = struct('SRV_SNAPSHOT_ARRAY', '2.2.32.2', {
  numberOfSnapShots: u32,
  numberOfSnapShotsReturned: u32,
  snapShotArraySize: u32,
});

/** "If the MaxOutputResponse of the request is less than 16 bytes" */
export const MIN_SNAPSHOT_ARRAY_BYTES = 16;

const textOf = (tokens: readonly string[]): Buffer =>
  Buffer.from(`${tokens.map((one) => `${one}\0`).join('')}\0`, 'utf16le');

/** Without the array where `maxBytes` has no room for it: how many there are, and how much they need. */
export function encodeSnapshotArray(times: readonly FileTime[], maxBytes: number): Buffer {
  const text = textOf(times.map(gmtToken));
  const fits = times.length > 0 && Header.size + text.length <= maxBytes;
  const header = Header.encode({
    numberOfSnapShots: times.length,
    numberOfSnapShotsReturned: fits ? times.length : 0,
    snapShotArraySize: text.length,
  });
  return fits ? Buffer.concat([header, text]) : Buffer.concat([header], MIN_SNAPSHOT_ARRAY_BYTES);
}

export interface SnapshotArray {
  readonly count: number;
  /** Bytes that the array has, or would have. */
  readonly arrayBytes: number;
  readonly tokens: readonly string[];
}

export function decodeSnapshotArray(data: Buffer): SnapshotArray {
  const { numberOfSnapShots, numberOfSnapShotsReturned, snapShotArraySize } = Header.read(data);
  const answer = { count: numberOfSnapShots, arrayBytes: snapShotArraySize };
  if (numberOfSnapShotsReturned === 0) return { ...answer, tokens: [] };
  const end = Header.size + snapShotArraySize;
  if (end > data.length) throw new WireError('SRV_SNAPSHOT_ARRAY', 'the names are cut');
  const text = data.toString('utf16le', Header.size, end);
  const tokens = text.split('\0').filter((one) => one !== '');
  if (tokens.length !== numberOfSnapShotsReturned || !text.endsWith('\0\0')) {
    throw new WireError('SRV_SNAPSHOT_ARRAY', 'the count is not that of the names');
  }
  return { ...answer, tokens };
}
