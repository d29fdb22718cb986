/**
 * What goes over the control socket: frames of a header and a body. The client asks, the server answers
 * with the same event and sequence number, or with FAILURE.
 *
 *     length of the body: u32 │ version: u16 │ event: u16 │ sequence: u32 │ body
 *
 * The header is the same in every version, so that two which differ can say so. Each is this file,
 * data-plane.ts and administration.ts: any change of a field makes another version.
 */
import { MAX_PAGE_RECORDS } from '../base/limits.ts';
import { struct, u16 as wireU16, u32 as wireU32 } from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  connectionRecord,
  filter,
  openQuery,
  openRecord,
  serverSummary,
  sessionRecord,
} from './data-plane.ts';
import { encode, type Field, flag, list, oneOf, record, u32, type Value, whole } from './fields.ts';

export const CONTROL_VERSION = 6;

export interface ControlEvent<Request, Response> {
  readonly number: number;
  readonly request: Field<Request>;
  readonly response: Field<Response>;
}

const nothing = record({});

/** Cursor 0 begins a listing in a request, and ends it in a response. */
const page = <Query, T>(
  number: number,
  query: Field<Query>,
  item: Field<T>,
): ControlEvent<PageRequest<Query>, PageResponse<T>> => ({
  number,
  request: record({ cursor: u32, query }) as Field<PageRequest<Query>>,
  response: record({ cursor: u32, records: list(item, MAX_PAGE_RECORDS) }) as Field<
    PageResponse<T>
  >,
});

export interface PageRequest<Query> {
  readonly cursor: number;
  /** Of no account where the listing goes on. */
  readonly query: Query;
}

export interface PageResponse<T> {
  readonly cursor: number;
  readonly records: readonly T[];
}

const found = record({ found: flag });

export const EVENTS = {
  summary: { number: 1, request: nothing, response: serverSummary },
  connections: page(2, nothing, connectionRecord),
  sessions: page(3, filter, sessionRecord),
  opens: page(4, openQuery, openRecord),
  closeOpen: { number: 5, request: record({ openId: whole }), response: found },
  closeSession: { number: 6, request: record({ sessionId: whole }), response: found },
} as const;
export type EventName = keyof typeof EVENTS;

export const FAILURE = 0xffff;
export const failure = record({
  reason: oneOf(
    /** The header bears another version; the answer's header tells the server's. */
    'version',
    'unknown-event',
    'malformed',
    /** No such listing: it has ended, or newer ones took its place. */
    'cursor',
    /** The server is starting or ending. */
    'not-ready',
    'internal-error',
    /** More questions at once than it takes. */
    'busy',
  ),
});
export type FailureReason = Value<typeof failure>['reason'];

const Header = struct('control frame', 'length, version, event, sequence', {
  length: wireU32,
  version: wireU16,
  event: wireU16,
  sequence: wireU32,
});

export interface Frame {
  readonly version: number;
  readonly event: number;
  readonly sequence: number;
  readonly body: Buffer;
}

export function encodeFrame<T>(
  event: number,
  sequence: number,
  field: Field<T>,
  value: T,
  version = CONTROL_VERSION,
): Buffer {
  const body = encode(field, value);
  const frame = Header.encode({ length: body.length, version, event, sequence }, body.length);
  body.copy(frame, Header.size);
  return frame;
}

/** Takes chunks as they come and gives frames; throws WireError at one that is too long. */
export class FrameBuffer {
  readonly #maxBodyBytes: number;
  #chunks: Buffer[] = [];
  #length = 0;
  #wanted = Header.size;

  constructor(maxBodyBytes: number) {
    this.#maxBodyBytes = maxBodyBytes;
  }

  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const frames: Frame[] = [];
    while (this.#length >= this.#wanted) {
      const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
      const { length, ...head } = Header.read(all);
      if (length > this.#maxBodyBytes) throw new WireError(Header.name, `${length} bytes`);
      const end = Header.size + length;
      if (all.length < end) {
        this.#keep(all, end);
        break;
      }
      frames.push({ ...head, body: all.subarray(Header.size, end) });
      this.#keep(all.subarray(end), Header.size);
    }
    return frames;
  }

  #keep(rest: Buffer, wanted: number): void {
    this.#chunks = [rest];
    this.#length = rest.length;
    this.#wanted = wanted;
  }
}
