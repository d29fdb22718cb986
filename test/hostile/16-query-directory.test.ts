/** QUERY_DIRECTORY (MS-SMB2 3.3.5.18, MS-FSA 2.1.5.6.3). */
import assert from 'node:assert/strict';
import type { ClientFile } from '../../src/client/file.ts';
import { queryDirectoryRequest } from '../../src/client/requests.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_MORE_FILES,
  STATUS_NO_SUCH_FILE,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_INVALID,
} from '../../src/dtyp/ntstatus.ts';
import {
  decodeDirectory,
  fixedSize,
  isDirectoryClass,
} from '../../src/fscc/directory-information.ts';
import { FileInformationClass } from '../../src/fscc/information-class.ts';
import { FILE_DIRECTORY_FILE } from '../../src/smb2/create-options.ts';
import {
  decodeQueryDirectoryResponse,
  SMB2_INDEX_SPECIFIED,
  SMB2_REOPEN,
  SMB2_RESTART_SCANS,
} from '../../src/smb2/query-directory.ts';
import { hostileSuite, isDropped, isRefused, type Kit, patch } from './kit.ts';

const hostile = await hostileSuite();
const { FileIdBothDirectoryInformation } = FileInformationClass;

/** A directory with a few files, one with a long name. */
async function directory({ mount }: Kit): Promise<ClientFile> {
  const tree = await mount();
  await tree.makeDirectory('folder').catch(() => undefined);
  const names = ['a', 'b.txt', 'l'.repeat(255), 'ünïcode', '😀'];
  for (const name of names) await tree.writeFile(`folder\\${name}`, Buffer.alloc(0));
  return tree.open('folder', { options: FILE_DIRECTORY_FILE });
}

hostile('buffers of 0 to 700 bytes, for each class', async (kit) => {
  const folder = await directory(kit);
  for (const informationClass of Object.values(FileInformationClass).filter(isDirectoryClass)) {
    for (let outputBytes = 0; outputBytes <= 700; outputBytes += outputBytes < 130 ? 1 : 37) {
      const how = { outputBytes, flags: SMB2_RESTART_SCANS };
      const request = queryDirectoryRequest(folder.fileId, informationClass, how);
      const { status, message } = await folder.tree.request(request);
      if (status === 0 || status === STATUS_BUFFER_OVERFLOW) {
        const { outputBuffer } = decodeQueryDirectoryResponse(message);
        assert.ok(outputBuffer.length <= outputBytes);
        if (status === 0) assert.ok(decodeDirectory(informationClass, outputBuffer).length > 0);
      } else {
        assert.equal(status, STATUS_INFO_LENGTH_MISMATCH);
        assert.ok(outputBytes < fixedSize(informationClass) + 8);
      }
    }
  }
});

hostile('each class that there is, and each that there is not', async (kit) => {
  const folder = await directory(kit);
  for (let informationClass = 0; informationClass < 256; informationClass++) {
    const how = { flags: SMB2_RESTART_SCANS };
    const request = queryDirectoryRequest(folder.fileId, informationClass, how);
    const { status } = await folder.tree.request(request);
    if (isDirectoryClass(informationClass)) assert.equal(status, 0, `class ${informationClass}`);
    else {
      const refused: number[] = [STATUS_INVALID_INFO_CLASS, STATUS_NOT_SUPPORTED];
      assert.ok(refused.includes(status), `class ${informationClass}: ${status.toString(16)}`);
    }
  }
});

hostile('patterns that take others for ever', async (kit) => {
  const folder = await directory(kit);
  const long = 'l'.repeat(250);
  for (const pattern of [
    '*'.repeat(255),
    `${'*l'.repeat(120)}x`,
    `${'<l'.repeat(120)}x`,
    `${'*?'.repeat(120)}x`,
    `*${long}?x`,
    '>'.repeat(255),
    '"'.repeat(255),
  ]) {
    const start = performance.now();
    const request = queryDirectoryRequest(folder.fileId, FileIdBothDirectoryInformation, {
      pattern,
      flags: SMB2_REOPEN,
    });
    await folder.tree.request(request);
    assert.ok(performance.now() - start < 500, pattern);
  }
});

hostile('patterns that are none', async (kit) => {
  const folder = await directory(kit);
  for (const pattern of [
    'a\\b',
    'a/b',
    'a:b',
    'a|b',
    'a\0',
    '\ud800',
    '*'.repeat(1000),
    'x'.repeat(30_000),
  ]) {
    const request = queryDirectoryRequest(folder.fileId, FileIdBothDirectoryInformation, {
      pattern,
      flags: SMB2_REOPEN,
    });
    const refused = [STATUS_OBJECT_NAME_INVALID, STATUS_NO_SUCH_FILE, STATUS_INVALID_PARAMETER];
    await isRefused(folder.tree.request(request), ...refused);
  }
});

