/** CPU time and memory of a process and all its descendants, from /proc/PID/stat (proc_pid_stat(5)). */
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

/** The process and all its descendants. */
function treeOf(root: number): Map<number, ProcessStat> {
  const processes = allProcesses();
  if (!processes.has(root)) throw new Error(`there is no process ${root}`);
  const isInTree = (pid: number): boolean => {
    for (let at = pid; ; at = processes.get(at)!.parent) {
      if (at === root) return true;
      if (!processes.has(at)) return false;
    }
  };
  return new Map([...processes].filter(([pid]) => isInTree(pid)));
}

/** Seconds in user and kernel mode so far, of the living and of those that their parents reaped. */
export function cpuSeconds(root: number): number {
  let ticks = 0;
  for (const stat of treeOf(root).values()) ticks += stat.ticks;
  return ticks / TICKS_PER_SECOND;
}

/** KiB in memory; of pages that several processes share each counts its part (smaps_rollup, Pss). */
export function memoryKib(root: number): number {
  let sum = 0;
  for (const pid of treeOf(root).keys()) {
    try {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
      sum += Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0);
    } catch {
      // It ended meanwhile.
    }
  }
  return sum;
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
