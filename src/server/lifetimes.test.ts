/**
 * MS-SMB2 3.3.4.17, 3.3.5.6, 3.3.5.8, 3.3.5.10, 3.3.7.1: everything that can end (open, tree connect,
 * session, connection) ends while each kind of operation hangs in the file system. Whatever the order,
 * nothing is used after its close (the memory file system asserts that), nothing is closed twice,
 * nothing stays open, and every request whose connection lives is answered.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isError, STATUS_INTERNAL_ERROR, STATUS_PENDING } from '../dtyp/ntstatus.ts';
import { SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB } from '../smb2/close.ts';
import {
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OVERWRITE_IF,
  FILE_SUPERSEDE,
} from '../smb2/create-options.ts';
import { SMB2_WRITEFLAG_WRITE_THROUGH } from '../smb2/write.ts';
import {
  type ClientSession,
  close,
  connected,
  create,
  type Draft,
  type FileId,
  TestClient,
  treeConnect,
} from './test-client.support.test.ts';
import {
  dispose,
  flush,
  LOGOFF,
  list,
  query,
  read,
  rename,
  TREE_DISCONNECT,
  transceive,
  write,
} from './test-requests.support.test.ts';
import { turns, World, type WorldOptions } from './test-world.support.test.ts';

interface Scene {
  readonly world: World;
  readonly client: TestClient;
  readonly session: ClientSession;
  readonly treeId: number;
  readonly file: FileId;
  readonly directory: FileId;
}

/** An operation and the call of the file system that it hangs in. */
const OPERATIONS: readonly (readonly [
  name: string,
  gates: readonly string[],
  draft: (scene: Scene) => Draft,
])[] = [
  ['CREATE of a new file', ['lookup', 'create', 'stat'], () => create({ name: 'dir\\fresh' })],
  [
    'CREATE of a new file, delete on close',
    ['lookup', 'create', 'stat', 'remove'],
    () => create({ name: 'fresh', createOptions: FILE_DELETE_ON_CLOSE }),
  ],
  [
    'CREATE of an existing file',
    ['lookup', 'stat', 'permissions', 'removable', 'open'],
    () => create({ name: 'other' }),
  ],
  [
    'CREATE that overwrites',
    ['open', 'truncate', 'set'],
    () => create({ name: 'other', createDisposition: FILE_OVERWRITE_IF }),
  ],
  [
    'CREATE that supersedes',
    ['truncate'],
    () => create({ name: 'other', createDisposition: FILE_SUPERSEDE }),
  ],
  [
    'CREATE of a directory',
    ['create', 'stat'],
    () => create({ name: 'new directory', createOptions: FILE_DIRECTORY_FILE }),
  ],
  ['READ', ['read'], ({ file }) => read(file)],
  ['WRITE', ['write'], ({ file }) => write(file)],
  [
    'WRITE through',
    ['write', 'flush'],
    ({ file }) => write(file, 'x', { flags: SMB2_WRITEFLAG_WRITE_THROUGH }),
  ],
  ['FLUSH', ['flush'], ({ file }) => flush(file)],
  [
    'QUERY_DIRECTORY',
    ['cursor', 'cursor.next', 'cursor.stat', 'stat', 'lookup'],
    ({ directory }) => list(directory),
  ],
  ['QUERY_DIRECTORY of one name', ['child'], ({ directory }) => list(directory, 'inner')],
  ['QUERY_INFO', ['stat'], ({ file }) => query(file)],
  ['rename', ['lookup', 'stat', 'rename'], ({ file }) => rename(file, 'other', true)],
  ['disposition', ['stat', 'removable'], ({ file }) => dispose(file)],
  ['disposition of a directory', ['stat', 'isEmpty'], ({ directory }) => dispose(directory)],
  ['TREE_CONNECT', ['attach'], () => treeConnect('share')],
  ['CLOSE', ['stat'], ({ file }) => close(file, SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB)],
];

