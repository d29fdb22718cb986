/** QUERY_INFO and SET_INFO (MS-SMB2 3.3.5.20, 3.3.5.21; MS-FSCC 2.4, 2.5; MS-FSA 2.1.5.11 to 2.1.5.15). */
import assert from 'node:assert/strict';
import type { ClientFile } from '../../src/client/file.ts';
import { createRequest, queryInfoRequest, setInfoRequest } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { FILE_ALL_ACCESS, FILE_GENERIC_READ } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_CANNOT_DELETE,
  STATUS_DISK_FULL,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_COLLISION,
} from '../../src/dtyp/ntstatus.ts';
import { FileInformationClass, FsInformationClass } from '../../src/fscc/information-class.ts';
import {
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN_IF,
} from '../../src/smb2/create-options.ts';
import { hostileSuite, isRefused, type Kit, patch } from './kit.ts';

const hostile = await hostileSuite();
const FILE = 1;
const FILESYSTEM = 2;
const SECURITY = 3;
const QUOTA = 4;
const {
  FileAllocationInformation,
  FileBasicInformation,
  FileDispositionInformation,
  FileDispositionInformationEx,
  FileEndOfFileInformation,
  FileFullEaInformation,
  FileLinkInformation,
  FilePositionInformation,
  FileRenameInformation,
  FileRenameInformationEx,
} = FileInformationClass;

const all = { access: FILE_ALL_ACCESS, disposition: FILE_OPEN_IF };
let files = 0;
async function opened({ mount }: Kit, name = `info ${files++}`): Promise<ClientFile> {
  const tree = await mount();
  return tree.open(name, all);
}
const set = (file: ClientFile, informationClass: number, buffer: Buffer) =>
  file.tree.request(setInfoRequest(file.fileId, FILE, informationClass, buffer));

hostile('QUERY_INFO: each class of each type, with buffers of 0 to 200 bytes', async (kit) => {
  const file = await opened(kit);
  for (const infoType of [0, FILE, FILESYSTEM, SECURITY, QUOTA, 5, 255]) {
    for (let informationClass = 0; informationClass < 80; informationClass++) {
      for (const outputBytes of [0, 1, 3, 4, 7, 8, 23, 24, 39, 40, 56, 100, 104, 200, 1000]) {
        const how = { outputBytes, additionalInformation: 7 };
        const request = queryInfoRequest(file.fileId, infoType, informationClass, how);
        const { status, message } = await file.tree.request(request);
        assert.ok(status === 0 || status >= 0x80000000);
        if (status === 0) assert.ok(message.readUInt32LE(68) <= outputBytes);
        if (infoType === 0 || infoType > QUOTA) assert.equal(status, STATUS_INVALID_PARAMETER);
      }
    }
  }
});

for (const [name, change, ...statuses] of [
  [
    'OutputBufferLength 0xFFFFFFFF',
    (m: Buffer) => m.writeUInt32LE(0xffffffff, 68),
    STATUS_INVALID_PARAMETER,
  ],
  [
    'InputBufferLength 0xFFFFFFFF',
    (m: Buffer) => [m.writeUInt16LE(104, 72), m.writeUInt32LE(0xffffffff, 76)],
    STATUS_INVALID_PARAMETER,
  ],
  [
    'InputBufferOffset in the header',
    (m: Buffer) => [m.writeUInt16LE(8, 72), m.writeUInt32LE(8, 76)],
    STATUS_INVALID_PARAMETER,
  ],
] as const) {
  hostile(`QUERY_INFO: ${name}`, async (kit) => {
    const file = await opened(kit);
    const request = queryInfoRequest(file.fileId, FILE, 5);
    await isRefused(file.tree.request({ ...request, craft: patch(change) }), ...statuses);
  });
}

hostile('QUERY_INFO: lists of names of extended attributes that lie', async (kit) => {
  const file = await opened(kit);
  for (const input of [
    'ffffffff0141',
    '0100000001410000',
    '00000000ff41',
    '000000000000',
    '04000000014100000000000001410000',
    '00',
    'ff'.repeat(64),
    '0c000000014100000000000000'.repeat(2000),
  ]) {
    const how = { input: Buffer.from(input, 'hex'), outputBytes: 1000 };
    const request = queryInfoRequest(file.fileId, FILE, FileFullEaInformation, how);
    const { status } = await file.tree.request(request);
    assert.ok(status === 0 || status >= 0x80000000);
  }
});

