/** MS-FSA 2.1.5.1 through the pipeline: what CREATE does with what is there, and with attributes. */
import assert from 'node:assert/strict';
import { DELETE, FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_CANNOT_DELETE,
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_A_DIRECTORY,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_ENCRYPTED,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_NORMAL,
  FILE_ATTRIBUTE_NOT_CONTENT_INDEXED,
  FILE_ATTRIBUTE_OFFLINE,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_SYSTEM,
  FILE_ATTRIBUTE_TEMPORARY,
} from '../fscc/attributes.ts';
import { read } from '../server/test-requests.support.test.ts';
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
import { scenario } from './create-scenario.support.test.ts';

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
  const bits = [0, FILE_ATTRIBUTE_NORMAL, FILE_ATTRIBUTE_DIRECTORY, 0x200, 0x800];
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

scenario(
  'what is to be encrypted is refused, and nothing is made',
  async ({ make, close, put }) => {
    const encrypted = { fileAttributes: FILE_ATTRIBUTE_ENCRYPTED };
    assert.equal(await make({ name: 'new', ...encrypted }), STATUS_ACCESS_DENIED);
    const folder = { name: 'folder', createOptions: FILE_DIRECTORY_FILE, ...encrypted };
    assert.equal(await make(folder), STATUS_ACCESS_DENIED);
    const found = await make({ name: 'new', createDisposition: FILE_OPEN });
    assert.equal(found, STATUS_OBJECT_NAME_NOT_FOUND);
    await put({ name: 'there' });
    for (const createDisposition of [FILE_SUPERSEDE, FILE_OVERWRITE, FILE_OVERWRITE_IF]) {
      const name = { name: 'there', createDisposition, ...encrypted };
      assert.equal(await make(name), STATUS_ACCESS_DENIED);
    }
    // Attributes are those of what is made.
    for (const createDisposition of [FILE_OPEN, FILE_OPEN_IF]) {
      const opened = await make({ name: 'there', createDisposition, ...encrypted });
      assert.ok(typeof opened !== 'number');
      await close(opened);
    }
  },
);

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
