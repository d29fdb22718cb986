/**
 * Logins by Kerberos, with a KDC of MIT's in a scratch folder: smbclient with a ticket, signed and encrypted at each
 * dialect, and what has to be refused.
 *
 *     npm run interop:kerberos
 *     npm run interop:kerberos -- --only replay
 *
 * As root in a network namespace of its own, for rpcclient asks the endpoint mapper at port 135; what needs that
 * port, or a name for this machine, is left out otherwise. Needs smbclient, krb5-kdc, krb5-admin-server, krb5-user; libfaketime for a wrong clock.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Mechanism } from '../../src/auth/spnego.ts';
import { StatusError } from '../../src/client/client-error.ts';
import { connect } from '../../src/client/connect.ts';
import { STATUS_LOGON_FAILURE, STATUS_NETWORK_SESSION_EXPIRED } from '../../src/dtyp/ntstatus.ts';
import { commandLine } from '../support/command-line.ts';
import { type Kdc, missingPrograms, REALM, startKdc } from '../support/kdc.ts';
import { enterNamespace, isInNamespace } from '../support/namespace.ts';
import { type Finished, findProgram, run, tail } from '../support/process.ts';
import { expect, Tally } from '../support/tally.ts';
import { startUsmbd, type Target } from '../support/target.ts';

const HOST = 'fs.usmbd.test';
/** Its key in the keytab is not the KDC's any more. */
const STALE_HOST = 'stale.usmbd.test';
/** It has none in the keytab. */
const ABSENT_HOST = 'absent.usmbd.test';
const CLOCK_SKEW_SECONDS = 3;
const CALL_LIMIT_MS = 60_000;
/** They sleep for 50 s. */
const EXPIRY_LIMIT_MS = 150_000;
const EXPIRY_TESTS = [
  ...['1n', '1s', '1e', '2s', '2e'].map((name) => `smb2.session.expire${name}`),
  'raw.session.expire1',
];
const DIALECTS = ['SMB2_02', 'SMB2_10', 'SMB3_00', 'SMB3_02', 'SMB3_11'] as const;
const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';

interface Scene {
  readonly kdc: Kdc;
  readonly target: Target;
  readonly smbclient: string;
  readonly scratch: string;
  /** With the first account's ticket. */
  readonly ticket: NodeJS.ProcessEnv;
}

interface Call {
  readonly env?: NodeJS.ProcessEnv;
  readonly host?: string;
  readonly args?: readonly string[];
}

function spawn(scene: Scene, command: string, call: Call = {}): Promise<Finished> {
  const { target, ticket, smbclient, scratch } = scene;
  const { env = ticket, host = HOST, args = [] } = call;
  return run(
    smbclient,
    [
      ...[`//${host}/${target.share}`, '-I', target.host, '-p', String(target.port)],
      ...['--use-kerberos=required', '-N', ...args, '-c', command],
    ],
    { timeoutMs: CALL_LIMIT_MS, cwd: scratch, env },
  );
}

const said = ({ stdout, stderr }: Finished): string => stdout + stderr;

async function works(scene: Scene, command: string, call?: Call): Promise<void> {
  const done = await spawn(scene, command, call);
  expect(
    done.code === 0 && !/NT_STATUS_/.test(said(done).replace(/.*getting alt name.*\n/g, '')),
    `${command}: exit ${done.code}\n${tail(said(done), 10)}`,
  );
}

async function refused(scene: Scene, status: RegExp, call?: Call): Promise<void> {
  const done = await spawn(scene, 'ls', call);
  expect(status.test(said(done)), `wanted ${status}, got ${done.code}\n${tail(said(done), 8)}`);
}

/** Until the log has it, for it is written when the client has gone. */
async function logged({ target }: Scene, words: RegExp): Promise<void> {
  for (let i = 0; i < 50; i++) {
    if (words.test(readFileSync(target.log!, 'utf8'))) return;
    await delay(100);
  }
  throw new Error(`the log has no ${words}:\n${tail(readFileSync(target.log!, 'utf8'), 5)}`);
}

type Case = readonly [name: string, body: (scene: Scene) => Promise<void>];

