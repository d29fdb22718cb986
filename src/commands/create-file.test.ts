/** MS-FSA 2.1.5.1 through the pipeline: what CREATE does with what is there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DELETE, FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_CANNOT_DELETE,
  STATUS_DELETE_PENDING,
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_INVALID_PARAMETER,
  STATUS_NAME_TOO_LONG,
  STATUS_NONE_MAPPED,
  STATUS_NOT_A_DIRECTORY,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
  STATUS_PRIVILEGE_NOT_HELD,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_NORMAL,
  FILE_ATTRIBUTE_NOT_CONTENT_INDEXED,
  FILE_ATTRIBUTE_OFFLINE,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_SYSTEM,
  FILE_ATTRIBUTE_TEMPORARY,
} from '../fscc/attributes.ts';
import { FileAccessInformation } from '../fscc/file-information.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import {
  type ClientSession,
  connected,
  type TestClient,
} from '../server/test-client.support.test.ts';
import { dispose, query, read, rename, write } from '../server/test-requests.support.test.ts';
import { World } from '../server/test-world.support.test.ts';
import type { CreateRequest, CreateResponse } from '../smb2/create.ts';
import {
  decodeQueryMaximalAccessResponse,
  decodeQueryOnDiskIdResponse,
  encodeAllocationSize,
  encodeQueryMaximalAccessRequest,
} from '../smb2/create-context-values.ts';
import { CreateContextName } from '../smb2/create-contexts.ts';
import {
  FILE_CREATE,
  FILE_CREATED,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OPENED,
  FILE_OVERWRITE,
  FILE_OVERWRITE_IF,
  FILE_OVERWRITTEN,
  FILE_SUPERSEDE,
  FILE_SUPERSEDED,
} from '../smb2/create-options.ts';
import { decodeQueryInfoResponse } from '../smb2/query-info.ts';
import { decodeReadResponse } from '../smb2/read.ts';

interface Scene {
  readonly world: World;
  readonly client: TestClient;
  readonly session: ClientSession;
  readonly treeId: number;
  /** The status, or what came back. */
  make(over: Partial<CreateRequest> & { name: string }): Promise<NtStatus | CreateResponse>;
  close(open: NtStatus | CreateResponse): Promise<void>;
  /** Makes something and closes it. */
  put(over: Partial<CreateRequest> & { name: string }, content?: string): Promise<void>;
  granted(open: CreateResponse): Promise<number>;
}

function scenario(name: string, body: (scene: Scene) => Promise<void>, share = 'share'): void {
  test(`CREATE: ${name}`, async () => {
    const world = new World();
    const { client, session, treeId } = await connected(world, { share });
    const make: Scene['make'] = async (over) => {
      const { status, value } = await client.create(session, treeId, over);
      return value ?? status;
    };
    const close: Scene['close'] = async (open) => {
      if (typeof open !== 'number') await client.close(session, treeId, open);
    };
    await body({
      world,
      client,
      session,
      treeId,
      make,
      close,
      put: async (over, content) => {
        const open = await make(over);
        assert.ok(typeof open !== 'number', `made ${over.name}: ${open}`);
        if (content !== undefined) await client.call({ ...write(open, content), treeId }, session);
        await close(open);
      },
      granted: async (open) => {
        const draft = query(open, FileInformationClass.FileAccessInformation);
        const { message } = await client.call({ ...draft, treeId }, session);
        const { outputBuffer } = decodeQueryInfoResponse(message);
        return FileAccessInformation.read(outputBuffer).accessFlags;
      },
    });
    await client.lost();
    world.assertEmpty();
  });
}

const DISPOSITIONS = {
  FILE_SUPERSEDE,
  FILE_OPEN,
  FILE_CREATE,
  FILE_OPEN_IF,
  FILE_OVERWRITE,
  FILE_OVERWRITE_IF,
} as const;
const OPTIONS = { none: 0, FILE_DIRECTORY_FILE, FILE_NON_DIRECTORY_FILE } as const;

type Kind = 'missing' | 'file' | 'directory';

