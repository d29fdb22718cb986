/** A usmbd with the port of SMB Direct open, as the runners that press it see it. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../support/process.ts';
import { freePort, startUsmbd, type Target, usmbd } from '../../support/target.ts';
import { errorsIn } from './server-log.ts';

/** Of the clock: whoever waits for so long waits for ever. */
export const HANG_MS = 120_000;
const START_LIMIT_MS = 60_000;
const PAUSE_MS = 50;
/** Connections that have begun and do not go on: fifteen seconds, on a machine with time. */
const SETTLE_MS = 90_000;
const SETTLE_POLL_MS = 500;

export async function startDirect(): Promise<{ target: Target; port: number }> {
  const port = await freePort();
  const target = await startUsmbd(['smb direct = yes', `smb direct port = ${port}`]);
  try {
    await acceptsDirect(target, port);
  } catch (error) {
    await target.stop();
    throw error;
  }
  return { target, port };
}

/** The port of SMB Direct opens behind the one that startUsmbd waits for. */
async function acceptsDirect(target: Target, port: number): Promise<void> {
  const deadlineMs = performance.now() + START_LIMIT_MS;
  for (;;) {
    target.assertAlive();
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (isOpen) return;
    if (performance.now() > deadlineMs) throw new Error(`nothing accepts on port ${port}`);
    await sleep(PAUSE_MS);
  }
}

async function statusConnections(target: Target): Promise<number> {
  const args = [usmbd, 'status', '--json', '--state', target.state!];
  const { stdout } = await run(process.execPath, args, { timeoutMs: HANG_MS });
  return JSON.parse(stdout).server.connections;
}

/** How many connections are left when all has had its time. */
export async function connectionsLeft(target: Target): Promise<number> {
  const deadlineMs = performance.now() + SETTLE_MS;
  let left = await statusConnections(target);
  while (left > 0 && performance.now() < deadlineMs) {
    await sleep(SETTLE_POLL_MS);
    left = await statusConnections(target);
  }
  return left;
}

/** What the log has of faults of its own. */
export const errorsOf = (target: Target): string[] => errorsIn(readFileSync(target.log!, 'utf8'));
