/**
 * MS-CIFS 2.2.6.7.2, 2.2.6.9.2, 3.3.5.58.2, 3.3.5.58.10: what is wrong with a list of extended attributes is told by an
 * answer that is whole, with the place of the attribute.
 */
import assert from 'node:assert/strict';
import { both } from '../../test/support/both-dialects.ts';
import {
  closeFid,
  fidOf,
  ntCreate,
  type Smb1Client,
  transact2,
  utf16,
} from '../../test/support/smb1-client.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_EA_LIST_INCONSISTENT,
  STATUS_EA_TOO_LARGE,
  STATUS_INVALID_EA_NAME,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
} from '../dtyp/ntstatus.ts';
import { decodeFeaList, feaList } from '../smb1/extended-attributes.ts';
import { FindLevel } from '../smb1/find.ts';
import { QueryLevel, SetLevel } from '../smb1/information.ts';
import { Trans2 } from '../smb1/transaction.ts';

const value = Buffer.from('value');
const good = { name: 'GOOD', value };
/** SizeOfListInBytes, then an entry of 4 + 5 + 5 bytes. */
const SECOND_AT = 4 + 14;

const badName = feaList([good, { name: 'B?D', value }]);
const reserved = feaList([good, { name: 'DOSATTRIB', value }]);
const tooLong = feaList([{ name: 'LONG', value: Buffer.alloc(0xfff0) }]);
/** Its second entry has a value that is longer than the list. */
const broken = feaList([good, { name: 'BAD', value }]);
broken.writeUInt16LE(0x4000, SECOND_AT + 2);
const badSize = feaList([good]);
badSize.writeUInt32LE(0x1000);

const FAULTS = [
  ['a name', badName, STATUS_INVALID_EA_NAME, SECOND_AT],
  ["the server's own", reserved, STATUS_ACCESS_DENIED, SECOND_AT],
  ['a broken list', broken, STATUS_EA_LIST_INCONSISTENT, SECOND_AT],
  ['a size', badSize, STATUS_UNSUCCESSFUL, 0],
] as const;

function named(level: number, name: string): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt16LE(level);
  return Buffer.concat([head, utf16(name)]);
}

const setPath = (client: Smb1Client, list: Buffer) =>
  transact2(client, Trans2.SET_PATH_INFORMATION, named(SetLevel.EAS, '\\file'), list);

async function easOf(client: Smb1Client, name: string): Promise<string[]> {
  const level = named(QueryLevel.QUERY_ALL_EAS, name);
  const { status, data } = await transact2(client, Trans2.QUERY_PATH_INFORMATION, level);
  assert.equal(status, STATUS_SUCCESS);
  return decodeFeaList(data).map((ea) => ea.name);
}

both('setting them, by path and by FID', async ({ old }) => {
  const fid = fidOf(await ntCreate(old, { name: '\\file' }));
  const parameters = Buffer.alloc(6);
  parameters.writeUInt16LE(fid);
  parameters.writeUInt16LE(SetLevel.EAS, 2);
  const setFile = (list: Buffer) => transact2(old, Trans2.SET_FILE_INFORMATION, parameters, list);
  for (const [what, list, status, at] of FAULTS) {
    for (const answer of [await setPath(old, list), await setFile(list)]) {
      assert.equal(answer.status, status, what);
      assert.deepEqual([...answer.parameters], [at, 0], what);
    }
  }
  assert.deepEqual(await easOf(old, '\\file'), []);
  const set = await setPath(old, feaList([good]));
  assert.deepEqual([set.status, [...set.parameters]], [STATUS_SUCCESS, [0, 0]]);
  // One that is too much for the file is to blame itself.
  const full = await setPath(old, tooLong);
  assert.deepEqual([full.status, [...full.parameters]], [STATUS_EA_TOO_LARGE, [4, 0]]);
  assert.deepEqual(await easOf(old, '\\file'), ['GOOD']);
});

both('a directory that they are not for is made all the same', async ({ old, tree }) => {
  const make = (name: string, list: Buffer) =>
    transact2(old, Trans2.CREATE_DIRECTORY, Buffer.concat([Buffer.alloc(4), utf16(name)]), list);
  for (const [i, [what, list, status, at]] of FAULTS.entries()) {
    const made = await make(`\\d${i}`, list);
    assert.equal(made.status, status, what);
    // From FEAList on, which SizeOfListInBytes is not part of.
    assert.deepEqual([...made.parameters], [Math.max(0, at - 4), 0], what);
    assert.deepEqual(await easOf(old, `\\d${i}`), []);
    await tree.remove(`d${i}`);
  }
  const made = await make('\\d', feaList([good]));
  assert.deepEqual([made.status, [...made.parameters]], [STATUS_SUCCESS, [0, 0]]);
  assert.deepEqual(await easOf(old, '\\d'), ['GOOD']);
  // What is there already is an error response.
  const again = await make('\\d', badName);
  assert.deepEqual([again.status, again.parameters.length], [STATUS_OBJECT_NAME_COLLISION, 0]);
});

const REQ_EASIZE = 8;
const OPEN_OR_CREATE = 0x11;
const READS = 0x40;
const READS_AND_WRITES = 0x42;
const ERROR_OFFSET_AT = 24;
const EAS_LENGTH_AT = 26;

