/** A mount that can be made to answer nothing, for tests: see stalling-fuse.c. Needs root, /dev/fuse and a C compiler. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SOURCE = join(import.meta.dirname, 'stalling-fuse.c');

function reasonAgainst(): string | false {
  if (process.platform !== 'linux') return 'FUSE is of Linux';
  if (process.geteuid?.() !== 0) return 'mounting needs root';
  if (!existsSync('/dev/fuse')) return 'this kernel has no /dev/fuse';
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'there is no C compiler';
  }
}

/** Why there can be no such mount here; false where there can. */
export const cannotStall: string | false = reasonAgainst();

export interface StallingMount {
  readonly path: string;
  /** From now on nothing that is asked of it is answered. */
  stall(): Promise<void>;
  /** All that waits is answered, and what comes. */
  resume(): void;
  /** Cuts off whoever still asks, and goes. */
  remove(): Promise<void>;
}

export async function mountStalling(): Promise<StallingMount> {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-stalling-'));
  const program = join(folder, 'stalling-fuse');
  const path = join(folder, 'mount');
  mkdirSync(path);
  execFileSync('cc', ['-O1', '-o', program, SOURCE], { stdio: ['ignore', 'ignore', 'pipe'] });
  const child = spawn(program, [path], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => child.kill('SIGKILL'));
  await Promise.race([once(child.stdout, 'data'), failure(child)]);
  return {
    path,
    async stall() {
      child.kill('SIGSTOP');
      while (stateOf(child.pid!) !== 'T') await new Promise((resolve) => setTimeout(resolve, 1));
    },
    resume: () => void child.kill('SIGCONT'),
    async remove() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      execFileSync('umount', ['-l', path]);
      rmSync(folder, { recursive: true });
    },
  };
}

async function failure(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new Error(`no FUSE mount here: exit ${code}`);
}

const stateOf = (pid: number): string =>
  /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1] ?? '';
