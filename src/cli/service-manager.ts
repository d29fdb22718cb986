/**
 * What systemd is told where it has started the server (sd_notify(3)): that it serves, reads its configuration again, ends,
 * and, for WatchdogSec=, that its event loop still turns. Nothing without NOTIFY_SOCKET.
 */
import type { Logger } from '../base/log.ts';
import { sendDatagram } from '../native/notify-socket.ts';

export type ServiceState = 'ready' | 'reloading' | 'stopping';

export class ServiceManager {
  readonly #socket: string | undefined;
  readonly #watchdogMs: number;
  readonly #log: Logger;
  #watchdog: NodeJS.Timeout | undefined;

  constructor(environment: NodeJS.ProcessEnv, log: Logger) {
    this.#socket = environment.NOTIFY_SOCKET;
    this.#log = log;
    // "at least every half of the time", and only of the process that is named.
    const pid = environment.WATCHDOG_PID;
    const isOurs = pid === undefined || Number(pid) === process.pid;
    const micros = Number(environment.WATCHDOG_USEC ?? 0);
    this.#watchdogMs = isOurs && micros > 0 ? micros / 2000 : 0;
    // Children are none of systemd's notifiers.
    delete environment.NOTIFY_SOCKET;
    delete environment.WATCHDOG_USEC;
    delete environment.WATCHDOG_PID;
  }

  /** How often it wants to hear that somebody is alive; 0: never. */
  get watchdogMs(): number {
    return this.#watchdogMs;
  }

  /** What is known of the process that serves, by the one that keeps it. */
  alive(): void {
    if (this.#watchdogMs > 0) this.#send('WATCHDOG=1');
  }

  tell(state: ServiceState, status = ''): void {
    this.#tell(state, status);
    if (state === 'ready' && this.#watchdogMs > 0) {
      this.#watchdog ??= setInterval(() => this.alive(), this.#watchdogMs).unref();
    }
  }

  /** The same of another process, which says itself whether it is alive. */
  relay(state: ServiceState, status: string): void {
    this.#tell(state, status);
  }

  #tell(state: ServiceState, status: string): void {
    const lines = {
      ready: 'READY=1',
      // systemd 253 asks for the clock with it (Type=notify-reload).
      reloading: `RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`,
      stopping: 'STOPPING=1',
    };
    this.#send(`${lines[state]}${status === '' ? '' : `\nSTATUS=${status}`}`);
  }

  close(): void {
    clearInterval(this.#watchdog);
  }

  #send(message: string): void {
    if (this.#socket === undefined) return;
    const result = sendDatagram(this.#socket, message);
    if (result < 0) this.#log.debug('conn', 'systemd is not reached', { errno: -result });
  }
}
