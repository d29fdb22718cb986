/**
 * MS-SMB2 2.2.13.2 and 2.2.14.2: create contexts. Here is the list that carries them; what is inside
 * each is in create-context-values.ts. Order is free and unknown names are the receiver's to ignore.
 */
import { pad, struct, u16, u32 } from '../wire/struct.ts';
import { align8, slice } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';

/** Names of four ASCII bytes stand as they are, the 16-byte ones as lower-case hexadecimal. */
export const CreateContextName = {
  EA_BUFFER: 'ExtA',
  SD_BUFFER: 'SecD',
  DURABLE_HANDLE_REQUEST: 'DHnQ',
  DURABLE_HANDLE_RECONNECT: 'DHnC',
  ALLOCATION_SIZE: 'AlSi',
  QUERY_MAXIMAL_ACCESS: 'MxAc',
  TIMEWARP_TOKEN: 'TWrp',
  QUERY_ON_DISK_ID: 'QFid',
  /** Both versions; the length of the data tells them apart. */
  LEASE: 'RqLs',
  DURABLE_HANDLE_REQUEST_V2: 'DH2Q',
  DURABLE_HANDLE_RECONNECT_V2: 'DH2C',
  APP_INSTANCE_ID: '45bca66aefa7f74a9008fa462e144d74',
  APP_INSTANCE_VERSION: 'b982d0b73b56074fa07b524a8116a010',
  SVHDX_OPEN_DEVICE_CONTEXT: '9ccbcf9e04c1e643980e158da1f6ec83',
  /** SMB2_CREATECONTEXT_RESERVED; the SMB3 POSIX extensions. */
  POSIX: '93ad25509cb411e7b42383de968bcd7c',
  /** Apple's extensions; not Microsoft's. */
  AAPL: 'AAPL',
} as const;

export interface CreateContext {
  /** Four printable ASCII characters, or the name's bytes in hexadecimal. */
  readonly name: string;
  /** A view when decoded. */
  readonly data: Buffer;
}

/** There are 16 kinds, and no client sends one twice; the rest is room for kinds to come. */
export const MAX_CREATE_CONTEXTS = 64;

const Entry = struct('SMB2_CREATE_CONTEXT', '2.2.13.2', {
  next: u32,
  nameOffset: u16,
  nameLength: u16,
  reserved: pad(2),
  dataOffset: u16,
  dataLength: u32,
});

/** 3.3.5.9: "The server MUST fail create contexts having a NameLength less than 4". */
const MIN_NAME_LENGTH = 4;

const isPrintable = (byte: number): boolean => byte > 0x20 && byte < 0x7f;

function nameOf(bytes: Buffer): string {
  return bytes.length === 4 && bytes.every(isPrintable)
    ? bytes.toString('latin1')
    : bytes.toString('hex');
}

const nameBytes = (name: string): Buffer => Buffer.from(name, name.length === 4 ? 'latin1' : 'hex');

/** Each entry lies wholly before the next, so the walk only goes forward. */
export function decodeCreateContexts(list: Buffer): CreateContext[] {
  const contexts: CreateContext[] = [];
  let at = 0;
  while (at < list.length) {
    if (contexts.length === MAX_CREATE_CONTEXTS) {
      throw new WireError(Entry.name, `more than ${MAX_CREATE_CONTEXTS} contexts`);
    }
    const fixed = Entry.read(list, at);
    const { next } = fixed;
    if (next !== 0 && (next % 8 !== 0 || next < Entry.size || next >= list.length - at)) {
      throw new WireError(Entry.name, `next is ${next} at ${at} of ${list.length}`);
    }
    const entry = list.subarray(at, next === 0 ? list.length : at + next);
    if (fixed.nameLength < MIN_NAME_LENGTH) {
      throw new WireError(Entry.name, `nameLength is ${fixed.nameLength}`);
    }
    contexts.push({
      name: nameOf(slice(entry, fixed.nameOffset, fixed.nameLength, Entry.size, Entry.name)),
      data: slice(entry, fixed.dataOffset, fixed.dataLength, Entry.size, Entry.name),
    });
    if (next === 0) break;
    at += next;
  }
  return contexts;
}

/** The list, its entries aligned to 8; empty for no contexts. */
export function encodeCreateContexts(contexts: readonly CreateContext[]): Buffer {
  if (contexts.length === 0) return Buffer.alloc(0);
  const entries = contexts.map((context, i) => {
    const name = nameBytes(context.name);
    const dataAt = align8(Entry.size + name.length);
    const end = context.data.length > 0 ? dataAt + context.data.length : Entry.size + name.length;
    const isLast = i === contexts.length - 1;
    const entry = Buffer.alloc(isLast ? end : align8(end));
    Entry.write(entry, {
      next: isLast ? 0 : entry.length,
      nameOffset: Entry.size,
      nameLength: name.length,
      dataOffset: context.data.length > 0 ? dataAt : 0,
      dataLength: context.data.length,
    });
    entry.set(name, Entry.size);
    if (context.data.length > 0) entry.set(context.data, dataAt);
    return entry;
  });
  return Buffer.concat(entries);
}

/** The data of the context of this name; undefined when it is not there. Of several, the first. */
export const findCreateContext = (
  contexts: readonly CreateContext[],
  name: string,
): Buffer | undefined => {
  for (const context of contexts) if (context.name === name) return context.data;
  return undefined;
};
