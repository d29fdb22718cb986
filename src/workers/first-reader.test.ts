import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  MAX_UNAUTHENTICATED_CONNECTIONS,
  MAX_UNAUTHENTICATED_MESSAGE_BYTES,
} from '../base/limits.ts';
import { socketPair } from '../native/descriptors.ts';
import { close } from '../native/files.ts';
import { addressOf } from '../native/library.ts';
import { recv, sendmsg } from '../native/socket.ts';
import { encodeFrameHeader } from '../smb2/framing.ts';
import { Command, encodeHeader } from '../smb2/header.ts';
import { encodeNegotiateRequest } from '../smb2/negotiate.ts';
import { transportKind } from '../transport/listen.ts';
import { chooseWorker, clientGuidOf } from './first-message.ts';
import { FirstReader } from './first-reader.ts';

const skip = transportKind() !== 'native';
const GUID = Buffer.from('00112233445566778899aabbccddeeff', 'hex');

const negotiate = (clientGuid: Buffer): Buffer =>
  Buffer.concat([
    encodeHeader({ command: Command.NEGOTIATE }),
    encodeNegotiateRequest({
      securityMode: 1,
      capabilities: 0,
      clientGuid,
      dialects: [0x0210],
      negotiateContexts: [],
    }),
  ]);

test('the ClientGuid is found in a NEGOTIATE, and nowhere else', () => {
  const message = negotiate(GUID);
  assert.deepEqual(clientGuidOf(message), GUID);
  for (let length = 0; length < 92; length++) {
    assert.equal(clientGuidOf(message.subarray(0, length)), undefined);
  }
  assert.equal(clientGuidOf(negotiate(Buffer.alloc(16))), undefined);
  assert.equal(clientGuidOf(Buffer.concat([Buffer.from('\xffSMB', 'latin1'), message])), undefined);
});

test('a connection comes to the worker with the fewest of its client, among those to the one with the fewest', () => {
  const worker = (connections: number, own = 0) => ({ connections, connectionsOf: () => own });
  const [busy, known, idle] = [worker(9), worker(1, 1), worker(5)];
  assert.equal(chooseWorker([busy, known, idle], GUID), idle);
  assert.equal(chooseWorker([busy, known, idle], undefined), known);
  assert.equal(chooseWorker([busy, known], GUID), busy);
  assert.equal(chooseWorker([worker(1, 2), known], GUID), known);
  assert.equal(chooseWorker([], GUID), undefined);
});

function send(fd: number, bytes: Buffer): void {
  const iovec = Buffer.alloc(16);
  iovec.writeBigUInt64LE(BigInt(addressOf(bytes)), 0);
  iovec.writeBigUInt64LE(BigInt(bytes.length), 8);
  const message = Buffer.alloc(56);
  message.writeBigUInt64LE(BigInt(addressOf(iovec)), 16);
  message.writeBigUInt64LE(1n, 24);
  assert.equal(sendmsg(fd, addressOf(message), 0), bytes.length);
}

function pair(): readonly [number, number] {
  const made = socketPair('stream');
  assert.ok(typeof made !== 'number');
  return made;
}

const pause = (ms = 20): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !condition(); i++) await pause(5);
  assert.ok(condition());
}

test('the first message is read, in however many pieces, and nothing behind it', {
  skip,
}, async () => {
  const message = negotiate(GUID);
  const frame = Buffer.concat([encodeFrameHeader(message.length), message]);
  for (const cut of [0, 2, 4, 50, frame.length]) {
    const [fd, client] = pair();
    const reader = new FirstReader();
    let early: Buffer | undefined;
    reader.read(fd, (_fd, bytes) => {
      early = bytes;
    });
    if (cut > 0) send(client, frame.subarray(0, cut));
    await pause();
    assert.equal(early === undefined, cut < frame.length);
    send(client, Buffer.concat([frame.subarray(cut), Buffer.from('rest')]));
    await until(() => early !== undefined);
    assert.deepEqual(early, frame);
    const rest = Buffer.alloc(10);
    assert.equal(recv(fd, addressOf(rest), 10, 0), 4);
    assert.equal(reader.size, 0);
    for (const each of [fd, client]) close(each);
  }
});

test('what is no message of SMB2 is handed on after its first bytes', { skip }, async () => {
  for (const start of [
    Buffer.from('GET / HTTP/1.1\r\n'),
    Buffer.from('81000044', 'hex'),
    encodeFrameHeader(MAX_UNAUTHENTICATED_MESSAGE_BYTES + 1),
    encodeFrameHeader(0),
  ]) {
    const [fd, client] = pair();
    const reader = new FirstReader();
    let early: Buffer | undefined;
    reader.read(fd, (_fd, bytes) => {
      early = bytes;
    });
    send(client, start);
    await until(() => early !== undefined);
    assert.deepEqual(early, start.subarray(0, 4));
    for (const each of [fd, client]) close(each);
  }
});

test('who is silent gives way when there are too many, and who goes is forgotten', {
  skip,
}, async () => {
  const reader = new FirstReader();
  const clients: number[] = [];
  const add = (): void => {
    const [fd, client] = pair();
    clients.push(client);
    reader.read(fd, () => assert.fail('nobody has said anything'));
  };
  for (let i = 0; i < MAX_UNAUTHENTICATED_CONNECTIONS; i++) add();
  assert.equal(reader.size, MAX_UNAUTHENTICATED_CONNECTIONS);
  add();
  assert.equal(reader.size, MAX_UNAUTHENTICATED_CONNECTIONS);
  const byte = Buffer.alloc(1);
  assert.equal(recv(clients[0]!, addressOf(byte), 1, 0), 0, 'the oldest is closed');
  close(clients.pop()!);
  await until(() => reader.size === MAX_UNAUTHENTICATED_CONNECTIONS - 1);
  reader.close();
  assert.equal(reader.size, 0);
  for (const client of clients) close(client);
});
