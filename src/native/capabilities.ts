/**
 * The capabilities (capabilities(7)) of a server that root started: which it keeps and why, and how the others
 * go. They belong to each thread, and no thread can take them from another, of which Node.js has started
 * some before any of our code runs. So they are taken from the bounding set, and the process executes itself
 * once more: what it is then, all its threads are, and stay.
 */
import { readFileSync } from 'node:fs';
import { F_SETFD, PR_CAPBSET_DROP, SYS } from './constants.ts';
import { bind, lastErrno, missing } from './library.ts';

/** By number in uapi/linux/capability.h. All others are dropped. */
export const KEPT_CAPABILITIES = {
  /** A security descriptor's owner becomes the file's; what `inherit owner` makes. */
  CAP_CHOWN: 0,
  /** Shared folders that root may enter only as root; removal by the right of a security descriptor. */
  CAP_DAC_OVERRIDE: 1,
  /** fanotify(7) names directories by handles, which are opened by open_by_handle_at(2). */
  CAP_DAC_READ_SEARCH: 2,
  /** Mode and POSIX ACL as a security descriptor has them, on files of others. */
  CAP_FOWNER: 3,
  /** Such a change leaves the set-group-id bit of directories alone. */
  CAP_FSETID: 4,
  /** Every path operation is done as the user: setgroups(2), setfsgid(2), setfsuid(2). */
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  /** The control plane's process gives up what it does not need. */
  CAP_SETPCAP: 8,
  /** Port 445. */
  CAP_NET_BIND_SERVICE: 10,
  /** The extended attribute security.NTACL; fanotify(7) of whole file systems. */
  CAP_SYS_ADMIN: 21,
} as const;

/** Not kept: with it, disk quotas and blocks reserved for root bind no user of the server. */
export const CAP_SYS_RESOURCE = 24;
const { CAP_SETPCAP } = KEPT_CAPABILITIES;

const bit = (capability: number): bigint => 1n << BigInt(capability);

export const KEPT: bigint = Object.values(KEPT_CAPABILITIES).reduce((set, c) => set | bit(c), 0n);

/**
 * Of the control plane's process: it reads configuration, accounts and keytab wherever root may read them, and
 * what it replaces stays its owner's. It touches no share.
 */
export const KEPT_BY_MOUNTD: bigint =
  bit(KEPT_CAPABILITIES.CAP_CHOWN) | bit(KEPT_CAPABILITIES.CAP_DAC_READ_SEARCH);

/** The same where it serves RPC over TCP: the endpoint mapper's port is 135. */
export const KEPT_BY_RPC: bigint = KEPT_BY_MOUNTD | bit(KEPT_CAPABILITIES.CAP_NET_BIND_SERVICE);

export interface CapabilitySets {
  readonly permitted: bigint;
  readonly effective: bigint;
  readonly inheritable: bigint;
}

/** The sets in a proc_pid_status(5). */
export function capabilitySets(status: string): CapabilitySets {
  const set = (name: string): bigint =>
    BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`);
  return { permitted: set('CapPrm'), effective: set('CapEff'), inheritable: set('CapInh') };
}

const c = {
  capset: bind<(nr: number, header: Buffer, data: Buffer) => number>('syscall', 'int64', [
    'int64',
    'void *',
    'void *',
  ]),
  prctl: bind<(option: number, a: number, b: number, c: number, d: number) => number>(
    'prctl',
    'int',
    ['int', 'int64', 'int64', 'int64', 'int64'],
  ),
  fcntl: bind<(fd: number, command: number, value: number) => number>('fcntl', 'int', [
    'int',
    'int',
    'int64',
  ]),
  execve: bind<(path: string, args: string[], environment: string[]) => number>('execve', 'int', [
    'str',
    'str *',
    'str *',
  ]),
};

/** _LINUX_CAPABILITY_VERSION_3: two words of each set. */
const VERSION_3 = 0x2008_0522;
const WORDS = [0n, 32n];

/** Of this thread only: 0 or an errno. */
function capset({ permitted, effective, inheritable }: CapabilitySets): number {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(VERSION_3, 0);
  const data = Buffer.alloc(24);
  for (const [i, shift] of WORDS.entries()) {
    const word = (set: bigint): number => Number(BigInt.asUintN(32, set >> shift));
    data.writeUInt32LE(word(effective), i * 12);
    data.writeUInt32LE(word(permitted), i * 12 + 4);
    data.writeUInt32LE(word(inheritable), i * 12 + 8);
  }
  return c.capset(SYS.capset, header, data) < 0 ? -lastErrno() : 0;
}

/** Numbers that the kernel of today does not know are EINVAL, and nobody has them. */
const CAPABILITIES = 64;

function leaveBoundingSet(excess: bigint): boolean {
  for (let each = 0; each < CAPABILITIES; each++) {
    if ((excess & bit(each)) !== 0n && c.prctl(PR_CAPBSET_DROP, each, 0, 0, 0) < 0) return false;
  }
  return true;
}

/**
 * Leaves this process with the kept capabilities at most. Where it has more it begins anew, as it was called,
 * and this does not return: call it before anything is opened. `descriptors` are open in it then, beside the
 * standard ones. A text: what keeps other threads than this one from losing them.
 */
export function shedCapabilities(
  kept: bigint = KEPT,
  descriptors: readonly number[] = [],
): string | undefined {
  // Without native calls root becomes somebody else for good.
  if (missing !== undefined) return undefined;
  const sets = capabilitySets(readFileSync('/proc/thread-self/status', 'latin1'));
  const excess = sets.permitted & ~kept;
  if (excess === 0n) return undefined;
  const left = {
    permitted: sets.permitted & kept,
    effective: sets.effective & kept,
    inheritable: sets.inheritable & kept,
  };
  // A process that its parent talks to by a channel of Node.js would lose that.
  if (process.channel !== undefined) return thisThread(left, 'its parent holds a channel to it');
  if ((sets.effective & bit(CAP_SETPCAP)) === 0n) return thisThread(left, 'CAP_SETPCAP is missing');
  if (!leaveBoundingSet(excess)) return thisThread(left, 'the bounding set cannot be changed');
  const refused = capset({ ...sets, inheritable: left.inheritable });
  if (refused !== 0) return thisThread(left, `capset fails with errno ${-refused}`);
  const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
  const args = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  executeAs(args, environment, [...STANDARD_FDS, ...descriptors]);
  return thisThread(left, `execve fails with errno ${lastErrno()}`);
}

const STANDARD_FDS = [0, 1, 2];

function executeAs(
  args: readonly string[],
  environment: readonly string[],
  descriptors: readonly number[],
): void {
  // Node.js has marked what it was given to be closed on exec.
  for (const fd of descriptors) c.fcntl(fd, F_SETFD, 0);
  const terminated = (list: readonly string[]): string[] => [...list, null as unknown as string];
  c.execve(process.execPath, terminated(args), terminated(environment));
}

function thisThread(kept: CapabilitySets, why: string): string {
  const refused = capset(kept);
  return refused === 0 ? why : `${why}, and capset fails with errno ${-refused}`;
}
