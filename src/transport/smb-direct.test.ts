/** MS-SMBD 3.1.7.2: how long a peer has for its first message, apart from sockets. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SMB_DIRECT_NEGOTIATION_TIMEOUT_MS } from '../base/limits.ts';
import type { RdmaConnection } from '../rdma/rdma.ts';
import { encodeNegotiateRequest } from '../rdma/smb-direct/messages.ts';
import { proposeNegotiate } from '../rdma/smb-direct/negotiation.ts';
import { World } from '../server/test-world.support.test.ts';
import { SmbDirectConnection } from './smb-direct.ts';

const IN_TIME_MS = SMB_DIRECT_NEGOTIATION_TIMEOUT_MS - 1;
const request = encodeNegotiateRequest(proposeNegotiate());
/** Whatever is read from sockets before immediates run has come by then. */
const afterPoll = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function accept(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const closed: string[] = [];
  const sent: number[] = [];
  const rdma: RdmaConnection = {
    remoteAddress: '10.0.0.7',
    remotePort: 40_000,
    localAddress: '10.0.0.1',
    unsentBytes: 0,
    post: () => {},
    send: (parts) => void sent.push(parts.length),
    write: () => {},
    read: () => Promise.resolve(false),
    pause: () => {},
    resume: () => {},
    close: (reason) => void closed.push(reason),
  };
  const handler = {
    maxMessageBytes: () => 1024,
    isBehind: () => false,
    receive: () => {},
    closed: () => Promise.resolve(),
  };
  const options = { maxReadWriteSize: 1024 * 1024 };
  const connection = new SmbDirectConnection(new World().server, rdma, options, () => handler);
  return { connection, closed, sent, tick: (ms: number) => t.mock.timers.tick(ms) };
}

test('five seconds for the first message begin when the RDMA connection is there', async (t) => {
  const { connection, closed, tick } = accept(t);
  // The time of the connection's own beginning is the provider's.
  tick(2 * SMB_DIRECT_NEGOTIATION_TIMEOUT_MS);
  await afterPoll();
  connection.established();
  tick(IN_TIME_MS);
  await afterPoll();
  assert.deepEqual(closed, []);
  tick(1);
  await afterPoll();
  assert.deepEqual(closed, ['no SMB Direct negotiation in time']);
});

test('a message that came in time is answered, however late the server reads it', async (t) => {
  const { connection, closed, sent, tick } = accept(t);
  connection.established();
  // A process that was stopped: its timers are looked at before its sockets.
  tick(2 * SMB_DIRECT_NEGOTIATION_TIMEOUT_MS);
  connection.received(request);
  await afterPoll();
  assert.deepEqual([closed, sent], [[], [1]]);
});

test('who has negotiated is not asked for it again', async (t) => {
  const { connection, closed, tick } = accept(t);
  connection.established();
  connection.received(request);
  tick(IN_TIME_MS + 1);
  await afterPoll();
  assert.deepEqual(closed, []);
});
