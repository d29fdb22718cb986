/** One FPDU as a peer might make it, RFC 5044 4: its checksum is right, or none. */
import { FpduWriter, LENGTH_BYTES } from '../../src/rdma/iwarp/fpdu.ts';

/** `head`: two bytes for the length, which are overwritten, and the segment's header, whatever it says. */
export function fpduOf(head: Buffer, payload: Buffer, checks: boolean): Buffer {
  const writer = new FpduWriter(1, head.length - LENGTH_BYTES, checks);
  writer.add([payload], (into, at) => head.copy(into, at, LENGTH_BYTES));
  return Buffer.concat(writer.end());
}