function open2(client: Smb1Client, name: string, accessMode: number, list: Buffer) {
  const head = Buffer.alloc(28);
  head.writeUInt16LE(REQ_EASIZE, 0);
  head.writeUInt16LE(accessMode, 2);
  head.writeUInt16LE(OPEN_OR_CREATE, 12);
  return transact2(client, Trans2.OPEN2, Buffer.concat([head, utf16(name)]), list);
}

both('a file that they are not for is open all the same', async ({ old }) => {
  for (const [i, [what, list, status, at]] of FAULTS.entries()) {
    const opened = await open2(old, `\\f${i}`, READS, list);
    assert.equal(opened.status, status, what);
    assert.equal(opened.parameters.readUInt16LE(ERROR_OFFSET_AT), at, what);
    assert.equal(opened.parameters.readUInt32LE(EAS_LENGTH_AT), 0);
    assert.equal((await closeFid(old, opened.parameters.readUInt16LE(0))).status, STATUS_SUCCESS);
  }
});

both('they come to a file that is there, too, and are counted', async ({ old }) => {
  for (const [accessMode, list, count] of [
    [READS, [good], 1],
    [READS_AND_WRITES, [{ name: 'MORE', value }], 2],
  ] as const) {
    const opened = await open2(old, '\\file', accessMode, feaList(list));
    assert.equal(opened.status, STATUS_SUCCESS);
    assert.equal(opened.parameters.readUInt32LE(EAS_LENGTH_AT), 4 + count * 14);
    await closeFid(old, opened.parameters.readUInt16LE(0));
  }
  assert.deepEqual(await easOf(old, '\\file'), ['GOOD', 'MORE']);
  // To one that is there, and open to be read only, nobody adds any.
  const refused = await open2(old, '\\file', READS, feaList([{ name: 'THIRD', value }]));
  assert.equal(refused.status, STATUS_ACCESS_DENIED);
  assert.equal(refused.parameters.readUInt16LE(ERROR_OFFSET_AT), 0);
  assert.equal((await closeFid(old, refused.parameters.readUInt16LE(0))).status, STATUS_SUCCESS);
});

both('as many as a transaction holds, short as they are', async ({ old }) => {
  await closeFid(old, fidOf(await ntCreate(old, { name: '\\file' })));
  const names = Array.from({ length: 1_000 }, (_, i) => `N${i}`);
  const list = feaList(names.map((name) => ({ name, value: Buffer.alloc(53) })));
  assert.equal((await setPath(old, list)).status, STATUS_SUCCESS);
  const opened = await open2(old, '\\file', READS, Buffer.alloc(0));
  // Counted as they came: in NT's form these are more than 64 KiB.
  assert.equal(opened.parameters.readUInt32LE(EAS_LENGTH_AT), list.length);
});

/** One name, then one that is longer than the list. */
const brokenNames = Buffer.from([11, 0, 0, 0, 3, 0x4f, 0x4e, 0x45, 0, 9, 0x54]);
const BROKEN_NAME_AT = 9;

both('a list of names that breaks off is told where, and keeps no search open', async ({ old }) => {
  await closeFid(old, fidOf(await ntCreate(old, { name: '\\file' })));
  const level = named(QueryLevel.QUERY_EAS_FROM_LIST, '\\file');
  const queried = await transact2(old, Trans2.QUERY_PATH_INFORMATION, level, brokenNames);
  assert.equal(queried.status, STATUS_EA_LIST_INCONSISTENT);
  assert.deepEqual([...queried.parameters], [BROKEN_NAME_AT, 0]);
  const first = Buffer.alloc(12);
  first.writeUInt16LE(1, 2);
  first.writeUInt16LE(FindLevel.QUERY_EAS_FROM_LIST, 6);
  const find = (pattern: string, list: Buffer) =>
    transact2(old, Trans2.FIND_FIRST2, Buffer.concat([first, utf16(pattern)]), list);
  const sought = await find('\\*', brokenNames);
  assert.equal(sought.status, STATUS_EA_LIST_INCONSISTENT);
  // The first search has the first number; EAErrorOffset counts from GEAList on.
  assert.deepEqual([...sought.parameters], [0, 0, 0, 0, 0, 0, BROKEN_NAME_AT - 4, 0, 0, 0]);
  const begun = await find('\\*', feaList([]));
  assert.equal(begun.status, STATUS_SUCCESS);
  assert.equal(begun.parameters.readUInt16LE(0), 1);
  const next = Buffer.alloc(12);
  next.writeUInt16LE(1, 0);
  next.writeUInt16LE(1, 2);
  next.writeUInt16LE(FindLevel.QUERY_EAS_FROM_LIST, 4);
  const gone = await transact2(
    old,
    Trans2.FIND_NEXT2,
    Buffer.concat([next, utf16('')]),
    brokenNames,
  );
  assert.equal(gone.status, STATUS_EA_LIST_INCONSISTENT);
  assert.deepEqual([...gone.parameters], [0, 0, 0, 0, BROKEN_NAME_AT - 4, 0, 0, 0]);
});
