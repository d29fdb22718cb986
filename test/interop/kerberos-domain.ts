/**
 * Logins with tickets of an Active Directory domain (a domain controller of Samba's in a scratch folder): the groups in
 * their PAC open shares and files, and nobody else's do, and its users have uids and gids here that stay the same.
 *
 *     npm run interop:domain
 *
 * Needs root, smbclient, samba, samba-dsdb-modules, samba-ad-provision and krb5-user.
 */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../src/client/connect.ts';
import { type ClientRequest, succeed } from '../../src/client/exchange.ts';
import { queryInfoRequest, setInfoRequest } from '../../src/client/requests.ts';
import { FILE_ALL_ACCESS, READ_CONTROL, WRITE_DAC } from '../../src/dtyp/access-mask.ts';
import {
  allowedAce,
  CONTAINER_INHERIT_ACE,
  makeAcl,
  OBJECT_INHERIT_ACE,
} from '../../src/dtyp/acl.ts';
import {
  DACL_SECURITY_INFORMATION,
  decodeSecurityDescriptor,
  encodeSecurityDescriptor,
  OWNER_SECURITY_INFORMATION,
} from '../../src/dtyp/security-descriptor.ts';
import { type Sid, splitSid } from '../../src/dtyp/sid.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE } from '../../src/smb2/create-options.ts';
import { SMB2_0_INFO_SECURITY } from '../../src/smb2/info-types.ts';
import { decodeQueryInfoResponse } from '../../src/smb2/query-info.ts';
import { commandLine } from '../support/command-line.ts';
import {
  DOMAIN_REALM,
  type DomainController,
  startDomainController,
} from '../support/domain-controller.ts';
import { findProgram, run, tail } from '../support/process.ts';
import { expect, Tally } from '../support/tally.ts';
import { startUsmbd, type Target } from '../support/target.ts';

const HOST = 'fs.usmbd.test';
const MEMBER = 'usmbd-t1';
const OUTSIDER = 'usmbd-t2';
/** Has no account on this machine. */
const STRANGER = 'anna';
const DOMAIN = 'ADTEST';
const PASSWORD = 'Passw0rd!y';
const LOWEST_ID = 300_000;
const BLOCK_IDS = 10_000;
const CALL_LIMIT_MS = 60_000;

interface Scene {
  readonly target: Target;
  readonly group: Sid;
  readonly stranger: Sid;
  /** Where both are on the disk. */
  readonly gid: number;
  readonly uid: number;
  readonly tickets: Readonly<Record<string, NodeJS.ProcessEnv>>;
}

async function smbclient(
  { target, tickets }: Scene,
  user: string,
  share: string,
  command: string,
): Promise<string> {
  const done = await run(
    findProgram('smbclient')!,
    [
      ...[`//${HOST}/${share}`, '-I', target.host, '-p', String(target.port)],
      ...['--use-kerberos=required', '-N', '-c', command],
    ],
    { timeoutMs: CALL_LIMIT_MS, env: tickets[user]! },
  );
  return `exit ${done.code}\n${done.stdout}${done.stderr}`;
}

function expectWorks(text: string): void {
  expect(/^exit 0\n/.test(text) && !/NT_STATUS/.test(text), tail(text, 8));
}

async function groupOpensShare(scene: Scene): Promise<void> {
  expectWorks(await smbclient(scene, MEMBER, 'staff', 'mkdir d; rmdir d'));
  const denied = await smbclient(scene, OUTSIDER, 'staff', 'ls');
  expect(/ACCESS_DENIED/.test(denied), tail(denied, 8));
  // The outsider is let in elsewhere.
  expectWorks(await smbclient(scene, OUTSIDER, 'share', 'ls'));
}

/** What the list of a share says by a domain's SIDs and names. */
async function listsByDomain(scene: Scene): Promise<void> {
  expectWorks(await smbclient(scene, MEMBER, 'readers', 'ls'));
  const denied = await smbclient(scene, MEMBER, 'readers', 'mkdir d');
  expect(/MEDIA_WRITE_PROTECTED|ACCESS_DENIED/.test(denied), tail(denied, 8));
  expectWorks(await smbclient(scene, STRANGER, 'named', 'ls'));
  const other = await smbclient(scene, MEMBER, 'named', 'ls');
  expect(/ACCESS_DENIED/.test(other), tail(other, 8));
}