for (const [name, change] of [
  ['FileNameOffset in the header', (m: Buffer) => m.writeUInt16LE(8, 64 + 24)],
  ['FileNameOffset beyond', (m: Buffer) => m.writeUInt16LE(0xffff, 64 + 24)],
  ['FileNameLength beyond', (m: Buffer) => m.writeUInt16LE(0xfffe, 64 + 26)],
  ['FileNameLength odd', (m: Buffer) => m.writeUInt16LE(1, 64 + 26)],
  ['OutputBufferLength 0xFFFFFFFF', (m: Buffer) => m.writeUInt32LE(0xffffffff, 64 + 28)],
] as const) {
  hostile(name, async (kit) => {
    const folder = await directory(kit);
    const request = queryDirectoryRequest(folder.fileId, FileIdBothDirectoryInformation);
    const answer = folder.tree.request({ ...request, craft: patch(change) });
    await isRefused(answer, STATUS_INVALID_PARAMETER);
  });
}

hostile('INDEX_SPECIFIED, and all flags at once', async (kit) => {
  const folder = await directory(kit);
  for (const flags of [SMB2_INDEX_SPECIFIED, 0xff, 0x08, 0x20]) {
    const request = queryDirectoryRequest(folder.fileId, FileIdBothDirectoryInformation, {
      flags,
      fileIndex: 0xffffffff,
    });
    const { status } = await folder.tree.request(request);
    const statuses = [0, STATUS_NO_MORE_FILES, STATUS_NOT_SUPPORTED, STATUS_INVALID_PARAMETER];
    assert.ok(statuses.includes(status), status.toString(16));
  }
});

hostile('a file, a pipe, and a directory without the right to list', async ({ mount }) => {
  const tree = await mount();
  await tree.writeFile('file', Buffer.from('x'));
  const file = await tree.open('file');
  await isRefused(
    tree.request(queryDirectoryRequest(file.fileId, FileIdBothDirectoryInformation)),
    STATUS_INVALID_PARAMETER,
  );
  const blind = await tree.open('', { options: FILE_DIRECTORY_FILE, access: 0x80 });
  await isRefused(
    tree.request(queryDirectoryRequest(blind.fileId, FileIdBothDirectoryInformation)),
    STATUS_ACCESS_DENIED,
  );
  await file.close();
  await tree.remove('file');
});

hostile('a directory that changes under the listing', async (kit) => {
  const { mount } = kit;
  const [tree, other] = await Promise.all([mount(), mount()]);
  await tree.makeDirectory('changing');
  const there = Array.from({ length: 300 }, (_, i) => `file ${i}`);
  for (const name of there) await tree.writeFile(`changing\\${name}`, Buffer.alloc(0));
  const folder = await tree.open('changing', { options: FILE_DIRECTORY_FILE });
  const seen: string[] = [];
  for (let i = 0; ; i++) {
    const more = await folder.list(FileIdBothDirectoryInformation, { outputBytes: 2_000 });
    if (more === undefined) break;
    seen.push(...more.map((entry) => entry.name));
    await other.remove(`changing\\file ${299 - i}`);
    await other.writeFile(`changing\\new ${i}`, Buffer.alloc(0));
  }
  assert.equal(new Set(seen).size, seen.length, 'no name comes twice');
  for (let i = 0; i < 200; i++) assert.ok(seen.includes(`file ${i}`), `file ${i} was there always`);
});

hostile('a directory that is deleted under the listing', async ({ mount }) => {
  const [tree, other] = await Promise.all([mount(), mount()]);
  await tree.makeDirectory('gone');
  const folder = await tree.open('gone', { options: FILE_DIRECTORY_FILE });
  await other.remove('gone');
  const { status } = await tree.request(
    queryDirectoryRequest(folder.fileId, FileIdBothDirectoryInformation),
  );
  assert.ok(status === 0 || status === STATUS_NO_MORE_FILES || status >= 0xc0000000);
  await folder.close();
});

hostile('ten listings of one open at once', async (kit) => {
  const folder = await directory(kit);
  const request = queryDirectoryRequest(folder.fileId, FileIdBothDirectoryInformation, {
    outputBytes: 300,
  });
  const answers = await Promise.all(Array.from({ length: 10 }, () => folder.tree.request(request)));
  const names = answers
    .filter(({ status }) => status === 0)
    .flatMap(({ message }) =>
      decodeDirectory(
        FileIdBothDirectoryInformation,
        decodeQueryDirectoryResponse(message).outputBuffer,
      ),
    )
    .map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});

hostile('a buffer of more than MaxTransactSize', async (kit) => {
  const folder = await directory(kit);
  const { maxTransactSize } = folder.tree.session.connection.negotiated!;
  const outputBytes = maxTransactSize + 1;
  const request = queryDirectoryRequest(folder.fileId, FileIdBothDirectoryInformation, {
    outputBytes,
  });
  await isRefused(folder.tree.request(request), STATUS_INVALID_PARAMETER, 0);
});

hostile('a name of 60,000 bytes in a message of 68 KiB', async (kit) => {
  const folder = await directory(kit);
  const body = Buffer.concat([
    queryDirectoryRequest(folder.fileId, FileIdBothDirectoryInformation).body,
    Buffer.alloc(2 << 20),
  ]);
  const request = { ...queryDirectoryRequest(folder.fileId, 37), body };
  await folder.tree.request(request).then(
    ({ status }) => assert.ok(status >= 0),
    () => isDropped(Promise.reject(folder.tree.session.connection.problem)),
  );
});