const CASES: readonly Case[] = [
  ['put and get, signed and encrypted, at each dialect', everyDialect],
  ['AES-256 encrypts by the whole key', wholeKey],
  ['NTLM beside it', ntlmBeside],
  ['the user acts as itself on the disk', actsAsItself],
  ['username map, auth_to_local, and a principal that is nobody here', mappedPrincipals],
  ['wrong key, and no key, in the keytab', wrongKeytab],
  ['a clock that is wrong', wrongClock],
  ['a second choice of SPNEGO, with MICs both ways', secondChoice],
  ['a replayed AP-REQ', replay],
  ['a ticket that ends: session, request, and login anew', expiry],
  ['smbtorture: smb2.session.expire* and raw.session.expire1 with tickets', tortureExpiry],
  ['RPC: signed and sealed by SPNEGO and by Kerberos alone, over TCP and pipes', rpcEachWay],
  ['RPC: long calls and answers, one login of many calls', rpcLong],
  ['RPC: what protects nothing, and who is nobody here', rpcRefused],
  ['the process with the library killed in mid-login costs that login', killedInMidLogin],
  ['RPC: the process with the keys killed in mid-association', rpcKilled],
];

async function everyDialect(scene: Scene): Promise<void> {
  writeFileSync(join(scene.scratch, 'up'), 'by Kerberos');
  for (const dialect of DIALECTS) {
    for (const protection of ['sign', 'encrypt']) {
      if (protection === 'encrypt' && !dialect.startsWith('SMB3')) continue;
      const args = ['-m', dialect, `--client-protection=${protection}`];
      await works(scene, 'put up; get up down; del up', {
        args: [...args, `--option=client min protocol=${dialect}`],
      });
      expect(readFileSync(join(scene.scratch, 'down'), 'utf8') === 'by Kerberos', 'other bytes');
    }
  }
}

async function wholeKey(scene: Scene): Promise<void> {
  for (const cipher of ['AES-256-GCM', 'AES-256-CCM']) {
    const option = `--option=client smb3 encryption algorithms=${cipher}`;
    await works(scene, 'ls', { args: ['-m', 'SMB3_11', '--client-protection=encrypt', option] });
  }
}

async function ntlmBeside(scene: Scene): Promise<void> {
  const { user, password } = scene.target.account;
  const { host, port, share } = scene.target;
  const args = [`//${host}/${share}`, '-p', String(port), '-U', `${user}%${password}`];
  const off = ['--use-kerberos=off', '-c', 'ls'];
  const done = await run(scene.smbclient, [...args, ...off], { timeoutMs: CALL_LIMIT_MS });
  expect(done.code === 0, tail(said(done), 8));
  const wrong = [...args.slice(0, -1), `${user}%wrong`, ...off];
  const not = await run(scene.smbclient, wrong, { timeoutMs: CALL_LIMIT_MS });
  expect(/LOGON_FAILURE/.test(said(not)), tail(said(not), 8));
}

async function actsAsItself(scene: Scene): Promise<void> {
  if (process.getuid?.() !== 0) return;
  await works(scene, 'mkdir mine');
  const { stdout } = await run('stat', ['-c', '%U', join(scene.target.folder!, 'mine')], {
    timeoutMs: CALL_LIMIT_MS,
  });
  expect(stdout.trim() === scene.target.account.user, `the folder belongs to ${stdout}`);
  await works(scene, 'rmdir mine');
}

async function mappedPrincipals(scene: Scene): Promise<void> {
  await refused(scene, /LOGON_FAILURE/, { env: await scene.kdc.kinit('stranger', 'stranger') });
  await logged(scene, /the principal is no user here.*stranger@|stranger@.*no user here/);
  await works(scene, 'ls', { env: await scene.kdc.kinit('mapped', 'mapped') });
  // The rule of krb5.conf takes /admin away.
  const admin = `${scene.target.account.user}/admin`;
  await works(scene, 'ls', { env: await scene.kdc.kinit(admin, 'admin') });
}

async function wrongKeytab(scene: Scene): Promise<void> {
  for (const host of [STALE_HOST, ABSENT_HOST]) await refused(scene, /LOGON_FAILURE/, { host });
  await works(scene, 'ls');
}

