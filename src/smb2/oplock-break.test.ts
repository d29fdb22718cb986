import fc from 'fast-check';
import {
  arbBytes,
  arbFileId,
  arbRecord,
  arbU8,
  arbU16,
  arbU32,
  fromHex,
  type Golden,
  testCodec,
} from '../../test/support/codec.ts';
import { HEADER_SIZE } from './header.ts';
import {
  decodeOplockBreakNotification,
  decodeOplockBreakRequest,
  decodeOplockBreakResponse,
  encodeOplockBreakNotification,
  encodeOplockBreakRequest,
  encodeOplockBreakResponse,
  type LeaseBreak,
  type LeaseBreakNotification,
  type OplockBreak,
} from './oplock-break.ts';

const key = '0df0dde0fe0fdcbaf20f221f01f02345';

const oplock: Golden<OplockBreak> = {
  name: 'oplock, from Samba',
  hex: '1800 01 00 00000000 4002952200000000 d9aadb5900000000',
  value: { kind: 'oplock', oplockLevel: 1, persistentId: 0x22950240, volatileId: 0x59dbaad9 },
};
const lease: Golden<LeaseBreak> = {
  name: 'lease, from Samba',
  hex: `2400 0000 00000000 ${key} 01000000 0000000000000000`,
  value: { kind: 'lease', leaseKey: fromHex(key), leaseState: 1 },
};
const leaseNotification: Golden<LeaseBreakNotification> = {
  name: 'lease, from Samba',
  hex: `2c00 0000 01000000 ${key} 05000000 01000000 00000000 00000000 00000000`,
  value: {
    kind: 'lease',
    newEpoch: 0,
    flags: 1,
    leaseKey: fromHex(key),
    currentLeaseState: 5,
    newLeaseState: 1,
  },
};

const arbOplock = arbRecord<OplockBreak>({
  kind: fc.constant('oplock'),
  oplockLevel: arbU8,
  ...arbFileId,
});
const arbBreak = fc.oneof(
  arbOplock,
  arbRecord<LeaseBreak>({
    kind: fc.constant('lease'),
    leaseKey: arbBytes(16),
    leaseState: arbU32,
  }),
);

testCodec<OplockBreak | LeaseBreak>('OPLOCK_BREAK acknowledgment', {
  decode: decodeOplockBreakRequest,
  encode: encodeOplockBreakRequest,
  headerSize: HEADER_SIZE,
  golden: [oplock, lease],
  values: arbBreak,
});

testCodec<OplockBreak | LeaseBreak>('OPLOCK_BREAK response', {
  decode: decodeOplockBreakResponse,
  encode: encodeOplockBreakResponse,
  headerSize: HEADER_SIZE,
  golden: [oplock, lease],
  values: arbBreak,
});

testCodec<OplockBreak | LeaseBreakNotification>('OPLOCK_BREAK notification', {
  decode: decodeOplockBreakNotification,
  encode: encodeOplockBreakNotification,
  headerSize: HEADER_SIZE,
  golden: [oplock, leaseNotification],
  values: fc.oneof(
    arbOplock,
    arbRecord<LeaseBreakNotification>({
      kind: fc.constant('lease'),
      newEpoch: arbU16,
      flags: arbU32,
      leaseKey: arbBytes(16),
      currentLeaseState: arbU32,
      newLeaseState: arbU32,
    }),
  ),
});
