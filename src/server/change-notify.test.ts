/**
 * MS-SMB2 3.3.5.19 and 3.3.5.10 with MS-FSA 2.1.5.11: CHANGE_NOTIFY on files in memory. What is
 * told of each operation, what ends the wait, and what is refused.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_WATCHES_PER_SESSION } from '../base/limits.ts';
import { FILE_LIST_DIRECTORY, FILE_READ_ATTRIBUTES } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_CANCELLED,
  STATUS_DELETE_PENDING,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INTERNAL_ERROR,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_IMPLEMENTED,
  STATUS_NOTIFY_CLEANUP,
  STATUS_NOTIFY_ENUM_DIR,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_HIDDEN } from '../fscc/attributes.ts';
import { FileBasicInformation, FileEndOfFileInformation } from '../fscc/file-information.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { decodeNotifyInformation } from '../fscc/notify-information.ts';
import {
  decodeChangeNotifyResponse,
  encodeChangeNotifyRequest,
  FILE_NOTIFY_CHANGE_ATTRIBUTES,
  FILE_NOTIFY_CHANGE_DIR_NAME,
  FILE_NOTIFY_CHANGE_FILE_NAME,
  FILE_NOTIFY_CHANGE_LAST_WRITE,
  FILE_NOTIFY_CHANGE_SIZE,
  SMB2_WATCH_TREE,
} from '../smb2/change-notify.ts';
import {
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OVERWRITE_IF,
} from '../smb2/create-options.ts';
import { encodeEchoRequest } from '../smb2/echo.ts';
import { Command, isAsync, SMB2_FLAGS_ASYNC_COMMAND } from '../smb2/header.ts';
import {
  type ClientSession,
  close,
  connected,
  create,
  type Draft,
  type FileId,
  type Reply,
  SAME,
  type TestClient,
} from './test-client.support.test.ts';
import {
  dispose,
  LOGOFF,
  link,
  query,
  rename,
  setInfo,
  TREE_DISCONNECT,
  write,
} from './test-requests.support.test.ts';
import { turns, World, type WorldOptions } from './test-world.support.test.ts';

const NAMES = FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME;
const ALL = 0xfff;

interface Ask {
  readonly filter?: number;
  readonly tree?: boolean;
  readonly size?: number;
}

const notify = (
  { persistentId, volatileId }: FileId,
  { filter = ALL, tree = false, size = 4096 }: Ask = {},
): Draft => ({
  command: Command.CHANGE_NOTIFY,
  body: encodeChangeNotifyRequest({
    flags: tree ? SMB2_WATCH_TREE : 0,
    outputBufferLength: size,
    persistentId,
    volatileId,
    completionFilter: filter,
  }),
});

class Scene {
  readonly world: World;
  readonly client: TestClient;
  readonly session: ClientSession;
  readonly treeId: number;

  private constructor(
    world: World,
    { client, session, treeId }: { client: TestClient; session: ClientSession; treeId: number },
  ) {
    this.world = world;
    this.client = client;
    this.session = session;
    this.treeId = treeId;
  }

  static async set(options: WorldOptions = {}): Promise<Scene> {
    const world = new World(options);
    const scene = new Scene(world, await connected(world));
    await scene.open('d', { createOptions: FILE_DIRECTORY_FILE }).then((id) => scene.close(id));
    return scene;
  }

  send(draft: Draft): number {
    return this.client.send([{ ...draft, treeId: this.treeId }], this.session)[0]!;
  }

  async status(draft: Draft): Promise<NtStatus> {
    return (await this.client.call({ ...draft, treeId: this.treeId }, this.session)).status;
  }

  async done(draft: Draft): Promise<void> {
    assert.equal(await this.status(draft), STATUS_SUCCESS);
  }

  open(name: string, over: Parameters<TestClient['open']>[3] = {}): Promise<FileId> {
    return this.client.open(this.session, this.treeId, name, over);
  }

  close(id: FileId): Promise<void> {
    return this.done(close(id));
  }

  /** A watch on the directory `d`, or another, with nothing told yet. */
  async watch(ask: Ask = {}, name = 'd'): Promise<FileId> {
    const id = await this.open(name, { ...directory, desiredAccess: FILE_LIST_DIRECTORY });
    const waiting = this.send(notify(id, ask));
    this.cancel(waiting);
    assert.equal((await this.client.final(waiting)).status, STATUS_CANCELLED);
    return id;
  }

  cancel(messageId: number): void {
    const { asyncId } = this.client.interim(messageId)!.header;
    const how = { flags: SMB2_FLAGS_ASYNC_COMMAND, asyncId, messageId: 0 };
    this.send({ command: Command.CANCEL, body: Buffer.from([4, 0, 0, 0]), ...how });
  }

  /** What is there to be told now; none where the request would wait. */
  async told(id: FileId, ask: Ask = {}): Promise<string[]> {
    const asked = this.send(notify(id, ask));
    if (this.client.interim(asked) !== undefined) this.cancel(asked);
    const reply = await this.client.final(asked);
    return reply.status === STATUS_CANCELLED ? [] : changesIn(reply);
  }

  async end(): Promise<void> {
    await this.client.lost();
    this.world.assertEmpty();
    assert.ok(this.world.server.notifier.isIdle);
  }
}

