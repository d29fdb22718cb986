/**
 * A domain controller of Samba's in a scratch folder, of which only the KDC runs, on a port of its own: users, groups and
 * keytabs, and the environment in which clients and servers find it. Needs root, and Debian's samba,
 * samba-dsdb-modules, samba-ad-provision and krb5-user. Making a domain takes a minute.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseSid, type Sid } from '../../src/dtyp/sid.ts';
import { end, findProgram, run, start, tail } from './process.ts';
import { freePort } from './target.ts';

export const DOMAIN_REALM = 'AD.TEST';

export interface DomainController {
  readonly environment: Readonly<Record<string, string>>;
  /** samba-tool. */
  tool(...args: readonly string[]): Promise<string>;
  /** `S-1-5-21-…` of a user or a group. */
  sidOf(name: string): Promise<Sid>;
  kinit(principal: string, password: string): Promise<NodeJS.ProcessEnv>;
  stop(): Promise<void>;
}

const PROVISION_LIMIT_MS = 400_000;
const CALL_LIMIT_MS = 60_000;

export async function startDomainController(folder: string): Promise<DomainController> {
  const target = join(folder, 'dc');
  mkdirSync(join(folder, 'replays'), { recursive: true, mode: 0o700 });
  const port = await freePort();
  const krb5 = join(folder, 'krb5.conf');
  writeFileSync(krb5, krb5Conf(port));
  const environment = { KRB5_CONFIG: krb5, KRB5RCACHEDIR: join(folder, 'replays') };
  const env = { ...process.env, ...environment };
  const call = async (program: string, args: readonly string[], timeoutMs = CALL_LIMIT_MS) => {
    const done = await run(program, args, { timeoutMs, env, cwd: folder });
    const text = done.stdout + done.stderr;
    if (done.code !== 0)
      throw new Error(`${program} ${args.slice(0, 3).join(' ')}: ${tail(text, 8)}`);
    return done.stdout;
  };
  await call(
    'samba-tool',
    [
      ...['domain', 'provision', `--realm=${DOMAIN_REALM}`, '--domain=ADTEST', '--server-role=dc'],
      ...['--dns-backend=NONE', '--adminpass=Passw0rd!x', `--targetdir=${target}`],
      ...['--host-name=dc', '--host-ip=127.0.0.1', '--option=interfaces=lo'],
      ...['--option=bind interfaces only=yes', '--option=server services=kdc'],
      `--option=krb5 port=${port}`,
    ],
    PROVISION_LIMIT_MS,
  );
  const config = join(target, 'etc', 'smb.conf');
  // What the options said counts for the provision only.
  const lines = ['server services = kdc', `krb5 port = ${port}`, 'kpasswd port = 0'];
  lines.push('interfaces = lo', 'bind interfaces only = yes');
  const text = readFileSync(config, 'utf8');
  writeFileSync(config, text.replace('[global]', `[global]\n\t${lines.join('\n\t')}`));
  const samba = start(
    findProgram('samba')!,
    ['-F', '--no-process-group', '-M', 'single', '-s', config],
    {
      stdio: 'ignore',
      env,
    },
  );
  await listening(port);
  let caches = 0;
  const tool = (...args: readonly string[]) => call('samba-tool', [...args, '-s', config]);
  return {
    environment,
    tool,
    async sidOf(name) {
      const found = await tool('group', 'show', name).catch(() => tool('user', 'show', name));
      return parseSid(/^objectSid: (S-1-\S+)$/m.exec(found)![1]!)!;
    },
    async kinit(principal, password) {
      const cache = { KRB5CCNAME: `FILE:${join(folder, `cache-${++caches}`)}` };
      const secret = join(folder, 'password');
      writeFileSync(secret, `${password}\n`, { mode: 0o600 });
      const script = 'exec kinit "$1" < "$2"';
      const done = await run('sh', ['-c', script, 'sh', principal, secret], {
        timeoutMs: CALL_LIMIT_MS,
        env: { ...env, ...cache },
      });
      if (done.code !== 0)
        throw new Error(`kinit ${principal}: ${tail(done.stdout + done.stderr, 5)}`);
      return { ...env, ...cache };
    },
    stop: () => end(samba),
  };
}

async function listening(port: number): Promise<void> {
  for (let i = 0; i < 300; i++) {
    const reached = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (reached) return;
    await delay(100);
  }
  throw new Error('the domain controller does not come up');
}

const krb5Conf = (port: number): string => `[libdefaults]
  default_realm = ${DOMAIN_REALM}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  ${DOMAIN_REALM} = {
    kdc = 127.0.0.1:${port}
  }
[domain_realm]
  .usmbd.test = ${DOMAIN_REALM}
`;