/** MS-FSA 2.1.5.1, phases 1, 6, 7 and 2.1.5.1.2: the action, or the status as a negative number. */
function expectedOf(kind: Kind, disposition: number, options: number): number {
  const directory = options === FILE_DIRECTORY_FILE;
  const opens = disposition === FILE_OPEN || disposition === FILE_OPEN_IF;
  if (directory && !opens && disposition !== FILE_CREATE) return -STATUS_INVALID_PARAMETER;
  if (kind === 'missing') {
    const exists = disposition === FILE_OPEN || disposition === FILE_OVERWRITE;
    return exists ? -STATUS_OBJECT_NAME_NOT_FOUND : FILE_CREATED;
  }
  if (kind === 'directory') {
    if (options === FILE_NON_DIRECTORY_FILE) return -STATUS_FILE_IS_A_DIRECTORY;
    return opens ? FILE_OPENED : -STATUS_OBJECT_NAME_COLLISION;
  }
  if (disposition === FILE_CREATE) return -STATUS_OBJECT_NAME_COLLISION;
  if (directory) return -STATUS_NOT_A_DIRECTORY;
  if (opens) return FILE_OPENED;
  return disposition === FILE_SUPERSEDE ? FILE_SUPERSEDED : FILE_OVERWRITTEN;
}

for (const kind of ['missing', 'file', 'directory'] as const) {
  scenario(`every disposition on what is ${kind}`, async (scene) => {
    const { client, session, treeId, make, close, put } = scene;
    let number = 0;
    for (const [disposition, createDisposition] of Object.entries(DISPOSITIONS)) {
      for (const [option, createOptions] of Object.entries(OPTIONS)) {
        number += 1;
        const name = `Name ${number}`;
        if (kind === 'file') await put({ name }, 'content');
        if (kind === 'directory') await put({ name, createOptions: FILE_DIRECTORY_FILE });
        const expected = expectedOf(kind, createDisposition, createOptions);
        const made = await make({ name: name.toUpperCase(), createDisposition, createOptions });
        const got = typeof made === 'number' ? -made : made.createAction;
        assert.equal(got, expected, `${disposition} with ${option}`);
        if (typeof made === 'number') continue;
        const isDirectory =
          kind === 'directory' || (kind === 'missing' && createOptions === FILE_DIRECTORY_FILE);
        assert.equal((made.fileAttributes & FILE_ATTRIBUTE_DIRECTORY) !== 0, isDirectory);
        if (kind === 'file') {
          const kept = expected === FILE_OPENED ? 7 : 0;
          assert.equal(made.endOfFile, kept, 'overwritten is empty');
          const { status } = await client.call({ ...read(made), treeId }, session);
          assert.equal(status === STATUS_SUCCESS, kept > 0);
        }
        await close(made);
      }
    }
  });
}

const SETTABLE =
  FILE_ATTRIBUTE_READONLY |
  FILE_ATTRIBUTE_HIDDEN |
  FILE_ATTRIBUTE_SYSTEM |
  FILE_ATTRIBUTE_ARCHIVE |
  FILE_ATTRIBUTE_TEMPORARY |
  FILE_ATTRIBUTE_OFFLINE |
  FILE_ATTRIBUTE_NOT_CONTENT_INDEXED;

scenario('attributes of what is made', async ({ make, close }) => {
  const bits = [0, FILE_ATTRIBUTE_NORMAL, FILE_ATTRIBUTE_DIRECTORY, 0x200, 0x800, 0x4000];
  for (let bit = 1; bit <= 0x4000; bit *= 2) if ((SETTABLE & bit) !== 0) bits.push(bit);
  for (const fileAttributes of bits) {
    const file = await make({ name: `file ${fileAttributes}`, fileAttributes });
    assert.ok(typeof file !== 'number', `file with ${fileAttributes}: ${file}`);
    assert.equal(file.fileAttributes, (fileAttributes & SETTABLE) | FILE_ATTRIBUTE_ARCHIVE);
    await close(file);
    const directory = await make({
      name: `directory ${fileAttributes}`,
      fileAttributes,
      createOptions: FILE_DIRECTORY_FILE,
    });
    if (fileAttributes === FILE_ATTRIBUTE_TEMPORARY) {
      assert.equal(directory, STATUS_INVALID_PARAMETER);
      continue;
    }
    assert.ok(typeof directory !== 'number', `directory with ${fileAttributes}: ${directory}`);
    assert.equal(directory.fileAttributes, (fileAttributes & SETTABLE) | FILE_ATTRIBUTE_DIRECTORY);
    await close(directory);
  }
  for (const fileAttributes of [0x8, 0x40, 0x8000, 0x8000_0000]) {
    assert.equal(await make({ name: 'x', fileAttributes }), STATUS_INVALID_PARAMETER);
  }
});

