/**
 * A responder of multicast DNS (RFC 6762) for the services of one server:
 *
 *     probing ──nobody has the names──▶ announced ──closed──▶ (goodbye)
 *        ▲  └──somebody has──▶ another name ──┐   │
 *        └────────────────────────────────────┴───┘ somebody else has it after all
 *
 * It answers neighbours only (Multicast), and forgets what they say: it looks for nobody.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../base/log.ts';
import { WireError } from '../wire/wire-error.ts';
import type { Services } from './announcement.ts';
import {
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  DnsType,
  decodeDns,
  encodeDns,
  encodeName,
  isAbout,
  sameName,
} from './dns-message.ts';
import { addressRecords, hostName, type OwnNames, serviceRecords } from './dns-sd-records.ts';
import { Multicast } from './multicast.ts';
import { keyOf, type Place } from './places.ts';

export const MDNS_PORT = 5353;
export const MDNS_GROUP = '224.0.0.251';
const GROUP = { ipv4: MDNS_GROUP, ipv6: 'ff02::fb' } as const;
/** RFC 6762 11. */
const TTL = 255;

/** RFC 6762 8.1: three questions whether a name is free; who loses to another that asks waits a second (8.2). */
const PROBES = 3;
const PROBE_MS = 250;
const DEFER_MS = 1000;
/** RFC 6762 8.1: after many conflicts. */
const MANY_CONFLICTS = 10;
const CONFLICT_MS = 5000;
/** RFC 6762 8.3. */
const ANNOUNCEMENTS = 2;
const ANNOUNCE_MS = 1000;
/** RFC 6762 6: of records that others may have as well, so that not all answer at once. */
const SHARED_MIN_MS = 20;
const SHARED_MAX_MS = 120;
/** RFC 6762 6: how soon a record is told to all again; sooner to who wants its name. */
const AGAIN_MS = 1000;
const AGAIN_PROBED_MS = 250;
/** RFC 6762 6.7: for resolvers that know nothing of multicast. */
const LEGACY_TTL = 10;
const MAX_WAITING = 64;
const MAX_LABEL_BYTES = 63;

export interface MdnsOptions {
  readonly services: Services;
  /** Of the machine, without a domain. */
  readonly host: string;
  readonly places: () => readonly Place[];
  /** All that is told of an interface. */
  readonly addressesAt: (interfaceName: string) => readonly string[];
  readonly log: Logger;
}

/** Cut so that the number fits into a label. */
function numbered(base: string, suffix: string): string {
  let kept = base;
  while (Buffer.byteLength(kept + suffix) > MAX_LABEL_BYTES) kept = [...kept].slice(0, -1).join('');
  return kept + suffix;
}

const isSame = (a: DnsRecord, b: DnsRecord): boolean =>
  a.type === b.type && sameName(a.name, b.name) && a.data.equals(b.data);

const isAddress = ({ type }: DnsRecord): boolean => type === DnsType.A || type === DnsType.AAAA;

/** RFC 6762 8.2.1: negative where `mine` come first, which lose then. */
function compareClaims(mine: readonly DnsRecord[], theirs: readonly DnsRecord[]): number {
  const ordered = (records: readonly DnsRecord[]): DnsRecord[] =>
    records.toSorted((a, b) => a.type - b.type || Buffer.compare(a.data, b.data));
  const own = ordered(mine);
  const other = ordered(theirs);
  for (let i = 0; i < Math.min(own.length, other.length); i++) {
    const order = own[i]!.type - other[i]!.type || Buffer.compare(own[i]!.data, other[i]!.data);
    if (order !== 0) return order;
  }
  return own.length - other.length;
}

export class MdnsService {
  readonly #options: MdnsOptions;
  readonly #multicast: Multicast;
  #names: OwnNames;
  #state: 'probing' | 'announced' | 'closed' = 'probing';
  /** Of the claim that is under way. */
  #met: 'taken' | 'deferred' | undefined;
  #conflicts = 0;
  #claiming: Promise<void> = Promise.resolve();
  readonly #told = new Map<string, number>();
  #waiting = 0;

