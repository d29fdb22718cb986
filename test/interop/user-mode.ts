/**
 * A guest as a process of this machine: User Mode Linux, whose kernel is a program and whose processes run on the
 * processor itself. Where there is no KVM, a suite that takes an emulated guest hours takes this one minutes.
 *
 * Debian's user-mode-linux has cifs.ko as a module only; one that is built (`make ARCH=um defconfig`) needs CONFIG_CIFS,
 * CONFIG_CIFS_POSIX, CONFIG_CIFS_UPCALL (Kerberos), CONFIG_OVERLAY_FS, CONFIG_HOSTFS, CONFIG_UML_NET_VECTOR and
 * CONFIG_BLK_DEV_INITRD built in; for interop:compression CONFIG_CIFS_COMPRESSION, too; for interop:quotas CONFIG_XFS_FS
 * and CONFIG_XFS_QUOTA, for its ext4 CONFIG_QFMT_V2.
 * slirp4netns is its network, with the addresses that QEMU's has.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Kernel } from './guest-image.ts';

export interface Machine {
  readonly program: string;
  readonly arguments: readonly string[];
}

/** The machine's memory is a file, which has to grow while the share's disk is full: the kernel dies of SIGBUS else. */
const MEMORY_FOLDER = '/dev/shm';

/**
 * The kernel and the process that runs in it take turns at each system call and page fault; on one processor such a turn
 * costs a third of what it costs across two.
 *
 * It ends where the network's program does not come up: the kernel would run without one.
 */
const RUN = `
socket=$1 last=$2; shift 2
slirp4netns --target-type=bess --disable-dns "$socket" > /dev/null &
for _ in $(seq 200); do [ -S "$socket" ] && exec env "TMPDIR=${MEMORY_FOLDER}" taskset -c "$last" "$@"; sleep 0.05; done
echo 'slirp4netns does not start (Debian: slirp4netns)' >&2; exit 1
`;

/** What runs the guest; its messages go to the standard error, its script's serial line is the standard input and output. */
export function userModeMachine(
  { image }: Kernel,
  initrd: string,
  scratch: string,
  memoryMib: number,
): Machine {
  const socket = join(scratch, 'network');
  const kernel = [
    ...[image, `mem=${memoryMib}M`, `initrd=${initrd}`, 'loglevel=4', 'panic=1', 'seccomp=on'],
    ...['con=null', 'con0=null,fd:2', 'ssl=null', 'ssl1=fd:0,fd:1'],
    `vec0:transport=bess,dst=${socket},depth=128,mac=52:54:00:12:34:56`,
  ];
  const last = String(availableParallelism() - 1);
  return { program: 'sh', arguments: ['-c', RUN, 'sh', socket, last, ...kernel] };
}
