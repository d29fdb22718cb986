/** CREATE: what it does to a file that is there, what it refuses, what it answers, what it leaves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeRequest, createRequest, RELATED, setInfoRequest } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { DELETE, FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_NOT_A_DIRECTORY,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../../src/dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_ARCHIVE, FILE_ATTRIBUTE_DIRECTORY } from '../../src/fscc/attributes.ts';
import { FileBasicInformation } from '../../src/fscc/file-information.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import { encodeRenameInformation } from '../../src/fscc/rename-information.ts';
import { decodeCreateResponse } from '../../src/smb2/create.ts';
import {
  decodeLease,
  decodeQueryMaximalAccessResponse,
} from '../../src/smb2/create-context-values.ts';
import { type CreateContext, CreateContextName } from '../../src/smb2/create-contexts.ts';
import {
  FILE_CREATE,
  FILE_CREATED,
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
} from '../../src/smb2/create-options.ts';
import { SMB2_0_INFO_FILE } from '../../src/smb2/info-types.ts';
import { SMB2_OPLOCK_LEVEL_LEASE } from '../../src/smb2/oplock-levels.ts';
import { appleQuery, cifs, macos15, PERSONAS, type Persona, win11 } from './personas.ts';
import { assertStatus, assertStatuses, opening, openStage } from './stage.ts';

const stage = await openStage();

const READ_WRITE = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
const OLD = 120_000_000_000_000_000n;

const CONTENT = Buffer.from('what was written last week');
const EA = { name: 'user.note', value: Buffer.from('kept') };

/** An entry of FILE_FULL_EA_INFORMATION. */
function fullEa({ name, value }: typeof EA): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt8(name.length, 5);
  head.writeUInt16LE(value.length, 6);
  return Buffer.concat([head, Buffer.from(`${name}\0`, 'latin1'), value]);
}

/** A file with content, an extended attribute and old times. */
async function plant(tree: ClientTree, name: string): Promise<void> {
  await tree.writeFile(name, CONTENT);
  const file = await tree.open(name, { access: READ_WRITE });
  await file.setInfo(Class.FileFullEaInformation, fullEa(EA));
  const times = { creationTime: OLD, lastAccessTime: OLD, lastWriteTime: OLD, changeTime: OLD };
  const basic = FileBasicInformation.encode({ ...times, fileAttributes: 0 });
  await file.setInfo(Class.FileBasicInformation, basic);
  await file.close();
}

/** MS-SMB2 2.2.13, 2.2.14: action and what is left of the content, or the status, for both cases. */
const DISPOSITIONS = [
  ['FILE_SUPERSEDE', FILE_SUPERSEDE, FILE_SUPERSEDED, false, FILE_CREATED],
  ['FILE_OPEN', FILE_OPEN, FILE_OPENED, true, STATUS_OBJECT_NAME_NOT_FOUND],
  ['FILE_CREATE', FILE_CREATE, STATUS_OBJECT_NAME_COLLISION, true, FILE_CREATED],
  ['FILE_OPEN_IF', FILE_OPEN_IF, FILE_OPENED, true, FILE_CREATED],
  ['FILE_OVERWRITE', FILE_OVERWRITE, FILE_OVERWRITTEN, false, STATUS_OBJECT_NAME_NOT_FOUND],
  ['FILE_OVERWRITE_IF', FILE_OVERWRITE_IF, FILE_OVERWRITTEN, false, FILE_CREATED],
] as const;

const isStatus = (outcome: number): boolean => outcome > 0xff;

