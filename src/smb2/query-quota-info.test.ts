import fc from 'fast-check';
import { testCodec } from '../../test/support/codec.ts';
import type { Sid } from '../dtyp/sid.ts';
import { decodeQueryQuotaInfo, encodeQueryQuotaInfo } from './query-quota-info.ts';

const ADMINISTRATORS: Sid = 'S-1-5-32-544';
const USER: Sid = 'S-1-22-1-1000';
const sid = fc.constantFrom(ADMINISTRATORS, USER);
const flags = { returnSingle: fc.boolean(), restartScan: fc.boolean() };

testCodec('SMB2_QUERY_QUOTA_INFO', {
  decode: decodeQueryQuotaInfo,
  encode: encodeQueryQuotaInfo,
  headerSize: 0,
  golden: [
    {
      name: 'all',
      hex: '00 01 0000 00000000 00000000 00000000',
      value: { returnSingle: false, restartScan: true, sids: undefined, startSid: undefined },
    },
    {
      name: 'a list of SIDs',
      hex: `01 00 0000 18000000 00000000 00000000
            00000000 10000000 01020000000000052000000020020000`,
      value: {
        returnSingle: true,
        restartScan: false,
        sids: [ADMINISTRATORS],
        startSid: undefined,
      },
    },
    {
      name: 'a SID to start with',
      hex: `00 00 0000 00000000 10000000 00000000
            010200000000001601000000e8030000`,
      value: { returnSingle: false, restartScan: false, sids: undefined, startSid: USER },
    },
    {
      name: 'a SID behind something else',
      hex: `00 00 0000 00000000 10000000 04000000
            00000000 010200000000001601000000e8030000`,
      value: { returnSingle: false, restartScan: false, sids: undefined, startSid: USER },
      decodeOnly: true,
    },
  ],
  values: fc.oneof(
    fc.record(
      { ...flags, sids: fc.constant(undefined), startSid: fc.option(sid, { nil: undefined }) },
      { noNullPrototype: true },
    ),
    fc.record(
      { ...flags, sids: fc.array(sid, { minLength: 1 }), startSid: fc.constant(undefined) },
      { noNullPrototype: true },
    ),
  ),
});
