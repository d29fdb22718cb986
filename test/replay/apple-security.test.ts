/** What macOS reads and sets as a file's mode: entries for S-1-5-88 in its ACL, and ACLs without any. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientFile } from '../../src/client/file.ts';
import { queryInfoRequest, setInfoRequest } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { FILE_ALL_ACCESS, FILE_GENERIC_READ, READ_CONTROL } from '../../src/dtyp/access-mask.ts';
import { type Ace, allowedAce, deniedAce, makeAcl } from '../../src/dtyp/acl.ts';
import { STATUS_ACCESS_DENIED, STATUS_SUCCESS } from '../../src/dtyp/ntstatus.ts';
import {
  DACL_SECURITY_INFORMATION,
  decodeSecurityDescriptor,
  encodeSecurityDescriptor,
  OWNER_SECURITY_INFORMATION,
} from '../../src/dtyp/security-descriptor.ts';
import { EVERYONE, nfsGroupSid, nfsModeSid, nfsUserSid } from '../../src/dtyp/sid.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE } from '../../src/smb2/create-options.ts';
import { SMB2_0_INFO_SECURITY } from '../../src/smb2/info-types.ts';
import { decodeQueryInfoResponse } from '../../src/smb2/query-info.ts';
import { appleQuery, macos15, type Persona, win11 } from './personas.ts';
import { assertStatus, LENIENT, openStage, type Stage } from './stage.ts';

const UID = 1001;
const stage = await openStage();

/** A Mac, which has asked for Apple's extensions by its first open. */
async function enter(here: Stage, persona: Persona): Promise<ClientTree> {
  const tree = await here.enter(persona);
  if (persona !== macos15) return tree;
  const root = await tree.open('', { contexts: [appleQuery], options: FILE_DIRECTORY_FILE });
  await root.close();
  return tree;
}

async function make(tree: ClientTree, name: string): Promise<ClientFile> {
  return tree.open(name, { access: FILE_ALL_ACCESS, disposition: FILE_CREATE });
}

async function acesOf(file: ClientFile): Promise<readonly Ace[]> {
  const how = { outputBytes: 65_536, additionalInformation: DACL_SECURITY_INFORMATION };
  const answer = await file.tree.request(
    queryInfoRequest(file.fileId, SMB2_0_INFO_SECURITY, 0, how),
  );
  assertStatus(answer, STATUS_SUCCESS);
  return decodeSecurityDescriptor(decodeQueryInfoResponse(answer.message).outputBuffer).dacl!.aces;
}

const set = (file: ClientFile, aces: readonly Ace[], information = DACL_SECURITY_INFORMATION) => {
  const nothing = { control: 0, owner: nfsUserSid(UID + 1), group: undefined, sacl: undefined };
  const bytes = encodeSecurityDescriptor({ ...nothing, dacl: makeAcl(aces) });
  return file.tree.request(
    setInfoRequest(file.fileId, SMB2_0_INFO_SECURITY, 0, bytes, information),
  );
};

const isNfs = (ace: Ace): boolean => ace.kind === 'sid' && ace.sid.startsWith('S-1-5-88-');
const modeIn = (aces: readonly Ace[]): number | undefined => {
  for (const ace of aces) {
    const at = ace.kind === 'sid' && ace.sid.startsWith('S-1-5-88-3-') && ace.sid.slice(11);
    if (at) return Number(at);
  }
  return undefined;
};

test('owner, group and mode stand at the end of an ACL, for who asked AAPL alone', async () => {
  const mac = await enter(stage, macos15);
  const windows = await enter(stage, win11);
  await (await make(mac, 'told')).close();
  const [there, plain] = await Promise.all(
    [mac, windows].map((tree) => tree.open('told', { access: READ_CONTROL })),
  );
  const aces = await acesOf(there!);
  const mode = modeIn(aces)!;
  assert.equal(mode & 0o170000, 0o100000);
  assert.deepEqual(aces.filter(isNfs), [
    deniedAce(nfsModeSid(mode), 0),
    deniedAce(nfsUserSid(UID), 0),
    deniedAce(nfsGroupSid(UID), 0),
  ]);
  assert.deepEqual(
    await acesOf(plain!),
    aces.filter((ace) => !isNfs(ace)),
  );
  await there!.close();
  await plain!.close();
});

