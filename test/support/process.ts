/** Child processes for the runners: bounded in time, ended with their whole group, never left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Finished {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly durationMs: number;
}

export interface RunOptions {
  readonly timeoutMs: number;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** The most output kept of a process, so that a runaway one costs no memory. */
const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;

/** Process groups that live now; all are ended when the runner ends. */
const groups = new Set<number>();

process.on('exit', () => {
  for (const group of groups) killGroup(group, 'SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(130));
}

/** Starts a process in a group of its own, which ends with the runner at the latest. */
export function start(
  command: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: NodeJS.ProcessEnv;
    readonly stdio: 'ignore' | number | 'pipe';
    readonly stdin?: 'ignore' | 'pipe';
  },
): ChildProcess {
  const { stdio, stdin = 'ignore', ...rest } = options;
  const child = spawn(command, args, { ...rest, detached: true, stdio: [stdin, stdio, stdio] });
  const group = child.pid;
  if (group !== undefined) {
    groups.add(group);
    child.once('exit', () => {
      killGroup(group, 'SIGKILL');
      groups.delete(group);
    });
  }
  return child;
}

function killGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // It has ended already.
  }
}

/** Asks a process to end, insists after a while, and waits for it. */
export async function end(child: ChildProcess, graceMs = 5000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => killGroup(child.pid!, 'SIGKILL'), graceMs);
  await ended;
  clearTimeout(timer);
}

/** Runs a process to its end or to the limit; resolves whatever it does. */
export function run(
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<Finished> {
  const { timeoutMs, ...rest } = options;
  const startedMs = performance.now();
  const child = start(command, args, { ...rest, stdio: 'pipe' });
  const out = collect(child, 'stdout');
  const err = collect(child, 'stderr');
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    if (child.pid !== undefined) killGroup(child.pid, 'SIGKILL');
  }, timeoutMs);
  return new Promise((resolve) => {
    const finish = (code: number | undefined, note: string): void => {
      clearTimeout(timer);
      const durationMs = performance.now() - startedMs;
      resolve({ code, stdout: out(), stderr: err() + note, timedOut, durationMs });
    };
    child.once('error', (error) => finish(127, String(error)));
    child.once('close', (code) => finish(code ?? undefined, ''));
  });
}

function collect(child: ChildProcess, stream: 'stdout' | 'stderr'): () => string {
  const pieces: Buffer[] = [];
  let length = 0;
  child[stream]?.on('data', (piece: Buffer) => {
    if (length < OUTPUT_LIMIT_BYTES) pieces.push(piece);
    length += piece.length;
  });
  return () => Buffer.concat(pieces).toString('utf8');
}

/** The path of a program on PATH, or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** The last lines of a text, for an error message. */
export function tail(text: string, lines: number): string {
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}
