/** RFC 1035 4.1 with RFC 6762 18: messages of multicast DNS. What is read was sent by strangers: total, with limits. */
import { WireError } from '../wire/wire-error.ts';

const HEADER_BYTES = 12;
/** RFC 6762 17. */
export const MAX_DNS_BYTES = 9000;
const MAX_LABEL_BYTES = 63;
const MAX_NAME_BYTES = 255;
const MAX_ENTRIES = 512;

/** RFC 1035 4.1.4: the upper two bits of a length tell a label from a pointer. */
const POINTER = 0xc0;
const POINTER_OFFSET = 0x3fff;

export const DnsType = {
  A: 1,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NSEC: 47,
  ANY: 255,
} as const;
const CLASS_IN = 1;
const CLASS_ANY = 255;
/** RFC 6762 18.12 and 18.13: of a question, that the answer may come to it alone; of a record, that it is all there is. */
const TOP_BIT = 0x8000;

const FLAG_RESPONSE = 0x8000;
const FLAG_AUTHORITATIVE = 0x0400;
const OPCODE_MASK = 0x7800;

export type DnsName = readonly string[];

export interface DnsQuestion {
  readonly name: DnsName;
  readonly type: number;
  /** QU: answered to the asker alone. */
  readonly unicast: boolean;
}

const isInternet = (kind: number): boolean =>
  (kind & ~TOP_BIT) === CLASS_IN || (kind & ~TOP_BIT) === CLASS_ANY;

export interface DnsRecord {
  readonly name: DnsName;
  readonly type: number;
  /** Cache-flush: nobody else has records of this name and type. */
  readonly unique: boolean;
  /** Seconds. */
  readonly ttl: number;
  /** Names in it are whole. */
  readonly data: Buffer;
}

export interface DnsMessage {
  readonly id: number;
  readonly isResponse: boolean;
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

export const sameName = (a: DnsName, b: DnsName): boolean =>
  a.length === b.length && a.every((label, i) => label.toLowerCase() === b[i]!.toLowerCase());

/** Throws RangeError for a label that is none: names that are sent are our own. */
export function encodeName(name: DnsName): Buffer {
  const labels = name.map((label) => {
    const bytes = Buffer.from(label);
    if (bytes.length === 0 || bytes.length > MAX_LABEL_BYTES) throw new RangeError(label);
    return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  });
  return Buffer.concat([...labels, Buffer.alloc(1)]);
}

class Reader {
  readonly #bytes: Buffer;
  #at = HEADER_BYTES;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  question(): DnsQuestion {
    const name = this.#name();
    const type = this.#word();
    const kind = this.#word();
    // In a class that nothing is in here.
    if (!isInternet(kind)) return { name, type: 0, unicast: false };
    return { name, type, unicast: (kind & TOP_BIT) !== 0 };
  }

  record(): DnsRecord {
    const name = this.#name();
    const type = this.#word();
    const unique = (this.#word() & TOP_BIT) !== 0;
    const ttl = this.#word() * 0x1_0000 + this.#word();
    const length = this.#word();
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new WireError('DNS record', 'ends behind the message');
    const data = this.#data(type, end);
    this.#at = end;
    return { name, type, unique, ttl, data };
  }

