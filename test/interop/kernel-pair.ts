/**
 * Two Linux kernel clients (cifs.ko in QEMU guests) on one share: each sees what the other writes, locks
 * and deletes; a server that is killed and started again, and a connection that is cut, lose nothing.
 *
 *     npm run interop:pair
 *     npm run interop:pair -- --mount vers=3.0 --only locks
 *
 * Needs what kernel.ts needs, and perl, which each Debian has.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { commandLine } from '../support/command-line.ts';
import { type CutProxy, startCutProxy } from '../support/cut-proxy.ts';
import { run } from '../support/process.ts';
import { expect, Tally } from '../support/tally.ts';
import { openTarget, type Target, targetOptions, usmbd } from '../support/target.ts';
import { guestPrograms } from './guest.ts';
import { LinuxClient } from './guest-agent.ts';
import { fetchKernel, kernelIn } from './guest-image.ts';

/** The second client is not told at once: cifs.ko takes an attribute for good so long (actimeo). */
const ATTRIBUTES_MS = 3_000;
/** How long cifs.ko may take until it is back after an outage. */
const RECOVERY_MS = 90_000;
/** It is copied while the server is killed, while a connection is cut. */
const COPIED_MIB = 48;
const KILLED_MS = 3_000;
const CUT_MS = 2_000;
/** Nothing is carried or answered before either. */
const SILENT_MS = 1_000;

interface Stage {
  readonly target: Target;
  /** Between the first client and the server. */
  readonly proxy: CutProxy;
  readonly a: LinuxClient;
  readonly b: LinuxClient;
}

type Case = (stage: Stage) => Promise<void>;

const same = (got: string, wanted: string, what: string): void =>
  expect(got === wanted, `${what}: "${got.slice(0, 80)}" where "${wanted.slice(0, 80)}" belongs`);

/** What `work` gives, asked again until it is `wanted`. */
async function soon(wanted: string, limitMs: number, work: () => Promise<string>): Promise<void> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const got = await work().catch((error: Error) => error.message);
    if (got === wanted) return;
    if (performance.now() > endMs) same(got, wanted, `after ${limitMs / 1000} s`);
    await delay(100);
  }
}

/** cifs.ko says EACCES where a file system of its own would say EAGAIN. */
async function refused(lock: Promise<string>, what: string): Promise<void> {
  const answer = await lock.then(
    () => 'granted',
    (error: Error) => error.message,
  );
  expect(/denied|unavailable/.test(answer), `${what}: ${answer}`);
}

const writes: Case = async ({ a, b }) => {
  for (const size of [1, 4096, 100_000, 1_000_003]) {
    await a.here(`put('/mnt/w', 'a' x ${size})`);
    same(await b.here(`length(whole('/mnt/w'))`), String(size), 'the size that the other sees');
    same(await b.here(`whole('/mnt/w') =~ tr/a//`), String(size), 'the bytes that it sees');
    await b.here(`put('/mnt/w', 'b' x ${size + 1})`);
    same(await a.here(`whole('/mnt/w') =~ tr/b//`), String(size + 1), 'the bytes of the answer');
  }
};

/** Both have it open and cached; the leases are broken by what the other does. */
const openWrites: Case = async ({ a, b }) => {
  await a.here(`open_file('x', '/mnt/o'); write_at('x', 0, '1111')`);
  await b.here(`open_file('x', '/mnt/o')`);
  same(await b.here(`read_at('x', 0, 4)`), '1111', 'what was cached when the other opened');
  await b.here(`write_at('x', 0, '2222')`);
  await soon('2222', ATTRIBUTES_MS, () => a.here(`read_at('x', 0, 4)`));
  await a.here(`write_at('x', 0, '3333')`);
  await soon('3333', ATTRIBUTES_MS, () => b.here(`read_at('x', 0, 4)`));
  await Promise.all([a, b].map((client) => client.here(`close_file('x')`)));
};

