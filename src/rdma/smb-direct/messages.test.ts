/** MS-SMBD 2.2 and 3.1.5.6, 3.1.5.7: the messages as Linux's client sends them, and what is answered. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { arbRecord, testCodec } from '../../../test/support/codec.ts';
import { STATUS_NOT_SUPPORTED } from '../../dtyp/ntstatus.ts';
import { WireError } from '../../wire/wire-error.ts';
import {
  decodeDataTransfer,
  decodeNegotiateRequest,
  decodeNegotiateResponse,
  encodeDataTransferHeader,
  encodeNegotiateRequest,
  encodeNegotiateResponse,
  type NegotiateRequest,
  type NegotiateResponse,
} from './messages.ts';
import { acceptNegotiated, answerNegotiate, proposeNegotiate } from './negotiation.ts';

const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);

const linux: NegotiateRequest = {
  minVersion: 0x0100,
  maxVersion: 0x0100,
  creditsRequested: 255,
  preferredSendSize: 1364,
  maxReceiveSize: 1364,
  maxFragmentedSize: 173_910,
};

testCodec<NegotiateRequest>('SMB_DIRECT Negotiate Request', {
  decode: decodeNegotiateRequest,
  encode: encodeNegotiateRequest,
  headerSize: 0,
  golden: [
    {
      name: 'of Linux 6.1',
      hex: '0001 0001 0000 ff00 54050000 54050000 56a70200',
      value: linux,
    },
  ],
  values: arbRecord<NegotiateRequest>({
    minVersion: u16,
    maxVersion: u16,
    creditsRequested: u16,
    preferredSendSize: u32,
    maxReceiveSize: u32,
    maxFragmentedSize: u32,
  }),
});

testCodec<NegotiateResponse>('SMB_DIRECT Negotiate Response', {
  decode: decodeNegotiateResponse,
  encode: encodeNegotiateResponse,
  headerSize: 0,
  golden: [
    {
      name: 'that Linux 6.1 takes',
      hex: '0001 0001 0001 0000 ff00 ff00 00000000 00008000 54050000 00200000 00001000',
      value: {
        minVersion: 0x0100,
        maxVersion: 0x0100,
        negotiatedVersion: 0x0100,
        creditsRequested: 255,
        creditsGranted: 255,
        status: 0,
        maxReadWriteSize: 8 * 1024 * 1024,
        preferredSendSize: 1364,
        maxReceiveSize: 8192,
        maxFragmentedSize: 1024 * 1024,
      },
    },
  ],
  values: arbRecord<NegotiateResponse>({
    minVersion: u16,
    maxVersion: u16,
    negotiatedVersion: u16,
    creditsRequested: u16,
    creditsGranted: u16,
    status: u32,
    maxReadWriteSize: u32,
    preferredSendSize: u32,
    maxReceiveSize: u32,
    maxFragmentedSize: u32,
  }),
});

const fields = { creditsRequested: 255, creditsGranted: 3, flags: 1, remainingDataLength: 0 };

test('Data Transfer: an empty one has 20 bytes, data begin at 24', () => {
  const empty = encodeDataTransferHeader(fields, 0);
  assert.equal(empty.toString('hex'), 'ff00030001000000000000000000000000000000');
  assert.deepEqual(decodeDataTransfer(empty), { ...fields, data: Buffer.alloc(0) });
  const data = Buffer.from('some data');
  const whole = Buffer.concat([encodeDataTransferHeader(fields, data.length), data]);
  assert.equal(whole.length, 24 + data.length);
  assert.deepEqual(decodeDataTransfer(whole), { ...fields, data });
});

test('Data Transfer: data that do not lie where they may are malformed; so is each cut', () => {
  const whole = Buffer.concat([encodeDataTransferHeader(fields, 8), Buffer.alloc(8)]);
  for (const offset of [0, 16, 25, 32, 0xffff_fff8]) {
    const bad = Buffer.from(whole);
    bad.writeUInt32LE(offset, 12);
    assert.throws(() => decodeDataTransfer(bad), WireError, `offset ${offset}`);
  }
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeDataTransfer(whole.subarray(0, length)), WireError);
  }
});

test('Data Transfer: arbitrary bytes are read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decodeDataTransfer(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof WireError);
      }
    }),
    { numRuns: 2000 },
  );
});

test('a Negotiate Request of Linux: no message is longer than it takes', () => {
  const { response, settings } = answerNegotiate(linux, 4 * 1024 * 1024);
  assert.equal(response?.preferredSendSize, 1364);
  assert.equal(response.maxReceiveSize, 1364);
  assert.equal(response.maxReadWriteSize, 4 * 1024 * 1024);
  assert.equal(response.creditsGranted, 255);
  assert.equal(settings?.maxSendSize, 1364);
  assert.equal(settings.maxFragmentedSendSize, 173_910);
});

test('versions that do not meet are told so, sizes that are too small are not spoken to', () => {
  const cases: [string, Partial<NegotiateRequest>, number | undefined][] = [
    ['an older version', { minVersion: 0, maxVersion: 0xff }, STATUS_NOT_SUPPORTED],
    ['a newer version', { minVersion: 0x0101, maxVersion: 0x0200 }, STATUS_NOT_SUPPORTED],
    ['no credit', { creditsRequested: 0 }, undefined],
    ['receives of 127 bytes', { maxReceiveSize: 127 }, undefined],
    ['messages of 131071 bytes', { maxFragmentedSize: 131_071 }, undefined],
  ];
  for (const [name, over, status] of cases) {
    const { response, settings } = answerNegotiate({ ...linux, ...over }, 1);
    assert.equal(settings, undefined, name);
    assert.equal(response?.status, status, name);
  }
});

test('the initiator takes what the responder says, and nothing that leaves it without credits', () => {
  const { response } = answerNegotiate(proposeNegotiate(), 8 * 1024 * 1024);
  assert.equal(acceptNegotiated(response!)?.sendCredits, 255);
  for (const bad of [
    { status: STATUS_NOT_SUPPORTED },
    { negotiatedVersion: 0x0200 },
    { creditsGranted: 0 },
    { creditsRequested: 0 },
    { maxReceiveSize: 24 },
  ]) {
    assert.equal(acceptNegotiated({ ...response!, ...bad }), undefined);
  }
});
