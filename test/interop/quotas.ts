/**
 * Quotas of users on a disk that has them, in a guest whose kernel keeps them: usmbd and Samba share the disk there,
 * and Samba's smbcquotas asks and sets through both, answers compared.
 *
 *     npm run interop:quotas                   ext4 and XFS
 *     npm run interop:quotas -- --disk xfs
 *     npm run interop:quotas -- --disk xfs --kernel PROGRAM     a kernel of User Mode Linux: a minute (user-mode.ts)
 *
 * The guest sees this machine's programs, read only: samba, smbclient, e2fsprogs and xfsprogs have to be installed.
 */
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { commandLine } from '../support/command-line.ts';
import { Tally } from '../support/tally.ts';
import { usmbd } from '../support/target.ts';
import { need } from './guest.ts';
import { fetchKernel, type Kernel, kernelIn } from './guest-image.ts';
import { startHostGuest } from './host-guest.ts';

const DISKS: Readonly<Record<string, readonly string[]>> = {
  ext4: ['crc32c_generic', 'ext4', 'quota_v2', 'loop'],
  xfs: ['crc32c_generic', 'xfs', 'loop'],
};
/** A guest that is emulated starts two servers and some thirty clients. */
const LIMIT_MS = 40 * 60_000;

async function run(disk: string, kernel: Kernel, tally: Tally): Promise<void> {
  const script = readFileSync(new URL('quotas.sh', import.meta.url), 'utf8');
  const variables = { DISK: disk, USMBD: usmbd, NODE_FOLDER: dirname(process.execPath) };
  const guest = startHostGuest(undefined, kernel, script, variables, DISKS[disk]);
  const timer = setTimeout(() => void guest.stop(), LIMIT_MS);
  let finished = false;
  let beganMs = performance.now();
  for await (const line of guest.lines) {
    const [, name, verdict, text = ''] = /^result (.*?) (pass|fail)(?: (.*))?$/.exec(line) ?? [];
    if (name !== undefined) {
      const seconds = (performance.now() - beganMs) / 1000;
      const message = text.replaceAll('~', '\n');
      tally.add({ name: `${disk}: ${name}`, ok: verdict === 'pass', seconds, message });
      beganMs = performance.now();
    } else if (line === 'finished') finished = true;
    else console.log(`  ${line}`);
  }
  clearTimeout(timer);
  const said = await guest.stop();
  if (!finished) {
    const message = `the guest ended early or took longer than ${LIMIT_MS / 60_000} min\n${said}`;
    tally.add({ name: `${disk}: the guest runs to its end`, ok: false, seconds: 0, message });
  }
}

async function main(): Promise<void> {
  const { values } = commandLine({
    options: {
      disk: { type: 'string' },
      kernel: { type: 'string' },
      cache: { type: 'string', default: join(tmpdir(), 'usmbd-kernel') },
    },
  });
  need('smbd', 'samba');
  need('smbcquotas', 'smbclient');
  need('mkfs.ext4', 'e2fsprogs');
  need('mkfs.xfs', 'xfsprogs');
  const disks = values.disk === undefined ? Object.keys(DISKS) : [values.disk];
  const unknown = disks.find((disk) => DISKS[disk] === undefined);
  if (unknown !== undefined) throw new Error(`--disk ${unknown}: ext4 or xfs`);
  const kernel = values.kernel === undefined ? fetchKernel(values.cache) : kernelIn(values.kernel);
  const tally = new Tally();
  for (const disk of disks) await run(disk, kernel, tally);
  tally.close();
}

await main();
