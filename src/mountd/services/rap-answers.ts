/** MS-RAP 2.5.2: how answers look, whatever they are about. */
import type { RapAnswer } from '../../ipc/control-plane.ts';
import {
  encodeRapEntries,
  encodeRapParameters,
  type RapEntry,
  type RapRequest,
  RapStatus,
  rapBytes,
} from '../../rpc/rap.ts';

const NOTHING = Buffer.alloc(0);

export const refuse = (status: number): RapAnswer => ({
  parameters: encodeRapParameters(status),
  data: NOTHING,
});

/** The same to who has asked for one structure: clients read the size of it that there is not. */
export const refuseOne = (status: number): RapAnswer => ({
  parameters: encodeRapParameters(status, 0),
  data: NOTHING,
});

/** One structure, or why there is none. */
export function one({ receiveBytes }: RapRequest, entry: RapEntry | undefined): RapAnswer {
  if (entry === undefined) return refuseOne(RapStatus.ERROR_INVALID_LEVEL);
  const { data, count } = encodeRapEntries([entry], receiveBytes);
  const status = count === 1 ? RapStatus.NERR_Success : RapStatus.NERR_BufTooSmall;
  return { parameters: encodeRapParameters(status, rapBytes(entry)), data };
}

export function several({ receiveBytes }: RapRequest, entries: readonly RapEntry[]): RapAnswer {
  const { data, count } = encodeRapEntries(entries, receiveBytes);
  const status = count === entries.length ? RapStatus.NERR_Success : RapStatus.ERROR_MORE_DATA;
  return { parameters: encodeRapParameters(status, count, entries.length), data };
}
