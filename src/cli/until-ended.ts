/** A server's life between its first and its last signal: SIGHUP reads the configuration again, others end it. */
import { closeSync, openSync } from 'node:fs';
import type { Logger } from '../base/log.ts';
import type { Steering } from './steering.ts';

/** npm sends its child what the terminal has sent it already: both are one Ctrl-C. */
const SAME_SIGNAL_MS = 500;
/** As a shell reports a process that SIGINT ended. */
const EXIT_INTERRUPTED = 130;
const ENDING = ['SIGINT', 'SIGTERM'] as const;

/**
 * Settles with why the server ends. A later signal ends the process at once. SIGHUP of a terminal that has gone ends
 * it, too, and so does any where there is no configuration to be read.
 */
export function untilEnded(steering: Steering, log: Logger): Promise<string> {
  let first: number | undefined;
  const hadTerminal = hasTerminal();
  return new Promise((resolve) => {
    const onEnd = (why: string): void => {
      const now = performance.now();
      first ??= now;
      if (now - first > SAME_SIGNAL_MS) process.exit(EXIT_INTERRUPTED);
      resolve(why);
    };
    const onHangUp = (): void => {
      const isHungUp = hadTerminal && !hasTerminal();
      if (isHungUp || !steering.canReload) onEnd('SIGHUP');
      else if (first === undefined) void steering.reload();
      else log.info('SIGHUP is passed over: the server is ending');
    };
    for (const signal of ENDING) process.on(signal, onEnd);
    process.on('SIGHUP', onHangUp);
    steering.end = () => onEnd('shutdown asked for by the control socket');
  });
}

/** tty(4): the controlling terminal, which is not to be had once it is hung up. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