const recordLocks: Case = async ({ a, b }) => {
  await a.here(`open_file('x', '/mnt/l'); write_at('x', 0, '0123456789')`);
  await b.here(`open_file('x', '/mnt/l')`);
  await a.here(`lock_range('x', 2, 4)`);
  await refused(b.here(`lock_range('x', 5, 1)`), 'the last byte of the range');
  await refused(b.here(`lock_shared('x', 0, 3)`), 'a shared lock on it');
  await b.here(`lock_range('x', 6, 1)`);
  const waiting = b.apart(`open_file('y', '/mnt/l'); lock_range_waiting('y', 2, 1); 'got it'`);
  await delay(1500);
  await a.here(`unlock_range('x', 2, 4)`);
  same(await waiting, 'got it', 'the lock that waited');
  await a.here(`lock_shared('x', 0, 2)`);
  await b.here(`lock_shared('x', 0, 2)`);
  await refused(b.here(`lock_range('x', 0, 1)`), 'an exclusive lock beside a shared one');
  await a.here(`close_file('x')`);
  // SMB raises no shared lock to an exclusive one.
  await b.here(`unlock_range('x', 0, 2)`);
  await b.here(`lock_range('x', 0, 1)`);
  await b.here(`close_file('x')`);
};

const fileLocks: Case = async ({ a, b }) => {
  await a.here(`open_file('x', '/mnt/f'); lock_file('x')`);
  await b.here(`open_file('x', '/mnt/f')`);
  await refused(b.here(`lock_file('x')`), 'a second flock');
  const waiting = b.apart(`open_file('y', '/mnt/f'); lock_file_waiting('y'); 'got it'`);
  await delay(1500);
  await a.here(`close_file('x')`);
  same(await waiting, 'got it', 'the flock that waited');
  // Its process ends after it has answered.
  await soon('', ATTRIBUTES_MS, () => b.here(`lock_file('x')`));
  await b.here(`close_file('x')`);
};

const deletions: Case = async ({ a, b }) => {
  await a.here(`put('/mnt/d', 'here'); mkdir('/mnt/dir') or die $!; ''`);
  same(await b.here(`whole('/mnt/d')`), 'here', 'the file');
  await a.here(`unlink('/mnt/d') or die $!; rmdir('/mnt/dir') or die $!; ''`);
  const left = () => b.run('ls /mnt | grep -c "^d" || true');
  await soon('0\n', ATTRIBUTES_MS, left);
  const opened = await b.here(`whole('/mnt/d')`).catch((error: Error) => error.message);
  expect(opened.includes('No such file'), `a deleted file opens: ${opened}`);
  await a.here(`open_file('x', '/mnt/e'); write_at('x', 0, 'still')`);
  await b.here(`unlink('/mnt/e'); ''`);
  same(await a.here(`read_at('x', 0, 5)`), 'still', 'a file deleted while it is open');
  await a.here(`close_file('x')`);
  await soon('0\n', ATTRIBUTES_MS, () => a.run('ls /mnt | grep -c "^e" || true'));
};

/**
 * Random bytes are copied to the server and back; `outage` comes when a part of them has arrived. In pieces
 * that the client waits for, and with a silence before the end: what Linux 6.1 is sending, or sends before it
 * has heard of the end, it gives up for good (ECONNABORTED), whatever the server does.
 */