hostile(
  'SET_INFO: each class of each type, with every length to 130, of zeros and of ones',
  async (kit) => {
    const { tree } = await opened(kit);
    const settles = new Set<number>();
    for (const infoType of [0, FILE, FILESYSTEM, SECURITY, QUOTA, 5]) {
      for (let informationClass = 0; informationClass < 80; informationClass++) {
        const known = infoType === FILE || informationClass < 16;
        const lengths = known ? [0, 1, 2, 3, 4, 7, 8, 16, 20, 24, 32, 40, 41, 96, 130] : [0, 8];
        for (const length of lengths) {
          for (const fill of [0, 0xff]) {
            const file = await tree.open('set', all);
            const buffer = Buffer.alloc(length, fill);
            const request = setInfoRequest(file.fileId, infoType, informationClass, buffer, 4);
            const { status } = await tree.request(request);
            settles.add(status);
            assert.ok(status === 0 || status >= 0x80000000, status.toString(16));
            await file.close();
          }
        }
      }
    }
    assert.ok(settles.has(0) && settles.size > 3);
  },
);

/** With the right to delete it; undefined where the file system gives nobody that right. */
async function openRoot(tree: ClientTree): Promise<ClientFile | undefined> {
  const how = { options: FILE_DIRECTORY_FILE, access: 0x10081 };
  const answer = await tree.request(createRequest('', how));
  if (answer.status === 0) return tree.fileOf(answer);
  assert.equal(answer.status, STATUS_ACCESS_DENIED);
  return undefined;
}

const rename = (name: string, more: { length?: number; root?: bigint; replace?: number } = {}) => {
  const text = Buffer.from(name, 'utf16le');
  const b = Buffer.alloc(20 + Math.max(4, text.length));
  b.writeUInt32LE(more.replace ?? 0, 0);
  b.writeBigUInt64LE(more.root ?? 0n, 8);
  b.writeUInt32LE(more.length ?? text.length, 16);
  text.copy(b, 20);
  return b;
};

for (const informationClass of [
  FileRenameInformation,
  FileRenameInformationEx,
  FileLinkInformation,
]) {
  const title = `class ${informationClass}`;

  hostile(`${title}: FileNameLength that lies, RootDirectory`, async (kit) => {
    const file = await opened(kit);
    for (const buffer of [
      rename('x', { length: 0xffffffff }),
      rename('x', { length: 3 }),
      rename('x', { length: 1000 }),
      rename('x', { root: 1n }),
      rename('x', { root: 0xffffffffffffffffn }),
      rename('').subarray(0, 19),
    ]) {
      const { status } = await set(file, informationClass, buffer);
      assert.ok(status >= 0xc0000000, status.toString(16));
    }
    // Nothing of it has happened.
    assert.equal((await file.tree.request(createRequest(file.name))).status, 0);
  });

  hostile(`${title}: to names that are none, and out of the share`, async (kit) => {
    const file = await opened(kit);
    for (const name of [
      '',
      '\\',
      '\\\\',
      '..',
      '..\\out',
      '\\..\\out',
      'a\\..\\..\\out',
      'a/b',
      '*',
      'a:stream',
      ':stream',
      ':stream:$DATA',
      'nul\0',
      '\ud800',
      'x'.repeat(256),
      'x'.repeat(30_000),
      'not there\\x',
      `${file.name}\\below itself`,
    ]) {
      const { status } = await set(file, informationClass, rename(name));
      assert.ok(
        status >= 0xc0000000,
        `${JSON.stringify(name.slice(0, 20))}: ${status.toString(16)}`,
      );
    }
    assert.equal((await file.tree.request(createRequest(file.name))).status, 0);
  });

  hostile(`${title}: over an open file, over a folder, of the root`, async (kit) => {
    const file = await opened(kit);
    const { tree } = file;
    const victim = await tree.open(`victim ${informationClass}`, { ...all, share: 0 });
    const over = rename(victim.name, { replace: 1 });
    const { status } = await set(file, informationClass, over);
    assert.ok(
      [STATUS_ACCESS_DENIED, STATUS_OBJECT_NAME_COLLISION, 0xc0000043].includes(status),
      status.toString(16),
    );
    await tree.makeDirectory(`folder ${informationClass}`);
    const folder = rename(`folder ${informationClass}`, { replace: 1 });
    assert.ok((await set(file, informationClass, folder)).status >= 0xc0000000);
    const root = await openRoot(tree);
    if (root !== undefined) {
      assert.ok((await set(root, informationClass, rename('new root'))).status >= 0xc0000000);
    }
    await victim.close();
  });
}

hostile('RENAME of a folder into itself, deeply', async ({ mount }) => {
  const tree = await mount();
  await tree.makeDirectory('outer');
  await tree.makeDirectory('outer\\inner');
  const outer = await tree.open('outer', { options: FILE_DIRECTORY_FILE, access: 0x10081 });
  for (const name of ['outer\\x', 'outer\\inner\\x', 'OUTER\\Inner\\x']) {
    assert.ok((await set(outer, FileRenameInformation, rename(name))).status >= 0xc0000000);
  }
});