/** A user that this machine does not know acts by the uid and the groups of its domain. */
async function withoutAccount(scene: Scene): Promise<void> {
  const folder = join(scene.target.folder!, 'hers');
  expectWorks(await smbclient(scene, STRANGER, 'share', 'mkdir hers; cd hers; mkdir inner'));
  const { uid } = statSync(folder);
  expect(uid === scene.uid, `the folder belongs to ${uid}, not to ${scene.uid}`);
}

/** Mode bits alone: a folder of the group's, as an administrator of the machine makes it. */
async function modeBits(scene: Scene): Promise<void> {
  const folder = join(scene.target.folder!, 'plain');
  mkdirSync(folder);
  chownSync(folder, 0, scene.gid);
  chmodSync(folder, 0o2770);
  for (const user of [STRANGER, MEMBER]) {
    expectWorks(await smbclient(scene, user, 'share', `mkdir plain\\${user}`));
    const { gid } = statSync(join(folder, user));
    expect(gid === scene.gid, `what is made in it has group ${gid}`);
  }
  const denied = await smbclient(scene, OUTSIDER, 'share', 'cd plain; ls');
  expect(/ACCESS_DENIED/.test(denied), tail(denied, 8));
}

/** A descriptor that names the group reaches the disk: nobody else's bits let them in. */
async function descriptor(scene: Scene): Promise<void> {
  const { target, tickets, group, stranger } = scene;
  for (const name of ['KRB5_CONFIG', 'KRB5CCNAME']) process.env[name] = tickets[STRANGER]![name];
  const { kerberosInitiator } = await import('../support/kerberos-initiator.ts');
  const client = await connect({ host: target.host, port: target.port });
  const initiator = kerberosInitiator(`cifs@${HOST}`);
  const session = await client.login({ user: STRANGER, otherInitiator: () => initiator });
  const tree = await session.treeConnect('share');
  const access = READ_CONTROL | WRITE_DAC;
  const inherit = OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE;
  const folder = await tree.open('descriptor', {
    ...{ access, disposition: FILE_CREATE, options: FILE_DIRECTORY_FILE },
  });
  const dacl = makeAcl([
    allowedAce(stranger, FILE_ALL_ACCESS, inherit),
    allowedAce(group, FILE_ALL_ACCESS, inherit),
  ]);
  const bytes = encodeSecurityDescriptor({
    ...{ control: 0, owner: undefined, group: undefined, sacl: undefined, dacl },
  });
  const information = DACL_SECURITY_INFORMATION;
  await succeedWith(setInfoRequest(folder.fileId, SMB2_0_INFO_SECURITY, 0, bytes, information));
  const how = { additionalInformation: OWNER_SECURITY_INFORMATION | information };
  const told = await succeedWith(queryInfoRequest(folder.fileId, SMB2_0_INFO_SECURITY, 0, how));
  const { owner } = decodeSecurityDescriptor(decodeQueryInfoResponse(told.message).outputBuffer);
  expect(owner === stranger, `the folder is told to be of ${owner}, not ${stranger}`);
  await folder.close();
  await client.close();
  for (const user of [STRANGER, MEMBER])
    expectWorks(await smbclient(scene, user, 'share', `mkdir descriptor\\${user}`));
  const denied = await smbclient(scene, OUTSIDER, 'share', 'cd descriptor; ls');
  expect(/ACCESS_DENIED/.test(denied), tail(denied, 8));
  const path = join(target.folder!, 'descriptor');
  const { stdout } = await run('getfacl', ['-n', '-p', path], { timeoutMs: CALL_LIMIT_MS });
  expect(stdout.includes(`\ngroup:${scene.gid}:rwx`), `the disk has\n${stdout}`);
  async function succeedWith(request: ClientRequest) {
    return succeed(await tree.request(request));
  }
}