for (const persona of PERSONAS) {
  for (const [name, disposition, existing, keeps, missing] of DISPOSITIONS) {
    test(`A21 ${name} empties a file only if it says so: no saved document of 0 bytes (${persona.name})`, async () => {
      const tree = await stage.enter(persona);
      const access = READ_WRITE | DELETE;
      const file = `${persona.name} ${name}`;
      const request = (which: string) => opening(persona, which, { access, disposition });
      await plant(tree, file);
      const answer = await tree.request(request(file));
      if (isStatus(existing)) assertStatus(answer, existing);
      else {
        const { createAction, endOfFile, lastWriteTime, creationTime } = decodeCreateResponse(
          answer.message,
        );
        assert.equal(createAction, existing);
        assert.equal(endOfFile, keeps ? CONTENT.length : 0);
        if (keeps) assert.deepEqual([lastWriteTime, creationTime], [OLD, OLD]);
        else assert.ok(lastWriteTime > OLD, 'an emptied file was not written');
        await tree.fileOf(answer).close();
      }
      assert.deepEqual(await tree.readFile(file), keeps ? CONTENT : Buffer.alloc(0));
      assert.equal(await eaBytes(tree, file), keeps ? fullEa(EA).length : 0);

      const absent = `${file} absent`;
      const other = await tree.request(request(absent));
      if (isStatus(missing)) {
        assertStatus(other, missing);
        assertStatus(await tree.request(createRequest(absent)), STATUS_OBJECT_NAME_NOT_FOUND);
      } else {
        const created = decodeCreateResponse(other.message);
        assert.equal(created.createAction, missing);
        assert.equal(created.endOfFile, 0);
        assert.equal(created.fileAttributes, FILE_ATTRIBUTE_ARCHIVE);
        await tree.fileOf(other).close();
      }
    });
  }
}

async function eaBytes(tree: ClientTree, name: string): Promise<number> {
  const file = await tree.open(name);
  const size = (await file.queryInfo(Class.FileEaInformation)).readUInt32LE(0);
  await file.close();
  return size;
}

test('A22 a directory is no file and a file is no directory: a move does not delete what it did not copy', async () => {
  const tree = await stage.enter();
  await tree.makeDirectory('kind d');
  await tree.writeFile('kind f', CONTENT);
  for (const disposition of [FILE_OPEN, FILE_OPEN_IF]) {
    for (const [name, options, status] of [
      ['kind d', FILE_NON_DIRECTORY_FILE, STATUS_FILE_IS_A_DIRECTORY],
      ['kind f', FILE_DIRECTORY_FILE, STATUS_NOT_A_DIRECTORY],
      ['kind d', FILE_DIRECTORY_FILE, 0],
      ['kind f', FILE_NON_DIRECTORY_FILE, 0],
      ['kind d', 0, 0],
      ['kind f', 0, 0],
    ] as const) {
      const answer = await tree.request(createRequest(name, { disposition, options }));
      assertStatus(answer, status, `${name}, options ${options}`);
      if (status !== 0) continue;
      const { fileAttributes, createAction } = decodeCreateResponse(answer.message);
      assert.equal((fileAttributes & FILE_ATTRIBUTE_DIRECTORY) !== 0, name === 'kind d');
      assert.equal(createAction, FILE_OPENED);
      await tree.fileOf(answer).close();
    }
  }
  // What would have emptied or replaced it finds it taken.
  for (const disposition of [FILE_CREATE, FILE_OVERWRITE_IF, FILE_SUPERSEDE]) {
    const how = { disposition, access: READ_WRITE | DELETE };
    assertStatus(await tree.request(createRequest('kind d', how)), STATUS_OBJECT_NAME_COLLISION);
  }
  const taken = createRequest('kind f', { disposition: FILE_CREATE, options: FILE_DIRECTORY_FILE });
  assertStatus(await tree.request(taken), STATUS_OBJECT_NAME_COLLISION);
  assert.deepEqual(await tree.readFile('kind f'), CONTENT);
});

/** What each of them has to carry: bytes. */
const ANSWERED = new Map<string, number>([
  [CreateContextName.AAPL, 56],
  [CreateContextName.QUERY_MAXIMAL_ACCESS, 8],
  [CreateContextName.QUERY_ON_DISK_ID, 32],
  [CreateContextName.LEASE, 52],
  [CreateContextName.DURABLE_HANDLE_REQUEST_V2, 8],
]);
const vendor: CreateContext = { name: 'XyZw', data: Buffer.alloc(20, 7) };
const posix: CreateContext = { name: CreateContextName.POSIX, data: Buffer.from([0xa4, 1, 0, 0]) };

/** All orders of a list. */
const permutations = <T>(list: readonly T[]): T[][] =>
  list.length === 0
    ? [[]]
    : list.flatMap((one, i) =>
        permutations([...list.slice(0, i), ...list.slice(i + 1)]).map((rest) => [one, ...rest]),
      );