scenario('overwriting: hidden and system must be said again', async ({ make, close, put }) => {
  const both = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM;
  const sets = [0, FILE_ATTRIBUTE_HIDDEN, FILE_ATTRIBUTE_SYSTEM, both];
  let number = 0;
  for (const there of sets) {
    for (const said of sets) {
      for (const createDisposition of [FILE_SUPERSEDE, FILE_OVERWRITE, FILE_OVERWRITE_IF]) {
        const name = `file ${number++}`;
        await put({ name, fileAttributes: there });
        const wanted = said | FILE_ATTRIBUTE_NOT_CONTENT_INDEXED | FILE_ATTRIBUTE_OFFLINE;
        const made = await make({ name, createDisposition, fileAttributes: wanted });
        if ((there & ~said) !== 0) {
          assert.equal(made, STATUS_ACCESS_DENIED, `${there} said as ${said}`);
        } else {
          assert.ok(typeof made !== 'number');
          const expected = said | FILE_ATTRIBUTE_OFFLINE | FILE_ATTRIBUTE_ARCHIVE;
          assert.equal(made.fileAttributes, expected);
        }
        await close(made);
      }
    }
  }
});

scenario('what is read-only', async ({ make, close, put }) => {
  const fileAttributes = FILE_ATTRIBUTE_READONLY;
  await put({ name: 'file', fileAttributes }, 'its maker may write');
  await put({ name: 'directory', fileAttributes, createOptions: FILE_DIRECTORY_FILE });
  for (const [name, desiredAccess, createDisposition, createOptions, expected] of [
    ['file', FILE_READ_DATA, FILE_OPEN, 0, STATUS_SUCCESS],
    ['file', DELETE, FILE_OPEN, 0, STATUS_SUCCESS],
    ['file', FILE_WRITE_DATA, FILE_OPEN, 0, STATUS_ACCESS_DENIED],
    ['file', 0x4, FILE_OPEN, 0, STATUS_ACCESS_DENIED],
    ['file', 0x4000_0000, FILE_OPEN_IF, 0, STATUS_ACCESS_DENIED],
    ['file', FILE_READ_DATA, FILE_OVERWRITE_IF, 0, STATUS_ACCESS_DENIED],
    ['file', DELETE, FILE_OPEN, FILE_DELETE_ON_CLOSE, STATUS_CANNOT_DELETE],
    ['new', 0x1f01ff, FILE_CREATE, FILE_DELETE_ON_CLOSE, STATUS_CANNOT_DELETE],
    ['directory', FILE_WRITE_DATA, FILE_OPEN, 0, STATUS_SUCCESS],
    ['directory', DELETE, FILE_OPEN, FILE_DELETE_ON_CLOSE, STATUS_CANNOT_DELETE],
  ] as const) {
    const made = await make({
      name,
      desiredAccess,
      createDisposition,
      createOptions,
      fileAttributes: name === 'new' ? fileAttributes : 0,
    });
    assert.equal(typeof made === 'number' ? made : STATUS_SUCCESS, expected, `${name}`);
    await close(made);
  }
  assert.equal(
    await make({ name: 'new', createDisposition: FILE_OPEN }),
    STATUS_OBJECT_NAME_NOT_FOUND,
  );
});

const ALL = 0x001f_01ff;
const MAXIMUM = 0x0200_0000;

