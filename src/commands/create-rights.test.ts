/** MS-FSA 2.1.5.1 through the pipeline: the rights, names, sharing and contexts of CREATE. */
import assert from 'node:assert/strict';
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
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
  STATUS_PRIVILEGE_NOT_HELD,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_READONLY } from '../fscc/attributes.ts';
import { dispose, read, rename, write } from '../server/test-requests.support.test.ts';
import {
  decodeQueryMaximalAccessResponse,
  decodeQueryOnDiskIdResponse,
  encodeAllocationSize,
  encodeQueryMaximalAccessRequest,
} from '../smb2/create-context-values.ts';
import { CreateContextName } from '../smb2/create-contexts.ts';
import {
  FILE_CREATED,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OVERWRITE,
  FILE_SUPERSEDE,
} from '../smb2/create-options.ts';
import { decodeReadResponse } from '../smb2/read.ts';
import { scenario } from './create-scenario.support.test.ts';

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
