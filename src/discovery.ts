/** How the network hears of a server: what `ws discovery`, `multicast dns register` and `mdns name` switch on. */
import { hostname } from 'node:os';
import { DEBUG_COMPONENTS, type Logger } from './base/log.ts';
import { SetupError } from './base/setup-error.ts';
import { version } from './base/version.ts';
import type { Configuration } from './config/configuration.ts';
import { type Announcement, type Services, uuidOf } from './discovery/announcement.ts';
import type { DiscoveryProcess } from './discovery/discovery-process.ts';

/** The only one that Windows looks for behind a name. */
const SMB_PORT = 445;

export interface Announced {
  /** ServerGuid: the same in every run. */
  readonly guid: Buffer;
  readonly port: number;
  /** Undefined: all of this machine's. */
  readonly addresses: readonly string[] | undefined;
}

function servicesOf({ global, shares }: Configuration, port: number): Services {
  const [host = ''] = hostname().split('.');
  const backups = shares.filter(({ timeMachine }) => timeMachine);
  return {
    instance: global.mdnsName === 'mdns' && host !== '' ? host : global.netbiosName,
    port,
    model: global.appleModel,
    backupDisks: backups.map(({ name }) => name),
  };
}

/** Undefined where nobody asked for it. */
export function announcementOf(
  configuration: Configuration,
  { guid, port, addresses }: Announced,
  { instance, log }: { readonly instance: number; readonly log: Logger },
): Announcement | undefined {
  const { wsDiscovery, multicastDnsRegister, netbiosName: name, workgroup } = configuration.global;
  if (!wsDiscovery && !multicastDnsRegister) return undefined;
  const device = { uuid: uuidOf(guid), name, workgroup, version: version(), instance };
  return {
    addresses: addresses ?? null,
    device: wsDiscovery ? device : null,
    services: multicastDnsRegister ? servicesOf(configuration, port) : null,
    debug: debugOf(log),
  };
}

const debugOf = (log: Logger) => DEBUG_COMPONENTS.filter((component) => log.debugs(component));

export class Discovery {
  readonly #announced: Announced;
  readonly #log: Logger;
  #process: DiscoveryProcess | undefined;
  /** What it announces, as text. */
  #now: string | undefined;
  #updating: Promise<void> = Promise.resolve();

  constructor(announced: Announced, log: Logger) {
    this.#announced = announced;
    this.#log = log;
  }

  /** Announces what counts now; rejects with a SetupError where it cannot, and nothing is announced then. */
  update(configuration: Configuration): Promise<void> {
    const updated = this.#updating.then(() => this.#update(configuration));
    this.#updating = updated.catch(() => undefined);
    return updated;
  }

  /** Other debug output is on: its process is told, and is not started anew for that. */
  async debugChanged(): Promise<void> {
    await this.#updating;
    this.#process?.switchDebug(debugOf(this.#log));
  }

  async close(): Promise<void> {
    await this.#updating;
    await this.#process?.close();
  }

  async #update(configuration: Configuration): Promise<void> {
    const log = this.#log;
    const announcementAt = (instance: number) =>
      announcementOf(configuration, this.#announced, { instance, log });
    const { debug: _, ...what } = announcementAt(0) ?? { debug: [] };
    const text = JSON.stringify(what);
    if (text === this.#now) return;
    await this.#process?.close();
    this.#process = undefined;
    this.#now = undefined;
    const announcement = announcementAt(Math.floor(Date.now() / 1000));
    if (announcement === undefined) return;
    if (announcement.device !== null && this.#announced.port !== SMB_PORT) {
      const { port } = this.#announced;
      log.warn('Windows will show this server and not find it: it knows port 445 alone', { port });
    }
    const { DiscoveryProcess } = await import('./discovery/discovery-process.ts');
    const process = new DiscoveryProcess(announcement, log);
    try {
      await process.start();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new SetupError(
        `the network cannot be told of this server (${reason}): end the other program that announces one (wsdd?), or leave "ws discovery" and "multicast dns register" out`,
        { cause: error },
      );
    }
    this.#process = process;
    this.#now = text;
    log.info('the network is told of this server', {
      by: [announcement.device && 'WS-Discovery', announcement.services && 'multicast DNS']
        .filter((one) => one !== null)
        .join(', '),
    });
  }
}