/** Numbers are given once. */
async function sameAfterRestart(scene: Scene): Promise<void> {
  await scene.target.restart!(0, 0);
  // Before anybody of the domain has logged in, whose files they are is known already.
  const { stdout } = await run(
    findProgram('smbclient')!,
    [
      ...[`//${scene.target.host}/share`, '-p', String(scene.target.port)],
      ...['-U', `${MEMBER}%${scene.target.account.password}`, '-c', 'showacls; ls hers'],
    ],
    { timeoutMs: CALL_LIMIT_MS },
  );
  expect(stdout.includes(scene.stranger), tail(stdout, 12));
  expectWorks(await smbclient(scene, STRANGER, 'share', 'cd hers; mkdir later'));
  const { uid } = statSync(join(scene.target.folder!, 'hers', 'later'));
  expect(uid === scene.uid, `the folder belongs to ${uid}, not to ${scene.uid}`);
}

type Case = readonly [name: string, body: (scene: Scene) => Promise<void>];

const CASES: readonly Case[] = [
  ['a share that a group of the domain may use', groupOpensShare],
  ['lists of shares with a domain’s groups and users', listsByDomain],
  ['a user without an account here, by the uid of its domain', withoutAccount],
  ['a folder that its mode gives to a group of the domain', modeBits],
  ['a folder whose descriptor names a group of the domain', descriptor],
  ['the same uids and gids after a restart', sameAfterRestart],
];

async function prepare(dc: DomainController, scratch: string): Promise<Scene> {
  const keytab = join(scratch, 'keytab');
  for (const user of [MEMBER, OUTSIDER, STRANGER, 'fileserver'])
    await dc.tool('user', 'create', user, PASSWORD);
  await dc.tool('group', 'add', 'staff');
  await dc.tool('group', 'addmembers', 'staff', `${MEMBER},${STRANGER}`);
  await dc.tool('spn', 'add', `cifs/${HOST}`, 'fileserver');
  await dc.tool('domain', 'exportkeytab', keytab, `--principal=cifs/${HOST}`);
  const group = await dc.sidOf('staff');
  const stranger = await dc.sidOf(STRANGER);
  const settings = ['kerberos method = dedicated keytab', `dedicated keytab file = ${keytab}`];
  const idmap = [
    'idmap config * : backend = autorid',
    `idmap config * : range = ${LOWEST_ID}-${LOWEST_ID + 9 * BLOCK_IDS - 1}`,
    `idmap config * : rangesize = ${BLOCK_IDS}`,
  ];
  const env = { ...process.env, ...dc.environment };
  const shares = {
    staff: [`valid users = @${group}`],
    readers: [`read list = @${group}`],
    named: [`valid users = ${DOMAIN}\\${STRANGER}`],
  };
  const realm = `realm = ${DOMAIN_REALM}`;
  const target = await startUsmbd([...settings, realm, ...idmap], shares, MEMBER, env);
  const tickets = {
    [MEMBER]: await dc.kinit(MEMBER, PASSWORD),
    [OUTSIDER]: await dc.kinit(OUTSIDER, PASSWORD),
    [STRANGER]: await dc.kinit(STRANGER, PASSWORD),
  };
  const idOf = (sid: Sid): number => LOWEST_ID + splitSid(sid)!.rid;
  return { target, group, stranger, gid: idOf(group), uid: idOf(stranger), tickets };
}

async function main(): Promise<void> {
  const needed = ['smbclient', 'samba', 'samba-tool', 'kinit'];
  const missing = needed.filter((name) => findProgram(name) === undefined);
  if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
  if (process.getuid?.() !== 0) throw new Error('a domain controller needs root');
  const scratch = mkdtempSync(join(tmpdir(), 'usmbd-domain-'));
  const dc = await startDomainController(scratch);
  const tally = new Tally();
  try {
    const scene = await prepare(dc, scratch);
    try {
      for (const [name, body] of CASES) {
        await tally.check(name, () => body(scene));
        scene.target.assertAlive();
      }
    } finally {
      await scene.target.stop();
    }
  } finally {
    await dc.stop();
    if (process.env.USMBD_TEST_KEEP === undefined) rmSync(scratch, { recursive: true });
  }
  tally.close();
}

commandLine({});
await main();
