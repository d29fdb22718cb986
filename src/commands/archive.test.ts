/** MS-FSA 2.1.4.17: FILE_ATTRIBUTE_ARCHIVE comes back with the first change, as backup programs need it. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startServer } from '../../test/support/in-process-server.ts';
import type { ClientFile } from '../client/file.ts';
import { DELETE, FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../dtyp/access-mask.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_NORMAL,
} from '../fscc/attributes.ts';
import { FileBasicInformation, FileEndOfFileInformation } from '../fscc/file-information.ts';
import { FileInformationClass as Class } from '../fscc/information-class.ts';
import { encodeRenameInformation } from '../fscc/rename-information.ts';

const server = await startServer();
after(() => server.close());
const tree = await server.mount();
const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE;
const kept = { creationTime: 0n, lastAccessTime: 0n, lastWriteTime: 0n, changeTime: 0n };

const set = (file: ClientFile, fileAttributes: number, times = kept): Promise<void> =>
  file.setInfo(
    Class.FileBasicInformation,
    FileBasicInformation.encode({ ...times, fileAttributes }),
  );
const basic = async (file: ClientFile) =>
  FileBasicInformation.read(await file.queryInfo(Class.FileBasicInformation));
const attributes = async (file: ClientFile): Promise<number> => (await basic(file)).fileAttributes;

async function archived(name: string, attribute: number): Promise<ClientFile> {
  await tree.writeFile(name, Buffer.from('what the backup has'));
  const file = await tree.open(name, { access });
  await set(file, attribute);
  assert.equal(await attributes(file), attribute);
  return file;
}

const rename = (fileName: string): Buffer =>
  encodeRenameInformation({ replaceIfExists: false, rootDirectory: 0, fileName });

const CHANGES: Readonly<Record<string, (file: ClientFile, name: string) => Promise<unknown>>> = {
  write: (file) => file.write(0, Buffer.from('anew')),
  'set size': (file) =>
    file.setInfo(Class.FileEndOfFileInformation, FileEndOfFileInformation.encode({ endOfFile: 3 })),
  rename: (file, name) => file.setInfo(Class.FileRenameInformation, rename(`${name} anew`)),
  'write a stream': (_, name) => tree.writeFile(`${name}:stream`, Buffer.from('x')),
};

for (const [what, change] of Object.entries(CHANGES)) {
  test(`${what}: the file is to be archived, hidden or not`, async () => {
    for (const attribute of [FILE_ATTRIBUTE_NORMAL, FILE_ATTRIBUTE_HIDDEN]) {
      const name = `${what} ${attribute}`;
      const file = await archived(name, attribute);
      await change(file, name);
      const hidden = attribute & FILE_ATTRIBUTE_HIDDEN;
      assert.equal(await attributes(file), FILE_ATTRIBUTE_ARCHIVE | hidden);
      await file.close();
    }
  });

  test(`${what}: also through an open that was there before the backup`, async () => {
    const name = `${what} again`;
    await tree.writeFile(name, Buffer.from('x'));
    const file = await tree.open(name, { access });
    await change(file, name);
    const backup = await tree.open(what === 'rename' ? `${name} anew` : name, { access });
    await set(backup, FILE_ATTRIBUTE_NORMAL);
    await change(file, what === 'rename' ? `${name} once more` : name);
    assert.equal(await attributes(backup), FILE_ATTRIBUTE_ARCHIVE);
    await backup.close();
    await file.close();
  });
}

test('to read changes nothing, and times that were set stay', async () => {
  const file = await archived('read', FILE_ATTRIBUTE_NORMAL);
  await file.read(0, 4);
  assert.equal(await attributes(file), FILE_ATTRIBUTE_NORMAL);
  const time = 132_000_000_000_000_000n;
  await set(file, 0, { ...kept, lastWriteTime: time, changeTime: time });
  await file.write(0, Buffer.from('anew'));
  const { lastWriteTime, changeTime, fileAttributes } = await basic(file);
  assert.deepEqual(
    [lastWriteTime, changeTime, fileAttributes],
    [time, time, FILE_ATTRIBUTE_ARCHIVE],
  );
  await file.close();
});
