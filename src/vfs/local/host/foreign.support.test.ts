/** Another program, for tests: what this process does itself counts as the server's own. No tests here. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** One shell for all tests of a file. */
export class ForeignShell {
  readonly #shell: ChildProcess = spawn('sh', [], { stdio: ['pipe', 'pipe', 'inherit'] });

  constructor() {
    after(() => this.#shell.kill());
  }

  /** Resolves when the script has run. */
  async run(directory: string, script: string): Promise<void> {
    this.#shell.stdin!.write(`cd '${directory}' && { ${script}; }; echo done\n`);
    await once(this.#shell.stdout!, 'data');
  }
}

/** A folder for all tests of a file, on a disk. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'usmbd-host-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Descriptors of this process by which the kernel tells of the host. */
export const hostDescriptors = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return /^anon_inode:.*notify/.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;