scenario('MAXIMUM_ALLOWED and generic rights', async ({ make, close, put, granted }) => {
  await put({ name: 'file' });
  await put({ name: 'fixed', fileAttributes: FILE_ATTRIBUTE_READONLY });
  for (const [name, desiredAccess, expected] of [
    ['file', MAXIMUM, ALL],
    ['fixed', MAXIMUM, ALL & ~0x46],
    ['fresh', MAXIMUM, ALL],
    ['file', MAXIMUM | FILE_READ_DATA, ALL],
    ['file', 0x1000_0000, ALL],
    ['file', 0x8000_0000, 0x0012_0089],
    ['file', 0x4000_0000, 0x0012_0116],
    ['file', 0x2000_0000, 0x0012_00a0],
  ] as const) {
    const open = await make({ name, desiredAccess });
    assert.ok(typeof open !== 'number', `${name} ${desiredAccess.toString(16)}: ${open}`);
    assert.equal((await granted(open)).toString(16), expected.toString(16), name);
    await close(open);
  }
  for (const desiredAccess of [0, 0x0400_0000, 0x200]) {
    assert.equal(await make({ name: 'file', desiredAccess }), STATUS_ACCESS_DENIED);
  }
  assert.equal(await make({ name: 'file', desiredAccess: 0x0100_0000 }), STATUS_PRIVILEGE_NOT_HELD);
  // MS-FSA 2.1.5.1: "If CreateOptions.FILE_DELETE_ON_CLOSE && !DesiredAccess.DELETE"
  for (const desiredAccess of [MAXIMUM, MAXIMUM | FILE_READ_DATA, FILE_READ_DATA]) {
    const wish = { name: 'file', desiredAccess, createOptions: FILE_DELETE_ON_CLOSE };
    assert.equal(await make(wish), STATUS_INVALID_PARAMETER);
  }
});

scenario(
  'a share that is read-only',
  async ({ world, make, close, granted }) => {
    world.memory.plant.file(['file'], Buffer.from('content'));
    const readable = await make({ name: 'file', desiredAccess: MAXIMUM });
    assert.ok(typeof readable !== 'number');
    assert.equal((await granted(readable)) & ~0x0012_00a9, 0);
    await close(readable);
    for (const over of [
      { name: 'new', desiredAccess: FILE_READ_DATA },
      { name: 'file', desiredAccess: FILE_WRITE_DATA },
      { name: 'file', desiredAccess: DELETE },
      { name: 'file', desiredAccess: 0x100 },
      { name: 'file', desiredAccess: FILE_READ_DATA, createDisposition: FILE_OVERWRITE },
      { name: 'file', desiredAccess: FILE_READ_DATA, createDisposition: FILE_SUPERSEDE },
      { name: 'file', desiredAccess: DELETE | MAXIMUM, createOptions: FILE_DELETE_ON_CLOSE },
    ]) {
      assert.equal(await make(over), STATUS_ACCESS_DENIED, JSON.stringify(over));
    }
  },
  'fixed',
);

scenario('names', async ({ make, close, put }) => {
  await put({ name: 'dir', createOptions: FILE_DIRECTORY_FILE });
  await put({ name: 'dir\\file' });
  for (const [name, expected] of [
    ['DIR\\FILE', STATUS_SUCCESS],
    ['', STATUS_SUCCESS],
    ['dir\\', STATUS_SUCCESS],
    ['dir\\file\\', STATUS_OBJECT_NAME_INVALID],
    ['fresh\\', STATUS_OBJECT_NAME_INVALID],
    ['\\dir', STATUS_INVALID_PARAMETER],
    ['dir\\file\\x', STATUS_OBJECT_PATH_NOT_FOUND],
    ['nowhere\\x', STATUS_OBJECT_PATH_NOT_FOUND],
    ['a*b', STATUS_OBJECT_NAME_INVALID],
    ['a?b', STATUS_OBJECT_NAME_INVALID],
    ['a/b', STATUS_OBJECT_NAME_INVALID],
    ['dir\\..\\dir', STATUS_SUCCESS],
    ['dir\\..\\..\\x', STATUS_OBJECT_PATH_SYNTAX_BAD],
    [`x${'y'.repeat(255)}`, STATUS_NAME_TOO_LONG],
    ['dir\\file::$DATA', STATUS_SUCCESS],
    ['dir\\file:stream', STATUS_SUCCESS],
    ['dir::$DATA', STATUS_FILE_IS_A_DIRECTORY],
    ['dir::$INDEX_ALLOCATION', STATUS_SUCCESS],
    ['dir:$I30:$INDEX_ALLOCATION', STATUS_SUCCESS],
    ['dir\\file::$INDEX_ALLOCATION', STATUS_NOT_A_DIRECTORY],
  ] as const) {
    const made = await make({ name });
    const status = typeof made === 'number' ? made : STATUS_SUCCESS;
    assert.equal(status.toString(16), expected.toString(16), name);
    await close(made);
  }
});

