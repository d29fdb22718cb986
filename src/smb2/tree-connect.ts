/** MS-SMB2 2.2.9 and 2.2.10: TREE_CONNECT. */
import { is, pad, struct, u8, u16, u32, type Wire } from '../wire/struct.ts';
import { slice, utf16, utf16Bytes } from '../wire/tail.ts';
import { behind, withBuffer } from './body.ts';
import { HEADER_SIZE } from './header.ts';

/** Flags of the request, SMB 3.1.1 only; below they are reserved. */
export const SMB2_TREE_CONNECT_FLAG_CLUSTER_RECONNECT = 0x0001;
export const SMB2_TREE_CONNECT_FLAG_REDIRECT_TO_OWNER = 0x0002;
export const SMB2_TREE_CONNECT_FLAG_EXTENSION_PRESENT = 0x0004;

const Request = struct('SMB2 TREE_CONNECT Request', '2.2.9', {
  structureSize: is(u16, 9),
  flags: u16,
  pathOffset: u16,
  pathLength: u16,
});
const PATH_AT = behind(Request);

export interface TreeConnectRequest {
  readonly flags: number;
  /** `\\server\share`, as the client wrote it. */
  readonly path: string;
}

/**
 * With EXTENSION_PRESENT (2.2.9.1) the path stands behind the extension, where PathOffset says. The
 * extension's contexts carry remoted identities, which nothing here accepts; they are passed over.
 */
export function decodeTreeConnectRequest(message: Buffer): TreeConnectRequest {
  const { flags, pathOffset, pathLength } = Request.read(message, HEADER_SIZE);
  const path = slice(message, pathOffset, pathLength, PATH_AT, Request.name);
  return { flags, path: utf16(path, Request.name) };
}

export function encodeTreeConnectRequest(v: TreeConnectRequest): Buffer {
  const path = utf16Bytes(v.path);
  return withBuffer(
    Request,
    { flags: v.flags, pathOffset: PATH_AT, pathLength: path.length },
    path,
  );
}

const Response = struct('SMB2 TREE_CONNECT Response', '2.2.10', {
  structureSize: is(u16, 16),
  shareType: u8,
  reserved: pad(1),
  shareFlags: u32,
  capabilities: u32,
  maximalAccess: u32,
});
export type TreeConnectResponse = Wire<typeof Response>;

export const decodeTreeConnectResponse = (message: Buffer): TreeConnectResponse =>
  Response.read(message, HEADER_SIZE);
export const encodeTreeConnectResponse = (v: TreeConnectResponse): Buffer => Response.encode(v);
