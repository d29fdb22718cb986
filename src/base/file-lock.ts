/**
 * One process at a time, by files alone. Each contender puts a claim of its own name into a folder and
 * then looks whether a live process has another there; whoever sees one takes his own back. Of two
 * contenders at least one sees the other, so there is never a second holder; two that see each other
 * both step back and try again after a random while. A claim tells its process by id and start time, so
 * that of a dead process is known as such and may be cleared by anyone: no other process can own its name.
 *
 * Processes in different PID namespaces do not see each other as alive: a folder serves one of them.
 */
import { randomBytes, randomInt } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

export interface FileLock {
  release(): void;
}

/** Another live process holds the lock. */
export class LockedError extends Error {
  readonly pid: number;

  constructor(folder: string, pid: number) {
    super(`${folder} is held by process ${pid}`);
    this.name = 'LockedError';
    this.pid = pid;
  }
}

/** Two that start at the same moment both step back; this many rounds part them. */
const MINIMUM_ROUNDS = 5;
const ROUND_MS = [5, 40] as const;

/**
 * Takes the lock `folder` (made here, removed with the last claim). Waits up to `waitMs` for another
 * holder, then throws LockedError. Blocks the thread meanwhile: for start-up and for short commands.
 */
export function lockFolder(folder: string, waitMs = 0): FileLock {
  const start = Date.now();
  for (let round = 0; ; round++) {
    const { claim, rival } = tryClaim(folder);
    if (claim !== undefined) return { release: () => withdraw(folder, claim) };
    if (round >= MINIMUM_ROUNDS && Date.now() - start >= waitMs) {
      throw new LockedError(folder, rival);
    }
    sleep(randomInt(...ROUND_MS));
  }
}

function tryClaim(folder: string): { claim?: string; rival: number } {
  const claim = `${process.pid}-${startTimeOf(process.pid) ?? 0}-${randomBytes(6).toString('hex')}`;
  placeClaim(folder, claim);
  const rival = readdirSync(folder).find((name) => name !== claim && isLive(folder, name));
  if (rival === undefined) return { claim, rival: 0 };
  withdraw(folder, claim);
  return { rival: Number.parseInt(rival, 10) };
}

/** The folder may vanish between making and using it: its last holder removes it. */
function placeClaim(folder: string, claim: string): void {
  for (let attempt = 0; ; attempt++) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    try {
      writeFileSync(join(folder, claim), '', { flag: 'wx', mode: 0o600 });
      return;
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || attempt === 100) throw error;
    }
  }
}

/** The live process that holds the lock, if there is one; nothing is changed. */
export function lockHolder(folder: string): number | undefined {
  let claims: string[] = [];
  ignoring(['ENOENT', 'ENOTDIR', 'EACCES'], () => {
    claims = readdirSync(folder);
  });
  for (const claim of claims) {
    const holder = claimant(claim);
    if (holder?.lives === true) return holder.pid;
  }
  return undefined;
}

/** What is no claim is left alone and holds nothing. */
function isLive(folder: string, name: string): boolean {
  const holder = claimant(name);
  if (holder?.lives === false) ignoring(['ENOENT'], () => unlinkSync(join(folder, name)));
  return holder?.lives === true;
}

function claimant(claim: string): { readonly pid: number; readonly lives: boolean } | undefined {
  const match = /^(\d{1,10})-(\d{1,20})-[0-9a-f]{12}$/.exec(claim);
  if (match === null) return undefined;
  const pid = Number(match[1]);
  const started = startTimeOf(pid);
  return { pid, lives: started === undefined ? answersSignals(pid) : started === match[2] };
}

function withdraw(folder: string, claim: string): void {
  ignoring(['ENOENT'], () => unlinkSync(join(folder, claim)));
  ignoring(['ENOENT', 'ENOTEMPTY', 'EEXIST'], () => rmdirSync(folder));
}

/** proc(5), /proc/PID/stat field 22, in ticks since boot. Undefined without /proc; '' for the dead. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state] = fields;
    return state === 'Z' || state === 'X' ? '' : (fields[19] ?? '');
  } catch {
    return process.platform === 'linux' ? '' : undefined;
  }
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

function ignoring(codes: readonly string[], action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!codes.includes(errorCode(error))) throw error;
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