async function wrongClock(scene: Scene): Promise<void> {
  expect(existsSync(FAKETIME), `${FAKETIME} is missing: apt-get install libfaketime`);
  // The ticket comes at the right time, the authenticator at the wrong one.
  await works(scene, 'ls');
  const env = { ...scene.ticket, LD_PRELOAD: FAKETIME, FAKETIME: '-60s' };
  await refused(scene, /TIME_DIFFERENCE_AT_DC/, { env });
  await logged(scene, /Clock skew too great/);
}

/** The library reads its environment when it is used first, so all of them share one. */
async function initiatorOf({ ticket }: Scene, mechTypes?: readonly string[]) {
  for (const name of ['KRB5_CONFIG', 'KRB5CCNAME']) process.env[name] = ticket[name];
  const { kerberosInitiator } = await import('../support/kerberos-initiator.ts');
  return kerberosInitiator(`cifs@${HOST}`, mechTypes);
}

const connection = ({ target }: Scene) => connect({ host: target.host, port: target.port });

async function statusOf(work: Promise<unknown>): Promise<number> {
  try {
    await work;
    return 0;
  } catch (error) {
    if (error instanceof StatusError) return error.status;
    throw error;
  }
}

async function secondChoice(scene: Scene): Promise<void> {
  const initiator = await initiatorOf(scene, [Mechanism.NEGOEX, Mechanism.KRB5]);
  const client = await connection(scene);
  const session = await client.login({ user: 'x', otherInitiator: () => initiator });
  await session.treeConnect(scene.target.share);
  await client.close();
}

async function replay(scene: Scene): Promise<void> {
  const initiator = await initiatorOf(scene);
  const first = await connection(scene);
  await first.login({ user: 'x', otherInitiator: () => initiator });
  const second = await connection(scene);
  const status = await statusOf(second.login({ user: 'x', otherInitiator: () => initiator }));
  expect(status === STATUS_LOGON_FAILURE, `the second gets ${status.toString(16)}`);
  await logged(scene, /Request is a replay/);
  await first.close();
  await second.close();
}

async function expiry(scene: Scene): Promise<void> {
  const { user } = scene.target.account;
  const short = { ...scene, ticket: await scene.kdc.kinit(user, user, ['-l', '8s']) };
  const initiator = await initiatorOf(short);
  const late = await initiatorOf(short);
  const client = await connection(scene);
  const session = await client.login({ user: 'x', otherInitiator: () => initiator });
  const tree = await session.treeConnect(scene.target.share);
  await delay(9000);
  const ended = await statusOf(tree.open('none'));
  expect(ended === STATUS_NETWORK_SESSION_EXPIRED, `a request gets ${ended.toString(16)}`);
  const again = await initiatorOf(scene);
  await session.reauthenticate({ user: 'x', otherInitiator: () => again });
  await session.treeConnect(scene.target.share);
  await client.close();
  // Beyond what clocks are forgiven.
  await delay(CLOCK_SKEW_SECONDS * 1000);
  const another = await connection(scene);
  const status = await statusOf(another.login({ user: 'x', otherInitiator: () => late }));
  expect(status === STATUS_LOGON_FAILURE, `a login gets ${status.toString(16)}`);
  await another.close();
}

const CLIENT_NT1 = '--option=client min protocol=NT1';

/** Tickets of four seconds; smb2.session.expire2*: which requests such a session still takes. */
async function tortureExpiry(scene: Scene): Promise<void> {
  const { target, kdc } = scene;
  const smbtorture = findProgram('smbtorture');
  expect(smbtorture !== undefined, 'smbtorture is missing: apt-get install samba-testsuite');
  const { user } = target.account;
  const call = [smbtorture!, `//${HOST}/${target.share}`, '-p', String(target.port)];
  const login = ['-U', `${user}@${REALM}%${user}`, '--use-kerberos=required'];
  const failures: string[] = [];
  for (const test of EXPIRY_TESTS) {
    const env = { ...process.env, ...kdc.environment };
    const old = test.startsWith('raw.') ? ['-m', 'NT1', CLIENT_NT1] : [];
    const done = await named(scene, [...call, ...login, ...old, test], env, EXPIRY_LIMIT_MS);
    if (!/^success: /m.test(said(done))) failures.push(`${test}: ${tail(said(done), 8)}`);
  }
  expect(failures.length === 0, failures.join('\n'));
}

