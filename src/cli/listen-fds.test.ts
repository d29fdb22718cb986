import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandError } from './command-error.ts';
import { handedSockets, takeHandedSockets } from './listen-fds.ts';

const PID = 4711;
const ours = { LISTEN_PID: `${PID}` };

test('as many descriptors as are said, from 3 on, with their names', () => {
  const environment = { ...ours, LISTEN_FDS: '2', LISTEN_FDNAMES: 'smb:rpc' };
  assert.deepEqual(handedSockets(environment, PID), [
    { fd: 3, name: 'smb' },
    { fd: 4, name: 'rpc' },
  ]);
  assert.deepEqual(handedSockets({ ...ours, LISTEN_FDS: '1' }, PID), [{ fd: 3, name: 'unknown' }]);
  assert.deepEqual(handedSockets({ ...ours, LISTEN_FDS: '0' }, PID), []);
});

test("what is another process's is not ours, and without systemd there is nothing", () => {
  assert.deepEqual(handedSockets({ LISTEN_PID: '4712', LISTEN_FDS: '1' }, PID), []);
  assert.deepEqual(handedSockets({ LISTEN_FDS: '1' }, PID), []);
  assert.deepEqual(handedSockets({ ...ours }, PID), []);
});

test('children hear nothing of them, whosesoever they were', () => {
  for (const pid of [process.pid, process.pid + 1]) {
    const environment = {
      LISTEN_PID: `${pid}`,
      LISTEN_FDS: '1',
      LISTEN_FDNAMES: 'smb',
      LISTEN_PIDFDID: '7',
      OTHER: 'x',
    };
    assert.equal(takeHandedSockets(environment).length, pid === process.pid ? 1 : 0);
    assert.deepEqual(environment, { OTHER: 'x' });
  }
});

test('what systemd does not say is refused', () => {
  for (const LISTEN_FDS of ['', 'two', '-1', '1.5', '65', '99999999999'])
    assert.throws(() => handedSockets({ ...ours, LISTEN_FDS }, PID), CommandError, LISTEN_FDS);
  const names = { ...ours, LISTEN_FDS: '2', LISTEN_FDNAMES: 'smb' };
  assert.throws(() => handedSockets(names, PID), /1 names for 2 sockets; expected as many/);
});
