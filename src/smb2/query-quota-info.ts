/** MS-SMB2 2.2.37.1: SMB2_QUERY_QUOTA_INFO, the input of a QUERY_INFO for quotas. */
import { decodeSid, encodeSid, type Sid } from '../dtyp/sid.ts';
import { decodeGetQuotas, encodeGetQuotas } from '../fscc/quota-information.ts';
import { pad, struct, u8, u32, type Wire } from '../wire/struct.ts';
import { slice } from '../wire/tail.ts';

export interface QueryQuotaInfo {
  readonly returnSingle: boolean;
  readonly restartScan: boolean;
  /** Whose quotas are wanted; undefined: everybody's. */
  readonly sids: readonly Sid[] | undefined;
  /** The entries behind this one's are wanted. */
  readonly startSid: Sid | undefined;
}

const Fixed = struct('SMB2_QUERY_QUOTA_INFO', '2.2.37.1', {
  returnSingle: u8,
  restartScan: u8,
  reserved: pad(2),
  sidListLength: u32,
  startSidLength: u32,
  startSidOffset: u32,
});

/** SMB1 has the same fields elsewhere: MS-SMB 2.2.7.5.1. */
export const encodeQueryQuotaHead = (head: Wire<typeof Fixed>): Buffer => Fixed.encode(head);

export function decodeQueryQuotaInfo(b: Buffer): QueryQuotaInfo {
  const { returnSingle, restartScan, ...rest } = Fixed.read(b);
  const { sidListLength, startSidLength, startSidOffset } = rest;
  const behind = b.subarray(Fixed.size);
  const list = slice(behind, 0, sidListLength, 0, Fixed.name);
  const isList = sidListLength > 0;
  const startSid = slice(behind, startSidOffset, isList ? 0 : startSidLength, 0, Fixed.name);
  return {
    returnSingle: returnSingle !== 0,
    restartScan: restartScan !== 0,
    sids: isList ? decodeGetQuotas(list) : undefined,
    startSid: startSid.length > 0 ? decodeSid(startSid) : undefined,
  };
}

export function encodeQueryQuotaInfo({ sids, startSid, ...flags }: QueryQuotaInfo): Buffer {
  const list = sids === undefined ? Buffer.alloc(0) : encodeGetQuotas(sids);
  const start = startSid === undefined ? Buffer.alloc(0) : encodeSid(startSid);
  const fixed = Fixed.encode({
    returnSingle: Number(flags.returnSingle),
    restartScan: Number(flags.restartScan),
    sidListLength: list.length,
    startSidLength: start.length,
    startSidOffset: 0,
  });
  return Buffer.concat([fixed, list, start]);
}
