/**
 * Logins with tickets of an Active Directory domain (a domain controller of Samba's in a scratch folder): the groups in
 * their PAC open a share, and nobody else's do.
 *
 *     npm run interop:domain
 *
 * Needs root, smbclient, samba, samba-dsdb-modules, samba-ad-provision and krb5-user.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sid } from '../../src/dtyp/sid.ts';
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
const PASSWORD = 'Passw0rd!y';
const CALL_LIMIT_MS = 60_000;

interface Scene {
  readonly target: Target;
  readonly group: Sid;
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

async function prepare(dc: DomainController, scratch: string): Promise<Scene> {
  const keytab = join(scratch, 'keytab');
  for (const user of [MEMBER, OUTSIDER, 'fileserver'])
    await dc.tool('user', 'create', user, PASSWORD);
  await dc.tool('group', 'add', 'staff');
  await dc.tool('group', 'addmembers', 'staff', MEMBER);
  await dc.tool('spn', 'add', `cifs/${HOST}`, 'fileserver');
  await dc.tool('domain', 'exportkeytab', keytab, `--principal=cifs/${HOST}`);
  const group = await dc.sidOf('staff');
  const settings = ['kerberos method = dedicated keytab', `dedicated keytab file = ${keytab}`];
  const env = { ...process.env, ...dc.environment };
  const shares = { staff: [`valid users = @${group}`] };
  const target = await startUsmbd([...settings, `realm = ${DOMAIN_REALM}`], shares, MEMBER, env);
  const tickets = {
    [MEMBER]: await dc.kinit(MEMBER, PASSWORD),
    [OUTSIDER]: await dc.kinit(OUTSIDER, PASSWORD),
  };
  return { target, group, tickets };
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
      await tally.check('a share that a group of the domain may use', () => groupOpensShare(scene));
    } finally {
      await scene.target.stop();
    }
  } finally {
    await dc.stop();
    if (process.env.USMBD_TEST_KEEP === undefined) rmSync(scratch, { recursive: true });
  }
  tally.close();
}

await main();
