/**
 * Leases on directories, MS-SMB2 3.3.1.4 and 3.3.5.9.11 with MS-FSA 2.1.4.12 (PARENT_OBJECT), by clients on files in
 * memory: what is granted, and what each change in the directory does to it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SHARE, startServer, type TestServer } from '../../test/support/in-process-server.ts';
import {
  acknowledgeLease,
  type LeaseWish,
  leased,
  leaseOf,
  R,
  RH,
  RW,
  RWH,
  stateAndEpoch,
  takeBreaks,
  told,
} from '../../test/support/leases.ts';
import { StatusError } from '../client/client-error.ts';
import type { ClientFile } from '../client/file.ts';
import type { OpenOptions } from '../client/requests.ts';
import type { ClientTree } from '../client/tree.ts';
import { configure } from '../config/configuration.ts';
import { DELETE, FILE_ALL_ACCESS, FILE_READ_DATA } from '../dtyp/access-mask.ts';
import { TIME_FREEZE } from '../dtyp/filetime.ts';
import { STATUS_SHARING_VIOLATION } from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_HIDDEN } from '../fscc/attributes.ts';
import { FileBasicInformation, FileEndOfFileInformation } from '../fscc/file-information.ts';
import { FileInformationClass as Class } from '../fscc/information-class.ts';
import { encodeRenameInformation, FileDispositionInformation } from '../fscc/rename-information.ts';
import {
  SMB2_GLOBAL_CAP_DIRECTORY_LEASING,
  SMB2_GLOBAL_CAP_LARGE_MTU,
} from '../smb2/capabilities.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OVERWRITE,
} from '../smb2/create-options.ts';
import { Dialect } from '../smb2/dialect.ts';
import {
  SMB2_LEASE_FLAG_BREAK_IN_PROGRESS,
  SMB2_OPLOCK_LEVEL_BATCH,
  SMB2_OPLOCK_LEVEL_II,
  SMB2_OPLOCK_LEVEL_NONE,
} from '../smb2/oplock-levels.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';

const capabilities = SMB2_GLOBAL_CAP_LARGE_MTU | SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
/** Keys of leases. */
const DIRECTORY = 1;
const FILE = 2;
const OTHER = 3;

const asDirectory: OpenOptions = {
  options: FILE_DIRECTORY_FILE,
  disposition: FILE_OPEN_IF,
  access: FILE_READ_DATA,
};
const all: OpenOptions = { access: FILE_ALL_ACCESS, disposition: FILE_OPEN_IF };

const mount = (server: TestServer): Promise<ClientTree> => server.mount({ capabilities });

async function withServer(work: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await startServer();
  try {
    await work(server);
  } finally {
    await server.close();
  }
}

const violates = (error: unknown): boolean =>
  error instanceof StatusError && error.status === STATUS_SHARING_VIOLATION;

/** The breaks that another's request, which is under way, brings. */
async function soonBroken(tree: ClientTree): Promise<ReturnType<typeof told>[]> {
  for (;;) {
    const breaks = await takeBreaks(tree);
    if (breaks.length > 0) return breaks.map(told);
  }
}

/** A directory with a lease on it. */
const holds = (
  tree: ClientTree,
  name: string,
  wish: LeaseWish = {},
  key = DIRECTORY,
): Promise<ClientFile> => tree.open(name, leased(key, { state: RH, ...wish }, asDirectory));

const basic = (changes: Partial<Parameters<typeof FileBasicInformation.encode>[0]>): Buffer =>
  FileBasicInformation.encode({
    creationTime: 0n,
    lastAccessTime: 0n,
    lastWriteTime: 0n,
    changeTime: 0n,
    fileAttributes: 0,
    ...changes,
  });

const naming = (fileName: string, replaceIfExists = false): Buffer =>
  encodeRenameInformation({ fileName, replaceIfExists, rootDirectory: 0 });

/** Opens a file as the change wants it, with the lease and parent key that the test is about. */
type Opener = (name: string, how?: OpenOptions) => Promise<ClientFile>;

interface Change {
  readonly title: string;
  /** What has to be there already. */
  readonly files?: readonly string[];
  act(open: Opener): Promise<void>;
}

const setting = (title: string, fileInfoClass: number, buffer: Buffer): Change => ({
  title,
  files: ['d\\f'],
  act: async (open) => (await open('d\\f')).setInfo(fileInfoClass, buffer),
});

