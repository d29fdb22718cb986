/** What a worker may say that somebody has taken over: it costs that worker, and nobody else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STATUS_ACCESS_DENIED, STATUS_INVALID_PARAMETER } from '../dtyp/ntstatus.ts';
import { mount, open, statusOf } from '../server/test-durables.support.test.ts';
import { write } from '../server/test-requests.support.test.ts';
import { turns, World } from '../server/test-world.support.test.ts';
import { addFlags, Command, encodeHeader, SMB2_FLAGS_SIGNED } from '../smb2/header.ts';
import type { Channel } from './channel.ts';
import { localChannel } from './local-channel.ts';
import {
  decodeToWorker,
  encodeEvent,
  requestHead,
  type ToOwner,
  type ToWorker,
  toOwner,
} from './protocol.ts';
import { WorkerLink } from './worker-link.ts';

const REMOTE = {
  address: '192.0.2.9',
  port: 9,
  localAddress: '192.0.2.2',
  clientGuid: undefined,
  unacknowledged: () => false,
  end: () => {},
};

const negotiatedAs = (connectionId: number, dialect = 0x0311): ToOwner => ({
  kind: 'negotiated',
  connectionId,
  dialect,
  clientGuid: Buffer.alloc(16, 9),
  clientCapabilities: 0,
  clientSecurityMode: 1,
  clientDialects: [dialect],
  serverCapabilities: 0,
  serverSecurityMode: 1,
  shouldSign: false,
  cipherId: 0,
  signingAlgorithm: 1,
  posixExtensions: false,
  compression: undefined,
});

interface Taken {
  readonly world: World;
  readonly link: WorkerLink;
  readonly channel: Channel;
  readonly connectionId: number;
  readonly reasons: string[];
  /** What the owner has told it. */
  readonly heard: ToWorker[];
  tell(event: ToOwner): void;
}

/** A worker 3 beside two honest ones, and what it says is the test's. */
function taken(): Taken {
  const world = new World({ workers: 2 });
  const [here, channel] = localChannel();
  const reasons: string[] = [];
  const ended = (reason: string): void => void reasons.push(reason);
  const link = new WorkerLink(3, world.server, here, { ready: () => {}, ended });
  const heard: ToWorker[] = [];
  const message = (payload: Buffer): void => {
    const told = decodeToWorker(payload);
    if (told.kind === 'event') heard.push(told.event);
  };
  channel.listen({ message, drained: () => {}, closed: () => {} });
  const tell = (event: ToOwner): void => channel.send([encodeEvent(toOwner, event)]);
  return { world, link, channel, connectionId: link.accept(REMOTE), reasons, heard, tell };
}

const header = (command: number, sessionId = 0) =>
  encodeHeader({ command, sessionId, messageId: 5 });

const relayed = (connectionId: number, message: Buffer, verdicts = [0], encrypted = false) => [
  requestHead({ connectionId, encrypted, credits: 1, verdicts }),
  message,
];

/** SESSION_SETUP, with SMB2_SESSION_FLAG_BINDING. */
const BODY = Buffer.from([25, 0, 1, ...Array.from({ length: 22 }, () => 0)]);

const CASES: Readonly<Record<string, (at: Taken) => void>> = {
  'bytes of no kind': ({ channel }) => channel.send([Buffer.from('junk')]),
  'nothing at all': ({ channel }) => channel.send([Buffer.alloc(0)]),
  'an event that is cut': ({ channel }) => channel.send([Buffer.from([0, 1, 2])]),
  'another version': ({ tell }) => tell({ kind: 'ready', version: 99 }),
  'a dialect that is none': ({ tell, connectionId }) => tell(negotiatedAs(connectionId, 0x0999)),
  'a second NEGOTIATE': ({ tell, connectionId }) => {
    tell(negotiatedAs(connectionId));
    tell(negotiatedAs(connectionId));
  },
  'a request before NEGOTIATE': ({ channel, connectionId }) =>
    channel.send(relayed(connectionId, header(Command.ECHO))),
  'a SESSION_SETUP': ({ tell, channel, connectionId }) => {
    tell(negotiatedAs(connectionId));
    channel.send(
      relayed(connectionId, Buffer.concat([header(Command.SESSION_SETUP), Buffer.alloc(24)])),
    );
  },
  'more verdicts than requests': ({ tell, channel, connectionId }) => {
    tell(negotiatedAs(connectionId));
    channel.send(relayed(connectionId, header(Command.ECHO), [0, 0]));
  },
  'a request that is cut': ({ tell, channel, connectionId }) => {
    tell(negotiatedAs(connectionId));
    channel.send(relayed(connectionId, header(Command.ECHO).subarray(0, 60)));
  },
};

