import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_SUCH_USER,
  STATUS_NONE_MAPPED,
  STATUS_SUCCESS,
} from '../../dtyp/ntstatus.ts';
import { encodeParameters } from '../../rpc/operation.ts';
import { UNIXINFO } from '../../rpc/unixinfo.ts';
import { systemAccounts } from '../system-accounts.ts';
import { connectTo, context } from './connect.support.test.ts';
import { MACHINE } from './principals.support.test.ts';
import { createUnixinfoService } from './unixinfo-service.ts';

const { operations: op } = UNIXINFO;
const { loginOf } = systemAccounts(['anna:x:1000:100::/home/änna:/bin/sh'], []);

test('a SID has no count before it: its second octet is the only one', () => {
  // S-1-22-1-1000, as Samba's client sends it.
  const sid = Buffer.from('0102000000000016 01000000 e8030000'.replaceAll(' ', ''), 'hex');
  assert.deepEqual(encodeParameters(op.SidToUid.input, { sid: 'S-1-22-1-1000' }), sid);
  const service = createUnixinfoService(context());
  const uid = Buffer.from('e803000000000000 00000000'.replaceAll(' ', ''), 'hex');
  assert.deepEqual(service.call(0, sid, false), uid);
  // What is not there of it, more parts than a SID has, and another revision are no SIDs.
  for (let size = 0; size < sid.length; size++) {
    assert.throws(() => service.call(0, sid.subarray(0, size), false), /NDR/);
  }
  assert.throws(() => service.call(0, Buffer.from([1, 16, ...Buffer.alloc(90)]), false), /NDR/);
  assert.throws(() => service.call(0, Buffer.from([2, 0, ...Buffer.alloc(6)]), false), /NDR/);
});

test('numbers and SIDs, both ways', () => {
  const call = connectTo('unixinfo', UNIXINFO);
  const done = { status: STATUS_SUCCESS };
  assert.deepEqual(call(op.UidToSid, { uid: 1000n }), { sid: `${MACHINE}-3000`, ...done });
  assert.deepEqual(call(op.UidToSid, { uid: 77n }), { sid: 'S-1-22-1-77', ...done });
  assert.deepEqual(call(op.SidToUid, { sid: `${MACHINE}-3000` }), { uid: 1000n, ...done });
  assert.deepEqual(call(op.GidToSid, { gid: 100n }), { sid: 'S-1-22-2-100', ...done });
  assert.deepEqual(call(op.SidToGid, { sid: 'S-1-22-2-100' }), { gid: 100n, ...done });
  const none = call(op.SidToGid, { sid: 'S-1-5-32-1234-5432' });
  assert.deepEqual(none, { gid: 0n, status: STATUS_NONE_MAPPED });
  assert.equal(call(op.UidToSid, { uid: 1n << 32n }).status, STATUS_NONE_MAPPED);
});

test('administrators are told who lives where, others not', () => {
  const uids = [1000n, 77n, 1n << 40n];
  const nobody = { status: STATUS_NO_SUCH_USER, homedir: '', shell: '' };
  const root = connectTo('unixinfo', UNIXINFO, context({ administrator: true, loginOf }));
  const anna = { status: STATUS_SUCCESS, homedir: '/home/änna', shell: '/bin/sh' };
  assert.deepEqual(root(op.GetPWUid, { count: 3, uids }), {
    ...{ count: 3, infos: [anna, nobody, nobody] },
    status: STATUS_SUCCESS,
  });
  const other = connectTo('unixinfo', UNIXINFO, context({ loginOf }));
  assert.deepEqual(other(op.GetPWUid, { count: 1, uids: [1000n] }), {
    ...{ count: 1, infos: [nobody] },
    status: STATUS_ACCESS_DENIED,
  });
  const many = new Array<bigint>(1024).fill(0n);
  assert.equal(root(op.GetPWUid, { count: 1024, uids: many }).status, STATUS_INVALID_PARAMETER);
  assert.equal(root(op.GetPWUid, { count: 2, uids: [0n] }).status, STATUS_INVALID_PARAMETER);
});
