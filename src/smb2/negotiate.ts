/** MS-SMB2 2.2.3 and 2.2.4: NEGOTIATE. Constants are in dialect.ts and capabilities.ts. */
import { guid, is, pad, struct, u16, u32, u64, type Wire } from '../wire/struct.ts';
import { align8, slice } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import { behind } from './body.ts';
import { Dialect } from './dialect.ts';
import { HEADER_SIZE } from './header.ts';
import {
  decodeNegotiateContexts,
  encodeNegotiateContexts,
  type NegotiateContext,
} from './negotiate-contexts.ts';

/** Five revisions exist; clients send all they know. */
export const MAX_DIALECTS = 64;

const Request = struct('SMB2 NEGOTIATE Request', '2.2.3', {
  structureSize: is(u16, 36),
  dialectCount: u16,
  securityMode: u16,
  reserved: pad(2),
  capabilities: u32,
  clientGuid: guid,
  negotiateContextOffset: u32,
  negotiateContextCount: u16,
  reserved2: pad(2),
});
const DIALECTS_AT = behind(Request);

export interface NegotiateRequest {
  readonly securityMode: number;
  readonly capabilities: number;
  readonly clientGuid: Buffer;
  /** In the client's order; may hold revisions that nobody knows, and may be empty (3.3.5.4). */
  readonly dialects: readonly number[];
  /** Empty unless the dialects contain 0x0311. */
  readonly negotiateContexts: readonly NegotiateContext[];
}

export function decodeNegotiateRequest(message: Buffer): NegotiateRequest {
  const fixed = Request.read(message, HEADER_SIZE);
  if (fixed.dialectCount > MAX_DIALECTS) {
    throw new WireError(Request.name, `${fixed.dialectCount} dialects`);
  }
  const list = slice(message, DIALECTS_AT, fixed.dialectCount * 2, DIALECTS_AT, Request.name);
  const dialects: number[] = [];
  for (let i = 0; i < list.length; i += 2) dialects.push(list.readUInt16LE(i));
  return {
    securityMode: fixed.securityMode,
    capabilities: fixed.capabilities,
    clientGuid: fixed.clientGuid,
    dialects,
    // Without 3.1.1 these bytes are ClientStartTime.
    negotiateContexts: dialects.includes(Dialect.SMB3_11)
      ? decodeNegotiateContexts(
          message,
          fixed.negotiateContextOffset,
          fixed.negotiateContextCount,
          DIALECTS_AT + list.length,
        )
      : [],
  };
}

export function encodeNegotiateRequest(v: NegotiateRequest): Buffer {
  const contexts = encodeNegotiateContexts(v.negotiateContexts);
  const dialectsEnd = DIALECTS_AT + v.dialects.length * 2;
  const contextsAt = align8(dialectsEnd);
  const end = contexts.length > 0 ? contextsAt + contexts.length : dialectsEnd;
  const body = Buffer.alloc(end - HEADER_SIZE);
  Request.write(body, {
    dialectCount: v.dialects.length,
    securityMode: v.securityMode,
    capabilities: v.capabilities,
    clientGuid: v.clientGuid,
    negotiateContextOffset: contexts.length > 0 ? contextsAt : 0,
    negotiateContextCount: v.negotiateContexts.length,
  });
  v.dialects.forEach((dialect, i) => {
    body.writeUInt16LE(dialect, Request.size + 2 * i);
  });
  if (contexts.length > 0) body.set(contexts, contextsAt - HEADER_SIZE);
  return body;
}

const Response = struct('SMB2 NEGOTIATE Response', '2.2.4', {
  structureSize: is(u16, 65),
  securityMode: u16,
  dialectRevision: u16,
  negotiateContextCount: u16,
  serverGuid: guid,
  capabilities: u32,
  maxTransactSize: u32,
  maxReadSize: u32,
  maxWriteSize: u32,
  systemTime: u64,
  serverStartTime: u64,
  securityBufferOffset: u16,
  securityBufferLength: u16,
  negotiateContextOffset: u32,
});
const SECURITY_BUFFER_AT = behind(Response);
type ResponseTail =
  | 'negotiateContextCount'
  | 'negotiateContextOffset'
  | 'securityBufferOffset'
  | 'securityBufferLength';

export interface NegotiateResponse extends Omit<Wire<typeof Response>, ResponseTail> {
  /** The GSS token of the server's first hint, a view. */
  readonly securityBuffer: Buffer;
  /** Empty unless DialectRevision is 0x0311. */
  readonly negotiateContexts: readonly NegotiateContext[];
}

export function decodeNegotiateResponse(message: Buffer): NegotiateResponse {
  const {
    negotiateContextCount,
    negotiateContextOffset,
    securityBufferOffset,
    securityBufferLength,
    ...rest
  } = Response.read(message, HEADER_SIZE);
  const securityBuffer = slice(
    message,
    securityBufferOffset,
    securityBufferLength,
    SECURITY_BUFFER_AT,
    Response.name,
  );
  const negotiateContexts =
    rest.dialectRevision === Dialect.SMB3_11
      ? decodeNegotiateContexts(
          message,
          negotiateContextOffset,
          negotiateContextCount,
          SECURITY_BUFFER_AT,
        )
      : [];
  return { ...rest, securityBuffer, negotiateContexts };
}

export function encodeNegotiateResponse(v: NegotiateResponse): Buffer {
  const contexts = encodeNegotiateContexts(v.negotiateContexts);
  const tokenEnd = SECURITY_BUFFER_AT + v.securityBuffer.length;
  const contextsAt = align8(tokenEnd);
  const end = contexts.length > 0 ? contextsAt + contexts.length : tokenEnd;
  const body = Buffer.alloc(Math.max(end, SECURITY_BUFFER_AT + 1) - HEADER_SIZE);
  Response.write(body, {
    ...v,
    negotiateContextCount: v.negotiateContexts.length,
    securityBufferOffset: SECURITY_BUFFER_AT,
    securityBufferLength: v.securityBuffer.length,
    negotiateContextOffset: contexts.length > 0 ? contextsAt : 0,
  });
  body.set(v.securityBuffer, Response.size);
  if (contexts.length > 0) body.set(contexts, contextsAt - HEADER_SIZE);
  return body;
}
