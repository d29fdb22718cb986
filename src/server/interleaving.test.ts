/**
 * Several clients do what they like to the same few names, over a file system that answers now or some
 * turns later. Whatever the order: one final answer to each request, no bug, nothing left at the end.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { STATUS_INTERNAL_ERROR, STATUS_PENDING } from '../dtyp/ntstatus.ts';
import { SMB2_WATCH_TREE } from '../smb2/change-notify.ts';
import { SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB } from '../smb2/close.ts';
import { decodeCreateResponse } from '../smb2/create.ts';
import { FILE_DELETE_ON_CLOSE, FILE_DIRECTORY_FILE } from '../smb2/create-options.ts';
import { Command } from '../smb2/header.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK } from '../smb2/lock.ts';
import { SMB2_WRITEFLAG_WRITE_THROUGH } from '../smb2/write.ts';
import {
  type ClientSession,
  close,
  connected,
  create,
  type Draft,
  type FileId,
  SAME,
  type TestClient,
  treeConnect,
} from './test-client.support.test.ts';
import {
  dispose,
  flush,
  LOGOFF,
  link,
  list,
  lock,
  notify,
  query,
  read,
  rename,
  TREE_DISCONNECT,
  write,
} from './test-requests.support.test.ts';
import { turns, World } from './test-world.support.test.ts';

const NAMES = ['a', 'b', 'd', 'd\\a', 'd\\b'] as const;

interface Peer {
  readonly client: TestClient;
  readonly session: ClientSession;
  readonly treeIds: number[];
  readonly files: FileId[];
  readonly asked: number[];
  lost: boolean;
}

const on: readonly ((id: FileId, name: string) => Draft)[] = [
  (id) => close(id),
  (id) => close(id, SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB),
  (id) => read(id),
  (id) => write(id, 'some bytes', { flags: SMB2_WRITEFLAG_WRITE_THROUGH }),
  (id) => flush(id),
  (id) => query(id),
  (id) => list(id),
  (id) => list(id, 'a'),
  (id, name) => rename(id, name, true),
  (id, name) => link(id, name, true),
  (id) => dispose(id),
  (id) => dispose(id, false),
  // These two wait: for the lock of another, for a change.
  (id) => lock(id, { offset: 0n, length: 10n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK }),
  (id) => notify(id, SMB2_WATCH_TREE),
];

const steps = fc.array(
  fc.record({
    peer: fc.nat(2),
    action: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom('create', 'on', 'compound' as const) },
      { weight: 3, arbitrary: fc.constant('turn' as const) },
      { weight: 1, arbitrary: fc.constantFrom('tree', 'untree', 'logoff', 'lose' as const) },
    ),
    name: fc.constantFrom(...NAMES),
    which: fc.nat(13),
    file: fc.nat(5),
    createDisposition: fc.nat(5),
    createOptions: fc.constantFrom(0, 0, FILE_DIRECTORY_FILE, FILE_DELETE_ON_CLOSE),
    shareAccess: fc.constantFrom(7, 7, 7, 3),
  }),
  { minLength: 20, maxLength: 60 },
);

/** Told at the end, by what is asserted there. */
const ignoreLoss = (): void => {};

function send(peer: Peer, drafts: readonly Draft[]): void {
  const { client, session, treeIds } = peer;
  const treeId = treeIds[0] ?? 1;
  const ids = client.send(
    drafts.map((draft, i) => (i === 0 ? { treeId, ...draft } : { ...draft, related: true })),
    session,
  );
  peer.asked.push(...ids);
  void client.final(ids[0]!).then((reply) => {
    if (reply.status !== 0) return;
    if (reply.header.command === 5) peer.files.push(decodeCreateResponse(reply.message));
    if (reply.header.command === 3) treeIds.unshift(reply.header.treeId);
  }, ignoreLoss);
}

test('interleaving: each request has one answer, and nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.infiniteStream(fc.nat(3)), async (list, delays) => {
      const world = new World();
      const peers: Peer[] = [];
      const losses: Promise<void>[] = [];
      for (const user of ['ann', 'bob', 'ann']) {
        const { client, session, treeId } = await connected(world, { user });
        peers.push({ client, session, treeIds: [treeId], files: [], asked: [], lost: false });
      }
      world.gates.delay = async () => {
        for (let i = delays.next().value ?? 0; i > 0; i--) await turns();
      };
      for (const step of list) {
        const peer = peers[step.peer]!;
        const { name, createDisposition, createOptions, shareAccess } = step;
        const make = create({ name, createDisposition, createOptions, shareAccess });
        const draft = on[step.which]!;
        if (step.action === 'turn') await turns();
        if (step.action === 'turn' || peer.lost || peer.client.credits < 3) continue;
        const file = peer.files[step.file] ?? { persistentId: 1, volatileId: 1 };
        if (step.action === 'create') send(peer, [make]);
        else if (step.action === 'on') send(peer, [draft(file, name)]);
        else if (step.action === 'compound') send(peer, [make, draft(SAME, name), close(SAME)]);
        else if (step.action === 'tree') send(peer, [treeConnect('share')]);
        else if (step.action === 'untree') send(peer, [TREE_DISCONNECT]);
        else if (step.action === 'logoff') send(peer, [LOGOFF]);
        else {
          peer.lost = true;
          losses.push(peer.client.handler.closed());
        }
      }
      world.gates.delay = undefined;
      assert.deepEqual(world.errors, []);
      for (let i = 0; i < 8; i++) await turns();
      for (const peer of peers) if (!peer.lost) send(peer, [LOGOFF]);
      for (const { client, asked, lost } of peers) {
        if (!lost) await Promise.all(asked.map((id) => client.final(id)));
        for (const id of asked) {
          const answers = client.replies.filter(
            ({ header, status }) => header.messageId === id && status !== STATUS_PENDING,
          );
          assert.equal(answers.length, lost ? Math.min(1, answers.length) : 1);
          // What a NOTIFY that others of its compound wait for is told.
          if (answers[0]?.header.command === Command.CHANGE_NOTIFY) continue;
          assert.notEqual(answers[0]?.status, STATUS_INTERNAL_ERROR);
        }
        if (!lost) await client.lost();
      }
      // What a lost connection waited for is over, too.
      await Promise.all(losses);
      world.assertEmpty();
    }),
    { numRuns: 60 },
  );
});
