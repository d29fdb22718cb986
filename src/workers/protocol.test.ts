import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_COMPOUND_MESSAGES } from '../base/limits.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  answerHead,
  decodeToOwner,
  decodeToWorker,
  encodeEvent,
  requestHead,
  type SharedSession,
  type ToOwner,
  type ToWorker,
  toOwner,
  toWorker,
} from './protocol.ts';

const MESSAGE = Buffer.from('fe534d42', 'hex');

test('requests and answers come out as they went in', () => {
  const request = {
    connectionId: 2 ** 40 + 3,
    encrypted: true,
    credits: 512,
    verdicts: [0, 0xc0000022],
  };
  const sent = Buffer.concat([requestHead(request), MESSAGE]);
  assert.equal(sent.toString('hex'), '0101030000000001000200000200000000000000220000c0fe534d42');
  assert.deepEqual(decodeToOwner(sent), { kind: 'request', ...request, message: MESSAGE });
  const answer = Buffer.concat([answerHead(7), MESSAGE]);
  assert.equal(answer.toString('hex'), '0200070000000000fe534d42');
  assert.deepEqual(decodeToWorker(answer), { kind: 'answer', connectionId: 7, message: MESSAGE });
});

test('heads that are cut, or count more than there is, are a WireError', () => {
  const whole = requestHead({ connectionId: 1, encrypted: false, credits: 1, verdicts: [1, 2] });
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeToOwner(whole.subarray(0, length)), WireError);
  }
  const many = Array.from({ length: MAX_COMPOUND_MESSAGES + 1 }, () => 0);
  const over = requestHead({ connectionId: 1, encrypted: false, credits: 1, verdicts: many });
  assert.throws(() => decodeToOwner(over), WireError);
  for (let length = 0; length < 8; length++) {
    assert.throws(() => decodeToWorker(answerHead(1).subarray(0, length)), WireError);
  }
});

const KEYS = {
  signingKey: Buffer.from('sign'),
  applicationKey: Buffer.from('key'),
  encryptionKey: Buffer.from('out'),
  decryptionKey: undefined,
};

const SHARED: SharedSession = {
  sessionId: 1,
  revision: 0x0311,
  cipherId: 2,
  signingAlgorithm: 1,
  name: 'ann',
  account: 'user',
  state: 'valid',
  expiresAtMs: 5,
  signingRequired: true,
  encryptData: false,
  canEncrypt: true,
  keys: KEYS,
};

const TO_OWNER: readonly ToOwner[] = [
  { kind: 'ready', version: 1 },
  { kind: 'loginStep', loginId: 1, address: '::1', token: Buffer.from('token') },
  { kind: 'loginClosed', loginId: 2 },
  {
    kind: 'admit',
    question: 1,
    connectionId: 2,
    sessionId: 3,
    loginId: 4,
    previousSessionId: 5,
    binding: true,
  },
  { kind: 'find', question: 1, connectionId: 2, message: MESSAGE },
  {
    kind: 'secured',
    sessionId: 1,
    signingRequired: true,
    encryptData: false,
    canEncrypt: true,
    keys: KEYS,
  },
  { kind: 'refused', question: 1, sessionId: 2 },
  { kind: 'closed', connectionId: 9 },
];

const TO_WORKER: readonly ToWorker[] = [
  { kind: 'settings', version: 1, worker: 2, settings: Buffer.from('v8') },
  { kind: 'loginAnswer', loginId: 1, step: { kind: 'continue', token: Buffer.from('more') } },
  { kind: 'loginAnswer', loginId: 1, step: { kind: 'refused', reason: 'malformed' } },
  { kind: 'loginAnswer', loginId: 1, step: { kind: 'failed' } },
  {
    kind: 'loginAnswer',
    loginId: 1,
    step: {
      kind: 'done',
      token: Buffer.from('end'),
      name: 'ann',
      account: 'user',
      sessionKey: Buffer.alloc(16, 1),
      expiresAtMs: undefined,
    },
  },
  { kind: 'admitted', question: 1, admission: 'full' },
  { kind: 'done', question: 1 },
  { kind: 'notify', connectionId: 1, sessionId: 2, encrypts: true, message: MESSAGE },
  { kind: 'close', connectionId: 1, reason: 'because' },
  { kind: 'sessionEnded', sessionId: 1 },
  { kind: 'sessionRenewed', sessionId: 1, expiresAtMs: undefined, signingRequired: true },
  { kind: 'found', question: 1, refusal: 0xc0000022, session: undefined },
  { kind: 'found', question: 1, refusal: 0, session: SHARED },
  { kind: 'stop' },
];

test('events come out as they went in; cut ones are a WireError', () => {
  for (const event of TO_OWNER) {
    const sent = encodeEvent(toOwner, event);
    assert.deepEqual(decodeToOwner(sent), { kind: 'event', event });
    for (let length = 0; length < sent.length; length++) {
      assert.throws(() => decodeToOwner(sent.subarray(0, length)), WireError);
    }
  }
  for (const event of TO_WORKER) {
    const sent = encodeEvent(toWorker, event);
    assert.deepEqual(decodeToWorker(sent), { kind: 'event', event });
    for (let length = 0; length < sent.length; length++) {
      assert.throws(() => decodeToWorker(sent.subarray(0, length)), WireError);
    }
  }
});