async function copyThrough(
  target: Target,
  client: LinuxClient,
  outage: () => Promise<void>,
): Promise<void> {
  const copy = join(target.folder!, 'copy');
  const bytes = COPIED_MIB * 1024 * 1024;
  await client.run(`dd if=/dev/urandom of=/big bs=1M count=${COPIED_MIB}`);
  const wanted = (await client.run('sha256sum < /big')).slice(0, 64);
  const copying = client.apart(`copy('/big', '/mnt/copy')`, RECOVERY_MS);
  // What it says is heard below; until then a failure must not end the runner.
  copying.catch(() => undefined);
  while (!existsSync(copy) || statSync(copy).size < bytes / 6) {
    await Promise.race([delay(20), copying.then(() => delay(20))]);
  }
  expect(statSync(copy).size < bytes, 'the copy was through before the outage');
  await outage();
  await copying;
  same(await sha256(copy), wanted, 'the checksum in the folder on the server');
  await client.run('rm /big');
  await client.here(`open_file('copy', '/mnt/copy')`);
  const back = client.apart(`run('sha256sum <&' . fileno($file{copy}))`, RECOVERY_MS);
  back.catch(() => undefined);
  await outage();
  same((await back).slice(0, 64), wanted, 'the checksum of what is read');
  await client.here(`close_file('copy')`);
  await client.run('rm /mnt/copy');
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

const killed: Case = ({ target, b }) =>
  copyThrough(target, b, () => target.restart!(SILENT_MS, KILLED_MS));

const cutCopy: Case = ({ target, proxy, a }) =>
  copyThrough(target, a, () => proxy.cut(SILENT_MS, CUT_MS));

/**
 * The first client loses its connection; its handle and its lock are still there when it is back. While it is
 * alone with the file it keeps the lock to itself, and tells it when the other opens the file.
 */
const cutHeld: Case = async ({ target, a, b, proxy }) => {
  await a.here(`open_file('x', '/mnt/c'); write_at('x', 0, 'before'); lock_range('x', 0, 100)`);
  const { openId } = (await opensOf(target, '/c'))[0]!;
  const cut = proxy.cut(SILENT_MS, CUT_MS);
  // The end of the connection is noticed when the silence is over.
  await soon('kept', SILENT_MS + CUT_MS, async () => {
    const [open] = await opensOf(target, '/c');
    return open?.openId === openId && open.durability.disconnected ? 'kept' : 'no';
  });
  await cut;
  await a.here(`write_at('x', 200, 'after'); sync_file('x')`);
  const [open] = await opensOf(target, '/c');
  same(`${open?.openId} ${open?.durability.disconnected}`, `${openId} false`, 'the open');
  await b.here(`open_file('x', '/mnt/c')`);
  await soon('held', ATTRIBUTES_MS, () =>
    b.here(`lock_range('x', 10, 1)`).then(
      () => b.here(`unlock_range('x', 10, 1); 'free'`),
      () => 'held',
    ),
  );
  await releaseAndSee(a, b);
};

/** A handle with a promise of its own keeps what is locked on the server, whoever tries meanwhile. */
const cutResilient: Case = async ({ a, b, proxy }) => {
  await a.here(`open_file('x', '/mnt/c'); write_at('x', 0, 'before')`);
  await b.here(`open_file('x', '/mnt/c')`);
  await a.here(`lock_range('x', 0, 100)`);
  const before = proxy.carried;
  const cut = proxy.cut(SILENT_MS, CUT_MS);
  const written = a.here(`write_at('x', 200, 'after')`);
  for (let i = 0; i < 10; i++) {
    await refused(b.here(`lock_range('x', 10, 1)`), `after the cut, try ${i}`);
    await delay((SILENT_MS + CUT_MS) / 8);
  }
  await cut;
  same(await written, '5', 'the write on the handle from before');
  expect(proxy.carried > before, 'the client never came back');
  await refused(b.here(`lock_range('x', 10, 1)`), 'when the client is back');
  await releaseAndSee(a, b);
};

async function releaseAndSee(a: LinuxClient, b: LinuxClient): Promise<void> {
  await a.here(`unlock_range('x', 0, 100)`);
  await soon('', ATTRIBUTES_MS, () => b.here(`lock_range('x', 10, 1)`));
  await soon('after', ATTRIBUTES_MS, () => b.here(`read_at('x', 200, 5)`));
  await Promise.all([a, b].map((client) => client.here(`close_file('x')`)));
}

interface StatusOpen {
  readonly openId: string;
  readonly path: string;
  readonly durability: { readonly disconnected: boolean };
}

/** What the server says of the opens of this file. */
async function opensOf(target: Target, path: string): Promise<StatusOpen[]> {
  const args = [usmbd, 'status', '--json', '--state', target.state!];
  const { code, stdout, stderr } = await run(process.execPath, args, { timeoutMs: 20_000 });
  expect(code === 0, `usmbd status: ${stderr}`);
  const { opens } = JSON.parse(stdout) as { opens: readonly StatusOpen[] };
  return opens.filter((open) => open.path === path);
}

const CASES: readonly (readonly [name: string, body: Case])[] = [
  ['writes are seen by the other', writes],
  ['writes to a file that both have open are seen', openWrites],
  ['locks by fcntl', recordLocks],
  ['locks by flock', fileLocks],
  ['deletions are seen by the other', deletions],
  ['a copy through a cut connection', cutCopy],
  ['handle and lock outlive a cut connection', cutHeld],
  ['a resilient handle keeps its lock from others', cutResilient],
  ['a copy through a server that is killed', killed],
];

/** They need a server that the runner started. */
const OWN: ReadonlySet<Case> = new Set([killed, cutHeld]);

const RESILIENT = 'vers=3.1.1,hard,resilienthandles';
const MOUNTS = ['vers=3.1.1,hard', RESILIENT] as const;

async function main(): Promise<void> {
  const { values } = commandLine({
    options: {
      ...targetOptions,
      kernel: { type: 'string' },
      cache: { type: 'string', default: join(tmpdir(), 'usmbd-kernel') },
      mount: { type: 'string', multiple: true, default: [...MOUNTS] },
      only: { type: 'string', default: '' },
      json: { type: 'string' },
    },
  });
  mkdirSync(values.cache, { recursive: true });
  const kernel = values.kernel === undefined ? fetchKernel(values.cache) : kernelIn(values.kernel);
  const programs = guestPrograms();
  const tally = new Tally();
  console.log(`two clients with Linux ${kernel.release} in QEMU`);
  const target = await openTarget(values);
  const proxy = await startCutProxy(target.port);
  const clients: LinuxClient[] = [];
  try {
    clients.push(
      ...(await Promise.all(['A', 'B'].map((name) => LinuxClient.boot(name, programs, kernel)))),
    );
    const [a, b] = clients as [LinuxClient, LinuxClient];
    for (const options of values.mount) {
      await runMount({ target, proxy, a, b }, options, values.only, tally);
    }
  } finally {
    await Promise.all(clients.map((client) => client.stop()));
    await proxy.close();
    await target.stop();
  }
  tally.close(values.json);
}

async function runMount(stage: Stage, options: string, only: string, tally: Tally): Promise<void> {
  const { target, proxy, a, b } = stage;
  const server = { share: target.share, account: target.account, options };
  await a.mount({ ...server, port: proxy.port });
  await b.mount({ ...server, port: target.port });
  for (const [name, body] of CASES) {
    await Promise.all([a.complaints(), b.complaints()]);
    if ((options === RESILIENT) !== (body === cutResilient)) continue;
    const whole = `${options}: ${name}`;
    if (!name.includes(only)) tally.leaveOut(whole);
    else if (OWN.has(body) && target.restart === undefined) tally.leaveOut(whole);
    else if (!(await tally.check(whole, () => body(stage)))) {
      for (const client of [a, b]) {
        const said = await client.complaints();
        if (said !== '') console.log(said.trimEnd().replace(/^/gm, `       ${client.name}: `));
      }
    }
    target.assertAlive();
    await Promise.all([a, b].map((client) => client.here('close_file($_) for keys %file; 0')));
  }
  await Promise.all([a.unmount(), b.unmount()]);
}

await main();
