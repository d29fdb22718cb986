/**
 * A guest that sees this machine's programs and files, read only, with a layer of memory over them: what test
 * suites need that are built here. Its script is bash's, and runs as root.
 */
import { readFileSync } from 'node:fs';
import type { Target } from '../support/target.ts';
import { type Equipment, type Guest, guestPrograms, HOST_ADDRESS, startGuest } from './guest.ts';
import { type Kernel, shellVariables } from './guest-image.ts';

/** What is written to the layer of memory, too. */
const MEMORY_MIB = 1536;
const MODULES = ['9pnet_virtio', '9p', 'overlay'];
const HOST = 'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap';

/**
 * `run`: the script; `variables`: what it finds in /run/guest.env beside the address, the share and the account of the
 * target, if there is one; `modules`: of the kernel, beside those of every guest.
 */
export function startHostGuest(
  target: Target | undefined,
  kernel: Kernel,
  run: string,
  variables: Readonly<Record<string, string>>,
  modules: readonly string[] = [],
  { memoryMib = MEMORY_MIB, qemuArguments = [] }: Equipment = {},
): Guest {
  const { qemu, busybox } = guestPrograms();
  const ofTarget = target && {
    ADDRESS: HOST_ADDRESS,
    PORT: String(target.port),
    SHARE: target.share,
    USERNAME: target.account.user,
    PASSWORD: target.account.password,
  };
  const environment = shellVariables({ ...ofTarget, ...variables });
  const script = readFileSync(new URL('host-guest.sh', import.meta.url), 'utf8');
  const files = [
    ['guest.env', environment],
    ['run.sh', run],
  ] as const;
  const equipment =
    kernel.modules === undefined ? qemuArguments : ['-virtfs', HOST, ...qemuArguments];
  return startGuest(
    qemu,
    kernel,
    { busybox, script, files, modules: [...MODULES, ...modules] },
    { memoryMib, qemuArguments: equipment },
  );
}