scenario('share modes and marked for deletion', async (scene) => {
  const { client, session, treeId, make, close } = scene;
  const alone = await make({ name: 'file', shareAccess: 0 });
  assert.ok(typeof alone !== 'number');
  assert.equal(await make({ name: 'FILE' }), STATUS_SHARING_VIOLATION);
  const looking = await make({ name: 'file', desiredAccess: 0x80, shareAccess: 0 });
  assert.ok(typeof looking !== 'number', 'attributes are always shown');
  assert.equal(
    await make({ name: 'file', desiredAccess: 0x80, createDisposition: FILE_OVERWRITE }),
    STATUS_SHARING_VIOLATION,
  );
  await client.call({ ...dispose(alone), treeId }, session);
  assert.equal(await make({ name: 'file' }), STATUS_DELETE_PENDING);
  assert.equal(await make({ name: 'file', desiredAccess: 0x80 }), STATUS_DELETE_PENDING);
  await close(alone);
  assert.equal(await make({ name: 'file' }), STATUS_DELETE_PENDING);
  await close(looking);
  const anew = await make({ name: 'file' });
  assert.equal(typeof anew === 'number' ? anew : anew.createAction, FILE_CREATED);
});

scenario('delete on close wants DELETE, and spares the root', async ({ make, close }) => {
  const createOptions = FILE_DELETE_ON_CLOSE;
  assert.equal(
    await make({ name: 'file', desiredAccess: FILE_WRITE_DATA, createOptions }),
    STATUS_INVALID_PARAMETER,
  );
  assert.equal(
    await make({ name: 'file', createDisposition: FILE_OPEN }),
    STATUS_OBJECT_NAME_NOT_FOUND,
  );
  const file = await make({ name: 'file', createOptions });
  await close(file);
  assert.equal(
    await make({ name: 'file', createDisposition: FILE_OPEN }),
    STATUS_OBJECT_NAME_NOT_FOUND,
  );
  assert.equal(await make({ name: '', createOptions }), STATUS_CANNOT_DELETE);
  assert.ok(typeof (await make({ name: '' })) !== 'number', 'with all rights');
});