test('chmod: the ACL that was read comes back with another mode, or with nothing but it', async () => {
  const mac = await enter(stage, macos15);
  const file = await make(mac, 'chmod');
  const before = await acesOf(file);
  const chmod = (mode: number, others: readonly Ace[]) =>
    set(file, [deniedAce(nfsModeSid(mode), 0), ...others]);
  const others = before.filter((ace) => !isNfs(ace));
  assertStatus(await chmod(0o600, others), STATUS_SUCCESS);
  assert.equal(modeIn(await acesOf(file)), 0o100600);
  assertStatus(await chmod(0o100640, []), STATUS_SUCCESS);
  assert.equal(modeIn(await acesOf(file)), 0o100640);
  // A client sets no bits that say whose identity runs a program.
  assertStatus(await chmod(0o104755, []), STATUS_SUCCESS);
  assert.equal(modeIn(await acesOf(file)), 0o100755);
  await file.close();
});

test('an ACL is set without the entries that tell of the mode, which stays', async () => {
  const mac = await enter(stage, macos15);
  const windows = await enter(stage, win11);
  const file = await make(mac, 'acl');
  const told = (await acesOf(file)).filter(isNfs);
  const dacl = [allowedAce(EVERYONE, FILE_GENERIC_READ)];
  const twice = [...told, ...told, deniedAce(nfsUserSid(27), 0), deniedAce(nfsGroupSid(300), 0)];
  assertStatus(await set(file, [...dacl, ...twice]), STATUS_SUCCESS);
  const after = await acesOf(file);
  assert.deepEqual(after.slice(0, 1), dacl);
  assert.equal(after.length, 4, 'one of each');
  await file.close();
  const plain = await windows.open('acl', { access: READ_CONTROL });
  assert.deepEqual(await acesOf(plain), dacl);
  await plain.close();
});

test('chmod needs the right to change the ACL', async () => {
  const mac = await enter(stage, macos15);
  await (await make(mac, 'weak')).close();
  const file = await mac.open('weak', { access: READ_CONTROL });
  const before = await acesOf(file);
  for (const aces of [[deniedAce(nfsModeSid(0o777), 0)], []]) {
    assertStatus(await set(file, aces), STATUS_ACCESS_DENIED);
  }
  assert.deepEqual(await acesOf(file), before);
  await file.close();
});

test('B11 an ACL without entries is passed over from a Mac, and set by others', async () => {
  for (const [persona, name, left] of [
    [macos15, 'kept', true],
    [win11, 'emptied', false],
  ] as const) {
    const tree = await enter(stage, persona);
    const file = await make(tree, name);
    const before = await acesOf(file);
    assertStatus(await set(file, []), STATUS_SUCCESS);
    assert.deepEqual(await acesOf(file), left ? before : []);
    await file.close();
  }
});

test('B11 what comes with such an ACL is done', async () => {
  const tree = await enter(stage, macos15);
  const file = await make(tree, 'owned');
  const information = DACL_SECURITY_INFORMATION | OWNER_SECURITY_INFORMATION;
  const answer = await set(file, [], information);
  assert.notEqual(answer.status, STATUS_SUCCESS, 'that owner is nobody');
  await file.close();
});

const strict = await openStage({ share: { appleIgnoresEmptyAcls: false } });

test('B11 fruit:ignore_zero_aces = no', async () => {
  const file = await make(await enter(strict, macos15), 'emptied');
  assertStatus(await set(file, []), STATUS_SUCCESS);
  assert.deepEqual(
    (await acesOf(file)).filter((ace) => !isNfs(ace)),
    [],
  );
  await file.close();
});

const without = await openStage({ global: { ...LENIENT, appleNfsAces: false } });

test('fruit:nfs_aces = no: such entries are those of any SID', async () => {
  const tree = await enter(without, macos15);
  const file = await make(tree, 'plain');
  assert.equal((await acesOf(file)).some(isNfs), false);
  const dacl = [deniedAce(nfsModeSid(0o700), 0), allowedAce(EVERYONE, FILE_ALL_ACCESS)];
  assertStatus(await set(file, dacl), STATUS_SUCCESS);
  assert.deepEqual(await acesOf(file), dacl);
  await file.close();
});
