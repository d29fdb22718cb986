import assert from 'node:assert/strict';
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { EMSGSIZE, receiveDescriptor, sendDescriptor, socketPair } from './descriptors.ts';
import { close } from './files.ts';
import { addressOf, missing } from './library.ts';
import { EAGAIN, sendmsg } from './socket.ts';

const skip = missing ?? false;
const EPIPE = -32;
const EBADF = -9;
const folder = mkdtempSync(join(tmpdir(), 'usmbd-descriptors-'));
after(() => rmSync(folder, { recursive: true }));

function pair(): readonly [number, number] {
  const made = socketPair('packets');
  assert.ok(typeof made !== 'number');
  return made;
}

test('a descriptor arrives with its bytes, and is the same open file', { skip }, () => {
  const [here, there] = pair();
  const file = join(folder, 'file');
  writeFileSync(file, 'hello');
  const fd = openSync(file, 'r');
  assert.equal(sendDescriptor(here, Buffer.from('for you'), fd), 0);
  readSync(fd, Buffer.alloc(2));
  closeSync(fd);
  const into = Buffer.alloc(64);
  const got = receiveDescriptor(there, into);
  assert.ok(typeof got !== 'number' && got.descriptor !== undefined);
  assert.equal(into.toString('latin1', 0, got.length), 'for you');
  // The position is shared: it is no second open of the file.
  const rest = Buffer.alloc(8);
  assert.equal(readSync(got.descriptor, rest), 3);
  assert.equal(rest.toString('latin1', 0, 3), 'llo');
  closeSync(got.descriptor);
  close(here);
  close(there);
});

test('packets keep their bounds and their order; nothing there is EAGAIN, a closed end 0', {
  skip,
}, () => {
  const [here, there] = pair();
  const into = Buffer.alloc(70_000);
  assert.equal(receiveDescriptor(there, into), EAGAIN);
  const large = Buffer.alloc(66_000, 7);
  assert.equal(sendDescriptor(here, large, 0), 0);
  assert.equal(sendDescriptor(here, Buffer.from('x'), 0), 0);
  close(here);
  for (const length of [large.length, 1]) {
    const got = receiveDescriptor(there, into);
    assert.ok(typeof got !== 'number');
    assert.equal(got.length, length);
    closeSync(got.descriptor!);
  }
  assert.deepEqual(receiveDescriptor(there, into), { length: 0, descriptor: undefined });
  assert.equal(sendDescriptor(there, into, 0), EPIPE);
  close(there);
});

test('a packet that does not fit is refused, and its descriptor closed', { skip }, () => {
  const [here, there] = pair();
  const before = openSync(folder, 'r');
  closeSync(before);
  assert.equal(sendDescriptor(here, Buffer.alloc(100), 0), 0);
  assert.equal(receiveDescriptor(there, Buffer.alloc(10)), EMSGSIZE);
  const free = openSync(folder, 'r');
  assert.equal(free, before, 'the lowest free number is what it was');
  closeSync(free);
  assert.equal(sendDescriptor(here, Buffer.from('no such'), 9999), EBADF);
  close(here);
  close(there);
});

test('more descriptors than one are closed but the first', { skip }, () => {
  const [here, there] = pair();
  const bytes = Buffer.from('!');
  const iovec = Buffer.alloc(16);
  iovec.writeBigUInt64LE(BigInt(addressOf(bytes)), 0);
  iovec.writeBigUInt64LE(1n, 8);
  const control = Buffer.alloc(24);
  control.writeBigUInt64LE(24n, 0);
  control.writeInt32LE(1, 8);
  control.writeInt32LE(1, 12);
  control.writeInt32LE(0, 16);
  control.writeInt32LE(0, 20);
  const message = Buffer.alloc(56);
  message.writeBigUInt64LE(BigInt(addressOf(iovec)), 16);
  message.writeBigUInt64LE(1n, 24);
  message.writeBigUInt64LE(BigInt(addressOf(control)), 32);
  message.writeBigUInt64LE(24n, 40);
  assert.equal(sendmsg(here, addressOf(message), 0), 1);
  const got = receiveDescriptor(there, Buffer.alloc(8));
  assert.ok(typeof got !== 'number');
  const next = openSync(folder, 'r');
  assert.equal(next, got.descriptor! + 1, 'the second has been closed');
  assert.ok(fstatSync(got.descriptor!));
  closeSync(next);
  closeSync(got.descriptor!);
  close(here);
  close(there);
});
