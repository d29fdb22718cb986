/** MS-SMB2 2.2.13 and 2.2.14: CREATE. Its constants are in create-options.ts. */
import { id64, is, pad, struct, u8, u16, u32, u64, type Wire } from '../wire/struct.ts';
import { align8, slice, utf16, utf16Bytes } from '../wire/tail.ts';
import { behind } from './body.ts';
import {
  type CreateContext,
  decodeCreateContexts,
  encodeCreateContexts,
} from './create-contexts.ts';
import { HEADER_SIZE } from './header.ts';

const Request = struct('SMB2 CREATE Request', '2.2.13', {
  structureSize: is(u16, 57),
  securityFlags: pad(1),
  requestedOplockLevel: u8,
  impersonationLevel: u32,
  smbCreateFlags: pad(8),
  reserved: pad(8),
  desiredAccess: u32,
  fileAttributes: u32,
  shareAccess: u32,
  createDisposition: u32,
  createOptions: u32,
  nameOffset: u16,
  nameLength: u16,
  createContextsOffset: u32,
  createContextsLength: u32,
});
const REQUEST_BUFFER_AT = behind(Request);
type RequestTail = 'nameOffset' | 'nameLength' | 'createContextsOffset' | 'createContextsLength';

export interface CreateRequest extends Omit<Wire<typeof Request>, RequestTail> {
  /** As the client wrote it: relative to the share's root, backslashes, perhaps a stream. */
  readonly name: string;
  readonly createContexts: readonly CreateContext[];
}

export function decodeCreateRequest(message: Buffer): CreateRequest {
  const fixed = Request.read(message, HEADER_SIZE);
  const { nameOffset, nameLength, createContextsOffset, createContextsLength } = fixed;
  const name = slice(message, nameOffset, nameLength, REQUEST_BUFFER_AT, Request.name);
  const contexts = slice(
    message,
    createContextsOffset,
    createContextsLength,
    REQUEST_BUFFER_AT,
    Request.name,
  );
  // Field by field: to leave four of them out of a copy costs more than all the rest.
  return {
    requestedOplockLevel: fixed.requestedOplockLevel,
    impersonationLevel: fixed.impersonationLevel,
    desiredAccess: fixed.desiredAccess,
    fileAttributes: fixed.fileAttributes,
    shareAccess: fixed.shareAccess,
    createDisposition: fixed.createDisposition,
    createOptions: fixed.createOptions,
    name: utf16(name, Request.name),
    createContexts: decodeCreateContexts(contexts),
  };
}

export function encodeCreateRequest(v: CreateRequest): Buffer {
  const name = utf16Bytes(v.name);
  const contexts = encodeCreateContexts(v.createContexts);
  const contextsAt = align8(REQUEST_BUFFER_AT + name.length);
  const end = contexts.length > 0 ? contextsAt + contexts.length : REQUEST_BUFFER_AT + name.length;
  const body = Buffer.alloc(Math.max(end, REQUEST_BUFFER_AT + 1) - HEADER_SIZE);
  Request.write(body, {
    ...v,
    nameOffset: REQUEST_BUFFER_AT,
    nameLength: name.length,
    createContextsOffset: contexts.length > 0 ? contextsAt : 0,
    createContextsLength: contexts.length,
  });
  body.set(name, REQUEST_BUFFER_AT - HEADER_SIZE);
  if (contexts.length > 0) body.set(contexts, contextsAt - HEADER_SIZE);
  return body;
}

const Response = struct('SMB2 CREATE Response', '2.2.14', {
  structureSize: is(u16, 89),
  oplockLevel: u8,
  flags: u8,
  createAction: u32,
  creationTime: u64,
  lastAccessTime: u64,
  lastWriteTime: u64,
  changeTime: u64,
  allocationSize: id64,
  endOfFile: id64,
  fileAttributes: u32,
  reserved2: pad(4),
  persistentId: id64,
  volatileId: id64,
  createContextsOffset: u32,
  createContextsLength: u32,
});
const RESPONSE_BUFFER_AT = behind(Response);
/** Behind StructureSize, OplockLevel and Flags. */
const CREATE_ACTION_AT = 4;

/** Of an encoded response, without its header. */
export const createActionIn = (body: Buffer): number => body.readUInt32LE(CREATE_ACTION_AT);

export interface CreateResponse
  extends Omit<Wire<typeof Response>, 'createContextsOffset' | 'createContextsLength'> {
  readonly createContexts: readonly CreateContext[];
}

export function decodeCreateResponse(message: Buffer): CreateResponse {
  const { createContextsOffset, createContextsLength, ...rest } = Response.read(
    message,
    HEADER_SIZE,
  );
  const contexts = slice(
    message,
    createContextsOffset,
    createContextsLength,
    RESPONSE_BUFFER_AT,
    Response.name,
  );
  return { ...rest, createContexts: decodeCreateContexts(contexts) };
}

/** The fixed part of an encoded body, for who has asked for no contexts. */
export const readCreateResponseBody = (body: Buffer) => Response.read(body);

/** Without contexts the body is the fixed 88 bytes, as Windows sends it. */
export function encodeCreateResponse(v: CreateResponse): Buffer {
  const contexts = encodeCreateContexts(v.createContexts);
  const body = Buffer.allocUnsafe(Response.size + contexts.length);
  Response.write(body, {
    ...v,
    createContextsOffset: contexts.length > 0 ? RESPONSE_BUFFER_AT : 0,
    createContextsLength: contexts.length,
  });
  body.set(contexts, Response.size);
  return body;
}