  constructor(options: MdnsOptions) {
    this.#options = options;
    this.#names = {
      instance: numbered(options.services.instance, ''),
      host: numbered(options.host, ''),
    };
    const { places, log } = options;
    const where = { port: MDNS_PORT, group: GROUP, ttl: TTL, places, log };
    this.#multicast = new Multicast(where, {
      packet: (bytes, place, from, port) => this.#packet(bytes, place, from, port),
      begins: (place) => {
        if (this.#state === 'announced') void this.#announce([place]);
      },
      ends: () => undefined,
    });
  }

  /** Rejects where the port cannot be had; whether the names can be is found out afterwards, and logged. */
  async start(): Promise<void> {
    await this.#multicast.start();
    this.#claiming = this.#claim();
  }

  /** Says goodbye. */
  async close(): Promise<void> {
    const wasAnnounced = this.#state === 'announced';
    this.#state = 'closed';
    await this.#multicast.settle();
    await this.#claiming;
    if (wasAnnounced) {
      // The addresses stay: another responder of this machine may tell them as well.
      const records = serviceRecords(this.#names, this.#options.services);
      const answers = records.map((record) => ({ ...record, ttl: 0 }));
      const goodbye = encodeDns({ isResponse: true, answers });
      for (const place of this.#multicast.places) this.#multicast.call(place, goodbye);
      await delay(PROBE_MS);
    }
    await this.#multicast.close();
  }

  /** Asked anew after each pause. */
  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #recordsAt(place: Place): DnsRecord[] {
    const addresses = this.#options.addressesAt(place.interfaceName);
    return [
      ...serviceRecords(this.#names, this.#options.services),
      ...addressRecords(this.#names, addresses),
    ];
  }

  /** What is asked for by a probe: all that has to be nobody else's. */
  #claimsAt(place: Place): DnsRecord[] {
    return this.#recordsAt(place).filter(({ unique, type }) => unique && type !== DnsType.NSEC);
  }

  async #claim(): Promise<void> {
    this.#state = 'probing';
    await delay(Math.random() * PROBE_MS);
    while (!(await this.#isFree())) {
      if (this.#isClosed()) return;
      await delay(this.#conflicts > MANY_CONFLICTS ? CONFLICT_MS : DEFER_MS * Math.random());
    }
    if (this.#isClosed()) return;
    this.#state = 'announced';
    const { instance, host } = this.#names;
    this.#options.log.info('announced by multicast DNS', { name: instance, host: `${host}.local` });
    await this.#announce(this.#multicast.places);
  }

  async #isFree(): Promise<boolean> {
    this.#met = undefined;
    for (let i = 0; i < PROBES; i++) {
      for (const place of this.#multicast.places) this.#probe(place);
      await delay(PROBE_MS);
      if (this.#isClosed()) return false;
      if (this.#met === 'deferred') await delay(DEFER_MS);
      if (this.#met !== undefined) return false;
    }
    return true;
  }

  #probe(place: Place): void {
    const authorities = this.#claimsAt(place).map((record) => ({ ...record, unique: false }));
    const names = new Map(authorities.map(({ name }) => [name.join('.'), name]));
    const questions = [...names.values()].map((name) => ({
      ...{ name, type: DnsType.ANY, unicast: true },
    }));
    this.#multicast.call(place, encodeDns({ questions, authorities }));
  }

  async #announce(places: readonly Place[]): Promise<void> {
    for (let i = 0; i < ANNOUNCEMENTS; i++) {
      if (i > 0) await delay(ANNOUNCE_MS);
      if (this.#state !== 'announced') return;
      for (const place of places) {
        const answers = this.#recordsAt(place);
        this.#multicast.call(place, encodeDns({ isResponse: true, answers }));
      }
    }
  }

  #packet(bytes: Buffer, place: Place, from: string, port: number): void {
    let message: DnsMessage | undefined;
    try {
      message = decodeDns(bytes);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#options.log.debug('conn', 'malformed packet', { from, problem: error.message });
    }
    if (message === undefined || this.#state === 'closed') return;
    if (message.isResponse) {
      // RFC 6762 6: what comes from elsewhere is no answer.
      if (port === MDNS_PORT) this.#heard(message, place);
    } else if (this.#state === 'probing') this.#compared(message, place, from);
    else this.#asked(message, place, from, port);
  }

  /** Somebody tells of a name that is ours, and something else. */
  #heard({ answers, additionals }: DnsMessage, place: Place): void {
    const own = this.#claimsAt(place);
    const other = [...answers, ...additionals].find((record) => this.#contradicts(record, own));
    if (other === undefined) return;
    this.#conflicts += 1;
    if (this.#state === 'announced') {
      // They may have been told apart by a network that was in two parts: whose it is, is asked again.
      this.#claiming = this.#claim();
      return;
    }
    if (this.#met === 'taken') return;
    this.#met = 'taken';
    this.#rename(sameName(other.name, hostName(this.#names)));
  }

  #contradicts(record: DnsRecord, own: readonly DnsRecord[]): boolean {
    if (record.ttl === 0) return false;
    const alike = own.filter(
      ({ name, type }) => type === record.type && sameName(name, record.name),
    );
    if (alike.length === 0 || alike.some((one) => isSame(one, record))) return false;
    // By another interface of this machine, or another responder of its.
    return !(isAddress(record) && this.#isOwnAddress(record));
  }

  #isOwnAddress(record: DnsRecord): boolean {
    const { addressesAt } = this.#options;
    const interfaces = new Set(this.#multicast.places.map(({ interfaceName }) => interfaceName));
    return [...interfaces].some((name) =>
      addressRecords(this.#names, addressesAt(name)).some((one) => isSame(one, record)),
    );
  }

  #rename(isHost: boolean): void {
    const count = this.#conflicts + 1;
    const { services, host } = this.#options;
    const { log } = this.#options;
    if (isHost) {
      this.#names = { ...this.#names, host: numbered(host, `-${count}`) };
      log.warn('another machine has this name', { host, now: this.#names.host });
    } else {
      this.#names = { ...this.#names, instance: numbered(services.instance, ` (${count})`) };
      log.warn('another server has this name', {
        name: services.instance,
        now: this.#names.instance,
      });
    }
  }

  /** RFC 6762 8.2: two that want a name at the same time. */
  #compared({ authorities }: DnsMessage, place: Place, from: string): void {
    if (this.#multicast.places.some(({ address }) => address === from.split('%')[0])) return;
    const own = this.#claimsAt(place);
    const names = new Map(own.map(({ name }) => [name.join('.'), name]));
    for (const name of names.values()) {
      const theirs = authorities.filter((record) => sameName(record.name, name));
      const mine = own.filter((record) => sameName(record.name, name));
      if (theirs.length > 0 && compareClaims(mine, theirs) < 0) this.#met ??= 'deferred';
    }
  }

  #asked(message: DnsMessage, place: Place, from: string, port: number): void {
    const records = this.#recordsAt(place);
    const answers = answersTo(message, records);
    if (answers.length === 0) return;
    const additionals = besides(answers, records);
    if (port !== MDNS_PORT) {
      const plain = (record: DnsRecord): DnsRecord => ({
        ...{ ...record, unique: false, ttl: Math.min(record.ttl, LEGACY_TTL) },
      });
      const { id, questions } = message;
      const bytes = encodeDns({
        ...{ id, isResponse: true, questions },
        answers: answers.map(plain),
        additionals: additionals.map(plain),
      });
      this.#multicast.send(place, bytes, port, from);
      return;
    }
    if (message.questions.every(({ unicast }) => unicast)) {
      const bytes = encodeDns({ isResponse: true, answers, additionals });
      this.#multicast.send(place, bytes, port, from);
      return;
    }
    const againMs = message.authorities.length > 0 ? AGAIN_PROBED_MS : AGAIN_MS;
    const due = answers.filter((record) => this.#isDue(place, record, againMs));
    if (due.length === 0 || this.#waiting >= MAX_WAITING) return;
    void this.#tell(place, due, additionals);
  }

  async #tell(
    place: Place,
    answers: readonly DnsRecord[],
    additionals: readonly DnsRecord[],
  ): Promise<void> {
    this.#waiting += 1;
    const isShared = answers.some(({ unique }) => !unique);
    if (isShared) await delay(SHARED_MIN_MS + Math.random() * (SHARED_MAX_MS - SHARED_MIN_MS));
    this.#waiting -= 1;
    if (this.#state !== 'announced') return;
    this.#multicast.call(place, encodeDns({ isResponse: true, answers, additionals }));
  }

  #isDue(place: Place, { name, type, data }: DnsRecord, againMs: number): boolean {
    const key = `${keyOf(place)} ${type} ${name.join('.')} ${data.toString('hex')}`;
    const now = performance.now();
    if (now - (this.#told.get(key) ?? -Infinity) < againMs) return false;
    // Names and addresses change now and then; what was is no matter after a second.
    if (this.#told.size > 1000) this.#told.clear();
    this.#told.set(key, now);
    return true;
  }
}

/** RFC 6762 7.1: without what the asker knows for long enough. */
export function answersTo(
  { questions, answers: known }: Pick<DnsMessage, 'questions' | 'answers'>,
  records: readonly DnsRecord[],
): DnsRecord[] {
  const isKnown = (record: DnsRecord): boolean =>
    known.some((one) => isSame(one, record) && 2 * one.ttl >= record.ttl);
  const wanted = questions.flatMap((question) => matching(question, records));
  return [...new Set(wanted)].filter((record) => !isKnown(record));
}

/** Of a name that is ours and has nothing of this type it is told what it has. */
function matching(question: DnsQuestion, records: readonly DnsRecord[]): DnsRecord[] {
  const found = records.filter((record) => isAbout(question, record));
  if (found.length > 0 || question.type === 0) return found;
  const types = { ...question, type: DnsType.NSEC };
  return records.filter((record) => isAbout(types, record));
}

/** RFC 6763 12: what will be asked for next. */
export function besides(answers: readonly DnsRecord[], records: readonly DnsRecord[]): DnsRecord[] {
  const isService = ({ type }: DnsRecord): boolean => type === DnsType.PTR;
  const isLedTo = (record: DnsRecord): boolean =>
    answers.some((one) => isService(one) && one.data.equals(encodeName(record.name)));
  const services = records.filter((record) => record.unique && isLedTo(record));
  const leadsOn = [...answers, ...services].some(({ type }) => type === DnsType.SRV);
  const addresses = leadsOn ? records.filter(isAddress) : [];
  return [...services, ...addresses].filter((record) => !answers.includes(record));
}
