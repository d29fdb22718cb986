/**
 * MS-SMB2 3.3.5.19 and MS-FSA 2.1.4.1 with a disk that other programs change as well: a client that
 * watches a folder is told of each change once, whoever made it, in the order in which they were made. By
 * both of the kernel's methods.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Logger, SILENT_LOGGER } from './base/log.ts';
import { StatusError } from './client/client-error.ts';
import { connect } from './client/connect.ts';
import type { Exchange } from './client/exchange.ts';
import type { ClientFile } from './client/file.ts';
import { changeNotifyRequest } from './client/requests.ts';
import type { ClientTree } from './client/tree.ts';
import { configure } from './config/configuration.ts';
import { createServer } from './create-server.ts';
import {
  DELETE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_LIST_DIRECTORY,
  FILE_READ_ATTRIBUTES,
} from './dtyp/access-mask.ts';
import { STATUS_DELETE_PENDING, STATUS_NOTIFY_ENUM_DIR, STATUS_SUCCESS } from './dtyp/ntstatus.ts';
import { FileInformationClass } from './fscc/information-class.ts';
import { decodeNotifyInformation } from './fscc/notify-information.ts';
import { encodeRenameInformation } from './fscc/rename-information.ts';
import { nativeSupport } from './native/support.ts';
import type { ServerOptions } from './server-interface.ts';
import { decodeChangeNotifyResponse, SMB2_WATCH_TREE } from './smb2/change-notify.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE } from './smb2/create-options.ts';
import {
  ForeignShell,
  hostDescriptors,
  scratchFolder,
} from './vfs/local/host/foreign.support.test.ts';

type Method = 'auto' | 'inotify';

const NAMES = 0x003;
/** FILE_NAME, DIR_NAME, ATTRIBUTES, CREATION, SECURITY, STREAM_SIZE, STREAM_WRITE. */
const FINDER_FILTER = 0xd47;
const ACTIONS = ['', 'added', 'removed', 'modified', 'from', 'to'];

const folder = scratchFolder();
const shell = new ForeignShell();
const identity = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
  assert.equal(hostDescriptors(), 0, 'no descriptor is left behind');
});

/** A directory that a client watches; what it is told, as it comes. */
class Watcher {
  readonly told: string[] = [];
  readonly #directory: ClientFile;
  readonly #ask: { filter: number; flags: number };
  #waiting: Exchange | undefined;
  #isOver = false;

  constructor(directory: ClientFile, ask: { filter: number; flags: number }) {
    this.#directory = directory;
    this.#ask = ask;
  }

  /** Asks, and asks again after each answer. The server knows of the first when this is done. */
  async begin(): Promise<void> {
    const { tree, fileId } = this.#directory;
    const { filter, flags } = this.#ask;
    const request = changeNotifyRequest(fileId, filter, { flags, outputBytes: 65_536 });
    const [exchange] = await tree.submit([request]);
    this.#waiting = exchange;
    exchange!.answer.then(
      ({ status, message }) => this.#answered(status, message),
      () => {},
    );
    await exchange!.interim;
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#directory.close();
    await this.#waiting!.answer;
  }

  #answered(status: number, message: Buffer): void {
    if (this.#isOver) return;
    if (status === STATUS_DELETE_PENDING) {
      this.told.push('ended');
      return;
    }
    if (status === STATUS_NOTIFY_ENUM_DIR) this.told.push('too many');
    else {
      assert.equal(status, STATUS_SUCCESS);
      const { outputBuffer } = decodeChangeNotifyResponse(message);
      for (const { action, fileName } of decodeNotifyInformation(outputBuffer)) {
        this.told.push(`${ACTIONS[action]} ${fileName}`);
      }
    }
    this.begin().catch(() => {});
  }

  /** Waits until as much as expected is there, and a little longer. */
  async expect(expected: readonly string[]): Promise<void> {
    for (let tries = 0; tries < 100 && this.told.length < expected.length; tries++) await sleep(10);
    await sleep(50);
    assert.deepEqual(this.told.splice(0), expected);
  }
}

class Scene {
  readonly root: string;
  readonly tree: ClientTree;
  /** Files that were gone when the server was to remove them. */
  get stayed(): number {
    return this.#gone.filter((text) => text.includes('gone already')).length;
  }
  readonly #gone: readonly string[];

  private constructor(root: string, tree: ClientTree, gone: readonly string[]) {
    this.root = root;
    this.tree = tree;
    this.#gone = gone;
  }