for (const [what, say] of Object.entries(CASES)) {
  test(`hostile worker: ${what}`, async () => {
    const at = taken();
    const { world, reasons } = at;
    const ann = await mount(world);
    const file = await open(ann, 'file', []);
    say(at);
    await turns();
    assert.deepEqual(reasons, ['it broke the protocol between workers']);
    assert.match(world.errors.splice(0).join(), /a worker sent what no worker sends/);
    assert.equal(world.server.connections.size, 1, 'its connection is gone, the other is not');
    assert.equal(await statusOf(ann, write(file, 'goes on')), 0);
    await ann.client.lost();
    world.assertEmpty();
  });
}

test("hostile worker: sessions of others, logins of nobody and other workers' connections are not its own", async () => {
  const { world, link, channel, tell, connectionId, reasons } = taken();
  const ann = await mount(world);
  const theirs = [...world.server.connections].find(({ authenticated }) => authenticated)!.id;
  const sessionId = 3 * 2 ** 26 + 1;
  tell(negotiatedAs(connectionId));
  const ask = {
    connectionId,
    loginId: 77,
    previousSessionId: ann.session.sessionId,
    binding: false,
  } as const;
  // Of a login that never was, for its own session and for another's.
  tell({ kind: 'admit', question: 1, sessionId, ...ask });
  tell({ kind: 'admit', question: 2, sessionId: ann.session.sessionId, ...ask });
  tell({ kind: 'refused', question: 3, sessionId: ann.session.sessionId });
  tell({ kind: 'closed', connectionId: theirs });
  channel.send(relayed(theirs, header(Command.LOGOFF, ann.session.sessionId)));
  // On its own connection, in the name of a session that is not there.
  const logoff = Buffer.concat([
    header(Command.LOGOFF, ann.session.sessionId),
    Buffer.from([4, 0, 0, 0]),
  ]);
  channel.send(relayed(connectionId, logoff));
  channel.send(relayed(connectionId, logoff, [0], true));
  await turns();
  assert.deepEqual([reasons, world.server.sessions.size], [[], 1]);
  assert.equal(await statusOf(ann, write(await open(ann, 'file', []), 'mine')), 0);
  await link.end('the test is over');
  await ann.client.lost();
  world.assertEmpty();
});

test('hostile worker: a login of its own opens no session that it was not shown a signature of', async () => {
  const { world, link, tell, connectionId, heard } = taken();
  const ann = await mount(world);
  tell(negotiatedAs(connectionId));
  for (const token of ['ann', 'ann:right']) {
    tell({ kind: 'loginStep', loginId: 1, address: '::1', token: Buffer.from(token) });
    await turns();
  }
  const { sessionId } = ann.session;
  const unsigned = header(Command.SESSION_SETUP, sessionId);
  tell({ kind: 'find', question: 1, connectionId, message: Buffer.concat([unsigned, BODY]) });
  addFlags(unsigned, SMB2_FLAGS_SIGNED);
  tell({ kind: 'find', question: 2, connectionId, message: Buffer.concat([unsigned, BODY]) });
  const entry = { connectionId, sessionId, loginId: 1, previousSessionId: 0, binding: true };
  tell({ kind: 'admit', question: 3, ...entry });
  await turns();
  const answers = heard.filter(({ kind }) => kind === 'found' || kind === 'admitted');
  assert.deepEqual(answers, [
    { kind: 'found', question: 1, refusal: STATUS_INVALID_PARAMETER, session: undefined },
    { kind: 'found', question: 2, refusal: STATUS_ACCESS_DENIED, session: undefined },
    { kind: 'admitted', question: 3, admission: 'gone' },
  ]);
  assert.match(world.errors.splice(0).join(), /a session that is not the worker's/);
  assert.equal(world.server.sessions.get(sessionId)!.channels.size, 1);
  await link.end('the test is over');
  await ann.client.lost();
  world.assertEmpty();
});
