/**
 * The endpoint of WS-Discovery: UDP port 3702, by multicast and directly, and HTTP on TCP port 5357.
 *
 *     Hello ──▶ everybody, when it starts and when the machine gets an address
 *     Probe, Resolve ──▶ answered to who has asked, if near
 *     Get (HTTP) ──▶ its name and workgroup
 *     Bye ──▶ everybody, when it ends
 *
 * Answers are longer than questions, and UDP has no proof of who asks: who is on none of this machine's networks gets
 * none, and no more wait at a time than MAX_WAITING.
 */
import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../base/log.ts';
import { WireError } from '../wire/wire-error.ts';
import { MAX_REQUEST_BYTES, metadataServer } from './metadata-server.ts';
import { Multicast } from './multicast.ts';
import { boundTo, isNear, keyOf, type Place } from './places.ts';
import {
  decodeWsdRequest,
  isAskedFor,
  type WsdDevice,
  type WsdRequest,
  WsdWriter,
} from './wsd-messages.ts';

/** WS-Discovery 2.4; Devices Profile: as registered for it (WSDAPI). */
export const WSD_PORT = 3702;
export const WSD_HTTP_PORT = 5357;
const GROUP = { ipv4: '239.255.255.250', ipv6: 'ff02::c' } as const;

/** WS-Discovery 2.4, APP_MAX_DELAY: not all answer a Probe at once. */
const PROBE_DELAY_MS = 500;
/** SOAP-over-UDP 3.4: how often each is sent, and how long after each other. */
const REPEATS = { multicast: 4, unicast: 2 } as const;
const REPEAT_MIN_MS = 50;
const REPEAT_MAX_MS = 250;

/** Answers that wait for their time. */
const MAX_WAITING = 64;
/** SOAP-over-UDP 4.1: questions that were heard, since each is sent several times. */
const REMEMBERED_IDS = 256;

export interface WsdOptions {
  readonly device: WsdDevice;
  readonly places: () => readonly Place[];
  readonly log: Logger;
}

const pauseMs = (): number => REPEAT_MIN_MS + Math.random() * (REPEAT_MAX_MS - REPEAT_MIN_MS);

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

export class WsdService {
  readonly #options: WsdOptions;
  readonly #writer: WsdWriter;
  readonly #multicast: Multicast;
  readonly #metadata = new Map<string, Server>();
  readonly #heard = new Set<string>();
  #waiting = 0;

  constructor(options: WsdOptions) {
    this.#options = options;
    this.#writer = new WsdWriter(options.device);
    const { places, log } = options;
    const where = { port: WSD_PORT, group: GROUP, ttl: 1, places, log };
    this.#multicast = new Multicast(where, {
      packet: (bytes, place, from, port) => this.#asked(bytes, place, from, port),
      begins: (place) => this.#begins(place),
      ends: (place) => this.#ends(place),
    });
  }

  /** Rejects with the system's error where a port that it needs cannot be had. */
  start(): Promise<void> {
    return this.#multicast.start();
  }

  /** Says Bye; whoever comes after it may have its TCP port meanwhile. */
  async close(): Promise<void> {
    await this.#multicast.settle();
    for (const place of this.#multicast.places) this.#ends(place);
    const bye = this.#writer.bye();
    await Promise.all(this.#multicast.places.map((place) => this.#call(place, bye)));
    await this.#multicast.close();
  }

  async #begins(place: Place): Promise<void> {
    const http = metadataServer(this.#options.device, {
      isNear: (from) => isNear(place, from),
      answer: (body, from) => this.#answered(body, from),
    });
    await listening(http, WSD_HTTP_PORT, boundTo(place));
    http.on('error', (error) => {
      this.#options.log.warn('metadata are told no more', { error: error.message });
    });
    this.#metadata.set(keyOf(place), http);
    void this.#call(place, this.#writer.hello(this.#urlAt(place)));
    this.#options.log.debug('conn', 'announced', { url: this.#urlAt(place) });
  }

  #ends(place: Place): void {
    const http = this.#metadata.get(keyOf(place));
    this.#metadata.delete(keyOf(place));
    http?.close();
    http?.closeAllConnections();
  }

  #urlAt({ address, isV6 }: Place): string {
    const host = isV6 ? `[${address}]` : address;
    return `http://${host}:${WSD_HTTP_PORT}/${this.#options.device.uuid}`;
  }

  #asked(packet: Buffer, place: Place, from: string, port: number): void {
    if (packet.length > MAX_REQUEST_BYTES) return;
    const request = this.#decoded(packet, from);
    if (request === undefined || !this.#isNew(request.messageId)) return;
    if (!isAskedFor(request, this.#options.device) || this.#waiting >= MAX_WAITING) return;
    const answer = this.#writer.match(request, this.#urlAt(place));
    if (answer === undefined) return;
    const delayMs = request.kind === 'probe' ? Math.random() * PROBE_DELAY_MS : 0;
    this.#waiting += 1;
    void this.#answer(delayMs, () => this.#multicast.send(place, answer, port, from));
  }

  async #answer(delayMs: number, send: () => void): Promise<void> {
    await delay(delayMs);
    for (let left = REPEATS.unicast; left > 0; left--) {
      send();
      if (left > 1) await delay(pauseMs());
    }
    this.#waiting -= 1;
  }

  #decoded(bytes: Buffer, from: string): WsdRequest | undefined {
    try {
      return decodeWsdRequest(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#options.log.debug('conn', 'malformed message', { from, problem: error.message });
      return undefined;
    }
  }

  #answered(bytes: Buffer, from: string): Buffer | undefined {
    const request = this.#decoded(bytes, from);
    if (request?.kind !== 'get' || !isAskedFor(request, this.#options.device)) return undefined;
    return this.#writer.metadata(request.messageId);
  }

  #isNew(messageId: string): boolean {
    if (this.#heard.has(messageId)) return false;
    this.#heard.add(messageId);
    const [oldest = ''] = this.#heard;
    if (this.#heard.size > REMEMBERED_IDS) this.#heard.delete(oldest);
    return true;
  }

  /** Resolves when it was said for the last time. */
  async #call(place: Place, bytes: Buffer): Promise<void> {
    for (let left = REPEATS.multicast; left > 0; left--) {
      this.#multicast.call(place, bytes);
      if (left > 1) await delay(pauseMs());
    }
  }
}
