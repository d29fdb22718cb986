/** MS-SMB2 3.3.5.2.7: compounded requests, related and not, and those with a member that waits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_BAD_NETWORK_NAME,
  STATUS_CANCELLED,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PENDING,
  STATUS_SUCCESS,
  STATUS_USER_SESSION_DELETED,
} from '../dtyp/ntstatus.ts';
import { encodeCancelRequest } from '../smb2/cancel.ts';
import { decodeCreateResponse } from '../smb2/create.ts';
import { FILE_OPEN } from '../smb2/create-options.ts';
import { encodeEchoRequest } from '../smb2/echo.ts';
import { Command, isAsync, isRelated, isSigned, SMB2_FLAGS_ASYNC_COMMAND } from '../smb2/header.ts';
import { decodeReadResponse } from '../smb2/read.ts';
import {
  type ClientSession,
  close,
  connected,
  create,
  type Draft,
  type Reply,
  SAME,
  type TestClient,
  treeConnect,
} from './test-client.support.test.ts';
import { query, read, write } from './test-requests.support.test.ts';
import { turns, World } from './test-world.support.test.ts';

const ECHO: Draft = { command: Command.ECHO, body: encodeEchoRequest() };

const related = (draft: Draft): Draft => ({ ...draft, related: true });

interface Scene {
  readonly world: World;
  readonly client: TestClient;
  readonly session: ClientSession;
  readonly treeId: number;
  chain(...drafts: Draft[]): Promise<Reply[]>;
  statuses(...drafts: Draft[]): Promise<number[]>;
}

/** Each test runs plain, signed and encrypted. */
function compound(name: string, body: (scene: Scene) => Promise<void>, share = 'share'): void {
  for (const how of ['plain', 'signed', 'encrypted'] as const) {
    test(`compound, ${how}: ${name}`, async () => {
      const world = new World();
      const { client, session, treeId } = await connected(world, { share });
      session.sign = how === 'signed';
      session.seal = how === 'encrypted';
      const chain = (...drafts: Draft[]) => {
        const [first, ...rest] = drafts;
        return client.chain([{ treeId, ...first! }, ...rest], session);
      };
      const statuses = async (...drafts: Draft[]) =>
        (await chain(...drafts)).map(({ status }) => status);
      await body({ world, client, session, treeId, chain, statuses });
      await client.lost();
      world.assertEmpty();
    });
  }
}

compound('session, tree and FileId are those of the member before', async ({ chain }) => {
  const replies = await chain(
    create({ name: 'file' }),
    related(write(SAME, 'eleven bytes')),
    related(query(SAME)),
    related(read(SAME)),
    related(close(SAME)),
  );
  assert.deepEqual(
    replies.map(({ status }) => status),
    [0, 0, 0, 0, 0],
  );
  assert.equal(decodeReadResponse(replies[3]!.message).data.toString(), 'eleven bytes');
  const [first] = replies;
  for (const [i, { frame, member, header, message }] of replies.entries()) {
    assert.equal(frame, first!.frame, 'one transport message');
    assert.equal(member, i);
    assert.equal(isRelated(header), i > 0, 'all but the first say that they are related');
    assert.equal(header.sessionId, first!.header.sessionId);
    assert.equal(header.treeId, first!.header.treeId);
    const isLast = i === replies.length - 1;
    assert.equal(header.nextCommand, isLast ? 0 : message.length);
    if (!isLast) assert.equal(message.length % 8, 0);
  }
});

compound('a related member takes the FileId before it, whatever its own says', async (scene) => {
  const { client, session, treeId, chain, statuses } = scene;
  const other = await client.open(session, treeId, 'other');
  const [made, closed] = await chain(create({ name: 'file' }), related(close(other)));
  assert.equal(closed!.status, STATUS_SUCCESS);
  assert.deepEqual(await statuses(query(decodeCreateResponse(made!.message))), [
    STATUS_FILE_CLOSED,
  ]);
  assert.deepEqual(await statuses(query(other), related(close(SAME))), [0, 0]);
  assert.deepEqual(await statuses(query(other)), [STATUS_FILE_CLOSED]);
});

