/** MS-SMB2 2.2.5 and 2.2.6: SESSION_SETUP. */
import { id64, is, pad, struct, u8, u16, u32 } from '../wire/struct.ts';
import { slice } from '../wire/tail.ts';
import { behind, withBuffer } from './body.ts';
import { HEADER_SIZE } from './header.ts';

/** Flags of the request: binds an existing session to this connection. */
export const SMB2_SESSION_FLAG_BINDING = 0x01;

/** SessionFlags of the response. */
export const SMB2_SESSION_FLAG_IS_GUEST = 0x0001;
export const SMB2_SESSION_FLAG_IS_NULL = 0x0002;
export const SMB2_SESSION_FLAG_ENCRYPT_DATA = 0x0004;

const Request = struct('SMB2 SESSION_SETUP Request', '2.2.5', {
  structureSize: is(u16, 25),
  flags: u8,
  securityMode: u8,
  capabilities: u32,
  channel: pad(4),
  securityBufferOffset: u16,
  securityBufferLength: u16,
  previousSessionId: id64,
});
const REQUEST_BUFFER_AT = behind(Request);

export interface SessionSetupRequest {
  readonly flags: number;
  readonly securityMode: number;
  readonly capabilities: number;
  readonly previousSessionId: number;
  /** The GSS token, a view. */
  readonly securityBuffer: Buffer;
}

export function decodeSessionSetupRequest(message: Buffer): SessionSetupRequest {
  const { securityBufferOffset, securityBufferLength, ...rest } = Request.read(
    message,
    HEADER_SIZE,
  );
  const securityBuffer = slice(
    message,
    securityBufferOffset,
    securityBufferLength,
    REQUEST_BUFFER_AT,
    Request.name,
  );
  return { ...rest, securityBuffer };
}

export const encodeSessionSetupRequest = (v: SessionSetupRequest): Buffer =>
  withBuffer(
    Request,
    {
      flags: v.flags,
      securityMode: v.securityMode,
      capabilities: v.capabilities,
      previousSessionId: v.previousSessionId,
      securityBufferOffset: REQUEST_BUFFER_AT,
      securityBufferLength: v.securityBuffer.length,
    },
    v.securityBuffer,
  );

const Response = struct('SMB2 SESSION_SETUP Response', '2.2.6', {
  structureSize: is(u16, 9),
  sessionFlags: u16,
  securityBufferOffset: u16,
  securityBufferLength: u16,
});
const RESPONSE_BUFFER_AT = behind(Response);

export interface SessionSetupResponse {
  readonly sessionFlags: number;
  readonly securityBuffer: Buffer;
}

export function decodeSessionSetupResponse(message: Buffer): SessionSetupResponse {
  const fixed = Response.read(message, HEADER_SIZE);
  return {
    sessionFlags: fixed.sessionFlags,
    securityBuffer: slice(
      message,
      fixed.securityBufferOffset,
      fixed.securityBufferLength,
      RESPONSE_BUFFER_AT,
      Response.name,
    ),
  };
}

/** The offset is written for an empty buffer too: libsmbclient refuses 0 there. */
export const encodeSessionSetupResponse = (v: SessionSetupResponse): Buffer =>
  withBuffer(
    Response,
    {
      sessionFlags: v.sessionFlags,
      securityBufferOffset: RESPONSE_BUFFER_AT,
      securityBufferLength: v.securityBuffer.length,
    },
    v.securityBuffer,
  );
