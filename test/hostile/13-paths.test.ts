/**
 * Names in CREATE (MS-FSCC 2.1.5, MS-FSA 2.1.5.1). Links that leave the share, also while they are
 * swapped, and what is no file: here on a real folder; more in src/vfs/contract-planted.ts and src/vfs/local.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { createRequest } from '../../src/client/requests.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_INVALID_PARAMETER,
  STATUS_NAME_TOO_LONG,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
} from '../../src/dtyp/ntstatus.ts';
import { FILE_CREATE, FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { SHARE } from '../support/in-process-server.ts';
import { hostileSuite, isRefused, patch } from './kit.ts';

const hostile = await hostileSuite();

const INVALID = [STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_PATH_SYNTAX_BAD] as const;
const names: readonly [string, string, readonly number[]][] = [
  ['dot dot', '..', INVALID],
  ['dot dot behind a folder', 'a\\..\\..\\b', INVALID],
  ['dot dots to the outside', 'a\\..\\..\\..\\etc\\passwd', INVALID],
  ['dot dot behind a stream', 'a:s\\..\\b', INVALID],
  ['a stream of dot dot', 'a\\..:s', INVALID],
  ['dot', '.', INVALID],
  ['dot and backslash', '.\\a', INVALID],
  ['a leading backslash', '\\a', [STATUS_INVALID_PARAMETER]],
  ['two backslashes', 'a\\\\b', INVALID],
  ['only backslashes', '\\\\\\', [STATUS_INVALID_PARAMETER]],
  ['a slash', 'a/b', INVALID],
  ['slashes to the outside', '../../etc/passwd', INVALID],
  ['a UNC path', '\\\\server\\share\\x', [STATUS_INVALID_PARAMETER]],
  ['a drive', 'C:\\x', [STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_NOT_FOUND]],
  ['NUL', 'a\0b', INVALID],
  ['an unpaired surrogate', 'a\ud800', INVALID],
  ['surrogates in the wrong order', '\udc00\ud800', INVALID],
  ['a star', '*', INVALID],
  ['a question mark', 'a?', INVALID],
  ['a pipe', 'a|b', INVALID],
  ['angle brackets', '<a>', INVALID],
  ['quotes', '"a"', INVALID],
  ['a control character', 'a\x1fb', INVALID],
  ['256 units', 'u'.repeat(256), [STATUS_NAME_TOO_LONG, STATUS_OBJECT_NAME_INVALID]],
  ['200 units of three bytes', '€'.repeat(200), [STATUS_NAME_TOO_LONG, STATUS_OBJECT_NAME_INVALID]],
  ['32,760 units', `${'d\\'.repeat(16_379)}x`, [STATUS_OBJECT_PATH_NOT_FOUND]],
  ['32,767 units in one', 'x'.repeat(32_760), [STATUS_NAME_TOO_LONG, STATUS_OBJECT_NAME_INVALID]],
  ['a colon and nothing', 'a:', INVALID],
  ['streams of streams', ':a:b:c', INVALID],
  ['a stream of an unknown type', 'a:b:$EVIL', INVALID],
  ['a stream of a name with a slash', 'a:b/c', INVALID],
];
for (const [name, path, statuses] of names) {
  hostile(`a name: ${name}`, async ({ mount }) => {
    const tree = await mount();
    for (const disposition of [FILE_OPEN_IF, FILE_CREATE]) {
      const how = { disposition, access: FILE_GENERIC_READ | FILE_GENERIC_WRITE };
      await isRefused(tree.request(createRequest(path, how)), ...statuses);
    }
    assert.equal((await tree.list('')).length, 2, 'nothing was made');
  });
}

hostile(
  'names of devices are names of files, with blanks and dots behind them too',
  async ({ mount }) => {
    const tree = await mount();
    for (const name of [
      'con',
      'NUL',
      'aux.txt',
      'COM1',
      '\uffff',
      '\ufeff',
      'a ',
      'a.',
      ' ',
      '...',
      'desktop.ini',
    ]) {
      const how = { disposition: FILE_CREATE, access: FILE_GENERIC_WRITE };
      const { status } = await tree.request(createRequest(name, how));
      if (status === 0) await tree.remove(name);
      else
        assert.ok(([...INVALID] as number[]).includes(status), `${name}: ${status.toString(16)}`);
    }
  },
);

for (const [name, change] of [
  ['NameOffset in the header', (m: Buffer) => m.writeUInt16LE(8, 64 + 44)],
  ['NameOffset beyond', (m: Buffer) => m.writeUInt16LE(0xfff0, 64 + 44)],
  ['NameLength beyond', (m: Buffer) => m.writeUInt16LE(0xfffe, 64 + 46)],
  ['NameLength odd', (m: Buffer) => m.writeUInt16LE(3, 64 + 46)],
] as const) {
  hostile(name, async ({ mount }) => {
    const tree = await mount();
    const request = { ...createRequest('some name'), craft: patch(change) };
    await isRefused(tree.request(request), STATUS_INVALID_PARAMETER);
  });
}

const folder = mkdtempSync(join(tmpdir(), 'usmbd-hostile-'));
const share = join(folder, 'share');
const outside = join(folder, 'outside');
mkdirSync(share);
mkdirSync(outside);
writeFileSync(join(outside, 'secret'), 'the secret');
chmodSync(folder, 0o755);
chmodSync(share, 0o777);
after(() => rmSync(folder, { recursive: true, force: true }));

const local = await hostileSuite({ shares: [{ name: SHARE, path: share }] });

local('links to the outside, absolute and relative, of files and folders', async ({ mount }) => {
  symlinkSync(outside, join(share, 'absolute'));
  symlinkSync('../outside', join(share, 'relative'));
  symlinkSync('../outside/secret', join(share, 'file'));
  symlinkSync('/proc/self/root', join(share, 'magic'));
  symlinkSync('loop', join(share, 'loop'));
  const tree = await mount();
  for (const path of [
    'absolute\\secret',
    'relative\\secret',
    'file',
    'magic\\etc\\passwd',
    'loop',
    'loop\\x',
  ]) {
    const { status } = await tree.request(createRequest(path));
    assert.ok(status >= 0xc0000000 || status === 0x8000002d, `${path}: ${status.toString(16)}`);
    await assert.rejects(tree.writeFile(path, Buffer.from('overwritten')));
  }
  // Dot dots are a matter of text: what is beside the link's target is out of reach.
  await tree.writeFile('absolute\\..\\beside', Buffer.from('x'));
  assert.ok(existsSync(join(share, 'beside')));
  assert.ok(!existsSync(join(outside, '..', 'beside')));
  for (const name of ['absolute', 'relative', 'file', 'magic', 'loop', 'beside']) {
    rmSync(join(share, name));
  }
});

local('a folder that is swapped with a link to the outside, over and over', async ({ mount }) => {
  const tree = await mount();
  const inside = join(share, 'swapped');
  mkdirSync(inside);
  chmodSync(inside, 0o777);
  writeFileSync(join(inside, 'secret'), 'harmless');
  symlinkSync(outside, join(share, 'link'));
  let swapping = true;
  const swap = async () => {
    while (swapping) {
      renameSync(inside, join(share, 'aside'));
      renameSync(join(share, 'link'), inside);
      await new Promise(setImmediate);
      renameSync(inside, join(share, 'link'));
      renameSync(join(share, 'aside'), inside);
      await new Promise(setImmediate);
    }
  };
  const swapper = swap();
  for (let i = 0; i < 300; i++) {
    const read = await tree.readFile('swapped\\secret').catch(() => Buffer.from('refused'));
    assert.notEqual(read.toString(), 'the secret');
    await tree.writeFile('swapped\\planted', Buffer.from('x')).catch(() => undefined);
  }
  swapping = false;
  await swapper;
  assert.deepEqual(execFileSync('ls', [outside], { encoding: 'utf8' }), 'secret\n');
  rmSync(inside, { recursive: true });
  rmSync(join(share, 'link'));
});

local(
  'a FIFO, a socket and a device are not opened, and nobody waits for them',
  async ({ mount }) => {
    execFileSync('mkfifo', [join(share, 'fifo')]);
    const tree = await mount();
    const start = performance.now();
    for (const access of [FILE_GENERIC_READ, FILE_GENERIC_WRITE, 0x80]) {
      const { status } = await tree.request(createRequest('fifo', { access }));
      assert.ok(status >= 0xc0000000, status.toString(16));
    }
    assert.ok(performance.now() - start < 1000);
    await tree.list('');
    rmSync(join(share, 'fifo'));
  },
);
