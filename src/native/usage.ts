/** getrusage(2) of the calling thread. */
import { bind } from './library.ts';

const getrusage = bind<(who: number, usage: Buffer) => number>('getrusage', 'int', [
  'int',
  'void *',
]);

const RUSAGE_THREAD = 1;
/** struct rusage: two struct timeval, then fourteen longs. */
const RUSAGE_BYTES = 144;
const RU_NVCSW_AT = 128;

const usage = Buffer.alloc(RUSAGE_BYTES);

/** How often this thread has gone to sleep to wait for something; 0 where nobody can tell. */
export function voluntarySwitches(): number {
  return getrusage(RUSAGE_THREAD, usage) === 0 ? usage.readUInt32LE(RU_NVCSW_AT) : 0;
}