const time = { lastWriteTime: 132_223_104_000_000_000n };

/** Every change in a directory that breaks leases on it: MS-FSA's calls with PARENT_OBJECT. */
const CHANGES: readonly Change[] = [
  { title: 'a file is made', act: async (open) => void (await open('d\\f')) },
  {
    title: 'a directory is made',
    act: async (open) =>
      void (await open('d\\e', { options: FILE_DIRECTORY_FILE, disposition: FILE_CREATE })),
  },
  {
    title: 'a file is overwritten',
    files: ['d\\f'],
    act: async (open) => void (await open('d\\f', { disposition: FILE_OVERWRITE })),
  },
  {
    title: 'a file is deleted on close',
    files: ['d\\f'],
    act: async (open) =>
      void (await (await open('d\\f', { options: FILE_DELETE_ON_CLOSE })).close()),
  },
  {
    title: 'a file is deleted by disposition',
    files: ['d\\f'],
    act: async (open) => {
      const file = await open('d\\f');
      const yes = FileDispositionInformation.encode({ deletePending: true });
      await file.setInfo(Class.FileDispositionInformation, yes);
      await file.close();
    },
  },
  {
    title: 'a file is written and closed',
    files: ['d\\f'],
    act: async (open) => {
      const file = await open('d\\f');
      await file.write(0, Buffer.from('text'));
      await file.close();
    },
  },
  setting('a file is renamed in it', Class.FileRenameInformation, naming('d\\g')),
  setting('a file is renamed out of it', Class.FileRenameInformation, naming('g')),
  {
    title: 'a file is renamed into it',
    files: ['g'],
    act: async (open) => (await open('g')).setInfo(Class.FileRenameInformation, naming('d\\g')),
  },
  {
    title: 'a file is replaced by a rename',
    files: ['g', 'd\\f'],
    act: async (open) =>
      (await open('g')).setInfo(Class.FileRenameInformation, naming('d\\f', true)),
  },
  {
    title: 'a file gets a link in it',
    files: ['g'],
    act: async (open) => (await open('g')).setInfo(Class.FileLinkInformation, naming('d\\g')),
  },
  setting(
    'a size is set',
    Class.FileEndOfFileInformation,
    FileEndOfFileInformation.encode({ endOfFile: 5 }),
  ),
  setting('a time is set', Class.FileBasicInformation, basic(time)),
  setting(
    'a change time is set',
    Class.FileBasicInformation,
    basic({ changeTime: time.lastWriteTime }),
  ),
  setting(
    'an attribute is set',
    Class.FileBasicInformation,
    basic({ fileAttributes: FILE_ATTRIBUTE_HIDDEN }),
  ),
];

/** What `change` does to a lease on d, made with this parent key by the holder itself or by another client. */
async function breaksOf(change: Change, parent: number | undefined, byHolder: boolean) {
  const breaks: ReturnType<typeof told>[] = [];
  await withServer(async (server) => {
    const [holder, other] = [await mount(server), await mount(server)];
    await holder.makeDirectory('d');
    for (const name of change.files ?? []) await holder.writeFile(name, Buffer.alloc(0));
    assert.deepEqual(stateAndEpoch(await holds(holder, 'd')), [RH, 1]);
    const actor = byHolder ? holder : other;
    await change.act((name, how) => actor.open(name, leased(FILE, { parent }, { ...all, ...how })));
    breaks.push(...(await takeBreaks(holder)).map(told));
  });
  return breaks;
}

for (const change of CHANGES) {
  test(`a directory's lease goes when ${change.title}, but for its own key`, async () => {
    const broken = [[DIRECTORY, RH, 0, 2, true]];
    assert.deepEqual(await breaksOf(change, undefined, false), broken);
    assert.deepEqual(await breaksOf(change, OTHER, false), broken);
    // By the same client, too.
    assert.deepEqual(await breaksOf(change, undefined, true), broken);
    assert.deepEqual(await breaksOf(change, DIRECTORY, true), []);
  });
}