  /** The names within the data of these may be compressed (RFC 6762 18.14). */
  #data(type: number, end: number): Buffer {
    const fixed = { [DnsType.PTR]: 0, [DnsType.SRV]: 6 }[type];
    if (fixed === undefined) return Buffer.from(this.#bytes.subarray(this.#at, end));
    const before = Buffer.from(this.#bytes.subarray(this.#at, this.#at + fixed));
    this.#at += fixed;
    const target = this.#wholeName();
    if (this.#at !== end) throw new WireError('DNS record', 'has another length than its name');
    return Buffer.concat([before, target]);
  }

  #word(): number {
    if (this.#at + 2 > this.#bytes.length) throw new WireError('DNS message', 'ends too soon');
    this.#at += 2;
    return this.#bytes.readUInt16BE(this.#at - 2);
  }

  #name(): DnsName {
    const bytes = this.#wholeName();
    const labels: string[] = [];
    for (let at = 0; bytes[at]! > 0; at += 1 + bytes[at]!) {
      labels.push(bytes.toString('utf8', at + 1, at + 1 + bytes[at]!));
    }
    return labels;
  }

  /** Without pointers, which lead back only, so that they come to an end. */
  #wholeName(): Buffer {
    const labels: Buffer[] = [];
    let at = this.#at;
    let lowest = at;
    let length = 0;
    let isHere = true;
    for (;;) {
      const head = this.#bytes[at];
      if (head === undefined) throw new WireError('DNS name', 'ends too soon');
      if ((head & POINTER) === POINTER) {
        if (at + 2 > this.#bytes.length) throw new WireError('DNS name', 'ends too soon');
        if (isHere) this.#at = at + 2;
        isHere = false;
        at = this.#bytes.readUInt16BE(at) & POINTER_OFFSET;
        if (at >= lowest || at < HEADER_BYTES) throw new WireError('DNS name', 'points ahead');
        lowest = at;
        continue;
      }
      const end = at + 1 + head;
      length += 1 + head;
      if (head > MAX_LABEL_BYTES) throw new WireError('DNS name', 'has a label of unknown kind');
      if (length > MAX_NAME_BYTES) throw new WireError('DNS name', 'is too long');
      if (end > this.#bytes.length) throw new WireError('DNS name', 'ends too soon');
      labels.push(this.#bytes.subarray(at, end));
      if (head === 0) {
        if (isHere) this.#at = end;
        return Buffer.concat(labels);
      }
      at = end;
    }
  }
}

/** Undefined: of another kind than queries and their answers. Throws WireError. */
export function decodeDns(bytes: Buffer): DnsMessage | undefined {
  if (bytes.length < HEADER_BYTES || bytes.length > MAX_DNS_BYTES) {
    throw new WireError('DNS message', `has ${bytes.length} bytes`);
  }
  const flags = bytes.readUInt16BE(2);
  if ((flags & OPCODE_MASK) !== 0) return undefined;
  const counts = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at));
  if (counts.reduce((sum, count) => sum + count) > MAX_ENTRIES) {
    throw new WireError('DNS message', 'has too many entries');
  }
  const [questions = 0, answers = 0, authorities = 0, additionals = 0] = counts;
  const reader = new Reader(bytes);
  const records = (count: number) => Array.from({ length: count }, () => reader.record());
  return {
    id: bytes.readUInt16BE(0),
    isResponse: (flags & FLAG_RESPONSE) !== 0,
    questions: Array.from({ length: questions }, () => reader.question()),
    answers: records(answers),
    authorities: records(authorities),
    additionals: records(additionals),
  };
}

function encodeQuestion({ name, type, unicast }: DnsQuestion): Buffer {
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(type, 0);
  tail.writeUInt16BE(CLASS_IN | (unicast ? TOP_BIT : 0), 2);
  return Buffer.concat([encodeName(name), tail]);
}

function encodeRecord({ name, type, unique, ttl, data }: DnsRecord): Buffer {
  const middle = Buffer.alloc(10);
  middle.writeUInt16BE(type, 0);
  middle.writeUInt16BE(CLASS_IN | (unique ? TOP_BIT : 0), 2);
  middle.writeUInt32BE(ttl, 4);
  middle.writeUInt16BE(data.length, 8);
  return Buffer.concat([encodeName(name), middle, data]);
}

export function encodeDns(message: Partial<DnsMessage>): Buffer {
  const { id = 0, isResponse = false } = message;
  const { questions = [], answers = [], authorities = [], additionals = [] } = message;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(isResponse ? FLAG_RESPONSE | FLAG_AUTHORITATIVE : 0, 2);
  for (const [i, part] of [questions, answers, authorities, additionals].entries()) {
    header.writeUInt16BE(part.length, 4 + 2 * i);
  }
  const records = [...answers, ...authorities, ...additionals].map(encodeRecord);
  return Buffer.concat([header, ...questions.map(encodeQuestion), ...records]);
}

export const isAbout = (question: DnsQuestion, record: DnsRecord): boolean =>
  (question.type === DnsType.ANY || question.type === record.type) &&
  sameName(question.name, record.name);