  static async set(hostChanges: Method, options: Partial<ServerOptions> = {}): Promise<Scene> {
    const [shared] = options.configuration?.shares ?? [];
    const root = shared?.path ?? mkdtempSync(join(folder, 'share-'));
    const gone: string[] = [];
    const log: Logger = {
      ...SILENT_LOGGER,
      debug: (_, text) => void gone.push(text),
      part: () => log,
    };
    const server = createServer({
      ...(shared === undefined && { shares: [{ name: 'files', path: root }] }),
      users: [{ name: 'ann', password: 'tiger', identity }],
      hostChanges,
      log,
      ...options,
    });
    open.push(server);
    const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
    const client = await connect({ host: '127.0.0.1', port, timeoutMs: 5_000 });
    open.push(client);
    const session = await client.login({ user: 'ann', secret: 'tiger' });
    return new Scene(root, await session.treeConnect('files'), gone);
  }

  async watch(name = '', over: { filter?: number; tree?: boolean } = {}): Promise<Watcher> {
    const directory = await this.tree.open(name, {
      access: FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES,
      options: FILE_DIRECTORY_FILE,
    });
    const { filter = NAMES, tree = false } = over;
    const watcher = new Watcher(directory, { filter, flags: tree ? SMB2_WATCH_TREE : 0 });
    await watcher.begin();
    return watcher;
  }

  foreign(script: string): Promise<void> {
    return shell.run(this.root, script);
  }

  async create(name: string): Promise<void> {
    await (await this.tree.open(name, { disposition: FILE_CREATE })).close();
  }

  remove(name: string): Promise<void> {
    return this.tree.remove(name);
  }

  async rename(from: string, to: string): Promise<void> {
    const file = await this.tree.open(from, { access: DELETE | FILE_READ_ATTRIBUTES });
    const how = { replaceIfExists: false, rootDirectory: 0, fileName: to };
    await file.setInfo(FileInformationClass.FileRenameInformation, encodeRenameInformation(how));
    await file.close();
  }
}

const METHODS: readonly Method[] = ['auto', 'inotify'];