test('what changes nothing in the directory breaks nothing', async () => {
  await withServer(async (server) => {
    const [holder, other] = [await mount(server), await mount(server)];
    await holder.makeDirectory('d');
    await holder.makeDirectory('d\\below');
    await holder.writeFile('d\\f', Buffer.from('text'));
    await holds(holder, 'd');
    const file = await other.open('d\\f', all);
    await file.read(0, 4);
    // Times that are left alone, and a write that is not closed yet.
    await file.setInfo(Class.FileBasicInformation, basic({ lastWriteTime: TIME_FREEZE }));
    await file.write(0, Buffer.from('more'));
    // Elsewhere, also one level down.
    await other.writeFile('elsewhere', Buffer.from('x'));
    await other.writeFile('d\\below\\f', Buffer.from('x'));
    assert.equal((await other.list('d')).length, 4);
    assert.deepEqual(await takeBreaks(holder), []);
    await file.close();
    assert.deepEqual((await takeBreaks(holder)).map(told), [[DIRECTORY, RH, 0, 2, true]]);
  });
});

test('a close tells of what was written through this open, once', async () => {
  await withServer(async (server) => {
    const [holder, other] = [await mount(server), await mount(server)];
    await holder.makeDirectory('d');
    await holder.writeFile('d\\f', Buffer.from('text'));
    const file = await other.open('d\\f', all);
    const bystander = await other.open('d\\f', all);
    await file.setInfo(
      Class.FileEndOfFileInformation,
      FileEndOfFileInformation.encode({ endOfFile: 1 }),
    );
    await holds(holder, 'd');
    await bystander.close();
    await file.close();
    assert.deepEqual(await takeBreaks(holder), []);
  });
});

test('two leases on a directory: a rename within it breaks each once', async () => {
  await withServer(async (server) => {
    const [first, second, other] = [await mount(server), await mount(server), await mount(server)];
    await first.makeDirectory('d');
    await first.writeFile('d\\f', Buffer.from('text'));
    await holds(first, 'd');
    await holds(second, 'd', { state: R }, OTHER);
    await (await other.open('d\\f', all)).setInfo(Class.FileRenameInformation, naming('d\\g'));
    assert.deepEqual((await takeBreaks(first)).map(told), [[DIRECTORY, RH, 0, 2, true]]);
    assert.deepEqual((await takeBreaks(second)).map(told), [[OTHER, R, 0, 2, false]]);
  });
});

test('a deletion that two opens share spares only a key that both have', async () => {
  for (const closesLast of [DIRECTORY, OTHER]) {
    await withServer(async (server) => {
      const tree = await mount(server);
      await tree.makeDirectory('d');
      await holds(tree, 'd');
      await holds(tree, 'd', {}, OTHER);
      await tree.writeFile('d\\f', Buffer.alloc(0));
      await takeBreaks(tree);
      for (const key of [DIRECTORY, OTHER]) {
        await acknowledgeLease(tree, key, 0);
        await (await holds(tree, 'd', { epoch: 2 }, key)).close();
      }
      const how = { ...all, options: FILE_DELETE_ON_CLOSE };
      const deleter = await tree.open('d\\f', leased(FILE, { state: R, parent: DIRECTORY }, how));
      const rest = await tree.open('d\\f', leased(FILE + 4, { state: R, parent: closesLast }, all));
      await deleter.close();
      assert.deepEqual(await takeBreaks(tree), [], 'it is not gone yet');
      await rest.close();
      const broken = (await takeBreaks(tree)).map(({ leaseKey }) => leaseKey[0]);
      assert.deepEqual(broken, closesLast === DIRECTORY ? [OTHER] : [DIRECTORY, OTHER]);
    });
  }
});

test('what is granted on a directory: R and RH, by version 2 of a lease, where it was agreed on', async () => {
  await withServer(async (server) => {
    const tree = await mount(server);
    for (const [asked, granted] of [
      [RWH, RH],
      [RW, R],
      [RH, RH],
      [R, R],
      [2, 0],
      [4, 0],
    ] as const) {
      const directory = await holds(tree, 'd', { state: asked, epoch: 17 });
      assert.deepEqual(stateAndEpoch(directory), [granted, granted === 0 ? 17 : 18]);
      await directory.close();
    }
    const version1 = await holds(tree, 'd', { version: 1 });
    assert.equal(leaseOf(version1), undefined);
    for (const oplockLevel of [SMB2_OPLOCK_LEVEL_II, SMB2_OPLOCK_LEVEL_BATCH]) {
      const directory = await tree.open('d', { ...asDirectory, oplockLevel });
      assert.equal(directory.created.oplockLevel, SMB2_OPLOCK_LEVEL_NONE);
    }
    const without = await server.mount({ capabilities: SMB2_GLOBAL_CAP_LARGE_MTU });
    assert.equal(leaseOf(await holds(without, 'd')), undefined);
  });
});

