/**
 * What is said between the control plane and the process that calls the GSS library (program.ts): one order
 * at a time, and its answer, each in a frame of its own. Both sides read what they get as a stranger's.
 */
import {
  blob,
  decode,
  encode,
  type Field,
  flag,
  maybe,
  oneOf,
  record,
  text,
  u16,
  u32,
  type Value,
  variant,
  whole,
} from '../ipc/fields.ts';

/** A frame's length goes before it. */
export const FRAME_HEAD_BYTES = 4;
/** Windows makes tokens of 48,000 bytes at most; an answer has one, a PAC of that size, and names. */
const MAXIMUM_BLOB_BYTES = 65_535;
export const MAXIMUM_FRAME_BYTES = 4 * MAXIMUM_BLOB_BYTES;
/** As gss_localname gives them; a principal of two components and its realm have 255 bytes in practice. */
export const MAXIMUM_NAME_BYTES = 1024;
/** A line for the log. */
export const MAXIMUM_REASON_BYTES = 2048;

/** Of a message of RPC's, each of which is one fragment: 5,840 bytes at most (rpc/pdu.ts). */
const MAXIMUM_PART_BYTES = 8192;

const bytes = blob(MAXIMUM_BLOB_BYTES);
const part = blob(MAXIMUM_PART_BYTES);
/** Of one fragment: what is sealed, and what around it is signed alone. */
const parts = { before: part, data: part, behind: part };
const name = text(MAXIMUM_NAME_BYTES);

const order = variant({
  accept: record({ context: u32, token: bytes }),
  sign: record({ context: u32, message: bytes }),
  verify: record({ context: u32, message: bytes, mic: bytes }),
  sizes: record({ context: u32 }),
  seal: record({ context: u32, ...parts }),
  unseal: record({ context: u32, ...parts, token: part }),
  release: record({ context: u32 }),
});
export type GssOrder = Value<typeof order>;

const peer = record({
  principal: name,
  localName: maybe(name),
  sessionKey: bytes,
  endsAtSeconds: whole,
  pac: maybe(bytes),
});

const answer = variant({
  /** The first of all: the library works, and the keys are there. */
  ready: record({}),
  accepted: record({ token: bytes, peer: maybe(peer) }),
  signed: record({ mic: bytes }),
  verified: record({ right: flag, inOrder: flag }),
  sizes: record({ sealed: u16, signed: u16 }),
  sealed: record({ data: part, token: part }),
  unsealed: record({ data: maybe(part) }),
  released: record({}),
  failed: record({
    reason: oneOf('expired', 'replay', 'clock-skew', 'other'),
    message: text(MAXIMUM_REASON_BYTES),
  }),
});
export type GssAnswer = Value<typeof answer>;

function frame<T>(field: Field<T>, value: T): Buffer {
  const body = encode(field, value);
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUInt32LE(body.length);
  return Buffer.concat([head, body]);
}

export const frameOfOrder = (value: GssOrder): Buffer => frame(order, value);
export const frameOfAnswer = (value: GssAnswer): Buffer => frame(answer, value);
/** Of a frame's content. Throw WireError. */
export const readOrder = (body: Buffer): GssOrder => decode(order, body, 'GSS order');
export const readAnswer = (body: Buffer): GssAnswer => decode(answer, body, 'GSS answer');

/** How the process is told, as its one argument, which keys are the server's. */
export interface GssSetup {
  readonly library?: string | undefined;
  readonly keytab?: string | undefined;
  readonly service?: string | undefined;
}
