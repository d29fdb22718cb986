/** What the runner sees of the server while a guest works on it: its folder, and `usmbd status`. */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  mkdirSync,
  openSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../support/process.ts';
import { type Target, usmbd } from '../../support/target.ts';

const MIB = 1024 * 1024;
const FOLDERS = 20;
const MAX_SMALL_BYTES = 6000;
const POLL_MS = 200;
/** A program that starts and asks, on a machine that emulates another. */
const STATUS_LIMIT_MS = 120_000;
/** A client that has unmounted is gone at once; the server's own timers are no part of it. */
const GONE_LIMIT_MS = 10_000;

export interface Holdings {
  readonly connections: number;
  readonly sessions: number;
  readonly treeConnects: number;
  /** Without the durable ones that wait for a client which is gone, for as long as it was promised. */
  readonly opens: number;
  /** Bytes of the buffers that all connections share. */
  readonly bufferBytes: number;
}

/** A file of random bytes, in decimal megabytes, with its SHA-256. */
export function randomFile(folder: string, megabytes: number): { path: string; sum: string } {
  const path = join(folder, `random-${megabytes}`);
  const file = openSync(path, 'w');
  const hash = createHash('sha256');
  const block = randomBytes(MIB);
  for (let left = megabytes * 1_000_000; left > 0; left -= block.length) {
    block.writeUInt32LE(left, 0);
    const piece = block.subarray(0, Math.min(left, block.length));
    hash.update(piece);
    writeSync(file, piece);
  }
  closeSync(file);
  return { path, sum: hash.digest('hex') };
}

/** A tree of small files, of every length from none to a page and a half, no two alike. */
export function smallFiles(folder: string, count: number): string {
  const root = join(folder, `small-${count}`);
  for (let i = 0; i < count; i++) {
    const there = join(root, String(i % FOLDERS));
    mkdirSync(there, { recursive: true });
    writeFileSync(join(there, String(i)), randomBytes((i * 31) % MAX_SMALL_BYTES));
  }
  return root;
}

async function sumOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}

export class ServerView {
  readonly #target: Target;
  #atRest: Holdings | undefined;

  constructor(target: Target) {
    this.#target = target;
  }

  async look(): Promise<Holdings> {
    const args = [usmbd, 'status', '--json', '--state', this.#target.state!];
    const { code, stdout, stderr } = await run(process.execPath, args, {
      timeoutMs: STATUS_LIMIT_MS,
    });
    if (code !== 0) throw new Error(`usmbd status: ${stderr}`);
    const { server } = JSON.parse(stdout);
    const { connections, sessions, treeConnects, bufferBytes } = server;
    const opens = server.opens - server.disconnectedOpens;
    return { connections, sessions, treeConnects, opens, bufferBytes };
  }

  /** What it holds with nobody there. */
  async begin(): Promise<void> {
    this.#atRest = await this.look();
  }

  /** Rejects where something is still held after that time. */
  async untilFree(limitMs: number): Promise<void> {
    const deadlineMs = performance.now() + limitMs;
    for (;;) {
      const now = JSON.stringify(await this.look());
      if (now === JSON.stringify(this.#atRest)) return;
      if (performance.now() > deadlineMs) throw new Error(`the server still holds ${now}`);
      await sleep(POLL_MS);
    }
  }

  /** For the guest: "go", or what is wrong. */
  async answer(what: string, count: string | undefined, sum: string): Promise<string> {
    try {
      if (what === 'gone') await this.untilFree(GONE_LIMIT_MS);
      else if (what === 'big') {
        const there = await sumOf(join(this.#target.folder!, 'big'));
        if (there !== sum) return 'the file on the server is another one';
      } else if (what === 'connections') {
        const { connections } = await this.look();
        if (connections !== Number(count)) return `${connections} connections, not ${count}`;
      }
      return 'go';
    } catch (error) {
      return String(error);
    }
  }
}