test('DIRECTORY_LEASING is offered from 3.0 on, to who asks, unless it is switched off', async () => {
  const offered = async (global: object, dialect: Dialect, asked: number): Promise<boolean> => {
    const server = await startServer({
      configuration: configure({ global, shares: [{ name: SHARE, path: '/', readOnly: false }] }),
      shares: [{ name: SHARE, vfs: createMemoryVfs() }],
    });
    try {
      const connection = await server.connect({ dialects: [dialect], capabilities: asked });
      const told = connection.negotiated.response.capabilities;
      return (told & SMB2_GLOBAL_CAP_DIRECTORY_LEASING) !== 0;
    } finally {
      await server.close();
    }
  };
  assert.equal(await offered({}, Dialect.SMB3_11, capabilities), true);
  assert.equal(await offered({}, Dialect.SMB3_00, capabilities), true);
  assert.equal(await offered({}, Dialect.SMB2_10, capabilities), false);
  assert.equal(await offered({}, Dialect.SMB3_11, SMB2_GLOBAL_CAP_LARGE_MTU), false);
  assert.equal(await offered({ directoryLeases: false }, Dialect.SMB3_11, capabilities), false);
  assert.equal(await offered({ leases: false }, Dialect.SMB3_11, capabilities), false);
});

test('an open that shares too little breaks the handle first, and waits for the answer', async () => {
  await withServer(async (server) => {
    const [holder, other] = [await mount(server), await mount(server)];
    const directory = await holds(holder, 'd');
    const refused = assert.rejects(other.open('d', { ...asDirectory, share: 0 }), violates);
    const [first] = await soonBroken(holder);
    assert.deepEqual(first, [DIRECTORY, RH, R, 2, true]);
    // Its own client may open it meanwhile, and is told that it is breaking.
    const again = await holds(holder, 'd', { epoch: 2 });
    assert.equal(leaseOf(again)!.leaseFlags, SMB2_LEASE_FLAG_BREAK_IN_PROGRESS);
    await again.close();
    // A change comes on top: the rest goes after the acknowledgment.
    await other.writeFile('d\\f', Buffer.alloc(0));
    assert.deepEqual(await takeBreaks(holder), []);
    assert.equal(await acknowledgeLease(holder, DIRECTORY, R), 0);
    assert.deepEqual((await takeBreaks(holder)).map(told), [[DIRECTORY, R, 0, 2, false]]);
    await refused;
    const raised = await holds(holder, 'd', { epoch: 2 });
    assert.deepEqual(stateAndEpoch(raised), [RH, 3]);
    await raised.close();
    // Closing is an answer as well.
    const opened = other.open('d', { ...asDirectory, share: 0 });
    assert.deepEqual((await soonBroken(holder))[0], [DIRECTORY, RH, R, 4, true]);
    await directory.close();
    await (await opened).close();
  });
});

for (const [what, fileInfoClass] of [
  ['rename', Class.FileRenameInformation],
  ['link', Class.FileLinkInformation],
] as const) {
  test(`a ${what} into a directory that is only cached for deletion breaks the handle`, async () => {
    await withServer(async (server) => {
      const [holder, other] = [await mount(server), await mount(server)];
      await other.makeDirectory('d');
      await other.writeFile('f', Buffer.alloc(0));
      const how = { access: DELETE, options: FILE_DIRECTORY_FILE, disposition: FILE_OPEN };
      const directory = await holder.open('d', leased(DIRECTORY, { state: RH }, how));
      const file = await other.open('f', all);
      const move = (): Promise<void> => file.setInfo(fileInfoClass, naming('d\\f'));
      const refused = assert.rejects(move(), violates);
      assert.deepEqual((await soonBroken(holder))[0], [DIRECTORY, RH, R, 2, true]);
      assert.equal(await acknowledgeLease(holder, DIRECTORY, R), 0);
      await refused;
      const again = await holder.open('d', leased(DIRECTORY, { state: RH }, how));
      assert.deepEqual(stateAndEpoch(again), [RH, 3]);
      await again.close();
      const moved = move();
      await soonBroken(holder);
      await directory.close();
      await moved;
      assert.equal((await other.list('d')).length, 3);
    });
  });
}