hostile('RENAME without the right to', async ({ mount }) => {
  const tree = await mount();
  await tree.writeFile('mine', Buffer.from('x'));
  const file = await tree.open('mine', { access: FILE_GENERIC_READ });
  await isRefused(set(file, FileRenameInformation, rename('yours')), STATUS_ACCESS_DENIED);
  await isRefused(set(file, FileDispositionInformation, Buffer.from([1])), STATUS_ACCESS_DENIED);
  await isRefused(set(file, FileEndOfFileInformation, Buffer.alloc(8)), STATUS_ACCESS_DENIED);
  await isRefused(set(file, FileBasicInformation, Buffer.alloc(40)), STATUS_ACCESS_DENIED);
  assert.equal((await tree.readFile('mine')).toString(), 'x');
});

hostile(
  'DISPOSITION: of the root, of what is read-only, of a folder that is not empty',
  async ({ mount }) => {
    const tree = await mount();
    const root = await openRoot(tree);
    const byClose = { access: 0x10000, options: FILE_DELETE_ON_CLOSE };
    assert.ok((await tree.request(createRequest('', byClose))).status >= 0xc0000000);
    for (const informationClass of [FileDispositionInformation, FileDispositionInformationEx]) {
      if (root === undefined) break;
      const { status } = await set(root, informationClass, Buffer.from([1, 0, 0, 0]));
      assert.ok(status >= 0xc0000000, status.toString(16));
    }
    const readOnly = await tree.open('read-only', { ...all, attributes: 1 });
    await isRefused(
      set(readOnly, FileDispositionInformation, Buffer.from([1])),
      STATUS_CANNOT_DELETE,
    );
    await tree.makeDirectory('full');
    await tree.writeFile('full\\file', Buffer.alloc(0));
    const full = await tree.open('full', { options: FILE_DIRECTORY_FILE, access: 0x10081 });
    await isRefused(set(full, FileDispositionInformation, Buffer.from([1])), 0xc0000101);
    assert.ok((await tree.list('')).some(({ name }) => name === 'full'));
  },
);

for (const [name, informationClass] of [
  ['EndOfFile', FileEndOfFileInformation],
  ['AllocationSize', FileAllocationInformation],
  ['CurrentByteOffset', FilePositionInformation],
] as const) {
  hostile(`${name}: less than nothing, and more than there can be`, async (kit) => {
    const file = await opened(kit);
    await file.write(0, Buffer.from('0123456789'));
    const sizes = [-1n, -(2n ** 63n), 2n ** 63n - 1n, 2n ** 62n, 2n ** 53n, 2n ** 53n + 1n];
    for (const size of sizes) {
      const buffer = Buffer.alloc(8);
      buffer.writeBigInt64LE(size);
      const { status } = await set(file, informationClass, buffer);
      if (informationClass === FilePositionInformation && size > 0n) continue;
      assert.ok(
        [STATUS_INVALID_PARAMETER, STATUS_DISK_FULL].includes(status),
        `${size}: ${status.toString(16)}`,
      );
    }
    assert.equal((await file.close(true)).endOfFile, 10);
  });
}

hostile('times of all kinds: what is stored is what comes back', async (kit) => {
  const file = await opened(kit);
  for (const time of [1n, 0x7fffffffffffffffn, -3n, -(2n ** 63n), 2n ** 60n]) {
    const buffer = Buffer.alloc(40);
    for (let at = 0; at < 32; at += 8) buffer.writeBigInt64LE(time, at);
    const { status } = await set(file, FileBasicInformation, buffer);
    if (status !== 0) assert.ok(status >= 0xc0000000);
    const back = await file.queryInfo(FileBasicInformation);
    assert.equal(back.length, 40);
  }
});

hostile('file system classes that would change the volume', async (kit) => {
  const file = await opened(kit);
  for (const informationClass of Object.values(FsInformationClass)) {
    const request = setInfoRequest(
      file.fileId,
      FILESYSTEM,
      informationClass,
      Buffer.alloc(48, 'x'),
    );
    const { status } = await file.tree.request(request);
    assert.ok(status >= 0xc0000000, `class ${informationClass}: ${status.toString(16)}`);
  }
});

hostile('quotas of a file, where no quotas are kept, are refused', async (kit) => {
  const file = await opened(kit);
  const quota = queryInfoRequest(file.fileId, QUOTA, 0, { input: Buffer.alloc(16) });
  const refused = [STATUS_NOT_SUPPORTED, STATUS_INVALID_PARAMETER, 0xc0000010];
  await isRefused(file.tree.request(quota), ...refused);
});

for (const [name, change] of [
  ['BufferOffset in the header', (m: Buffer) => m.writeUInt16LE(8, 72)],
  ['BufferOffset beyond', (m: Buffer) => m.writeUInt16LE(0xffff, 72)],
  ['BufferLength 0xFFFFFFFF', (m: Buffer) => m.writeUInt32LE(0xffffffff, 68)],
] as const) {
  hostile(`SET_INFO: ${name}`, async (kit) => {
    const file = await opened(kit);
    const request = setInfoRequest(file.fileId, FILE, FileEndOfFileInformation, Buffer.alloc(8));
    const answer = file.tree.request({ ...request, craft: patch(change) });
    await isRefused(answer, STATUS_INVALID_PARAMETER);
  });
}
