/** MS-CIFS 2.2.4.66, SMB_NT_RENAME that copies: the data, the holes and the attributes, and nothing of a pipe. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SHARE, startServer, type TestServer } from '../../test/support/in-process-server.ts';
import { Smb1Client, utf16 } from '../../test/support/smb1-client.ts';
import {
  STATUS_DISK_FULL,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { nativeSupport } from '../native/support.ts';
import { Smb1Command } from '../smb1/header.ts';
import { NtRenameLevel } from '../smb1/paths.ts';
import { ENOSPC } from '../vfs/errno.ts';
import { createFaultyVfs } from '../vfs/memory/faulty.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';

const skip = nativeSupport().unavailable ?? false;
const GLOBAL = { minProtocol: 0x0100, signing: 'auto' } as const;

async function login(server: TestServer): Promise<Smb1Client> {
  const client = await Smb1Client.open(server);
  await client.negotiate();
  await client.login();
  await client.treeConnect(SHARE);
  return client;
}

async function copy(client: Smb1Client, from: string, to: string): Promise<number> {
  const words = Buffer.alloc(8);
  words.writeUInt16LE(0x16, 0);
  words.writeUInt16LE(NtRenameLevel.COPY, 2);
  const name = (text: string): Buffer => Buffer.concat([Buffer.from([4]), utf16(text)]);
  // The first name lies at an even offset, and the second behind a byte.
  const bytes = Buffer.concat([name(from), name(to).subarray(0, 1), Buffer.alloc(1), utf16(to)]);
  const { status } = await client.request({ command: Smb1Command.NT_RENAME, words, bytes });
  return status;
}

test('a file is copied to a name that is free, a pipe is not', async () => {
  const server = await startServer({ global: GLOBAL });
  try {
    const tree = await server.mount();
    const content = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i % 251));
    await tree.writeFile('from', content);
    const client = await login(server);
    assert.equal(await copy(client, '\\from', '\\to'), STATUS_SUCCESS);
    assert.deepEqual(await tree.readFile('to'), content);
    assert.equal(await copy(client, '\\from', '\\to'), STATUS_OBJECT_NAME_COLLISION);
    await client.treeConnect('IPC$');
    assert.equal(await copy(client, '\\srvsvc', '\\wkssvc'), STATUS_INVALID_DEVICE_REQUEST);
    await client.close();
  } finally {
    await server.close();
  }
});

test('where the disk is full no part of a copy stays, and the source does', async () => {
  const inner = createMemoryVfs();
  const done: string[] = [];
  const vfs = createFaultyVfs(inner, {
    fail: ({ method, path }) => {
      if (path[0] !== 'to') return undefined;
      done.push(method);
      return method === 'copyRange' || method === 'write' ? ENOSPC : undefined;
    },
  });
  const server = await startServer({ shares: [{ name: SHARE, vfs }], global: GLOBAL });
  try {
    const tree = await server.mount();
    const content = Buffer.alloc(3_000_000, 7);
    await tree.writeFile('from', content);
    const client = await login(server);
    assert.equal(await copy(client, '\\from', '\\to'), STATUS_DISK_FULL);
    assert.ok(done.includes('create') && done.includes('truncate'));
    assert.deepEqual(await tree.readFile('from'), content);
    await assert.rejects(tree.readFile('to'), /c0000034/);
    await client.close();
  } finally {
    await server.close();
  }
});

test('of a terabyte that is a hole but for a block, the block is copied', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-copying-'));
  chmodSync(folder, 0o777);
  const server = await startServer({ shares: [{ name: SHARE, path: folder }], global: GLOBAL });
  try {
    const file = openSync(join(folder, 'from'), 'w');
    const size = 2 ** 40;
    writeSync(file, Buffer.alloc(4096, 5), 0, 4096, size - 4096);
    closeSync(file);
    chmodSync(join(folder, 'from'), 0o666);
    const client = await login(server);
    assert.equal(await copy(client, '\\from', '\\to'), STATUS_SUCCESS);
    const copied = statSync(join(folder, 'to'));
    assert.equal(copied.size, size);
    // Of 512 bytes each: the data, and where the attributes are.
    assert.ok(copied.blocks <= 24);
    assert.deepEqual(readdirSync(folder).sort(), ['from', 'to']);
    await client.close();
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
