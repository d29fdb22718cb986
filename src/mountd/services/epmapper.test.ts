import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeTower, EPMAPPER, encodeTower, PROTOCOL, syntaxFloor } from '../../rpc/epmapper.ts';
import { NTSVCS } from '../../rpc/ntsvcs.ts';
import { NO_HANDLE } from '../../rpc/security-types.ts';
import { SRVSVC } from '../../rpc/srvsvc.ts';
import { NDR32 } from '../../rpc/syntax-id.ts';
import { UNIXINFO } from '../../rpc/unixinfo.ts';
import { WKSSVC } from '../../rpc/wkssvc.ts';
import { connectTo, context } from './connect.support.test.ts';

const { ept_lookup, ept_map } = EPMAPPER.operations;
const NOT_REGISTERED = 0x16c9_a0d6;

test('C706 appendix O: every interface is told once, in parts, with the pipe where it is', () => {
  const call = connectTo('epmapper', EPMAPPER);
  const asked = {
    inquiryType: 0,
    object: null,
    interfaceId: null,
    versionOption: 1,
    maxEntries: 3,
  };
  const pipes: string[] = [];
  let handle = NO_HANDLE;
  for (;;) {
    const answer = call(ept_lookup, { ...asked, handle });
    for (const { annotation, tower } of answer.entries.elements) {
      const floors = decodeTower(tower!)!;
      assert.deepEqual(encodeTower(floors), tower);
      assert.equal(floors[3]!.protocol, PROTOCOL.SMB);
      pipes.push(`${annotation} ${floors[3]!.right.toString('latin1')}`);
    }
    if (answer.status === NOT_REGISTERED || answer.handle.equals(NO_HANDLE)) break;
    handle = answer.handle;
  }
  assert.equal(new Set(pipes).size, pipes.length);
  assert.ok(pipes.includes('dssetup \\PIPE\\lsarpc\0'));
  const one = { ...asked, inquiryType: 1, handle: NO_HANDLE, interfaceId: SRVSVC.syntax };
  const found = call(ept_lookup, one).entries.elements.map(({ annotation }) => annotation);
  assert.deepEqual(found, ['srvsvc']);
});

test('C706 appendix O: an interface is mapped to its pipe, for who asks for pipes', () => {
  const call = connectTo('epmapper', EPMAPPER);
  const floors = (protocol: number) => [
    syntaxFloor(SRVSVC.syntax),
    syntaxFloor(NDR32),
    { protocol: PROTOCOL.NCACN, left: Buffer.alloc(0), right: Buffer.alloc(2) },
    { protocol, left: Buffer.alloc(0), right: Buffer.alloc(2) },
  ];
  const map = (mapTower: Buffer | null) =>
    call(ept_map, { object: null, mapTower, handle: NO_HANDLE, maxTowers: 4 });
  const { towers } = map(encodeTower(floors(PROTOCOL.SMB)));
  assert.equal(towers.elements.length, 1);
  assert.equal(decodeTower(towers.elements[0]!)![3]!.right.toString(), '\\PIPE\\srvsvc\0');
  assert.equal(map(encodeTower(floors(PROTOCOL.TCP))).status, NOT_REGISTERED);
  assert.notEqual(map(Buffer.from('0500ff', 'hex')).status, 0);
  assert.notEqual(map(null).status, 0);
});

test('unixinfo: users and groups have the SIDs that descriptors name', () => {
  const call = connectTo('unixinfo', UNIXINFO);
  const { SidToUid, UidToSid, SidToGid, GidToSid } = UNIXINFO.operations;
  const { sid } = call(UidToSid, { uid: 1000n });
  assert.match(sid, /^S-1-5-21-1-2-3-/);
  assert.deepEqual(call(SidToUid, { sid }), { uid: 1000n, status: 0 });
  const group = call(GidToSid, { gid: 100n });
  assert.deepEqual(group, { sid: 'S-1-22-2-100', status: 0 });
  assert.equal(call(SidToGid, group).gid, 100n);
  assert.notEqual(call(SidToGid, { sid: 'S-1-1-0' }).status, 0);
  assert.notEqual(call(UidToSid, { uid: 1n << 40n }).status, 0);
});

test('ntsvcs: there are no devices', () => {
  const call = connectTo('plugplay', NTSVCS);
  const { PNP_GetDeviceList, PNP_GetDeviceListSize, PNP_GetVersion } = NTSVCS.operations;
  assert.deepEqual(call(PNP_GetVersion, {}), { version: 0x400, status: 0 });
  const filter = { filter: 'LanmanServer', flags: 2 };
  assert.deepEqual(call(PNP_GetDeviceListSize, filter), { size: 1, status: 0 });
  const list = call(PNP_GetDeviceList, { ...filter, length: 1 });
  assert.deepEqual(list, { buffer: [0], length: 1, status: 0 });
  assert.equal(call(PNP_GetDeviceListSize, { filter: null, flags: 2 }).status, 3);
});

test('MS-WKST 3.2.4.12, 3.2.4.21: the workgroup, and the names of the machine', () => {
  const call = connectTo('wkssvc', WKSSVC, context({ administrator: true }));
  const { NetrGetJoinInformation, NetrEnumerateComputerNames, NetrWkstaTransportEnum } =
    WKSSVC.operations;
  const joined = call(NetrGetJoinInformation, { serverName: null, nameBuffer: null });
  assert.deepEqual(joined, { nameBuffer: 'HOME', nameType: 2, status: 0 });
  const names = (nameType: number) =>
    call(NetrEnumerateComputerNames, { serverName: null, nameType, reserved: 0 });
  assert.deepEqual(names(2), { computerNames: { names: ['FILES'] }, status: 0 });
  assert.equal(names(3).status, 87);
  const transports = call(NetrWkstaTransportEnum, {
    ...{ serverName: null, preferredMaximumLength: 1000, resumeHandle: null },
    transportInfo: { tag: 0, value: { entries: null } },
  });
  assert.equal(transports.totalEntries, 1);
});