for (const method of METHODS) {
  describe(`host changes, ${method}`, { skip: nativeSupport().unavailable ?? false }, () => {
    test('what others do in a watched folder', async () => {
      const scene = await Scene.set(method);
      const watcher = await scene.watch();
      await scene.foreign('mkdir d; : > f; mv f g; rm g; rmdir d');
      await watcher.expect(['added d', 'added f', 'from f', 'to g', 'removed g', 'removed d']);
    });

    test('a change of another program 10 ms after ours, before it, and of the same name', async () => {
      const scene = await Scene.set(method);
      const watcher = await scene.watch();
      await scene.create('ours');
      await sleep(10);
      await scene.foreign(': > theirs');
      await sleep(10);
      await scene.create('ours too');
      await watcher.expect(['added ours', 'added theirs', 'added ours too']);

      await scene.create('same');
      await sleep(10);
      await scene.foreign('rm same');
      await scene.create('same');
      await scene.foreign('mv same other');
      await scene.rename('other', 'same');
      await scene.foreign('rm same; : > same');
      await scene.remove('same');
      await watcher.expect([
        ...['added same', 'removed same', 'added same', 'from same', 'to other'],
        ...['from other', 'to same', 'removed same', 'added same', 'removed same'],
      ]);
    });

    test('every filter hears of its own kind of change, ours and theirs', async () => {
      const scene = await Scene.set(method);
      await scene.foreign('echo > theirs; chmod 777 .');
      const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
      const ours = await scene.tree.open('ours', { disposition: FILE_CREATE, access });
      await ours.write(0, Buffer.from('x'));
      await ours.close();
      const filters = [NAMES, 0x004, 0x008, 0x010, 0x020, 0x040, 0x080, 0x100];
      const watchers = new Map<number, Watcher>();
      for (const filter of filters) watchers.set(filter, await scene.watch('', { filter }));
      const hear = async (expected: readonly string[], who: readonly number[]): Promise<void> => {
        for (const [filter, watcher] of watchers) {
          await watcher.expect(who.includes(filter) ? expected : []);
        }
      };
      await scene.foreign('echo more >> theirs');
      await hear(['modified theirs'], [0x008, 0x010]);
      await scene.foreign('chmod 640 theirs');
      await hear(['modified theirs'], [0x004, 0x010, 0x020, 0x040, 0x080, 0x100]);
      await scene.foreign('mkdir d');
      await hear(['added d'], [NAMES]);
      const again = await scene.tree.open('ours', { access });
      await again.write(1, Buffer.from('y'));
      await again.close();
      await hear(['modified ours'], [0x008, 0x010]);
      await scene.remove('d');
      await hear(['removed d'], [NAMES]);
    });

    test('A15 Explorer and Finder: what others do between two requests is there for the second', async () => {
      const scene = await Scene.set(method);
      await scene.foreign('mkdir photos; echo > photos/old.jpg');
      const explorer = await scene.watch('photos', { filter: 0x17, tree: true });
      const finder = await scene.watch('photos', { filter: FINDER_FILTER });
      await scene.foreign(
        'cd photos; echo 1 > new.jpg; mv old.jpg older.jpg; mkdir 2026; : > 2026/a',
      );
      await explorer.expect([
        ...['added new.jpg', 'modified new.jpg', 'from old.jpg', 'to older.jpg'],
        ...['added 2026', 'added 2026\\a'],
      ]);
      await finder.expect(['added new.jpg', 'from old.jpg', 'to older.jpg', 'added 2026']);
      await explorer.end();
      await finder.end();
      assert.equal(hostDescriptors(), 0, 'nobody watches any more');
    });

    test('a watched directory that another program deletes: DELETE_PENDING, and no news of its successor', async () => {
      const scene = await Scene.set(method);
      await scene.foreign('mkdir -p a/b/c');
      const above = await scene.watch('a');
      const gone = await scene.watch('a\\b', { tree: true });
      const below = await scene.watch('a\\b\\c');
      await scene.foreign('rm -r a/b; mkdir a/b; : > a/b/f');
      await above.expect(['removed b', 'added b']);
      await gone.expect(['removed c', 'ended']);
      await below.expect(['ended']);
      const again = await scene.watch('a\\b');
      await scene.foreign('rm a/b/f');
      await again.expect(['removed f']);
    });

    test('a hundred watches, a cut connection: nothing is left', async () => {
      const scene = await Scene.set(method);
      await scene.foreign('mkdir -p $(seq -f d%g/e 100)');

      for (let i = 1; i <= 100; i++) await scene.watch(`d${i}`, { tree: i % 2 === 0 });

      assert.equal(hostDescriptors(), 1, 'one for all');
      await scene.tree.session.connection.close();
      for (let tries = 0; tries < 100 && hostDescriptors() > 0; tries++) await sleep(10);
      assert.equal(hostDescriptors(), 0);
    });

    test('one name that the server and another program make and remove in a race', async () => {
      const scene = await Scene.set(method);
      const watcher = await scene.watch();
      const racer = spawn(process.execPath, ['-e', RACE, join(scene.root, 'same'), '150']);
      const theirs = once(racer.stdout, 'data');
      // A file that another removed first is no removal of ours.
      let ours = 0;
      for (let round = 0; round < 150; round++) {
        ours += await succeeds(scene.create('same'));
        ours += await succeeds(scene.tree.remove('same'));
      }
      const count = ours - scene.stayed + Number(String((await theirs)[0]));
      for (let tries = 0; tries < 200 && watcher.told.length < count; tries++) await sleep(10);
      await sleep(50);
      const { told } = watcher;
      assert.equal(told.length, count);
      const expected = told.map((_, index) => (index % 2 === 0 ? 'added same' : 'removed same'));
      assert.ok(isDeepStrictEqual(told, expected), 'they alternate');
    });
  });
}

test('kernel change notify = no, or hostChanges off: clients hear of clients alone', {
  skip: nativeSupport().unavailable ?? false,
}, async () => {
  const root = mkdtempSync(join(folder, 'share-'));
  const shares = [{ name: 'files', path: root, readOnly: false, kernelChangeNotify: false }];
  for (const options of [
    { configuration: configure({ shares }) },
    { hostChanges: 'off' as const },
  ]) {
    const scene = await Scene.set('auto', options);
    const watcher = await scene.watch();
    await scene.foreign(': > theirs');
    await scene.create('ours');
    await watcher.expect(['added ours']);
    assert.equal(hostDescriptors(), 0);
    await scene.foreign('rm -f theirs ours');
  }
});

/** Makes and removes a file so many times, and says how often it did. */
const RACE = `
  const { closeSync, openSync, unlinkSync } = require('node:fs');
  const [, path, rounds] = process.argv;
  let count = 0;
  for (let i = 0; i < Number(rounds); i++) {
    for (const act of [() => closeSync(openSync(path, 'wx')), () => unlinkSync(path)]) {
      try { act(); count++; } catch {}
      for (const until = performance.now() + 0.3; performance.now() < until; );
    }
  }
  console.log(count);
`;

async function succeeds(action: Promise<unknown>): Promise<number> {
  try {
    await action;
    return 1;
  } catch (error) {
    if (error instanceof StatusError) return 0;
    throw error;
  }
}