compound('an unknown command behind others is refused, and they are answered', async (scene) => {
  const { chain, client, session } = scene;
  const unknown: Draft = { command: 0xff as Command, body: Buffer.from([4, 0, 0, 0]) };
  const replies = await chain(create({ name: 'file' }), related(close(SAME)), related(unknown));
  assert.deepEqual(
    replies.map(({ status }) => status),
    [STATUS_SUCCESS, STATUS_SUCCESS, STATUS_INVALID_PARAMETER],
  );
  // By itself, and where it depends on nothing, it ends the connection.
  client.send([ECHO, unknown], session);
  await turns();
  assert.match(client.transport.closeReason ?? '', /unknown command/);
});

compound('what needs the FileId of a failed member fails as it did', async ({ statuses }) => {
  const missing = create({ name: 'missing', createDisposition: FILE_OPEN });
  const failed = STATUS_OBJECT_NAME_NOT_FOUND;
  assert.deepEqual(await statuses(missing, related(query(SAME)), related(close(SAME))), [
    failed,
    failed,
    failed,
  ]);
  // What needs none goes on.
  assert.deepEqual(
    await statuses(missing, related(create({ name: 'file' })), related(close(SAME))),
    [failed, 0, 0],
  );
});

compound('a member behind CLOSE finds the open closed', async ({ statuses }) => {
  assert.deepEqual(
    await statuses(
      create({ name: 'file' }),
      related(close(SAME)),
      related(query(SAME)),
      related(close(SAME)),
    ),
    [0, 0, STATUS_FILE_CLOSED, STATUS_FILE_CLOSED],
  );
});

compound('without a FileId before it there is none to take', async ({ statuses }) => {
  assert.deepEqual(
    await statuses(treeConnect('share'), related(query(SAME)), related(close(SAME))),
    [0, STATUS_INVALID_HANDLE, STATUS_INVALID_HANDLE],
  );
  assert.deepEqual(await statuses(query(SAME)), [STATUS_FILE_CLOSED]);
});

compound('the tree connect of the member before is used', async ({ statuses }) => {
  assert.deepEqual(
    await statuses(
      treeConnect('share'),
      related(create({ name: 'file' })),
      related(write(SAME)),
      related(close(SAME)),
    ),
    [0, 0, 0, 0],
  );
  assert.deepEqual(
    await statuses(treeConnect('nowhere'), related(create({ name: 'file' })), related(close(SAME))),
    [STATUS_BAD_NETWORK_NAME, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER],
  );
});

compound('a chain whose first member is related has nothing to relate to', async (scene) => {
  const { client, session, treeId } = scene;
  const { sessionId } = session;
  const replies = await client.chain(
    [
      { ...related(create({ name: 'file' })), treeId, sessionId },
      related(query(SAME)),
      related(close(SAME)),
    ],
    session.seal ? { ...session, seal: false } : session,
  );
  for (const { status } of replies) {
    assert.ok(status === STATUS_INVALID_PARAMETER || status === STATUS_USER_SESSION_DELETED);
  }
  assert.equal(replies[0]!.status, STATUS_INVALID_PARAMETER);
  assert.equal(scene.world.server.opens.size, 0);
});

compound('unrelated members stand for themselves', async (scene) => {
  const { treeId, chain } = scene;
  const replies = await chain(
    create({ name: 'missing', createDisposition: FILE_OPEN }),
    ECHO,
    { ...create({ name: 'file' }), treeId },
    { ...create({ name: 'file' }), treeId: treeId + 77 },
  );
  assert.equal(replies[0]!.status, STATUS_OBJECT_NAME_NOT_FOUND);
  assert.equal(replies[1]!.status, 0);
  assert.equal(replies[2]!.status, 0);
  assert.notEqual(replies[3]!.status, 0);
  assert.ok(replies.every(({ header }) => !isRelated(header)));
});