function changesIn(reply: Reply): string[] {
  assert.equal(reply.status, STATUS_SUCCESS, reply.status.toString(16));
  const { outputBuffer } = decodeChangeNotifyResponse(reply.message);
  return decodeNotifyInformation(outputBuffer).map(
    ({ action, fileName }) => `${'?+-*<>'[action]}${fileName}`,
  );
}

const directory = { createOptions: FILE_DIRECTORY_FILE };

const basic = (id: FileId, over: Partial<Parameters<typeof FileBasicInformation.encode>[0]>) =>
  setInfo(
    id,
    FileInformationClass.FileBasicInformation,
    FileBasicInformation.encode({
      creationTime: 0n,
      lastAccessTime: 0n,
      lastWriteTime: 0n,
      changeTime: 0n,
      fileAttributes: 0,
      ...over,
    }),
  );

test('creation, data, attributes, renaming and deletion, in their order, with relative names', async () => {
  const scene = await Scene.set();
  const watch = await scene.watch({ tree: true }, '');
  const file = await scene.open('d\\file');
  await scene.done(write(file));
  await scene.done(write(file, 'more'));
  assert.deepEqual(await scene.told(watch), ['+d\\file'], 'what is written is told at the close');
  await scene.close(file);
  assert.deepEqual(await scene.told(watch), ['*d\\file']);
  const again = await scene.open('d\\file');
  await scene.done(rename(again, 'd\\other'));
  assert.deepEqual(await scene.told(watch), ['<d\\file', '>d\\other']);
  await scene.done(rename(again, 'moved'));
  assert.deepEqual(await scene.told(watch), ['-d\\other', '+moved']);
  await scene.done(basic(again, { fileAttributes: FILE_ATTRIBUTE_HIDDEN }));
  await scene.close(again);
  assert.deepEqual(await scene.told(watch), ['*moved']);
  const over = { createDisposition: FILE_OVERWRITE_IF, fileAttributes: FILE_ATTRIBUTE_HIDDEN };
  await scene.close(await scene.open('moved', over));
  assert.deepEqual(await scene.told(watch), ['*moved']);
  await scene.close(await scene.open('moved', { createOptions: FILE_DELETE_ON_CLOSE }));
  assert.deepEqual(await scene.told(watch), ['-moved']);
  await scene.close(await scene.open('e', directory));
  const emptied = await scene.open('e', directory);
  await scene.done(dispose(emptied));
  assert.deepEqual(await scene.told(watch), ['+e']);
  await scene.close(emptied);
  assert.deepEqual(await scene.told(watch), ['-e']);
  await scene.end();
});

test('reading, closing and asking change nothing', async () => {
  const scene = await Scene.set();
  await scene.close(await scene.open('d\\file'));
  const watch = await scene.watch();
  const file = await scene.open('d\\file');
  await scene.done(basic(file, {}));
  await scene.close(file);
  assert.deepEqual(await scene.told(watch), []);
  await scene.end();
});

test('hard links, and renames over what is there', async () => {
  const scene = await Scene.set();
  const [one, two] = [await scene.open('d\\one'), await scene.open('d\\TWO')];
  await scene.close(two);
  const watch = await scene.watch();
  await scene.done(link(one, 'd\\third'));
  assert.deepEqual(await scene.told(watch), ['+third']);
  await scene.done(rename(one, 'd\\two', true));
  assert.deepEqual(await scene.told(watch), ['-TWO', '<one', '>two']);
  await scene.end();
});

