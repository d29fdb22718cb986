/** Folders: the new one that Explorer looks for by name, and the old one that goes with all it holds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRequest, queryDirectoryRequest, setInfoRequest } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { DELETE, FILE_GENERIC_READ, FILE_READ_ATTRIBUTES } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_CANNOT_DELETE,
  STATUS_DELETE_PENDING,
  STATUS_DIRECTORY_NOT_EMPTY,
  STATUS_NO_MORE_FILES,
  STATUS_NO_SUCH_FILE,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_READONLY } from '../../src/fscc/attributes.ts';
import { decodeDirectory } from '../../src/fscc/directory-information.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import {
  FILE_DISPOSITION_DELETE,
  FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE,
  FileDispositionInformation,
  FileDispositionInformationEx,
} from '../../src/fscc/rename-information.ts';
import {
  FILE_CREATE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN_REPARSE_POINT,
} from '../../src/smb2/create-options.ts';
import { SMB2_0_INFO_FILE } from '../../src/smb2/info-types.ts';
import {
  decodeQueryDirectoryResponse,
  SMB2_RESTART_SCANS,
  SMB2_RETURN_SINGLE_ENTRY,
} from '../../src/smb2/query-directory.ts';
import { PERSONAS, type Persona, win11 } from './personas.ts';
import { assertStatus, opening, openStage } from './stage.ts';

const stage = await openStage();

/** Classes that Windows, macOS and Linux list with. */
const LISTINGS = [
  Class.FileDirectoryInformation,
  Class.FileFullDirectoryInformation,
  Class.FileBothDirectoryInformation,
  Class.FileNamesInformation,
  Class.FileIdBothDirectoryInformation,
  Class.FileIdFullDirectoryInformation,
];

for (const persona of PERSONAS) {
  test(`A14 a listing for an exact name holds that name, not "." (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    const name = `New folder ${persona.name}`;
    await tree.makeDirectory(name);
    for (const listing of LISTINGS) {
      const root = await tree.open('', { options: FILE_DIRECTORY_FILE });
      const flags = SMB2_RETURN_SINGLE_ENTRY;
      const ask = (pattern: string, more = 0) =>
        tree.request(queryDirectoryRequest(root.fileId, listing, { pattern, flags: flags | more }));
      const found = await ask(name);
      assertStatus(found, STATUS_SUCCESS);
      const { outputBuffer } = decodeQueryDirectoryResponse(found.message);
      assert.deepEqual(
        decodeDirectory(listing, outputBuffer).map((entry) => entry.name),
        [name],
      );
      assertStatus(await ask(name), STATUS_NO_MORE_FILES);
      assertStatus(await ask('zzz', SMB2_RESTART_SCANS), STATUS_NO_SUCH_FILE);
      // In another case it is told as it is called.
      const other = await ask(name.toUpperCase(), SMB2_RESTART_SCANS);
      const [entry] = decodeDirectory(
        listing,
        decodeQueryDirectoryResponse(other.message).outputBuffer,
      );
      assert.equal(entry?.name, name);
      await root.close();
      const fresh = await tree.open('', { options: FILE_DIRECTORY_FILE });
      const nothing = queryDirectoryRequest(fresh.fileId, listing, { pattern: 'zzz', flags });
      assertStatus(await tree.request(nothing), STATUS_NO_SUCH_FILE);
      await fresh.close();
    }
  });
}

const DELETING = { access: DELETE | FILE_READ_ATTRIBUTES, options: FILE_OPEN_REPARSE_POINT };

const disposition = (deletePending: boolean): Buffer =>
  FileDispositionInformation.encode({ deletePending });

/** As Explorer deletes: opened as itself, marked, closed. */
async function remove(tree: ClientTree, persona: Persona, name: string): Promise<number> {
  const file = tree.fileOf(await tree.request(opening(persona, name, DELETING)), name);
  const { status } = await tree.request(
    setInfoRequest(
      file.fileId,
      SMB2_0_INFO_FILE,
      Class.FileDispositionInformation,
      disposition(true),
    ),
  );
  await file.close();
  return status;
}

/** Depth first, each folder listed before it goes. */
async function removeAll(tree: ClientTree, persona: Persona, name: string): Promise<void> {
  for (const entry of await tree.list(name)) {
    if (entry.name === '.' || entry.name === '..') continue;
    const path = `${name}\\${entry.name}`;
    if ((entry.fileAttributes & 0x10) !== 0) await removeAll(tree, persona, path);
    else assert.equal(await remove(tree, persona, path), STATUS_SUCCESS);
  }
  assert.equal(await remove(tree, persona, name), STATUS_SUCCESS);
}

for (const persona of PERSONAS) {
  test(`A32 a folder goes with all it holds, and its name is free at once (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    const top = `tree ${persona.name}`;
    const folders = [top, `${top}\\a`, `${top}\\a\\b`, `${top}\\c`];
    for (const folder of folders) {
      await tree.makeDirectory(folder);
      for (let i = 0; i < 3; i++) await tree.writeFile(`${folder}\\file ${i}`, Buffer.from('x'));
    }
    // The window that shows them has each of them open.
    const shown = [];
    for (const folder of folders) {
      shown.push(await tree.open(folder, { options: FILE_DIRECTORY_FILE }));
    }
    assert.equal(await remove(tree, persona, top), STATUS_DIRECTORY_NOT_EMPTY);
    for (const folder of shown) await folder.close();
    await removeAll(tree, persona, top);
    assertStatus(await tree.request(createRequest(top)), STATUS_OBJECT_NAME_NOT_FOUND);
    await tree.makeDirectory(top);
    assert.deepEqual(
      (await tree.list(top)).map(({ name }) => name),
      ['.', '..'],
    );
    await tree.remove(top);
  });
}

test('A32 who shows a folder that is deleted keeps its parent until he lets go, and no longer', async () => {
  const tree = await stage.enter();
  const explorer = await stage.enter();
  await tree.makeDirectory('parent');
  await tree.makeDirectory('parent\\child');
  const window = await explorer.open('parent\\child', { options: FILE_DIRECTORY_FILE });
  assert.equal(await remove(tree, win11, 'parent\\child'), STATUS_SUCCESS);
  // Marked, and there until the last handle is closed.
  assertStatus(await tree.request(createRequest('parent\\child')), STATUS_DELETE_PENDING);
  assert.equal(await remove(tree, win11, 'parent'), STATUS_DIRECTORY_NOT_EMPTY);
  await window.close();
  assertStatus(await tree.request(createRequest('parent\\child')), STATUS_OBJECT_NAME_NOT_FOUND);
  assert.equal(await remove(tree, win11, 'parent'), STATUS_SUCCESS);
});

test('A32 a read-only file is deleted only by who says so', async () => {
  const tree = await stage.enter();
  const made = { disposition: FILE_CREATE, attributes: FILE_ATTRIBUTE_READONLY };
  await (await tree.open('read-only', made)).close();
  assert.equal(await remove(tree, win11, 'read-only'), STATUS_CANNOT_DELETE);
  const WRITE_ATTRIBUTES = 0x100;
  const file = await tree.open('read-only', {
    access: DELETE | FILE_GENERIC_READ | WRITE_ATTRIBUTES,
  });
  const flags = FILE_DISPOSITION_DELETE | FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE;
  await file.setInfo(
    Class.FileDispositionInformationEx,
    FileDispositionInformationEx.encode({ flags }),
  );
  await file.close();
  assertStatus(await tree.request(createRequest('read-only')), STATUS_OBJECT_NAME_NOT_FOUND);
});
