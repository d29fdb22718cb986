/** Samba's unixinfo: whose SIDs the users and groups of this machine are. As Samba's clients declare it. */
import { hyper, u32 } from './ndr.ts';
import { operation } from './operation.ts';
import { rpcSid } from './security-types.ts';

export const UNIXINFO = {
  name: 'unixinfo',
  syntax: { uuid: '9c54e310-a955-4885-bd31-78787147dfa6', major: 0, minor: 0 },
  operations: {
    SidToUid: operation(0, { sid: rpcSid }, { uid: hyper, status: u32 }),
    UidToSid: operation(1, { uid: hyper }, { sid: rpcSid, status: u32 }),
    SidToGid: operation(2, { sid: rpcSid }, { gid: hyper, status: u32 }),
    GidToSid: operation(3, { gid: hyper }, { sid: rpcSid, status: u32 }),
  },
} as const;
