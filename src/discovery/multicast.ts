/**
 * UDP by multicast on every network of this machine, while its addresses come and go: for each address a socket that
 * sends from it and hears what is sent to it directly, and for each family one that hears what is sent to the group.
 */
import { createSocket, type Socket } from 'node:dgram';
import type { Logger } from '../base/log.ts';
import { boundTo, isNear, keyOf, type Place } from './places.ts';

/** How often the machine's addresses are looked at. */
const LOOK_MS = 15_000;

/** What does not go by itself: another program has the port, or this one may not. */
const TAKEN = ['EADDRINUSE', 'EACCES', 'EPERM'];

export interface MulticastOptions {
  readonly port: number;
  readonly group: { readonly ipv4: string; readonly ipv6: string };
  /** How many routers what is sent may pass, less one; RFC 6762 11 wants 255. */
  readonly ttl: number;
  /** Where the machine is to be found now. */
  readonly places: () => readonly Place[];
  readonly log: Logger;
}

export interface MulticastEvents {
  /** From a neighbour at this place; others are not heard. */
  packet(bytes: Buffer, place: Place, from: string, port: number): void;
  /** Has the address now; rejects with what cannot be had there, and then it is left again. */
  begins(place: Place): Promise<void> | void;
  /** Has it no more. */
  ends(place: Place): void;
}

function bound(socket: Socket, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ port, address }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

export class Multicast {
  readonly #options: MulticastOptions;
  readonly #events: MulticastEvents;
  readonly #mouths = new Map<string, { readonly place: Place; readonly socket: Socket }>();
  readonly #ears = new Map<'ipv4' | 'ipv6', Socket>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: MulticastOptions, events: MulticastEvents) {
    this.#options = options;
    this.#events = events;
  }

  get places(): Place[] {
    return [...this.#mouths.values()].map(({ place }) => place);
  }

  /** Rejects with the system's error where the port cannot be had; what is missing otherwise is tried again. */
  async start(): Promise<void> {
    await this.#look(true);
    this.#timer = setInterval(() => {
      this.#looking = this.#look(false);
    }, LOOK_MS).unref();
  }

  /** The machine's addresses are looked at no more; what is open can still send. */
  async settle(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  async close(): Promise<void> {
    await this.settle();
    for (const place of this.places) this.#leave(place);
    for (const ear of this.#ears.values()) ear.close();
    this.#ears.clear();
  }

  /** What does not arrive is asked for again: errors are nobody's. */
  send(place: Place, bytes: Buffer, port: number, to: string): void {
    this.#mouths.get(keyOf(place))?.socket.send(bytes, port, to, () => undefined);
  }

  /** To everybody on the place's network. */
  call(place: Place, bytes: Buffer): void {
    const { group, port } = this.#options;
    const to = place.isV6 ? `${group.ipv6}%${place.interfaceName}` : group.ipv4;
    this.send(place, bytes, port, to);
  }

  async #look(isFirst: boolean): Promise<void> {
    const places = this.#options.places();
    const keys = new Set(places.map(keyOf));
    for (const place of this.places) if (!keys.has(keyOf(place))) this.#leave(place);
    for (const place of places) {
      if (this.#mouths.has(keyOf(place))) continue;
      try {
        await this.#begin(place);
      } catch (error) {
        if (isFirst && TAKEN.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
        // It may be gone already, or not be there yet: an address of IPv6 is asked about among the neighbours first. Some
        // networks know no multicast.
        const reason = error instanceof Error ? error.message : String(error);
        this.#options.log.debug('conn', 'not announced here yet', { at: keyOf(place), reason });
      }
    }
  }

  async #begin(place: Place): Promise<void> {
    const { port, ttl } = this.#options;
    const socket = this.#socket(place.isV6);
    try {
      await bound(socket, port, boundTo(place));
      socket.setMulticastInterface(place.isV6 ? `::%${place.interfaceName}` : place.address);
      socket.setMulticastTTL(ttl);
      socket.setTTL(ttl);
      await this.#hear(place);
    } catch (error) {
      socket.close();
      throw error;
    }
    this.#mouths.set(keyOf(place), { place, socket });
    socket.on('error', (error) => this.#failed(place, error));
    try {
      await this.#events.begins(place);
    } catch (error) {
      this.#leave(place);
      throw error;
    }
  }

  #leave(place: Place): void {
    const mouth = this.#mouths.get(keyOf(place));
    if (mouth === undefined) return;
    this.#mouths.delete(keyOf(place));
    mouth.socket.close();
    this.#events.ends(place);
  }

  #failed(place: Place, error: Error): void {
    const at = keyOf(place);
    this.#options.log.warn('not announced here any more', { at, error: error.message });
    this.#leave(place);
  }

  #socket(isV6: boolean): Socket {
    const type = isV6 ? 'udp6' : 'udp4';
    const socket = createSocket({ type, reuseAddr: true, ipv6Only: isV6 });
    socket.on('message', (bytes, { address, port }) => {
      const place = this.places.find((one) => isNear(one, address));
      if (place !== undefined) this.#events.packet(bytes, place, address, port);
    });
    return socket;
  }

  async #hear(place: Place): Promise<void> {
    const family = place.isV6 ? 'ipv6' : 'ipv4';
    let ear = this.#ears.get(family);
    if (ear === undefined) {
      ear = this.#socket(place.isV6);
      await bound(ear, this.#options.port, place.isV6 ? '::' : '0.0.0.0');
      this.#ears.set(family, ear);
      ear.on('error', (error) => this.#failed(place, error));
    }
    const where = place.isV6 ? `::%${place.interfaceName}` : place.address;
    try {
      ear.addMembership(this.#options.group[family], where);
    } catch (error) {
      // It is a member there already, by another address of the interface.
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}
