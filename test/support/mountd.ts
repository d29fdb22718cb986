/** The control plane's process of a server. */
import { readdirSync, readFileSync } from 'node:fs';

/** The child of `server` that calls itself usmbd.mountd. */
export function mountdOf(server: number): number | undefined {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      const title = readFileSync(`/proc/${name}/cmdline`, 'latin1');
      if (parent === server && title.startsWith('usmbd.mountd')) return Number(name);
    } catch {
      // It has ended meanwhile.
    }
  }
  return undefined;
}
