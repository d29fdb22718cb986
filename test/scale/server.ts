/**
 * The server that is measured, in a process of its own (`--expose-gc`): a share on disk, one in memory,
 * and a channel by which its parent asks for a collection and for what is left after it.
 */
import { readdirSync } from 'node:fs';
import { bufferPool } from '../../src/base/buffer-pool.ts';
import { createLogger } from '../../src/base/log.ts';
import { createServer } from '../../src/create-server.ts';
import { createMemoryVfs } from '../../src/vfs/memory/memory.ts';

export interface ServerSettings {
  readonly folder: string;
  readonly statePath: string;
}

export interface Started {
  readonly port: number;
}

/** Bytes, after everything that may be collected has been. */
export interface Memory {
  /** JavaScript objects, and what their buffers hold outside of the heap. */
  readonly heap: number;
  /** Of that, large buffers: in use, and ready to be used again, which are bounded. */
  readonly buffers: number;
  /** What the kernel has given the process. */
  readonly rss: number;
  /** Of that, what V8 holds for the main thread's JavaScript, used or not; beside it, for seconds, what ended threads had. */
  readonly committed: number;
  /** Node.js' own, seven to eleven, and those of the pools of devices, which come and go. */
  readonly threads: number;
}

export const ACCOUNT = { user: 'ann', secret: 'tiger' } as const;
export const DISK = 'disk';
export const MEMORY = 'memory';

const ROOMY = 4_000;

async function serve({ folder, statePath }: ServerSettings): Promise<void> {
  const server = createServer({
    shares: [
      { name: DISK, path: folder },
      { name: MEMORY, vfs: createMemoryVfs() },
    ],
    users: [
      {
        name: ACCOUNT.user,
        password: ACCOUNT.secret,
        identity: { uid: process.getuid!(), gid: process.getgid!(), groups: [] },
      },
    ],
    // All connections come from one address here.
    global: { maxConnectionsPerAddress: ROOMY, maxSessions: ROOMY },
    stateDirectory: statePath,
    log: createLogger(),
  });
  const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
  process.on('message', (message) => {
    if (message === 'memory') void collected().then((memory) => process.send!(memory));
  });
  process.once('disconnect', () => process.exit(1));
  process.once('SIGTERM', () => void server.close().then(() => process.exit(0)));
  process.send!({ port } satisfies Started);
}

/** What finalisers let go of is collected by the next round. */
async function collected(): Promise<Memory> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc!();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { heapUsed, heapTotal, external, rss } = process.memoryUsage();
  const threads = readdirSync('/proc/self/task').length;
  const buffers = bufferPool.usedBytes + bufferPool.bytes;
  return { heap: heapUsed + external, buffers, rss, committed: heapTotal, threads };
}

if (process.argv[1] === import.meta.filename) {
  await serve(JSON.parse(process.argv[2]!) as ServerSettings);
}