for (const persona of [win11, macos15, cifs]) {
  test(`A25 only contexts that were asked for come back, or macOS fails the open (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    await tree.writeFile('contexts', CONTENT);
    const own = persona.openContexts();
    const all = [...own, vendor, posix, appleQuery];
    const sets: CreateContext[][] = [[], ...all.map((one) => [one]), all];
    for (const contexts of [...sets, ...permutations(own)]) {
      assert.deepEqual(await answered(tree, persona, contexts), expectedOf(contexts));
    }
  });
}

/** Durable is only what caches its handle. */
function expectedOf(contexts: readonly CreateContext[]): string[] {
  const names = contexts.map(({ name }) => name).filter((name) => ANSWERED.has(name));
  const leased = names.includes(CreateContextName.LEASE);
  return names
    .filter((name) => leased || name !== CreateContextName.DURABLE_HANDLE_REQUEST_V2)
    .sort();
}

/** Names of what came back; lengths and names have been checked by the client, too. */
async function answered(
  tree: ClientTree,
  persona: Persona,
  contexts: readonly CreateContext[],
): Promise<string[]> {
  const answer = await tree.request(opening(persona, 'contexts', { contexts }));
  assertStatus(answer, 0);
  const { createContexts, oplockLevel } = decodeCreateResponse(answer.message);
  const asksLease = contexts.some(({ name }) => name === CreateContextName.LEASE);
  assert.equal(
    oplockLevel,
    asksLease ? SMB2_OPLOCK_LEVEL_LEASE : 0,
    'no lease without its context',
  );
  for (const { name, data } of createContexts) {
    assert.equal(data.length, ANSWERED.get(name));
    if (name === CreateContextName.LEASE)
      assert.equal(decodeLease(data).leaseState, 7, 'all of it');
    if (name !== CreateContextName.QUERY_MAXIMAL_ACCESS) continue;
    const { queryStatus, maximalAccess } = decodeQueryMaximalAccessResponse(data);
    assert.deepEqual([queryStatus, maximalAccess], [0, 0x1f01ff]);
  }
  await tree.fileOf(answer).close();
  return createContexts.map(({ name }) => name).sort();
}

for (const persona of [win11, macos15, cifs]) {
  test(`A33 a hundred renames that collide leave nothing open (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    const [from, to] = [`from ${persona.name}`, `to ${persona.name}`];
    await tree.writeFile(from, CONTENT);
    await tree.writeFile(to, Buffer.from('in the way'));
    const rename = encodeRenameInformation({
      replaceIfExists: false,
      rootDirectory: 0,
      fileName: to,
    });
    for (let round = 0; round < 100; round++) {
      const answers = await tree.compound([
        opening(persona, from, { access: DELETE | FILE_GENERIC_READ }),
        setInfoRequest(RELATED, SMB2_0_INFO_FILE, Class.FileRenameInformation, rename),
        closeRequest(RELATED),
      ]);
      assertStatuses(answers, [0, STATUS_OBJECT_NAME_COLLISION, 0]);
    }
    for (const name of [from, to]) {
      const exclusive = await tree.open(name, { access: READ_WRITE, share: 0 });
      await exclusive.close();
    }
    assert.deepEqual(await tree.readFile(from), CONTENT);
  });
}

/** Every order of a few things. */
const orders = <T>(things: readonly T[]): T[][] =>
  things.length <= 1
    ? [[...things]]
    : things.flatMap((thing, i) =>
        orders(things.filter((_, j) => j !== i)).map((rest) => [thing, ...rest]),
      );

test('B44 contexts are read in whatever order they come, or access dialogs go wrong', async () => {
  const tree = await stage.enter();
  const names = win11.openContexts().map(({ name }) => name);
  assert.equal(names.length, 4);
  for (const [i, order] of orders([0, 1, 2, 3]).entries()) {
    const contexts = win11.openContexts();
    const how = { access: READ_WRITE, disposition: FILE_OPEN_IF, oplockLevel: win11.oplockLevel };
    const file = await tree.open(`b44 ${i}`, {
      ...how,
      contexts: order.map((one) => contexts[one]!),
    });
    const answered = file.created.createContexts.map(({ name }) => name);
    assert.deepEqual(answered.sort(), [...names].sort(), `${order}`);
    await file.close();
  }
});