/** A program that takes no address beside a name: the names have one, for it alone. */
async function named(
  { scratch, target }: Scene,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  timeoutMs = CALL_LIMIT_MS,
): Promise<Finished> {
  const hosts = join(scratch, 'hosts');
  writeFileSync(hosts, `${target.host} localhost ${HOST} ${STALE_HOST} ${ABSENT_HOST}\n`);
  const own = ['sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', hosts];
  return run('unshare', ['-m', ...own, ...command], { timeoutMs, env });
}

/** What rpcclient says of commands. `binding`: options of a binding, as Samba writes them. */
async function rpc(
  scene: Scene,
  where: string,
  command: string,
  { env = scene.ticket, args = [] }: Call = {},
): Promise<string> {
  const rpcclient = findProgram('rpcclient');
  expect(rpcclient !== undefined, 'rpcclient is missing: apt-get install smbclient');
  const { port } = scene.target;
  const call = [rpcclient!, '--use-kerberos=required', '-N', '-p', String(port), ...args];
  return said(await named(scene, [...call, where, '-c', command], env));
}

const RPC_TYPES = ['spnego', 'krb5'] as const;
const transports = (host = HOST): readonly string[] => [
  ...(isInNamespace() ? [`ncacn_ip_tcp:${host}`] : []),
  `ncacn_np:${host}`,
];

function says(text: string, ...patterns: readonly RegExp[]): void {
  for (const pattern of patterns)
    expect(pattern.test(text), `no ${pattern} in:\n${tail(text, 12)}`);
}

async function rpcEachWay(scene: Scene): Promise<void> {
  const { user } = scene.target.account;
  const name = new RegExp(`${user} S-1-5-21-[\\d-]+ \\(User: 1\\)`);
  for (const where of transports()) {
    const levels = where.startsWith('ncacn_np') ? ['connect', 'packet'] : [];
    for (const level of [...levels, 'sign', 'seal']) {
      for (const type of RPC_TYPES) {
        const binding = `${where}[${type},${level}]`;
        const text = await rpc(scene, binding, `lookupnames ${user};getusername;srvinfo`);
        says(text, name, new RegExp(`Account Name: ${user}`));
        expect(!/NT_STATUS|WERR/.test(text), `${binding}:\n${tail(text, 12)}`);
      }
    }
  }
}

/** Answers of several fragments, and hundreds of messages under one context. */
async function rpcLong(scene: Scene): Promise<void> {
  const { user } = scene.target.account;
  const many = Array.from({ length: 200 }, () => user).join(' ');
  for (const where of transports()) {
    for (const type of RPC_TYPES) {
      const commands = [`lookupnames ${many}`, ...Array.from({ length: 40 }, () => 'lsaquery')];
      const text = await rpc(scene, `${where}[${type},seal]`, commands.join(';'));
      const found = text.match(/\(User: 1\)/g)?.length ?? 0;
      const asked = text.match(/Domain Name: /g)?.length ?? 0;
      expect(found === 200 && asked === 40, `${found} names, ${asked} calls:\n${tail(text, 5)}`);
    }
  }
}

async function rpcRefused(scene: Scene): Promise<void> {
  if (!isInNamespace()) return;
  const where = `ncacn_ip_tcp:${HOST}`;
  for (const type of RPC_TYPES) {
    for (const level of ['connect', 'packet']) {
      says(
        await rpc(scene, `${where}[${type},${level}]`, 'lsaquery'),
        /NETWORK_ACCESS_DENIED|ACCESS_DENIED/,
      );
    }
    const env = await scene.kdc.kinit('stranger', 'stranger');
    says(
      await rpc(scene, `${where}[${type},sign]`, 'lsaquery', { env }),
      /ACCESS_DENIED|LOGON_FAILURE/,
    );
    for (const host of [STALE_HOST, ABSENT_HOST]) {
      const text = await rpc(scene, `ncacn_ip_tcp:${host}[${type},sign]`, 'lsaquery');
      says(text, /ACCESS_DENIED|LOGON_FAILURE/);
    }
    // And those who may are served still.
    says(await rpc(scene, `${where}[${type},sign]`, 'lsaquery'), /Domain Name: /);
  }
}

