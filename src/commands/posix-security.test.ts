/** chown(2) as Linux' client sends it by the SMB3 POSIX extensions: see posix-security.ts. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cifs } from '../../test/replay/personas.ts';
import { startServer, USER } from '../../test/support/in-process-server.ts';
import { createRequest, queryInfoRequest, setInfoRequest } from '../client/requests.ts';
import {
  FILE_WRITE_DATA,
  GENERIC_ALL,
  READ_CONTROL,
  WRITE_DAC,
  WRITE_OWNER,
} from '../dtyp/access-mask.ts';
import { type Ace, allowedAce, deniedAce, makeAcl } from '../dtyp/acl.ts';
import { STATUS_ACCESS_DENIED, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import {
  DACL_SECURITY_INFORMATION,
  decodeSecurityDescriptor,
  encodeSecurityDescriptor,
  GROUP_SECURITY_INFORMATION,
  OWNER_SECURITY_INFORMATION,
  SE_DACL_PRESENT,
  type SecurityDescriptor,
} from '../dtyp/security-descriptor.ts';
import { AUTHENTICATED_USERS, nfsGroupSid, nfsModeSid, nfsUserSid } from '../dtyp/sid.ts';
import { nativeSupport } from '../native/support.ts';
import { encodePosixCreateRequest } from '../smb2/create-context-values.ts';
import { CreateContextName } from '../smb2/create-contexts.ts';
import { FILE_CREATE } from '../smb2/create-options.ts';
import { SMB2_0_INFO_SECURITY } from '../smb2/info-types.ts';

const PARTS = OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
const skip = nativeSupport().unavailable ?? (process.getuid?.() === 0 ? false : 'needs root');
const contexts = [{ name: CreateContextName.POSIX, data: encodePosixCreateRequest(0o600) }];

const ROOT = { uid: 0, gid: 0, groups: [] };

/** A file of root's, mode 600: its descriptor as a client reads it, and what is there once it has changed that. */
async function chown(change: (told: SecurityDescriptor) => SecurityDescriptor) {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-chown-'));
  chmodSync(folder, 0o755);
  const server = await startServer({
    shares: [{ name: 'files', path: folder }],
    users: [{ name: USER, password: 'Passw0rd!', identity: ROOT }],
  });
  try {
    const tree = await server.mount(cifs.connect);
    const made = { access: FILE_WRITE_DATA, disposition: FILE_CREATE, contexts };
    await (await tree.open('f', made)).close();
    const access = READ_CONTROL | WRITE_DAC | WRITE_OWNER;
    const file = await tree.open('f', { access, contexts });
    const parts = { outputBytes: 4096, additionalInformation: PARTS };
    const asking = queryInfoRequest(file.fileId, SMB2_0_INFO_SECURITY, 0, parts);
    const { message } = await tree.request(asking);
    const offset = message.readUInt16LE(66);
    const end = offset + message.readUInt32LE(68);
    const told = decodeSecurityDescriptor(message.subarray(offset, end));
    const bytes = encodeSecurityDescriptor(change(told), PARTS);
    const setting = setInfoRequest(file.fileId, SMB2_0_INFO_SECURITY, 0, bytes, PARTS);
    const { status } = await tree.request(setting);
    await file.close();
    const writing = createRequest('f', { access: FILE_WRITE_DATA, contexts });
    const opened = (await tree.request(writing)).status;
    const { uid, gid, mode } = statSync(join(folder, 'f'));
    return { status, opened, uid, gid, mode: mode & 0o7777 };
  } finally {
    await server.close();
    rmSync(folder, { recursive: true });
  }
}

