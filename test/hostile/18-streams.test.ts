/**
 * Named streams (MS-FSA 2.1.5.1, MS-FSCC 2.1.5): their names, offsets beyond what one can hold, and how many
 * there may be; on files in memory and in extended attributes of a real folder.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import {
  createRequest,
  readRequest,
  setInfoRequest,
  writeRequest,
} from '../../src/client/requests.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_DISK_FULL,
  STATUS_END_OF_FILE,
  STATUS_INVALID_PARAMETER,
  STATUS_NAME_TOO_LONG,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import {
  FileAllocationInformation,
  FileEndOfFileInformation,
} from '../../src/fscc/file-information.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import { decodeStreamInformation } from '../../src/fscc/stream-information.ts';
import { FILE_CREATE, FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { SMB2_0_INFO_FILE } from '../../src/smb2/info-types.ts';
import { SHARE } from '../support/in-process-server.ts';
import { hostileSuite, isRefused, patch } from './kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-streams-'));
const share = join(folder, 'share');
mkdirSync(share);
writeFileSync(join(folder, 'secret'), 'the secret');
symlinkSync('../secret', join(share, 'link'));
chmodSync(folder, 0o755);
chmodSync(share, 0o777);
after(() => rmSync(folder, { recursive: true, force: true }));

const readWrite = { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE, disposition: FILE_OPEN_IF };

const INVALID = [STATUS_OBJECT_NAME_INVALID] as const;
const names: readonly [string, string, readonly number[]][] = [
  ['a slash', 'f:a/b', INVALID],
  ['slashes to the outside', 'f:../../../etc/passwd', INVALID],
  ['a backslash', 'f:a\\b', INVALID],
  ['NUL', 'f:a\0b', INVALID],
  ['NUL at the end', 'f:a\0', INVALID],
  ['an unpaired surrogate', 'f:a\ud800', INVALID],
  ['nothing', 'f:', INVALID],
  ['nothing, and nothing', 'f::', INVALID],
  ['a type and nothing', 'f:a:', INVALID],
  ['three colons', 'f:a:$DATA:', INVALID],
  ['a second stream', 'f:a:b:$DATA', INVALID],
  ['an internal type', 'f:a:$ATTRIBUTE_LIST', INVALID],
  ['256 units', `f:${'u'.repeat(256)}`, [STATUS_NAME_TOO_LONG]],
  ['a stream in the middle', 'f:a\\g', INVALID],
  ['an index of another name', 'f:a:$INDEX_ALLOCATION', [STATUS_INVALID_PARAMETER]],
];

for (const [where, options] of [
  ['memory', {}],
  ['a folder', { shares: [{ name: SHARE, path: share, readOnly: false }] }],
] as const) {
  const hostile = await hostileSuite(options);

  for (const [name, path, statuses] of names) {
    hostile(`${where}: the name of a stream: ${name}`, async ({ mount }) => {
      const tree = await mount();
      const before = await tree.list('');
      for (const disposition of [FILE_OPEN_IF, FILE_CREATE]) {
        await isRefused(
          tree.request(createRequest(path, { ...readWrite, disposition })),
          ...statuses,
        );
      }
      assert.equal((await tree.list('')).length, before.length, 'nothing was made');
    });
  }

  hostile(`${where}: names that a disk may know otherwise are only names`, async ({ mount }) => {
    const tree = await mount();
    await tree.writeFile('plain', Buffer.from('x'));
    const odd = [
      'DOSATTRIB',
      'user.DOSATTRIB',
      'DosStream.x',
      '..',
      '.',
      ' ',
      '$DATA',
      'a\x01',
      '\uffff',
    ];
    for (const name of odd) await tree.writeFile(`plain:${name}`, Buffer.from(name));
    for (const name of odd) {
      assert.equal((await tree.readFile(`plain:${name}`)).toString(), name);
    }
    const file = await tree.open('plain');
    const list = decodeStreamInformation(await file.queryInfo(Class.FileStreamInformation));
    assert.deepEqual(
      list.map(({ streamName }) => streamName).sort(),
      ['::$DATA', ...odd.map((name) => `:${name}:$DATA`)].sort(),
    );
    assert.equal((await tree.readFile('plain')).toString(), 'x');
    await file.close();
    await tree.remove('plain');
  });

  hostile(`${where}: the longest names, of one byte a unit and of three`, async ({ mount }) => {
    const tree = await mount();
    for (const name of ['x'.repeat(255), '€'.repeat(255), '€'.repeat(78)]) {
      const path = `long:${name}`;
      const { status, message } = await tree.request(createRequest(path, readWrite));
      if (status === STATUS_SUCCESS) await tree.fileOf({ status, message } as never).close();
      else assert.equal(status, STATUS_OBJECT_NAME_INVALID);
    }
    await tree.open('long', readWrite).then((file) => file.close());
    await tree.remove('long');
  });

  for (const [offset, writes] of [
    [65_535n, undefined],
    [65_536n, undefined],
    [1n << 20n, undefined],
    [(1n << 31n) - 1n, STATUS_DISK_FULL],
    [1n << 44n, STATUS_DISK_FULL],
    [0x7fffffffffffffffn, STATUS_INVALID_PARAMETER],
    [0xffffffffffffffffn, STATUS_INVALID_PARAMETER],
  ] as const) {
    hostile(`${where}: an offset of ${offset} in a stream`, async ({ mount }) => {
      const tree = await mount();
      const stream = await tree.open('far:s', readWrite);
      await stream.write(0, Buffer.from('0123456789'));
      const craft = patch((m) => m.writeBigUInt64LE(offset, 64 + 8));
      const reading = await tree.request({ ...readRequest(stream.fileId, 0, 10), craft });
      assert.ok([STATUS_END_OF_FILE, STATUS_INVALID_PARAMETER].includes(reading.status));
      const request = { ...writeRequest(stream.fileId, 0, Buffer.from('0123456789')), craft };
      const { status } = await tree.request(request);
      // What is far is full on a disk; memory has room for holes.
      const allowed = [STATUS_DISK_FULL, writes ?? STATUS_SUCCESS, STATUS_INVALID_PARAMETER];
      assert.ok(
        status === STATUS_SUCCESS
          ? where === 'memory' || writes === undefined
          : allowed.includes(status),
      );
      assert.equal((await stream.read(0, 10)).toString(), '0123456789');
      await stream.close();
      await tree.remove('far');
    });
  }

  hostile(`${where}: sizes that no stream has`, async ({ mount }) => {
    const tree = await mount();
    const stream = await tree.open('size:s', readWrite);
    await stream.write(0, Buffer.from('kept'));
    const sizes = [1 << 30, 2 ** 40, 2 ** 53 - 1];
    for (const size of sizes) {
      for (const [informationClass, buffer] of [
        [Class.FileEndOfFileInformation, FileEndOfFileInformation.encode({ endOfFile: size })],
        [
          Class.FileAllocationInformation,
          FileAllocationInformation.encode({ allocationSize: size }),
        ],
      ] as const) {
        const request = setInfoRequest(stream.fileId, SMB2_0_INFO_FILE, informationClass, buffer);
        const { status } = await tree.request(request);
        assert.ok(where === 'memory' || status === STATUS_DISK_FULL, status.toString(16));
      }
    }
    assert.equal((await stream.read(0, 4)).toString(), 'kept');
    await stream.close();
    await tree.remove('size');
  });

  hostile(
    `${where}: as many streams as fit, and a listing in a small buffer`,
    async ({ mount }) => {
      const tree = await mount();
      let made = 0;
      for (let i = 0; i < 600; i++) {
        const { status, message } = await tree.request(
          createRequest(`many:stream ${i}`, readWrite),
        );
        if (status !== STATUS_SUCCESS) {
          assert.equal(status, STATUS_DISK_FULL);
          break;
        }
        await tree.fileOf({ status, message } as never).close();
        made++;
      }
      assert.ok(made > 10);
      const file = await tree.open('many');
      const whole = decodeStreamInformation(
        await file.queryInfo(Class.FileStreamInformation, { outputBytes: 65_536 }),
      );
      assert.equal(whole.length, made + 1);
      await file.close();
      await tree.remove('many');
    },
  );
}

const local = await hostileSuite({ shares: [{ name: SHARE, path: share, readOnly: false }] });

local('a link to the outside has no streams, and its target gets none', async ({ mount }) => {
  const tree = await mount();
  for (const path of ['link:s', 'link:AFP_AfpInfo:$DATA']) {
    const { status } = await tree.request(createRequest(path, readWrite));
    const refusals = [STATUS_ACCESS_DENIED, STATUS_NOT_SUPPORTED, STATUS_OBJECT_NAME_NOT_FOUND];
    assert.ok(refusals.includes(status), status.toString(16));
  }
  assert.equal(readFileSync(join(folder, 'secret'), 'utf8'), 'the secret');
});
