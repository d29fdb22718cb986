/** MS-SMB2 3.3.5.18 and MS-FSA 2.1.5.6.3 through the pipeline: listings, in one answer and in many. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_PARAMETER,
  STATUS_IO_DEVICE_ERROR,
  STATUS_NO_MORE_FILES,
  STATUS_NO_SUCH_FILE,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_DIRECTORY } from '../fscc/attributes.ts';
import {
  type DecodedDirectoryEntry,
  decodeDirectory,
  fixedSize,
  isDirectoryClass,
} from '../fscc/directory-information.ts';
import { FileInformationClass as Class } from '../fscc/information-class.ts';
import {
  type ClientSession,
  connected,
  type FileId,
  type TestClient,
} from '../server/test-client.support.test.ts';
import { list } from '../server/test-requests.support.test.ts';
import { turns, World, type WorldOptions } from '../server/test-world.support.test.ts';
import { FILE_DIRECTORY_FILE } from '../smb2/create-options.ts';
import {
  decodeQueryDirectoryResponse,
  SMB2_REOPEN,
  SMB2_RESTART_SCANS,
  SMB2_RETURN_SINGLE_ENTRY,
} from '../smb2/query-directory.ts';
import { EIO } from '../vfs/errno.ts';

interface Listed {
  readonly status: NtStatus;
  readonly entries: readonly DecodedDirectoryEntry[];
  readonly names: readonly string[];
  readonly bytes: number;
}

interface Options {
  readonly flags?: number;
  readonly outputBufferLength?: number;
  readonly fileInformationClass?: number;
}

interface Scene {
  readonly world: World;
  readonly client: TestClient;
  readonly session: ClientSession;
  readonly treeId: number;
  open(name?: string, desiredAccess?: number): Promise<FileId>;
  ask(id: FileId, pattern?: string, options?: Options): Promise<Listed>;
  /** All names, request after request until there are no more. */
  all(id: FileId, pattern?: string, options?: Options): Promise<string[]>;
}

function scenario(
  name: string,
  files: readonly string[],
  body: (scene: Scene) => Promise<void>,
  options: WorldOptions = {},
): void {
  test(`QUERY_DIRECTORY: ${name}`, async () => {
    const world = new World(options);
    for (const file of files) world.memory.plant.file(file.split('\\'));
    const { client, session, treeId } = await connected(world);
    const ask: Scene['ask'] = async (id, pattern = '*', over = {}) => {
      const reply = await client.call({ ...list(id, pattern, over), treeId }, session);
      const { status } = reply;
      if (status !== STATUS_SUCCESS) return { status, entries: [], names: [], bytes: 0 };
      const { outputBuffer } = decodeQueryDirectoryResponse(reply.message);
      const informationClass = over.fileInformationClass ?? Class.FileIdBothDirectoryInformation;
      const entries = decodeDirectory(informationClass, outputBuffer);
      const names = entries.map((entry) => entry.name);
      return { status, entries, names, bytes: outputBuffer.length };
    };
    await body({
      world,
      client,
      session,
      treeId,
      open: (path = '', desiredAccess = 0x81) =>
        client.open(session, treeId, path, {
          desiredAccess,
          createOptions: path === 'file' ? 0 : FILE_DIRECTORY_FILE,
        }),
      ask,
      all: async (id, pattern, over = {}) => {
        const names: string[] = [];
        let { flags = 0 } = over;
        for (;;) {
          const found = await ask(id, pattern, { ...over, flags });
          if (found.status === STATUS_NO_MORE_FILES) return names;
          assert.equal(found.status, STATUS_SUCCESS);
          names.push(...found.names);
          flags &= SMB2_RETURN_SINGLE_ENTRY;
        }
      },
    });
    await client.lost();
    world.assertEmpty();
  });
}

const many = Array.from({ length: 1500 }, (_, i) => `file number ${i}.txt`);
const DOTS = ['.', '..'];

scenario('a large directory in small pieces, each name once', many, async ({ open, all }) => {
  const id = await open();
  for (const outputBufferLength of [200, 1000, 65_536]) {
    const flags = SMB2_RESTART_SCANS;
    const names = await all(id, '*', { outputBufferLength, flags });
    assert.equal(names.length, many.length + 2);
    assert.deepEqual([...names].sort(), [...DOTS, ...many].sort());
  }
});

