/**
 * A KDC of MIT's in a scratch folder, on a port of its own: realm, principals, keytabs, and the environment in
 * which clients and servers find it. Needs Debian's krb5-kdc, krb5-admin-server and krb5-user.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { end, findProgram, run, start, tail } from './process.ts';
import { freePort } from './target.ts';

export const REALM = 'USMBD.TEST';

export interface Kdc {
  readonly folder: string;
  /** Where krb5.conf is, and a replay cache of its own. */
  readonly environment: Readonly<Record<string, string>>;
  /** A line for kadmin.local. */
  admin(query: string): Promise<string>;
  /** A ticket for a principal: the environment of whoever uses it. */
  kinit(principal: string, password: string, args?: readonly string[]): Promise<NodeJS.ProcessEnv>;
  stop(): Promise<void>;
}

const CALL_LIMIT_MS = 20_000;

/** What is missing of the programs. */
export function missingPrograms(): string[] {
  const needed = ['krb5kdc', 'kdb5_util', 'kadmin.local', 'kinit'];
  return needed.filter((name) => findProgram(name) === undefined);
}

/** `clockSkewSeconds`: what clients, servers and the KDC forgive each other. */
export async function startKdc(folder: string, clockSkewSeconds: number): Promise<Kdc> {
  mkdirSync(join(folder, 'replays'), { recursive: true, mode: 0o700 });
  const port = await freePort();
  const log = join(folder, 'kdc.log');
  writeFileSync(join(folder, 'krb5.conf'), krb5Conf(port, clockSkewSeconds));
  writeFileSync(join(folder, 'kdc.conf'), kdcConf(folder, port, log));
  const environment = {
    KRB5_CONFIG: join(folder, 'krb5.conf'),
    KRB5_KDC_PROFILE: join(folder, 'kdc.conf'),
    KRB5RCACHEDIR: join(folder, 'replays'),
  };
  const env = { ...process.env, ...environment };
  const call = async (program: string, args: readonly string[], more: NodeJS.ProcessEnv = {}) => {
    const path = findProgram(program);
    if (path === undefined) throw new Error(`${program} is not there`);
    const done = await run(path, args, { timeoutMs: CALL_LIMIT_MS, env: { ...env, ...more } });
    if (done.code !== 0) {
      throw new Error(`${program} ${args.join(' ')}: ${tail(done.stdout + done.stderr, 5)}`);
    }
    return done.stdout + done.stderr;
  };
  await call('kdb5_util', ['create', '-s', '-P', 'master', '-r', REALM]);
  const kdc = start(findProgram('krb5kdc')!, ['-n'], { stdio: 'ignore', env });
  await listening(kdc, port, log);
  let caches = 0;
  return {
    folder,
    environment,
    admin: (query) => call('kadmin.local', ['-q', query]),
    async kinit(principal, password, args = []) {
      const cache = join(folder, `cache-${++caches}`);
      const more = { KRB5CCNAME: `FILE:${cache}` };
      const secret = join(folder, 'password');
      writeFileSync(secret, `${password}\n`, { mode: 0o600 });
      await call(
        'sh',
        ['-c', 'file=$1; shift; exec kinit "$@" < "$file"', 'sh', secret, ...args, principal],
        more,
      );
      return { ...env, ...more };
    },
    stop: () => end(kdc),
  };
}

async function listening(kdc: ChildProcess, port: number, log: string): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (kdc.exitCode !== null) break;
    const reached = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (reached) return;
    await delay(100);
  }
  throw new Error(`the KDC does not come up:\n${tail(readFileSync(log, 'utf8'), 10)}`);
}

const krb5Conf = (port: number, clockSkewSeconds: number): string => `[libdefaults]
  default_realm = ${REALM}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  clockskew = ${clockSkewSeconds}
  udp_preference_limit = 1
[realms]
  ${REALM} = {
    kdc = 127.0.0.1:${port}
    auth_to_local = RULE:[2:$1;$2](^.*;admin$)s/;admin$//
    auth_to_local = DEFAULT
  }
[domain_realm]
  localhost = ${REALM}
  .usmbd.test = ${REALM}
`;

const kdcConf = (folder: string, port: number, log: string): string => `[kdcdefaults]
  kdc_listen = 127.0.0.1:${port}
  kdc_tcp_listen = 127.0.0.1:${port}
[realms]
  ${REALM} = {
    database_name = ${folder}/principal
    key_stash_file = ${folder}/stash
    acl_file = ${folder}/kadm5.acl
    max_life = 10h
    max_renewable_life = 1d
  }
[logging]
  kdc = FILE:${log}
`;