scenario('contexts: what was asked is answered, and nothing else', async (scene) => {
  const { client, session, treeId, make, close } = scene;
  const bare = await make({ name: 'file' });
  assert.ok(typeof bare !== 'number');
  assert.deepEqual(bare.createContexts, []);
  const { lastWriteTime } = bare;
  await close(bare);
  const ask = (data: Buffer) =>
    make({
      name: 'file',
      createContexts: [
        { name: CreateContextName.QUERY_ON_DISK_ID, data: Buffer.alloc(0) },
        { name: CreateContextName.QUERY_MAXIMAL_ACCESS, data },
        { name: 'ZzZz', data: Buffer.from('unknown') },
      ],
    });
  for (const [data, queryStatus, maximal] of [
    [encodeQueryMaximalAccessRequest(), STATUS_SUCCESS, ALL],
    [encodeQueryMaximalAccessRequest(lastWriteTime - 1n), STATUS_SUCCESS, ALL],
    [encodeQueryMaximalAccessRequest(lastWriteTime), STATUS_NONE_MAPPED, 0],
  ] as const) {
    const made = await ask(data);
    assert.ok(typeof made !== 'number');
    const byName = new Map(made.createContexts.map((one) => [one.name, one.data]));
    assert.equal(byName.size, 2);
    assert.deepEqual(
      decodeQueryMaximalAccessResponse(byName.get(CreateContextName.QUERY_MAXIMAL_ACCESS)!),
      { queryStatus, maximalAccess: maximal },
    );
    const disk = decodeQueryOnDiskIdResponse(byName.get(CreateContextName.QUERY_ON_DISK_ID)!);
    assert.ok(disk.diskFileId > 0n);
    await close(made);
  }
  const reserved = await make({
    name: 'large',
    createContexts: [
      { name: CreateContextName.ALLOCATION_SIZE, data: encodeAllocationSize(1_000_000) },
    ],
  });
  assert.ok(typeof reserved !== 'number');
  assert.ok(reserved.allocationSize >= 1_000_000);
  assert.equal(reserved.endOfFile, 0);
  await client.call({ ...write(reserved, 'abc'), treeId }, session);
  const { message } = await client.call({ ...read(reserved), treeId }, session);
  assert.equal(decodeReadResponse(message).data.toString(), 'abc');
});

scenario(
  'each option and each right by itself, as Windows 7 answers',
  async ({ make, close, put }) => {
    await put({ name: 'file' });
    const masks = new Map<NtStatus, number>();
    const note = (status: NtStatus, bit: number) =>
      masks.set(status, ((masks.get(status) ?? 0) | bit) >>> 0);
    for (let i = 0; i < 32; i++) {
      const createOptions = (1 << i) >>> 0;
      if (createOptions === FILE_DELETE_ON_CLOSE) continue;
      const made = await make({ name: 'file', createOptions, desiredAccess: MAXIMUM });
      note(typeof made === 'number' ? made : STATUS_SUCCESS, createOptions);
      await close(made);
    }
    assert.deepEqual(Object.fromEntries(masks), {
      [STATUS_SUCCESS]: 0x00ef_cf7e,
      [STATUS_NOT_A_DIRECTORY]: 0x0000_0001,
      [STATUS_NOT_SUPPORTED]: 0x0010_2080,
      [STATUS_INVALID_PARAMETER]: 0xff00_0000,
    });
    masks.clear();
    for (let i = 0; i < 32; i++) {
      const desiredAccess = (1 << i) >>> 0;
      const made = await make({ name: 'file', desiredAccess });
      note(typeof made === 'number' ? made : STATUS_SUCCESS, desiredAccess);
      await close(made);
    }
    assert.equal(masks.get(STATUS_ACCESS_DENIED), 0x0ce0_fe00);
    assert.equal(masks.get(STATUS_PRIVILEGE_NOT_HELD), 0x0100_0000);
    const device = { name: 'file', fileAttributes: 0x40 };
    assert.equal(await make({ ...device, desiredAccess: 0x0800_0000 }), STATUS_ACCESS_DENIED);
    assert.equal(await make(device), STATUS_INVALID_PARAMETER);
  },
);

scenario('in a directory that is marked for deletion nothing is opened', async (scene) => {
  const { client, session, treeId, make, close } = scene;
  const directory = await make({ name: 'dir', createOptions: FILE_DIRECTORY_FILE });
  assert.ok(typeof directory !== 'number');
  await client.call({ ...dispose(directory), treeId }, session);
  assert.equal(await make({ name: 'DIR\\file' }), STATUS_DELETE_PENDING);
  assert.equal(
    await make({ name: 'dir\\sub', createOptions: FILE_DIRECTORY_FILE }),
    STATUS_DELETE_PENDING,
  );
  const other = await make({ name: 'other' });
  assert.ok(typeof other !== 'number');
  const moved = await client.call({ ...rename(other, 'dir\\file'), treeId }, session);
  assert.equal(moved.status, STATUS_DELETE_PENDING);
  await close(other);
  await client.call({ ...dispose(directory, false), treeId }, session);
  const file = await make({ name: 'dir\\file' });
  assert.ok(typeof file !== 'number');
  await close(file);
  await close(directory);
});