compound(
  'the last member waits: the answers before it leave with its interim',
  async ({ client, session, treeId }) => {
    const pipe = await client.open(session, treeId, 'echo');
    const [wrote, reading] = client.send(
      [{ ...write(pipe, 'quiet'), treeId }, related(read(SAME))],
      session,
    ) as [number, number];
    await turns();
    const interim = client.interim(reading)!;
    assert.equal(interim.status, STATUS_PENDING);
    assert.ok(isAsync(interim.header) && interim.header.asyncId !== 0);
    assert.equal(interim.frame, client.finalNow(wrote)!.frame);
    assert.ok(interim.header.creditRequest > 0);
    assert.equal(client.finalNow(reading), undefined);
    await client.call({ ...write(pipe, 'louder'), treeId }, session);
    const final = await client.final(reading);
    assert.equal(final.status, 0);
    assert.equal(decodeReadResponse(final.message).data.toString(), 'LOUDER');
    assert.equal(final.header.asyncId, interim.header.asyncId);
    assert.ok(isAsync(final.header) && !isRelated(final.header));
    assert.equal(final.header.creditRequest, 0, 'credits came with the interim');
  },
  'IPC$',
);

compound(
  'a member in the middle waits: related ones behind it wait with it',
  async ({ world, client, session, treeId }) => {
    const pipe = await client.open(session, treeId, 'echo');
    const ids = client.send(
      [{ ...write(pipe, 'quiet'), treeId }, related(read(SAME)), related(close(SAME))],
      session,
    );
    await turns();
    assert.ok(client.finalNow(ids[0]!) !== undefined && client.interim(ids[1]!) !== undefined);
    assert.equal(client.finalNow(ids[2]!), undefined);
    assert.equal(world.server.opens.size, 1);
    await client.call({ ...write(pipe, 'go on'), treeId }, session);
    const reading = await client.final(ids[1]!);
    const closing = await client.final(ids[2]!);
    assert.deepEqual([reading.status, closing.status], [0, 0]);
    assert.equal(reading.frame, closing.frame, 'late answers leave together, too');
    assert.ok(isAsync(reading.header) && !isAsync(closing.header));
    assert.ok(!isRelated(reading.header) && isRelated(closing.header));
    assert.equal(reading.header.nextCommand, reading.message.length);
    assert.equal(world.server.opens.size, 0);
  },
  'IPC$',
);

compound(
  'a related member that waits can be cancelled by MessageId and by AsyncId',
  async ({ client, session, treeId }) => {
    for (const by of ['MessageId', 'AsyncId'] as const) {
      const pipe = await client.open(session, treeId, 'echo');
      const ids = client.send(
        [{ ...write(pipe, 'quiet'), treeId }, related(read(SAME)), related(close(SAME))],
        session,
      );
      await turns();
      const { asyncId } = client.interim(ids[1]!)!.header;
      const target =
        by === 'MessageId'
          ? { messageId: ids[1]! }
          : { messageId: 0, asyncId, flags: SMB2_FLAGS_ASYNC_COMMAND };
      client.send([{ command: Command.CANCEL, body: encodeCancelRequest(), ...target }], session);
      assert.equal((await client.final(ids[1]!)).status, STATUS_CANCELLED, by);
      // A CLOSE is done all the same.
      assert.equal((await client.final(ids[2]!)).status, STATUS_SUCCESS, by);
    }
  },
  'IPC$',
);

compound(
  'unrelated members behind one that waits do not wait',
  async ({ client, session, treeId }) => {
    const pipe = await client.open(session, treeId, 'echo');
    const ids = client.send(
      [{ ...read(pipe), treeId }, ECHO, { ...write(pipe, 'answer'), treeId }],
      session,
    );
    await turns();
    assert.ok(client.interim(ids[0]!) !== undefined);
    assert.equal(client.finalNow(ids[1]!)?.status, 0);
    assert.equal(client.finalNow(ids[2]!)?.status, 0);
    assert.equal((await client.final(ids[0]!)).status, 0);
  },
  'IPC$',
);

test('compound: an interim response to a signed request is signed', async () => {
  const world = new World();
  const { client, session, treeId } = await connected(world, { share: 'IPC$' });
  const pipe = await client.open(session, treeId, 'echo');
  const [id] = client.send([{ ...read(pipe), treeId }], session);
  await turns();
  assert.ok(isSigned(client.interim(id!)!.header));
  await client.lost();
  world.assertEmpty();
});
