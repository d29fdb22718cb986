/**
 * Keeps the process that announces the server, which ends with it, and is started again when it ends before:
 *
 *     starting ──"ready"──▶ announcing ──it ends──▶ (pause) ──▶ starting
 *
 * The first start has to succeed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DISCOVERY_END_MS, DISCOVERY_START_MS, MAX_DISCOVERY_PAUSE_MS } from '../base/limits.ts';
import type { DebugComponent, Logger } from '../base/log.ts';
import { printable } from '../base/printable.ts';
import type { Announcement } from './announcement.ts';

/** Beside this file, with its ending: .ts from source, .js as built. */
const PROGRAM = fileURLToPath(import.meta.url.replace(/discovery-process(?=\.[jt]s$)/, 'program'));
const FIRST_PAUSE_MS = 500;
const MAX_REASON_CHARS = 300;

/** Resolves with the process once it announces; rejects with the reason why it does not. */
async function started(announcement: Announcement): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(announcement)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // It may end while it is written to.
  child.stdin?.on('error', () => undefined);
  const said = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout! }).once('line', resolve);
    child.once('error', (error) => resolve(error.message));
    // Behind what it has said.
    child.once('close', (status, signal) => resolve(`it ends: ${signal ?? `status ${status}`}`));
    setTimeout(() => resolve('it does not answer'), DISCOVERY_START_MS).unref();
  });
  const line = await said;
  if (line === 'ready') return child;
  child.kill('SIGKILL');
  throw new Error(printable(line.replace(/^failed /, '')).slice(0, MAX_REASON_CHARS));
}

/** One that says goodbye still, of a server that was killed, has its ports for a moment. */
async function startedSoon(announcement: Announcement): Promise<ChildProcess> {
  const deadline = performance.now() + DISCOVERY_END_MS;
  for (;;) {
    try {
      return await started(announcement);
    } catch (error) {
      const isTaken = error instanceof Error && error.message.includes('EADDRINUSE');
      if (!isTaken || performance.now() > deadline) throw error;
      await delay(FIRST_PAUSE_MS);
    }
  }
}

export class DiscoveryProcess {
  #announcement: Announcement;
  readonly #log: Logger;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #closed = false;

  constructor(announcement: Announcement, log: Logger) {
    this.#announcement = announcement;
    this.#log = log;
  }

  get processId(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    const child = await startedSoon(this.#announcement);
    this.#child = child;
    const since = performance.now();
    child.once('exit', (status, signal) => {
      this.#child = undefined;
      if (this.#closed) return;
      const how = signal ?? `status ${status}`;
      this.#log.warn('the process that announces the server has ended', { how });
      if (performance.now() - since > MAX_DISCOVERY_PAUSE_MS) this.#pauseMs = FIRST_PAUSE_MS;
      this.#later();
    });
    if (this.#closed) await this.close();
  }

  /** Which debug output is on from now on, in the next one as well. */
  switchDebug(debug: readonly DebugComponent[]): void {
    this.#announcement = { ...this.#announcement, debug };
    this.#child?.stdin?.write(`${JSON.stringify(debug)}\n`);
  }

  /** When it has said goodbye. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const timer = setTimeout(() => child.kill('SIGKILL'), DISCOVERY_END_MS);
    child.stdin?.end();
    await ended;
    clearTimeout(timer);
  }

  #later(): void {
    this.#timer = setTimeout(() => {
      this.start().catch((error: Error) => {
        if (this.#closed) return;
        this.#log.warn('the server is not announced', { reason: error.message });
        this.#later();
      });
    }, this.#pauseMs);
    this.#timer.unref();
    this.#pauseMs = Math.min(2 * this.#pauseMs, MAX_DISCOVERY_PAUSE_MS);
  }
}