const few = ['Alpha.txt', 'beta.txt', 'gamma'];

scenario('one entry at a time, and from the start again', few, async ({ open, ask, all }) => {
  const id = await open();
  const single = SMB2_RETURN_SINGLE_ENTRY;
  assert.deepEqual(await all(id, '*', { flags: single }), [...DOTS, ...few]);
  for (const again of [SMB2_RESTART_SCANS, SMB2_REOPEN]) {
    assert.deepEqual((await ask(id, '*', { flags: single | again })).names, ['.']);
    assert.deepEqual((await ask(id, '*', { flags: single })).names, ['..']);
    assert.deepEqual((await ask(id)).names, few);
    assert.equal((await ask(id)).status, STATUS_NO_MORE_FILES);
  }
});

scenario('the pattern of the first request stays until a restart', few, async ({ open, ask }) => {
  const id = await open();
  const single = SMB2_RETURN_SINGLE_ENTRY;
  assert.deepEqual((await ask(id, '*.TXT', { flags: single })).names, ['Alpha.txt']);
  assert.deepEqual((await ask(id, 'g*')).names, ['beta.txt']);
  assert.deepEqual((await ask(id, 'g*', { flags: SMB2_RESTART_SCANS })).names, ['gamma']);
  assert.deepEqual((await ask(id, '', { flags: SMB2_RESTART_SCANS })).names, ['gamma']);
  assert.equal((await ask(id, '')).status, STATUS_NO_MORE_FILES);
  assert.deepEqual((await ask(id, '*', { flags: SMB2_REOPEN })).names, [...DOTS, ...few]);
  const fresh = await open();
  assert.deepEqual((await ask(fresh, '')).names, [...DOTS, ...few]);
});

scenario('nothing found, at first and later', few, async ({ open, ask }) => {
  const id = await open();
  for (const pattern of ['*.none', 'missing', 'x'.repeat(255), '€'.repeat(200)]) {
    const flags = SMB2_RESTART_SCANS;
    assert.equal((await ask(id, pattern, { flags })).status, STATUS_NO_SUCH_FILE, pattern);
    assert.equal((await ask(id, pattern)).status, STATUS_NO_SUCH_FILE, pattern);
  }
  assert.deepEqual((await ask(id, 'ALPHA.TXT', { flags: SMB2_RESTART_SCANS })).names, [
    'Alpha.txt',
  ]);
  assert.equal((await ask(id, 'ALPHA.TXT')).status, STATUS_NO_MORE_FILES);
});

const dos = ['a', 'ab', 'abc', 'a.b', 'a.b.c', 'readme.md', '.hidden', 'x.TXT', 'long.html'];

scenario('wildcards, DOS ones too', dos, async ({ open, ask }) => {
  const id = await open();
  for (const [pattern, expected] of [
    ['a*', ['a', 'ab', 'abc', 'a.b', 'a.b.c']],
    ['a?', ['ab']],
    ['??', ['..', 'ab']],
    ['*.txt', ['x.TXT']],
    ['*.htm', []],
    ['a.*', ['a.b', 'a.b.c']],
    ['<.c', ['a.b.c']],
    ['a>>', ['a', 'ab', 'abc']],
    ['.', ['.']],
    ['*.*', [...DOTS, ...dos]],
  ] as const) {
    const { names } = await ask(id, pattern, { flags: SMB2_RESTART_SCANS });
    assert.deepEqual([...names].sort(), [...expected].sort(), pattern);
  }
});

const classes = Object.values(Class).filter(isDirectoryClass);

