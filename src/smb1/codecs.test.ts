/** MS-CIFS 2.2: structures of SMB1 by their bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STATUS_OBJECT_NAME_COLLISION, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { shortNameOf } from '../fscc/short-name.ts';
import { WireError } from '../wire/wire-error.ts';
import { type Block, readAndX, readBlock, setAndX, writeBlock } from './block.ts';
import { dosError, encodeDosError, isDosCoded, STATUS_SMB_BAD_UID } from './dos-errors.ts';
import { fromDos, fromUtime, toDos, toUtime } from './dos-time.ts';
import { decodeFeaList, decodeGeaList, feaList } from './extended-attributes.ts';
import { FindLevel, FoundData } from './find.ts';
import { Smb1Command, Smb1Header } from './header.ts';
import { decodeLocking, encodeOplockBreak } from './locking.ts';
import { BytesReader } from './strings.ts';
import { Assembly, encodeTransactionAnswer } from './transaction.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Bytes as they are in a message, behind a header of 32. */
const block = (words: Buffer, bytes: Buffer): Block => ({
  words,
  bytes,
  bytesAt: 32 + 1 + words.length + 2,
});

test('a header by its bytes', () => {
  const b = hex('ff534d42 73 160000c0 88 0348 0000 0000000000000000 0000 0100 fffe 0200 0300');
  const header = Smb1Header.read(b);
  assert.equal(header.command, Smb1Command.SESSION_SETUP_ANDX);
  assert.equal(header.status, 0xc000_0016);
  assert.deepEqual([header.tid, header.pidLow, header.uid, header.mid], [1, 0xfeff, 2, 3]);
  assert.deepEqual(Smb1Header.encode(header), b);
  for (let i = 0; i < b.length; i++) {
    assert.throws(() => Smb1Header.read(b.subarray(0, i)), WireError);
  }
});

test('a block, and the one that follows it', () => {
  const words = Buffer.alloc(6);
  setAndX(words, { command: 0x75, offset: 44 });
  const written = writeBlock(words, Buffer.from('ab'));
  assert.deepEqual(written, hex('03 75002c00 0000 0200 6162'));
  const read = readBlock(Buffer.concat([Buffer.alloc(32), written]), 32);
  assert.deepEqual(readAndX(read), { command: 0x75, offset: 44 });
  assert.deepEqual(read.bytes, Buffer.from('ab'));
  assert.throws(() => readBlock(written.subarray(0, 5), 0), WireError);
  assert.throws(() => readBlock(written.subarray(0, 10), 0), WireError);
  assert.throws(() => readBlock(written, 99), WireError);
});

test('LOCKING_ANDX with a range of 64 bits, and an oplock break', () => {
  const words = hex('ff000000 0a00 10 00 ffffffff 0000 0100');
  const bytes = hex('0100 0000 01000000 02000000 00000000 05000000');
  const body = decodeLocking(block(words, bytes));
  assert.deepEqual(body.locks, [{ pid: 1, offset: 0x1_0000_0002n, length: 5n }]);
  assert.equal(body.timeout, 0xffff_ffff);
  assert.throws(() => decodeLocking(block(words, bytes.subarray(0, 19))), WireError);
  const broken = encodeOplockBreak(10, 7, 1);
  assert.equal(broken.length, 32 + 1 + 16 + 2);
  assert.deepEqual(broken.subarray(37, 41), hex('0a00 02 01').subarray(0, 4));
});

test('a transaction in parts', () => {
  const parts = {
    parameters: Buffer.from('ab'),
    data: Buffer.from('cd'),
    parameterDisplacement: 0,
    dataDisplacement: 0,
    totalParameterCount: 4,
    totalDataCount: 2,
  };
  const head = {
    ...{ setup: Buffer.alloc(0), function: 1, maxParameterCount: 0, maxDataCount: 0 },
    ...{ maxSetupCount: 0, flags: 0, timeout: 0, name: '' },
  };
  const assembly = new Assembly({ head, fragment: parts });
  assert.equal(assembly.complete, false);
  const beyond = { ...parts, parameterDisplacement: 3, data: Buffer.alloc(0) };
  assert.throws(() => assembly.add(beyond), WireError);
  assembly.add({ ...beyond, parameterDisplacement: 2 });
  assert.equal(assembly.complete, true);
  assert.deepEqual([assembly.parameters.toString(), assembly.data.toString()], ['abab', 'cd']);
  const huge = { ...parts, totalDataCount: 1 << 30 };
  assert.throws(() => new Assembly({ head, fragment: huge }), WireError);
});

test('an answer goes in as many messages as the client needs', () => {
  const answer = {
    setup: Buffer.alloc(0),
    parameters: Buffer.from('pp'),
    data: Buffer.alloc(3000, 7),
  };
  const blocks = encodeTransactionAnswer(answer, false, 1024);
  assert.equal(blocks.length, 4);
  let data = 0;
  for (const one of blocks) {
    assert.ok(one.length + 32 <= 1024);
    data += one.readUInt16LE(1 + 12);
  }
  assert.equal(data, 3000);
});