for (const [name, filter, told] of [
  ['FILE_NAME', FILE_NOTIFY_CHANGE_FILE_NAME, ['+f']],
  ['DIR_NAME', FILE_NOTIFY_CHANGE_DIR_NAME, ['+g']],
  ['ATTRIBUTES', FILE_NOTIFY_CHANGE_ATTRIBUTES, ['*f']],
  ['SIZE', FILE_NOTIFY_CHANGE_SIZE, ['*f', '*f']],
  ['LAST_WRITE', FILE_NOTIFY_CHANGE_LAST_WRITE, ['*f', '*f']],
  ['no bit that means anything', 0x8000_0000, []],
] as const) {
  test(`filter ${name}`, async () => {
    const scene = await Scene.set();
    const watch = await scene.watch({ filter });
    const file = await scene.open('d\\f');
    await scene.done(write(file));
    await scene.close(file);
    await scene.close(await scene.open('d\\g', directory));
    const again = await scene.open('d\\f');
    await scene.done(basic(again, { fileAttributes: FILE_ATTRIBUTE_HIDDEN }));
    await scene.close(again);
    const third = await scene.open('d\\f');
    const size = FileEndOfFileInformation.encode({ endOfFile: 3 });
    await scene.done(setInfo(third, FileInformationClass.FileEndOfFileInformation, size));
    await scene.close(third);
    // The filter is that of the first request, whatever later ones ask for.
    assert.deepEqual(await scene.told(watch, { filter: ALL, tree: true }), told);
    await scene.end();
  });
}

test('a request that waits is pending, then answered asynchronously; the next has what came between', async () => {
  const scene = await Scene.set();
  const id = await scene.open('d', directory);
  const asked = scene.send(notify(id, { filter: NAMES }));
  const interim = scene.client.interim(asked)!;
  assert.ok(isAsync(interim.header) && interim.status === STATUS_PENDING);
  for (const name of ['a', 'b', 'c']) await scene.close(await scene.open(`d\\${name}`));
  const reply = await scene.client.final(asked);
  assert.deepEqual(changesIn(reply), ['+a']);
  assert.equal(reply.header.asyncId, interim.header.asyncId);
  assert.deepEqual(await scene.told(id), ['+b', '+c']);
  await scene.end();
});

test('several requests on one open are answered in their order', async () => {
  const scene = await Scene.set();
  const id = await scene.open('d', directory);
  const asked = [1, 2, 3].map(() => scene.send(notify(id)));
  scene.cancel(asked[1]!);
  await scene.open('d\\a');
  await scene.open('d\\b');
  assert.deepEqual(changesIn(await scene.client.final(asked[0]!)), ['+a']);
  assert.equal((await scene.client.final(asked[1]!)).status, STATUS_CANCELLED);
  assert.deepEqual(changesIn(await scene.client.final(asked[2]!)), ['+b']);
  await scene.end();
});

test('what does not fit is NOTIFY_ENUM_DIR, for ever where the first buffer was too small', async () => {
  const scene = await Scene.set();
  const [watch, tiny] = [await scene.watch({ size: 100 }), await scene.watch({ size: 1 })];
  for (let i = 0; i < 10; i++) await scene.open(`d\\file ${i}`);
  assert.equal(await scene.status(notify(watch)), STATUS_NOTIFY_ENUM_DIR);
  await scene.open('d\\more');
  assert.deepEqual(await scene.told(watch), ['+more']);
  await scene.open('d\\again');
  assert.equal(await scene.status(notify(watch, { size: 0 })), STATUS_NOTIFY_ENUM_DIR);
  for (const name of ['x', 'y']) {
    await scene.open(`d\\${name}`);
    assert.equal(await scene.status(notify(tiny)), STATUS_NOTIFY_ENUM_DIR);
  }
  await scene.end();
});

test('CLOSE, TREE_DISCONNECT and LOGOFF end the wait with NOTIFY_CLEANUP', async () => {
  for (const how of ['close', 'tree', 'logoff'] as const) {
    const scene = await Scene.set();
    const id = await scene.open('d', directory);
    const asked = [scene.send(notify(id)), scene.send(notify(id))];
    await scene.done(how === 'close' ? close(id) : how === 'tree' ? TREE_DISCONNECT : LOGOFF);
    for (const one of asked) {
      const { status, header } = await scene.client.final(one);
      assert.equal(status, STATUS_NOTIFY_CLEANUP, how);
      assert.ok(isAsync(header));
    }
    assert.ok(scene.world.server.notifier.isIdle);
    await scene.end();
  }
});

test('a directory that is to be deleted: DELETE_PENDING, at once and later', async () => {
  const scene = await Scene.set();
  const id = await scene.open('d', directory);
  const asked = scene.send(notify(id));
  await scene.close(await scene.open('d', { createOptions: FILE_DELETE_ON_CLOSE | 1 }));
  assert.equal((await scene.client.final(asked)).status, STATUS_DELETE_PENDING);
  assert.equal(await scene.status(notify(id)), STATUS_DELETE_PENDING);
  await scene.done(dispose(id, false));
  const watched = scene.send(notify(id));
  await scene.open('d\\f');
  assert.deepEqual(changesIn(await scene.client.final(watched)), ['+f']);
  await scene.end();
});

