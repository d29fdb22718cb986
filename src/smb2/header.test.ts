import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { arbId, arbRecord, arbU16, arbU32, fromHex } from '../../test/support/codec.ts';
import { ALL_ONES } from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';
import * as header from './header.ts';

const syncHex = `fe534d42 4000 0100 160000c0 0100 1100 09000000 58000000 0123456789000000
                 fffe0000 05000000 007d80495a000000 000102030405060708090a0b0c0d0e0f`;
const sync: header.HeaderFields = {
  creditCharge: 1,
  status: 0xc0000016,
  command: 1,
  creditRequest: 17,
  flags: 9,
  nextCommand: 0x58,
  messageId: 0x8967452301,
  processId: 0xfeff,
  treeId: 5,
  asyncId: 0,
  sessionId: 0x5a49807d00,
};
const asyncHex = `fe534d42 4000 0000 03010000 0f00 0000 03000000 00000000 ffffffffffffffff
                  0800000001000000 0000000000000000 00000000000000000000000000000000`;
const async: header.HeaderFields = {
  creditCharge: 0,
  status: 0x103,
  command: 15,
  creditRequest: 0,
  flags: 3,
  nextCommand: 0,
  messageId: ALL_ONES,
  processId: 0,
  treeId: 0,
  asyncId: 2 ** 32 + 8,
  sessionId: 0,
};

const fieldsOf = ({ signature: _, ...fields }: header.Header): header.HeaderFields => fields;

test('sync header: golden both ways', () => {
  const bytes = fromHex(syncHex);
  const read = header.readHeader(bytes);
  assert.deepEqual(fieldsOf(read), sync);
  assert.equal(read.signature.toString('hex'), '000102030405060708090a0b0c0d0e0f');
  assert.equal(read.signature.buffer, bytes.buffer);
  const written = header.encodeHeader(sync);
  header.setSignature(written, read.signature);
  assert.equal(written.toString('hex'), bytes.toString('hex'));
});

test('async header: golden both ways', () => {
  const bytes = fromHex(asyncHex);
  assert.deepEqual(fieldsOf(header.readHeader(bytes)), async);
  assert.equal(header.encodeHeader(async).toString('hex'), bytes.toString('hex'));
});

test('a header at an offset', () => {
  const b = Buffer.alloc(80, 0xee);
  assert.equal(header.writeHeader(b, sync, 8), 72);
  assert.deepEqual(fieldsOf(header.readHeader(b, 8)), sync);
  assert.deepEqual(b.subarray(0, 8), Buffer.alloc(8, 0xee));
  assert.deepEqual(b.subarray(72), Buffer.alloc(8, 0xee));
  assert.throws(() => header.readHeader(b, 17), WireError);
  assert.throws(() => header.readHeader(b, -1), WireError);
});

test('what is written is read', () => {
  const fields = arbRecord<header.HeaderFields>({
    creditCharge: arbU16,
    status: arbU32,
    command: arbU16,
    creditRequest: arbU16,
    flags: arbU32,
    nextCommand: arbU32,
    messageId: arbId,
    processId: arbU32,
    treeId: arbU32,
    asyncId: arbId,
    sessionId: arbId,
  });
  fc.assert(
    fc.property(fields, (any) => {
      const isAsync = (any.flags & header.SMB2_FLAGS_ASYNC_COMMAND) !== 0;
      const expected = isAsync ? { ...any, processId: 0, treeId: 0 } : { ...any, asyncId: 0 };
      assert.deepEqual(fieldsOf(header.readHeader(header.encodeHeader(any))), expected);
    }),
  );
});

test('truncated, another protocol, another size', () => {
  const bytes = fromHex(syncHex);
  for (let n = 0; n < 64; n++) {
    assert.throws(() => header.readHeader(bytes.subarray(0, n)), WireError);
  }
  for (const [at, value] of [
    [0, 0xff],
    [3, 0],
    [4, 65],
    [5, 1],
  ] as const) {
    const bad = Buffer.from(bytes);
    bad[at] = value;
    assert.throws(() => header.readHeader(bad), WireError);
  }
});

test('the protocol of a message', () => {
  const protocols = ['ff', 'fe', 'fd', 'fc', 'fb'].map((first) =>
    header.protocolOf(fromHex(`${first}534d42`)),
  );
  assert.deepEqual(protocols, ['smb1', 'smb2', 'transform', 'compression', 'unknown']);
  assert.equal(header.protocolOf(fromHex('fe534d')), 'unknown');
  assert.equal(header.protocolOf(Buffer.alloc(0)), 'unknown');
});

test('fields are patched in place, and only they', () => {
  const b = header.encodeHeader(sync);
  header.setStatus(b, 0xc000000d);
  header.setCredits(b, 0x1234);
  header.setFlags(b, 1 | header.SMB2_FLAGS_SIGNED);
  header.addFlags(b, 0x20000000);
  header.setNextCommand(b, 0x80);
  header.setMessageId(b, 77);
  header.setTreeId(b, 0xffffffff);
  header.setSessionId(b, ALL_ONES);
  header.setSignature(b, Buffer.alloc(32, 7));
  const read = header.readHeader(b);
  assert.deepEqual(fieldsOf(read), {
    ...sync,
    status: 0xc000000d,
    creditRequest: 0x1234,
    flags: 0x20000009,
    nextCommand: 0x80,
    messageId: 77,
    treeId: 0xffffffff,
    sessionId: ALL_ONES,
  });
  assert.deepEqual(read.signature, Buffer.alloc(16, 7));
  header.setFlags(b, 1);
  assert.deepEqual(header.readHeader(b).signature, Buffer.alloc(16));
  header.setFlags(b, 0x20000009);
  header.clearSignature(b);
  assert.deepEqual(header.getSignature(b), Buffer.alloc(16));
  assert.equal(header.getStatus(b), 0xc000000d);
  assert.equal(header.getFlags(b), 0x20000009);
  assert.equal(header.getCommand(b), 1);
  assert.equal(header.getNextCommand(b), 0x80);
  assert.equal(header.getMessageId(b), 77);
  assert.equal(header.getSessionId(b), ALL_ONES);
  header.addFlags(b, 2);
  header.setAsyncId(b, 9);
  assert.equal(header.readHeader(b).asyncId, 9);
});

test('flags and the channel sequence', () => {
  assert.equal(header.isResponse(sync), true);
  assert.equal(header.isSigned(sync), true);
  assert.equal(header.isAsync(sync), false);
  assert.equal(header.isAsync(async), true);
  assert.equal(header.isRelated(sync), false);
  assert.equal(header.isRelated({ ...sync, flags: 4 }), true);
  assert.equal(header.channelSequenceOf({ ...sync, status: 0xcdcd0003 }), 3);
});

test('command names', () => {
  assert.equal(header.commandName(header.Command.OPLOCK_BREAK), 'OPLOCK_BREAK');
  assert.equal(header.commandName(0), 'NEGOTIATE');
  assert.equal(header.commandName(0x13), '0x0013');
  assert.equal(header.isCommand(0x12), true);
  assert.equal(header.isCommand(0x13), false);
  assert.equal(Object.keys(header.Command).length, 19);
});