/** The association says so, and the next one works. */
async function rpcKilled(scene: Scene): Promise<void> {
  const rpcclient = findProgram('rpcclient')!;
  for (const where of transports()) {
    const binding = `${where}[krb5,sign]`;
    const args = [rpcclient, '--use-kerberos=required', '-N', '-p', String(scene.target.port)];
    const script = '(echo lsaquery; sleep 3; echo lsaquery) | "$@"';
    const call = named(scene, ['sh', '-c', script, 'sh', ...args, binding], scene.ticket);
    await delay(1500);
    process.kill(await helperPid(scene), 'SIGKILL');
    const text = said(await call);
    says(text, /Domain Name: /, /ACCESS_DENIED|CONNECTION_DISCONNECTED|PIPE/);
    says(await rpc(scene, binding, 'lsaquery'), /Domain Name: /);
  }
}

/** Whoever's child it is: its keytab is that of this run. */
async function helperPid({ scratch }: Scene): Promise<number> {
  const { stdout } = await run('pgrep', ['-f', `gss/program.*${scratch}`], {
    timeoutMs: CALL_LIMIT_MS,
  });
  const pid = Number(stdout.trim());
  expect(pid > 0, `no such process: ${stdout}`);
  return pid;
}

async function killedInMidLogin(scene: Scene): Promise<void> {
  // One that is up already.
  await works(scene, 'ls');
  const pid = await helperPid(scene);
  process.kill(pid, 'SIGSTOP');
  const login = spawn(scene, 'ls');
  await delay(1500);
  // While it waits, others are served.
  await ntlmBeside(scene);
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // On a busy machine the server was faster: it ends a process that does not answer in 10 s.
  }
  const lost = said(await login);
  expect(/LOGON_FAILURE/.test(lost), `the login that was in it:\n${tail(lost, 8)}`);
  await works(scene, 'ls');
  await logged(scene, /has ended and is started again/);
}

/** Principals and keytab, and a server that has it. */
async function prepare(scratch: string, smbclient: string): Promise<Scene> {
  const kdc = await startKdc(join(scratch, 'kdc'), CLOCK_SKEW_SECONDS);
  const keytab = join(scratch, 'keytab');
  const user = 'usmbd-t1';
  for (const name of [user, 'stranger', 'mapped']) await kdc.admin(`addprinc -pw ${name} ${name}`);
  await kdc.admin(`addprinc -pw admin ${user}/admin`);
  for (const host of [HOST, STALE_HOST, ABSENT_HOST]) {
    // By the second name clients of RPC ask for it.
    for (const service of [`cifs/${host}`, `host/${host}`]) {
      await kdc.admin(`addprinc -randkey ${service}`);
      if (host !== ABSENT_HOST) await kdc.admin(`ktadd -k ${keytab} ${service}`);
      if (host === STALE_HOST) await kdc.admin(`cpw -randkey ${service}`);
    }
  }
  const map = join(scratch, 'users');
  writeFileSync(map, `${user} = mapped@${REALM}\n`);
  const settings = [
    ...['kerberos support = yes', `kerberos keytab file = ${keytab}`, `realm = ${REALM}`],
    `username map = ${map}`,
    // Whose sessions expire as well: raw.session.expire1.
    'server min protocol = NT1',
    ...(isInNamespace() ? ['rpc over tcp = yes'] : []),
  ];
  const env = { ...process.env, ...kdc.environment };
  const target = await startUsmbd(settings, {}, user, env);
  const ticket = await kdc.kinit(user, user);
  return { kdc, target, smbclient, scratch, ticket };
}

async function main(): Promise<void> {
  const { values } = commandLine({
    options: { only: { type: 'string' }, json: { type: 'string' } },
  });
  const smbclient = findProgram('smbclient');
  if (process.getuid?.() === 0 && !isInNamespace()) return enterNamespace();
  const missing = [...missingPrograms(), ...(smbclient === undefined ? ['smbclient'] : [])];
  if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
  const scratch = mkdtempSync(join(tmpdir(), 'usmbd-kerberos-'));
  const tally = new Tally();
  const scene = await prepare(scratch, smbclient!);
  try {
    for (const [name, body] of CASES) {
      if (values.only !== undefined && !name.includes(values.only)) continue;
      await tally.check(name, () => body(scene));
      scene.target.assertAlive();
    }
  } finally {
    await scene.target.stop();
    await scene.kdc.stop();
    rmSync(scratch, { recursive: true });
  }
  tally.close(values.json);
}

await main();
