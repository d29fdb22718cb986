/**
 * Mounts the share with the Linux kernel's client by Kerberos (sec=krb5, sec=krb5i) in a QEMU guest, with the tickets of a
 * KDC of MIT's in a scratch folder: signed, encrypted, each user by its own ticket, and a ticket that ends.
 *
 *     npm run interop:kerberos-mount
 *     npm run interop:kerberos-mount -- --kernel FOLDER
 *
 * Needs root, qemu-system-x86, busybox-static, cifs-utils, keyutils, krb5-kdc, krb5-admin-server and krb5-user.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandLine } from '../support/command-line.ts';
import { type Kdc, missingPrograms, REALM, startKdc } from '../support/kdc.ts';
import { run } from '../support/process.ts';
import { Tally } from '../support/tally.ts';
import { startUsmbd, type Target } from '../support/target.ts';
import { guestPrograms, HOST_ADDRESS, need, startGuest } from './guest.ts';
import { fetchKernel, type Kernel, kernelIn, shellVariables } from './guest-image.ts';

const HOST = 'fs.usmbd.test';
const USER = 'usmbd-t1';
const SECOND = 'usmbd-t2';
/** An emulated guest's clock is not the host's to the second. */
const CLOCK_SKEW_SECONDS = 300;
/** A mount takes an emulated guest some seconds. */
const SHORT_SECONDS = 60;
const LIMIT_MS = 10 * 60_000;
/** Where the kernel, and Debian's packages, have them. */
const PROGRAMS = ['/sbin/request-key', '/usr/sbin/cifs.upcall'];
const CALL_LIMIT_MS = 10_000;

interface Plan {
  readonly kdc: Kdc;
  readonly target: Target;
  readonly kernel: Kernel;
  /** Caches, by who has the tickets. */
  readonly tickets: Readonly<Record<string, Buffer>>;
}

const cacheOf = (env: NodeJS.ProcessEnv): Buffer =>
  readFileSync(env.KRB5CCNAME!.replace('FILE:', ''));

function* filesOf({
  kdc,
  target,
  tickets,
}: Plan): Generator<readonly [string, Uint8Array | string]> {
  yield [
    'guest.env',
    shellVariables({
      ...{ ADDRESS: HOST_ADDRESS, PORT: String(target.port), SHARE: target.share, HOST },
      ...{ USERNAME: USER, SECOND, SHORT_SECONDS: String(SHORT_SECONDS) },
    }),
  ];
  const conf = readFileSync(join(kdc.folder, 'krb5.conf'), 'utf8');
  yield ['etc/krb5.conf', conf.replaceAll('127.0.0.1', HOST_ADDRESS)];
  yield ['etc/hosts', `127.0.0.1 localhost\n${HOST_ADDRESS} ${HOST}\n`];
  yield ['etc/request-key.conf', 'create cifs.spnego * * /usr/sbin/cifs.upcall %k\n'];
  const users = ['root:x:0:0::/:/bin/sh', 'second:x:4001:4000::/:/bin/sh'];
  yield ['etc/passwd', `${users.join('\n')}\nthird:x:4002:4000::/:/bin/sh\n`];
  yield ['etc/group', 'root:x:0:\npeople:x:4000:\n'];
  yield ['etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files\n'];
  for (const [name, cache] of Object.entries(tickets)) yield [`tickets/${name}`, cache];
}

/** What the guest asks of the host. */
async function answer(what: string, { kdc, target }: Plan): Promise<string> {
  if (what === 'short') {
    const env = await kdc.kinit(USER, USER, ['-l', `${SHORT_SECONDS}s`]);
    return cacheOf(env).toString('base64');
  }
  const { stdout } = await run('stat', ['-c', '%U', join(target.folder!, 'second')], {
    timeoutMs: CALL_LIMIT_MS,
  });
  return stdout.trim();
}

async function runGuest(plan: Plan, tally: Tally): Promise<void> {
  const { qemu, busybox } = guestPrograms();
  const guest = startGuest(qemu, plan.kernel, {
    busybox,
    script: readFileSync(new URL('kerberos-mount.sh', import.meta.url), 'utf8'),
    files: filesOf(plan),
    programs: PROGRAMS,
  });
  const timer = setTimeout(() => void guest.stop(), LIMIT_MS);
  let finished = false;
  let beganMs = performance.now();
  for await (const line of guest.lines) {
    const [, name, verdict, text = ''] = /^result (.*?) (pass|fail)(?: (.*))?$/.exec(line) ?? [];
    if (name !== undefined) {
      const seconds = (performance.now() - beganMs) / 1000;
      tally.add({ name, ok: verdict === 'pass', seconds, message: text.replaceAll('~', '\n') });
      beganMs = performance.now();
    } else if (line.startsWith('check ')) guest.say(await answer(line.slice(6), plan));
    else if (line === 'finished') finished = true;
    else console.log(`  ${line}`);
  }
  clearTimeout(timer);
  const said = await guest.stop();
  if (!finished) {
    const message = `the guest ended early or took longer than ${LIMIT_MS / 60_000} min\n${said}`;
    tally.add({ name: 'the guest runs to its end', ok: false, seconds: 0, message });
  }
}

async function main(): Promise<void> {
  const { values } = commandLine({
    options: {
      kernel: { type: 'string' },
      cache: { type: 'string', default: join(tmpdir(), 'usmbd-kernel') },
    },
  });
  const missing = missingPrograms();
  if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
  if (process.getuid?.() !== 0) throw new Error('the server acts as its users: it needs root');
  need('request-key', 'keyutils');
  need('cifs.upcall', 'cifs-utils');
  mkdirSync(values.cache, { recursive: true });
  const kernel = values.kernel === undefined ? fetchKernel(values.cache) : kernelIn(values.kernel);
  const scratch = mkdtempSync(join(tmpdir(), 'usmbd-kerberos-'));
  const tally = new Tally();
  const kdc = await startKdc(join(scratch, 'kdc'), CLOCK_SKEW_SECONDS);
  try {
    const keytab = join(scratch, 'keytab');
    for (const name of [USER, SECOND]) await kdc.admin(`addprinc -pw ${name} ${name}`);
    await kdc.admin(`addprinc -randkey cifs/${HOST}`);
    await kdc.admin(`ktadd -k ${keytab} cifs/${HOST}`);
    const settings = ['kerberos support = yes', `kerberos keytab file = ${keytab}`];
    const env = { ...process.env, ...kdc.environment };
    const target = await startUsmbd([...settings, `realm = ${REALM}`], {}, USER, env);
    try {
      const tickets = {
        [USER]: cacheOf(await kdc.kinit(USER, USER)),
        [SECOND]: cacheOf(await kdc.kinit(SECOND, SECOND)),
      };
      await runGuest({ kdc, target, kernel, tickets }, tally);
      target.assertAlive();
    } finally {
      await target.stop();
    }
  } finally {
    await kdc.stop();
    rmSync(scratch, { recursive: true });
  }
  tally.close();
}

await main();
