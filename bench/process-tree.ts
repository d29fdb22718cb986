/** CPU time of a process and all its descendants, from /proc/PID/stat (proc_pid_stat(5)). */
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Behind the name, which is in brackets and may hold anything: the state is field 3. */
const FIRST_FIELD = 3;
const PPID = 4 - FIRST_FIELD;
const UTIME = 14 - FIRST_FIELD;
/** Of children that ended and were waited for; the last of the four. */
const CSTIME = 17 - FIRST_FIELD;

interface ProcessStat {
  readonly parent: number;
  readonly ticks: number;
}

/** Undefined for what is no such text. */
export function parseStat(text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields.length <= CSTIME) return undefined;
  let ticks = 0;
  for (let i = UTIME; i <= CSTIME; i++) ticks += Number(fields[i]);
  return { parent: Number(fields[PPID]), ticks };
}

function allProcesses(): Map<number, ProcessStat> {
  const processes = new Map<number, ProcessStat>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = parseStat(readFileSync(`/proc/${name}/stat`, 'utf8'));
      if (stat !== undefined) processes.set(Number(name), stat);
    } catch {
      // It ended meanwhile.
    }
  }
  return processes;
}

/** Seconds in user and kernel mode so far, of the living and of those that their parents reaped. */
export function cpuSeconds(root: number): number {
  const processes = allProcesses();
  if (!processes.has(root)) throw new Error(`there is no process ${root}`);
  const isInTree = (pid: number): boolean => {
    for (let at = pid; ; at = processes.get(at)!.parent) {
      if (at === root) return true;
      if (!processes.has(at)) return false;
    }
  };
  let ticks = 0;
  for (const [pid, stat] of processes) if (isInTree(pid)) ticks += stat.ticks;
  return ticks / TICKS_PER_SECOND;
}

const SETTLE_STEP_MS = 100;
const SETTLE_LIMIT_MS = 3_000;

/** Waits until the tree uses no more CPU, as far as ticks tell: what a connection left behind is done. */
export async function settle(root: number): Promise<void> {
  const untilMs = performance.now() + SETTLE_LIMIT_MS;
  let before = cpuSeconds(root);
  while (performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_STEP_MS));
    const now = cpuSeconds(root);
    if (now === before) return;
    before = now;
  }
}
