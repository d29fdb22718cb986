/** The capabilities of a server that root starts, in every one of its threads. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CAP_SYS_RESOURCE, capabilitySets, KEPT, KEPT_CAPABILITIES } from './capabilities.ts';

const LAUNCHER = new URL('../../bin/usmbd.js', import.meta.url).pathname;
const CAP_SETPCAP = 8n;
const OWN = capabilitySets(
  process.platform === 'linux' ? readFileSync('/proc/self/status', 'latin1') : '',
);

test('the sets of a thread', () => {
  const status =
    'Name:\tnode\nCapInh:\t0000000000000001\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000000400\n';
  assert.deepEqual(capabilitySets(status), {
    permitted: 0x1ff_ffff_ffffn,
    effective: 0x400n,
    inheritable: 1n,
  });
  assert.deepEqual(capabilitySets(''), { permitted: 0n, effective: 0n, inheritable: 0n });
});

test('what would free users from quotas is not among what is kept', () => {
  assert.equal(KEPT & (1n << BigInt(CAP_SYS_RESOURCE)), 0n);
  assert.equal(KEPT, 0x2005dfn);
  assert.equal(Object.keys(KEPT_CAPABILITIES).length, 10);
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

/** Once it serves; until then with what it wrote for an answer. */
async function served(child: ChildProcess): Promise<void> {
  let text = '';
  child.stderr?.on('data', (piece: Buffer) => {
    text += piece.toString();
  });
  for await (const piece of child.stdout!) {
    text += String(piece);
    if (text.includes('Ctrl-C ends it')) return;
  }
  assert.fail(`the server ended: ${text}`);
}

const canShed = OWN.permitted !== 0n && (OWN.effective & (1n << CAP_SETPCAP)) !== 0n;

test('a server has what it needs and no more, in every thread', {
  skip: canShed ? false : 'the process has no capabilities to drop',
  timeout: 110_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-capabilities-'));
  chownSync(folder, 65534, 65534);
  const args = ['serve', '--port', `${await freePort()}`, '--address', '127.0.0.1'];
  const child = spawn(
    process.execPath,
    [LAUNCHER, ...args, '--state', join(folder, 'state'), '--user', 'nobody', folder],
    { env: { ...process.env, USMBD_PASSWORD: 'x' }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  try {
    await served(child);
    const threads = readdirSync(`/proc/${child.pid}/task`);
    assert.ok(threads.length > 1);
    for (const thread of threads) {
      const status = readFileSync(`/proc/${child.pid}/task/${thread}/status`, 'latin1');
      const { permitted, effective, inheritable } = capabilitySets(status);
      assert.equal(permitted, OWN.permitted & KEPT, `thread ${thread}`);
      assert.equal(effective, permitted);
      assert.equal(inheritable & ~KEPT, 0n);
      assert.match(status, new RegExp(`^CapBnd:\\s*0*${permitted.toString(16)}$`, 'm'));
    }
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
    rmSync(folder, { recursive: true });
  }
});