/** What ends meanwhile; resolves when the client has its answer. */
const ENDS: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  CLOSE: async ({ client, session, treeId, file, directory }) => {
    const ids = [file, directory].map((id) => client.send([{ ...close(id), treeId }], session)[0]!);
    await Promise.all(ids.map((id) => client.final(id)));
  },
  TREE_DISCONNECT: ({ client, session, treeId }) =>
    client.call({ ...TREE_DISCONNECT, treeId }, session),
  LOGOFF: ({ client, session }) => client.call(LOGOFF, session),
  'loss of the connection': ({ client }) => client.handler.closed(),
  'a login with PreviousSessionId': async ({ world, session }) => {
    const other = new TestClient(world);
    await other.negotiate();
    await other.login('ann', { previous: session.sessionId });
    await other.lost();
  },
};

async function scene(options: WorldOptions = {}): Promise<Scene> {
  const world = new World(options);
  const { client, session, treeId } = await connected(world);
  const directory = await client.open(session, treeId, 'dir', {
    createOptions: FILE_DIRECTORY_FILE,
  });
  for (const name of ['dir\\inner', 'other']) {
    const id = await client.open(session, treeId, name);
    await client.call({ ...write(id), treeId }, session);
    await client.close(session, treeId, id);
  }
  const file = await client.open(session, treeId, 'file');
  return { world, client, session, treeId, file, directory };
}

for (const [name, gates, draft] of OPERATIONS) {
  for (const gate of gates) {
    for (const [end, perform] of Object.entries(ENDS)) {
      test(`${end} while ${name} hangs in ${gate}()`, async () => {
        const here = await scene();
        const { world, client, session, treeId } = here;
        world.gates.shut(gate);
        const [id] = client.send([{ ...draft(here), treeId }], session);
        await turns();
        assert.ok(world.gates.waiting.length > 0 || gate === 'remove', 'the operation hangs');
        const ending = perform(here);
        await turns();
        world.gates.open(gate);
        await ending;
        await turns();
        if (end !== 'loss of the connection') {
          const reply = client.finalNow(id!);
          assert.ok(reply !== undefined && reply.status !== STATUS_PENDING, 'it is answered');
          await client.lost();
        }
        world.assertEmpty();
      });
    }
  }
}

for (const [name, gates, draft] of OPERATIONS) {
  for (const gate of gates) {
    if (gate === 'remove') continue;
    test(`a bug in ${gate}() costs ${name}, and nothing stays open`, async () => {
      let broken = false;
      const here = await scene({
        fail: ({ method }) => {
          if (broken && method === gate) throw new Error('a bug');
          return 0;
        },
      });
      const { world, client, session, treeId } = here;
      const opens = world.server.opens.size;
      const { held } = world;
      broken = true;
      const { status } = await client.call({ ...draft(here), treeId }, session);
      broken = false;
      assert.equal(status, STATUS_INTERNAL_ERROR);
      assert.equal(world.errors.splice(0).length, 1);
      assert.equal(world.server.opens.size, opens);
      assert.equal(world.held, held);
      await client.lost();
      world.assertEmpty();
    });
  }
}

for (const [end, perform] of Object.entries(ENDS)) {
  test(`${end} while a pipe is read from`, async () => {
    const world = new World();
    const { client, session, treeId } = await connected(world, { share: 'IPC$' });
    const file = await client.open(session, treeId, 'echo');
    const directory = await client.open(session, treeId, 'echo');
    const drafts = [read(file), read(file), read(directory), transceive(directory, 'quiet')];
    const ids = drafts.map((draft) => client.send([{ ...draft, treeId }], session)[0]!);
    await turns();
    for (const id of ids) assert.ok(client.interim(id) !== undefined);
    await perform({ world, client, session, treeId, file, directory });
    await turns();
    if (end !== 'loss of the connection') {
      for (const id of ids) assert.ok(isError(client.finalNow(id)!.status));
      await client.lost();
    }
    world.assertEmpty();
  });
}
