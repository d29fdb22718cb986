/** The ports of a server: bound all or none, and served once the server may. */

import type { Logger } from './base/log.ts';
import { SetupError } from './base/setup-error.ts';
import type { Configuration } from './config/configuration.ts';
import { listenAddresses } from './config/interfaces.ts';
import { configuredPorts, portsOf } from './netbios.ts';
import type { ServerState } from './objects/server-state.ts';
import type { ListenOptions, SocketUse } from './server-interface.ts';
import { listen } from './transport/listen.ts';
import type { HandDirect, HandOver, Listener, ListenPlace } from './transport/listener.ts';

/** What one call of `listen` has bound. */
export interface BoundPorts {
  /** Of the first port, by address. */
  readonly first: readonly Listener[];
  /** Of the others (`smb ports`). */
  readonly further: readonly Listener[];
  /** MS-SMBD 2.1. */
  readonly direct: readonly Listener[];
}

export interface Serving {
  readonly hand: HandOver | undefined;
  readonly handDirect: HandDirect | undefined;
}

export class ListeningPorts {
  readonly #configuration: Configuration;
  readonly #log: Logger;
  readonly #listeners = new Set<Listener>();
  #speaksDirect = false;
  #handDirect: HandDirect | undefined;
  #closed = false;

  constructor(configuration: Configuration, log: Logger) {
    this.#configuration = configuration;
    this.#log = log;
  }

  /** Of all that listens. */
  get addresses(): readonly string[] {
    return [...this.#listeners].map(({ address }) => address);
  }

  get speaksDirect(): boolean {
    return this.#speaksDirect;
  }

  async bind(where: ListenOptions): Promise<BoundPorts> {
    const sockets = socketsFor('smb', where);
    if (sockets.length > 0) return this.#adopt(sockets, where);
    const addresses = where.address === undefined ? this.#addresses() : [where.address];
    const [port, ...more] = portsOf(this.#configuration.global, where.port);
    const first = await this.#bind(at(addresses, port), listen);
    const further = await this.#bindFurther(addresses, more, first);
    const direct = await this.#bindDirect(addresses, where, [...first, ...further]);
    return { first, further, direct };
  }

  /** Sockets that listen already; what is spoken elsewhere has its ports as without them. */
  async #adopt(sockets: readonly ListenPlace[], where: ListenOptions): Promise<BoundPorts> {
    const first = await this.#bind(sockets, listen);
    const ports = new Set(first.map(({ port }) => port));
    for (const port of configuredPorts(this.#configuration.global)) {
      if (ports.has(port)) continue;
      this.#log.warn('no socket for this port was handed over, so nothing listens there', { port });
    }
    const direct = await this.#bindDirect(this.#addresses(), where, first);
    return { first, further: [], direct };
  }

  /** Who came before is served now, too. */
  serve(bound: BoundPorts, objects: ServerState, { hand, handDirect }: Serving): void {
    this.#handDirect = handDirect;
    for (const listener of [...bound.first, ...bound.further]) listener.serve(objects, hand);
    for (const listener of bound.direct) listener.serve(objects);
  }

  async giveUp({ first, further, direct }: BoundPorts): Promise<void> {
    await this.#giveUp([...first, ...further, ...direct]);
  }

  /** Nothing is bound from now on. */
  end(): void {
    this.#closed = true;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#listeners].map((listener) => listener.close()));
  }

  /** Undefined stands for all addresses. */
  #addresses(): readonly (string | undefined)[] {
    const { bindInterfacesOnly, interfaces } = this.#configuration.global;
    if (!bindInterfacesOnly) return [undefined];
    const { addresses, unmatched } = listenAddresses(interfaces);
    for (const item of unmatched) {
      this.#log.warn('no such interface or address; passed over', { item });
    }
    if (addresses.length > 0) return addresses;
    throw new SetupError('"bind interfaces only" leaves no address: this machine has none of them');
  }

  /** All or none; a port that the system chose is the same for all. */
  async #bind(
    places: readonly ListenPlace[],
    how: (where: ListenPlace) => Promise<Listener>,
  ): Promise<Listener[]> {
    const bound: Listener[] = [];
    try {
      for (const place of places) {
        const chosen = 'port' in place && place.port === 0 && { port: bound[0]?.port ?? 0 };
        bound.push(await how({ ...place, ...chosen }));
      }
      if (this.#closed) throw new Error('the server is closed');
    } catch (error) {
      await Promise.all(bound.map((listener) => listener.close()));
      throw error;
    }
    for (const listener of bound) this.#listeners.add(listener);
    return bound;
  }

  /** `smb ports`: those behind the first; without one of them all are given up. */
  async #bindFurther(
    addresses: readonly (string | undefined)[],
    ports: readonly number[],
    beside: readonly Listener[],
  ): Promise<Listener[]> {
    const bound: Listener[] = [];
    try {
      for (const port of ports) bound.push(...(await this.#bind(at(addresses, port), listen)));
      return bound;
    } catch (error) {
      await this.#giveUp([...beside, ...bound]);
      throw error;
    }
  }

  /** MS-SMBD 2.1: where `smb direct` is on, once, beside the first ports; without it those are given up. */
  async #bindDirect(
    addresses: readonly (string | undefined)[],
    where: ListenOptions,
    beside: readonly Listener[],
  ): Promise<Listener[]> {
    const { global } = this.#configuration;
    if (!global.smbDirect || this.#speaksDirect) return [];
    const options = {
      maxReadWriteSize: global.smbDirectMaxIoSize,
      requiresCrc: global.smbDirectChecksums,
      hand: () => this.#handDirect,
    };
    const { listenSmbDirect } = await import('./transport/listen-smb-direct.ts');
    const port = global.smbDirectPort;
    try {
      const sockets = socketsFor('smb-direct', where);
      const places = sockets.length > 0 ? sockets : at(addresses, port);
      const bound = await this.#bind(places, (place) => listenSmbDirect(place, options));
      this.#speaksDirect = true;
      this.#log.info('SMB Direct is spoken', { port: bound[0]!.port });
      return bound;
    } catch (error) {
      await this.#giveUp(beside);
      const reason = error instanceof Error ? error.message : String(error);
      const advice = 'take another with "smb direct port", or turn "smb direct" off';
      throw new SetupError(`SMB Direct cannot have port ${port} (${reason}): ${advice}`, {
        cause: error,
      });
    }
  }

  async #giveUp(listeners: readonly Listener[]): Promise<void> {
    for (const listener of listeners) this.#listeners.delete(listener);
    await Promise.all(listeners.map((listener) => listener.close()));
  }
}

const at = (addresses: readonly (string | undefined)[], port: number): readonly ListenPlace[] =>
  addresses.map((address) => ({ address, port }));

const socketsFor = (use: SocketUse, { sockets = [] }: ListenOptions): readonly ListenPlace[] =>
  sockets.filter((each) => each.use === use).map(({ fd }) => ({ fd }));