scenario('every class, and buffers of every size', ['only one'], async ({ open, ask }) => {
  assert.ok(classes.length >= 7);
  const id = await open();
  for (const fileInformationClass of classes) {
    const fixed = fixedSize(fileInformationClass);
    const whole = fixed + 2 * 'only one'.length;
    const flags = SMB2_RESTART_SCANS;
    for (const outputBufferLength of [0, 1, fixed - 1]) {
      const { status } = await ask(id, 'o*', { flags, outputBufferLength, fileInformationClass });
      assert.equal(status, STATUS_INFO_LENGTH_MISMATCH, `${fileInformationClass}`);
    }
    for (const outputBufferLength of [fixed, fixed + 2, whole - 1]) {
      const { status } = await ask(id, 'o*', { flags, outputBufferLength, fileInformationClass });
      assert.equal(status, STATUS_BUFFER_OVERFLOW, `${fileInformationClass}`);
      const next = await ask(id, 'o*', { outputBufferLength: 1000, fileInformationClass });
      assert.equal(next.status, STATUS_NO_MORE_FILES);
    }
    for (const outputBufferLength of [whole, 65_536]) {
      const found = await ask(id, 'o*', { flags, outputBufferLength, fileInformationClass });
      assert.deepEqual(found.names, ['only one'], `${fileInformationClass}`);
      assert.ok(found.bytes <= outputBufferLength);
    }
  }
});

scenario('what is refused', ['file'], async ({ open, ask }) => {
  const directory = await open();
  const blind = await open('', 0x80);
  const file = await open('file', 0x81);
  assert.equal((await ask(blind)).status, STATUS_ACCESS_DENIED);
  assert.equal((await ask(file)).status, STATUS_INVALID_PARAMETER);
  for (const fileInformationClass of [Class.FileBasicInformation, 4, 99, 255]) {
    const { status } = await ask(directory, '*', { fileInformationClass });
    assert.equal(status, STATUS_INVALID_INFO_CLASS);
  }
});

scenario('dots are directories, entries have their times and sizes', [], async (scene) => {
  const { world, open, ask } = scene;
  world.memory.plant.file(['file'], Buffer.alloc(1234));
  const { entries } = await ask(await open());
  assert.deepEqual(
    entries.map(({ name, endOfFile, fileAttributes }) => [
      name,
      endOfFile,
      (fileAttributes & FILE_ATTRIBUTE_DIRECTORY) !== 0,
    ]),
    [
      ['.', 0, true],
      ['..', 0, true],
      ['file', 1234, false],
    ],
  );
  assert.equal(entries[0]!.fileId, entries[1]!.fileId, 'above the root is the root');
});

scenario('what comes and goes meanwhile', many.slice(0, 600), async (scene) => {
  const { client, session, treeId, open, ask } = scene;
  const id = await open();
  const seen = new Set((await ask(id, '*', { outputBufferLength: 2000 })).names);
  const gone = many.slice(500, 600);
  for (const name of gone) {
    const file = await client.open(session, treeId, name, { createOptions: 0x1000 });
    await client.close(session, treeId, file);
  }
  await client.open(session, treeId, 'late comer');
  for (;;) {
    const found = await ask(id, '*', { outputBufferLength: 2000 });
    if (found.status === STATUS_NO_MORE_FILES) break;
    for (const name of found.names) {
      assert.ok(!seen.has(name), `${name} twice`);
      seen.add(name);
    }
  }
  for (const name of many.slice(0, 500)) assert.ok(seen.has(name), name);
});

scenario('two requests at once share the position', many.slice(0, 50), async (scene) => {
  const { world, client, session, treeId, open, all } = scene;
  const id = await open();
  world.gates.shut('cursor.next');
  const draft = { ...list(id, '*', { outputBufferLength: 1500 }), treeId };
  const ids = [...client.send([draft], session), ...client.send([draft], session)];
  await turns();
  world.gates.open('cursor.next');
  const names: string[] = [];
  for (const messageId of ids) {
    const { outputBuffer } = decodeQueryDirectoryResponse((await client.final(messageId)).message);
    const entries = decodeDirectory(Class.FileIdBothDirectoryInformation, outputBuffer);
    names.push(...entries.map((entry) => entry.name));
  }
  names.push(...(await all(id)));
  assert.deepEqual(names, [...DOTS, ...many.slice(0, 50)]);
});

let reads = 0;

scenario(
  'what was found before an error is told, then the error',
  many.slice(0, 300),
  async ({ open, ask }) => {
    const id = await open();
    const first = await ask(id);
    assert.equal(first.status, STATUS_SUCCESS);
    assert.equal(first.names.length, 2 + 256);
    assert.equal((await ask(id)).status, STATUS_IO_DEVICE_ERROR);
  },
  { fail: ({ method }) => (method === 'cursor.next' && reads++ > 0 ? EIO : 0) },
);
