/**
 * MS-SMB2 2.2 on a disk whose names are bytes: one name in all the forms that Unicode has of it, as Windows and Linux write it
 * (composed), macOS (decomposed), and what is half of each. Canonically equivalent names are one file, listed as it is on
 * disk; names that are compatible only, as a ligature and its letters, are two.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect } from './client/connect.ts';
import { createServer } from './create-server.ts';
import { DELETE, FILE_GENERIC_READ } from './dtyp/access-mask.ts';
import { STATUS_OBJECT_NAME_COLLISION } from './dtyp/ntstatus.ts';
import { FileInformationClass as Class } from './fscc/information-class.ts';
import { encodeRenameInformation } from './fscc/rename-information.ts';
import { nativeSupport } from './native/support.ts';
import { FILE_CREATE } from './smb2/create-options.ts';

const skip = nativeSupport().unavailable ?? false;
const root = mkdtempSync(join(tmpdir(), 'usmbd-forms-'));
chmodSync(root, 0o755);
const identity = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };
const ends: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const end of ends.reverse()) await end();
  rmSync(root, { recursive: true });
});

async function mount() {
  const server = createServer({
    shares: [{ name: 'files', path: root }],
    users: [{ name: 'ann', password: 'tiger', identity }],
    hostChanges: 'off',
  });
  ends.push(() => server.close());
  const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
  const client = await connect({ host: '127.0.0.1', port });
  ends.push(() => client.close());
  return (await client.login({ user: 'ann', secret: 'tiger' })).treeConnect('files');
}

/** One name each, in forms that are canonically equivalent. */
const EQUIVALENT: Readonly<Record<string, readonly string[]>> = {
  'a letter and its mark': ['caf\u00e9', 'cafe\u0301'],
  'two letters, of which one is composed': [
    '\u00e4\u00f6',
    'a\u0308o\u0308',
    '\u00e4o\u0308',
    'a\u0308\u00f6',
  ],
  'marks in either order': ['q\u0323\u0307', 'q\u0307\u0323'],
  'two marks on one letter': [
    '\u1ec7',
    '\u1eb9\u0302',
    'e\u0323\u0302',
    'e\u0302\u0323',
    '\u00ea\u0323',
  ],
  'a sign that is a letter': ['\u212b', '\u00c5', 'A\u030a'],
  'a syllable and its parts': ['\ud55c\uae00', '\u1112\u1161\u11ab\u1100\u1173\u11af'],
  'a voiced kana': ['\u304c', '\u304b\u3099'],
  'beyond the first plane': ['\u{1109a}', '\u{11099}\u{110ba}'],
};

/** What looks alike, and is another name. */
const DIFFERENT: Readonly<Record<string, readonly [string, string]>> = {
  'a ligature and its letters': ['\ufb01le', 'file'],
  'a wide letter': ['\uff21', 'A'],
  'a superscript': ['x\u00b2', 'x2'],
};

let folders = 0;

for (const [what, forms] of Object.entries(EQUIVALENT)) {
  test(`${what}: one file, by whichever form it was made and is asked for`, { skip }, async () => {
    const tree = await mount();
    assert.equal(new Set(forms.map((form) => form.normalize('NFC'))).size, 1, 'the test is right');
    for (const stored of forms) {
      const folder = `folder ${folders++}`;
      mkdirSync(join(root, folder));
      // Made by another program, so that it is what it is, byte by byte.
      writeFileSync(join(root, folder, `${stored}.txt`), 'here');
      for (const asked of forms) {
        const name = `${folder}\\${asked}.txt`;
        assert.equal((await tree.readFile(name)).toString(), 'here');
        await assert.rejects(tree.open(name, { disposition: FILE_CREATE }), {
          status: STATUS_OBJECT_NAME_COLLISION,
        });
        assert.deepEqual(
          (await tree.list(folder, `${asked}.txt`)).map((one) => one.name),
          [`${stored}.txt`],
        );
      }
      assert.deepEqual(readdirSync(join(root, folder)), [`${stored}.txt`]);
      // To another form of itself a file can be renamed, as to another case.
      const other = forms.find((form) => form !== stored)!;
      const file = await tree.open(`${folder}\\${stored}.txt`, {
        access: DELETE | FILE_GENERIC_READ,
      });
      const fileName = `${folder}\\${other}.txt`;
      const to = { fileName, replaceIfExists: false, rootDirectory: 0 };
      await file.setInfo(Class.FileRenameInformation, encodeRenameInformation(to));
      await file.close();
      assert.deepEqual(readdirSync(join(root, folder)), [`${other}.txt`]);
      await tree.remove(fileName);
    }
  });
}

for (const [what, [one, other]] of Object.entries(DIFFERENT)) {
  test(`${what}: two files`, { skip }, async () => {
    const tree = await mount();
    const folder = `folder ${folders++}`;
    await tree.makeDirectory(folder);
    await tree.writeFile(`${folder}\\${one}`, Buffer.from('one'));
    await tree.writeFile(`${folder}\\${other}`, Buffer.from('other'));
    assert.deepEqual(readdirSync(join(root, folder)).sort(), [one, other].sort());
    assert.equal((await tree.readFile(`${folder}\\${one}`)).toString(), 'one');
  });
}