test('two shares over one file system, two sessions: each hears of the other', async () => {
  const scene = await Scene.set();
  const watch = await scene.watch();
  const other = await connected(scene.world);
  const treeId = await other.client.tree(other.session, 'fixed');
  const through = await other.client.open(other.session, treeId, 'd', {
    ...directory,
    desiredAccess: FILE_LIST_DIRECTORY,
  });
  const [asked] = other.client.send([{ ...notify(through), treeId }], other.session);
  await scene.open('d\\f');
  assert.deepEqual(changesIn(await other.client.final(asked!)), ['+f']);
  assert.deepEqual(await scene.told(watch), ['+f']);
  await other.client.lost();
  await scene.end();
});

test('refused: no directory, no right to list, too large a buffer, too many, a share without', async () => {
  const scene = await Scene.set();
  const file = await scene.open('f');
  assert.equal(await scene.status(notify(file)), STATUS_INVALID_PARAMETER);
  const blind = await scene.open('d', { ...directory, desiredAccess: FILE_READ_ATTRIBUTES });
  assert.equal(await scene.status(notify(blind)), STATUS_ACCESS_DENIED);
  const id = await scene.open('d', directory);
  const large = { ...notify(id, { size: (1 << 20) + 1 }), charge: 17 };
  assert.equal(await scene.status(large), STATUS_INVALID_PARAMETER);
  const session = [...scene.world.server.sessions.values()][0]!;
  session.watches = MAX_WATCHES_PER_SESSION;
  assert.equal(await scene.status(notify(id)), STATUS_INSUFFICIENT_RESOURCES);
  session.watches = 0;
  await scene.end();
  const deaf = await Scene.set({ share: { changeNotify: false } });
  const there = await deaf.open('d', directory);
  const reply = await deaf.client.final(deaf.send(notify(there)));
  assert.equal(reply.status, STATUS_NOT_IMPLEMENTED);
  assert.ok(isAsync(reply.header), 'else Windows asks for ever');
  await deaf.end();
});

test('the connection is lost while requests wait and changes happen', async () => {
  const scene = await Scene.set();
  const other = await connected(scene.world);
  const id = await scene.open('d', directory);
  for (let i = 0; i < 5; i++) scene.send(notify(id));
  await other.client.open(other.session, other.treeId, 'd\\f');
  await scene.client.lost();
  await other.client.open(other.session, other.treeId, 'd\\g');
  await other.client.lost();
  await turns();
  await scene.end();
});

test('a change is told within the compound that made the watch, and by it', async () => {
  const scene = await Scene.set();
  const id = await scene.watch();
  const replies = await scene.client.chain(
    [
      { ...create({ name: 'd\\compound' }), treeId: scene.treeId },
      { ...close({ persistentId: 2 ** 64, volatileId: 2 ** 64 }), related: true },
    ],
    scene.session,
  );
  assert.ok(replies.every(({ status }) => status === STATUS_SUCCESS));
  assert.deepEqual(await scene.told(id), ['+compound']);
  await scene.end();
});

test('notify: related requests behind one that would wait do not wait: it is refused (<266>)', async () => {
  const scene = await Scene.set();
  const { client, session, treeId } = scene;
  const make = { ...create({ name: 'd', createOptions: FILE_DIRECTORY_FILE }), treeId };
  const related = (draft: Draft): Draft => ({ ...draft, related: true });
  const replies = await client.chain(
    [make, related(notify(SAME)), related(query(SAME)), related(close(SAME))],
    session,
  );
  assert.deepEqual(
    replies.map(({ status }) => status),
    [STATUS_SUCCESS, STATUS_INTERNAL_ERROR, STATUS_SUCCESS, STATUS_SUCCESS],
  );
  // Unrelated ones depend on nothing.
  const directory = await scene.watch();
  const ids = client.send(
    [
      { ...notify(directory), treeId },
      { command: Command.ECHO, body: encodeEchoRequest() },
    ],
    session,
  );
  assert.equal((await client.final(ids[1]!)).status, STATUS_SUCCESS);
  await scene.close(directory);
  assert.equal((await client.final(ids[0]!)).status, STATUS_NOTIFY_CLEANUP);
  await client.lost();
  scene.world.assertEmpty();
});