/** What a CREATE of Linux' client with idsfromsid makes: of it the uid, the gid and the mode, and who may open it. */
async function create(
  identity: typeof ROOT,
  mode: number | undefined,
  owner: number | undefined,
  isPosix = true,
  wanted = contexts,
) {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-create-'));
  chmodSync(folder, 0o777);
  const server = await startServer({
    shares: [{ name: 'files', path: folder }],
    users: [{ name: USER, password: 'Passw0rd!', identity }],
  });
  try {
    const tree = await server.mount(cifs.connect);
    const sent: SecurityDescriptor = {
      control: SE_DACL_PRESENT,
      owner: owner === undefined ? undefined : nfsUserSid(owner),
      group: owner === undefined ? undefined : nfsGroupSid(65532),
      dacl: makeAcl([
        deniedAce(nfsModeSid(mode ?? 0o7777), 0),
        allowedAce(nfsUserSid(65532), GENERIC_ALL),
        allowedAce(AUTHENTICATED_USERS, GENERIC_ALL),
      ]),
      sacl: undefined,
    };
    const data = encodeSecurityDescriptor(sent, PARTS);
    const creating = createRequest('f', {
      access: FILE_WRITE_DATA,
      disposition: FILE_CREATE,
      contexts: [...(isPosix ? wanted : []), { name: CreateContextName.SD_BUFFER, data }],
    });
    const { status } = await tree.request(creating);
    const { uid, gid, mode: made } = statSync(join(folder, 'f'));
    return { status, uid, gid, mode: made & 0o7777 };
  } finally {
    await server.close();
    rmSync(folder, { recursive: true });
  }
}

const SOMEBODY = { uid: 23_456, gid: 23_457, groups: [] };

test('the owner that idsfromsid sends with a CREATE is followed where chown(2) would be', {
  skip,
}, async () => {
  assert.deepEqual(await create(ROOT, undefined, 65533), CHOWNED);
  const kept = { status: STATUS_SUCCESS, uid: 23_456, gid: 23_457, mode: 0o600 };
  assert.deepEqual(await create(SOMEBODY, undefined, 65533), kept);
});

test('a file that is made setuid and setgid is so, too, when idsfromsid names its owner', {
  skip,
}, async () => {
  const privileged = [{ name: CreateContextName.POSIX, data: encodePosixCreateRequest(0o6755) }];
  const made = await create(ROOT, undefined, 65533, true, privileged);
  assert.deepEqual(made, { ...CHOWNED, mode: 0o6755 });
});

test('the mode that modefromsid sends with a CREATE is that of the POSIX context', {
  skip,
}, async () => {
  const kept = { status: STATUS_SUCCESS, uid: 23_456, gid: 23_457, mode: 0o600 };
  assert.deepEqual(await create(SOMEBODY, 0o600, undefined), kept);
});

test('without POSIX extensions, too, who idsfromsid names as the maker of a file may be its owner', {
  skip,
}, async () => {
  const { status, uid } = await create(SOMEBODY, 0o640, SOMEBODY.uid, false);
  assert.deepEqual({ status, uid }, { status: STATUS_SUCCESS, uid: SOMEBODY.uid });
  await assert.rejects(create(SOMEBODY, 0o640, 65533, false), { code: 'ENOENT' });
});

const given = (told: SecurityDescriptor, aces: readonly Ace[]): SecurityDescriptor => ({
  ...told,
  owner: nfsUserSid(65533),
  group: nfsGroupSid(65532),
  dacl: makeAcl(aces),
});

const CHOWNED = { status: STATUS_SUCCESS, uid: 65533, gid: 65532, mode: 0o600 };

test('a chown with the DACL that was told gives the file no descriptor', { skip }, async () => {
  const told = await chown((all) => given(all, all.dacl!.aces));
  // By the mode root may still write it.
  assert.deepEqual(told, { ...CHOWNED, opened: STATUS_SUCCESS });
  const swapped = await chown((all) =>
    given(
      all,
      all.dacl!.aces.map((ace) =>
        ace.kind === 'sid' && ace.sid === all.owner ? { ...ace, sid: nfsUserSid(65533) } : ace,
      ),
    ),
  );
  assert.deepEqual(swapped, { ...CHOWNED, opened: STATUS_SUCCESS });
});

test('a DACL that says something new is stored, and decides', { skip }, async () => {
  const { opened } = await chown((all) => given(all, all.dacl!.aces.slice(1)));
  assert.equal(opened, STATUS_ACCESS_DENIED);
});