test('times of DOS and of Unix', () => {
  const time = fromUtime(1_600_000_001);
  assert.equal(toUtime(time), 1_600_000_001);
  // In steps of two seconds.
  assert.equal(toUtime(fromDos(toDos(time))), 1_600_000_000);
  assert.deepEqual(
    [fromUtime(0), fromUtime(0xffff_ffff), fromDos({ date: 0, time: 5 })],
    [0n, 0n, 0n],
  );
  assert.deepEqual(toDos(0n), { date: 0, time: 0 });
});

test('errors as class and code', () => {
  assert.equal(encodeDosError(dosError(STATUS_SUCCESS)), 0);
  assert.equal(encodeDosError(dosError(STATUS_SMB_BAD_UID)), 0x005b_0002);
  assert.ok(isDosCoded(STATUS_SMB_BAD_UID));
  assert.equal(dosError(STATUS_OBJECT_NAME_COLLISION, Smb1Command.NT_CREATE_ANDX).code, 80);
  assert.equal(dosError(STATUS_OBJECT_NAME_COLLISION, Smb1Command.CREATE_DIRECTORY).code, 5);
  assert.equal(dosError(0xc000_9999).code, 31);
});

test('Unicode that is aligned to the message', () => {
  const bytes = Buffer.concat([Buffer.alloc(1), Buffer.from('x\0y\0', 'utf16le')]);
  const reader = new BytesReader({ bytes, bytesAt: 35 }, true);
  assert.deepEqual([reader.text(), reader.text(), reader.text()], ['x', 'y', '']);
});

test('extended attributes, there and back', () => {
  const list = feaList([{ name: 'ONE', value: Buffer.from('blah') }]);
  assert.deepEqual(list, hex('10000000 00 03 0400 4f4e4500 626c6168'));
  assert.equal(decodeFeaList(list)[0]!.value.toString(), 'blah');
  assert.deepEqual(decodeGeaList(hex('09000000 03 4f4e4500')), ['ONE']);
  for (let i = 0; i < list.length; i++) {
    assert.throws(() => decodeFeaList(list.subarray(0, i)), WireError);
  }
});

const ENTRY = {
  ...{ name: 'n', creationTime: 0n, lastAccessTime: 0n, lastWriteTime: 0n, changeTime: 0n },
  ...{ endOfFile: 5, allocationSize: 8, fileAttributes: 0x20, eaSize: 0, reparseTag: 0 },
  ...{ fileId: 9n, fileIdHigh: 0n, resumeKey: 1 },
};

test('a found entry has its name where each level wants it', () => {
  const how = { unicode: true, resumeKeys: false };
  const encodeFound = (level: number): Buffer => {
    const data = new FoundData(level, 1000, how);
    assert.ok(data.push(ENTRY));
    return data.bytes;
  };
  const standard = encodeFound(FindLevel.STANDARD);
  assert.deepEqual(standard.subarray(22), hex('02 00 6e00 0000'));
  const withSize = encodeFound(FindLevel.QUERY_EA_SIZE);
  assert.deepEqual(withSize.subarray(22), hex('00000000 02 6e00 00'));
  const both = encodeFound(FindLevel.ID_BOTH_DIRECTORY);
  assert.deepEqual(both.subarray(96), hex('0900000000000000 6e00'));
});

test('entries of NT lie at offsets of 8, each tells where the next is, and none is cut', () => {
  const entry = { ...ENTRY, name: 'a long name.text' };
  const size = 94 + 2 * entry.name.length;
  const second = (size + 7) & ~7;
  const data = new FoundData(FindLevel.BOTH_DIRECTORY, second + size, {
    unicode: true,
    resumeKeys: false,
  });
  assert.equal(data.bytes.length, 0);
  for (const [resumeKey, fits] of [
    [1, true],
    [2, true],
    [3, false],
  ] as const) {
    assert.equal(data.push({ ...entry, resumeKey }), fits);
  }
  assert.deepEqual([data.count, data.lastNameOffset], [2, second]);
  assert.equal(data.bytes.length, second + size);
  assert.deepEqual([data.bytes.readUInt32LE(0), data.bytes.readUInt32LE(second)], [second, 0]);
  assert.equal(data.bytes.readUInt32LE(second + 4), 2);
  assert.equal(data.bytes.toString('utf16le', second + 94), entry.name);
  const short = shortNameOf(entry.name);
  assert.equal(data.bytes.toString('utf16le', 70, 70 + data.bytes[68]!), short);
  // More than the first buffer has room for, at a level of OEM names.
  const many = new FoundData(FindLevel.NAMES, 0xffff, { unicode: false, resumeKeys: false });
  for (let i = 1; i <= 500; i++) assert.ok(many.push({ ...entry, resumeKey: i }));
  let at = 0;
  let count = 1;
  for (; many.bytes.readUInt32LE(at) !== 0; at += many.bytes.readUInt32LE(at)) count += 1;
  assert.deepEqual([count, at], [500, many.lastNameOffset]);
  assert.equal(many.bytes.toString('latin1', at + 12), entry.name);
});
