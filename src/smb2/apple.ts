/**
 * MS-SMB2 2.2.13.2 leaves room for other vendors' create contexts. "AAPL" is the one by which Apple's
 * clients learn what else a server can do; no specification has it but examples in "Time Machine over
 * SMB", and what clients send. Integers are little-endian, as around it.
 */
import { struct, u32, u64, type Wire } from '../wire/struct.ts';
import { align8, slice, utf16, utf16Bytes } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';

const SERVER_QUERY = 1;
const RESOLVE_ID = 2;

/** What a query asks for, and an answer holds, in this order. */
export const AppleQuery = { SERVER_CAPS: 1n, VOLUME_CAPS: 2n, MODEL_INFO: 4n } as const;

/** Of a client and of a server. */
export const AppleCapability = {
  /** Listings tell of each name what else the client would ask for; see fscc/directory-information.ts. */
  READ_DIR_ATTR: 1n,
  /** FSCTL_SRV_COPYCHUNK without chunks copies a whole file. */
  OSX_COPYFILE: 2n,
  /** Files have a POSIX mode. */
  UNIX_BASED: 4n,
  /** Owner, group and mode stand in ACLs, as S-1-5-88-1, -2 and -3. */
  NFS_ACE: 8n,
  /** Listings tell of each name also whether it has any stream. A server says this or READ_DIR_ATTR. */
  READ_DIR_ATTR_V2: 0x10n,
} as const;

export const AppleVolume = {
  /** The path of a file's id may be asked for. */
  RESOLVE_ID: 1n,
  CASE_SENSITIVE: 2n,
  /** FLUSH goes down to the disk, as F_FULLFSYNC. Time Machine wants it. */
  FULL_SYNC: 4n,
} as const;

const Request = struct('AAPL server query', 'Apple', {
  command: u32,
  reserved: u32,
  requestBitmap: u64,
  clientCapabilities: u64,
});
export type AppleServerQuery = Pick<Wire<typeof Request>, 'requestBitmap' | 'clientCapabilities'>;

export function decodeAppleServerQuery(data: Buffer): AppleServerQuery {
  if (data.length !== Request.size) throw new WireError(Request.name, `${data.length} bytes`);
  const { command, requestBitmap, clientCapabilities } = Request.read(data);
  if (command !== SERVER_QUERY) throw new WireError(Request.name, `command ${command}`);
  return { requestBitmap, clientCapabilities };
}

export const encodeAppleServerQuery = (v: AppleServerQuery): Buffer =>
  Request.encode({ ...v, command: SERVER_QUERY, reserved: 0 });

const ResolveRequest = struct('AAPL resolve ID', 'Apple', {
  command: u32,
  reserved: u32,
  fileId: u64,
});
export type AppleResolveRequest = Pick<Wire<typeof ResolveRequest>, 'fileId'>;

export function decodeAppleResolveRequest(data: Buffer): AppleResolveRequest {
  if (data.length !== ResolveRequest.size) {
    throw new WireError(ResolveRequest.name, `${data.length} bytes`);
  }
  const { command, fileId } = ResolveRequest.read(data);
  if (command !== RESOLVE_ID) throw new WireError(ResolveRequest.name, `command ${command}`);
  return { fileId };
}

export const encodeAppleResolveRequest = (v: AppleResolveRequest): Buffer =>
  ResolveRequest.encode({ ...v, command: RESOLVE_ID, reserved: 0 });

/** What is asked: which of the two a context is, its first number says. */
export type AppleQuestion =
  | ({ readonly kind: 'server' } & AppleServerQuery)
  | ({ readonly kind: 'path' } & AppleResolveRequest);

export function decodeAppleQuestion(data: Buffer): AppleQuestion {
  const isPath = data.length === ResolveRequest.size && data.readUInt32LE(0) === RESOLVE_ID;
  return isPath
    ? { kind: 'path', ...decodeAppleResolveRequest(data) }
    : { kind: 'server', ...decodeAppleServerQuery(data) };
}

const Resolved = struct('AAPL resolved ID', 'Apple', {
  command: u32,
  reserved: u32,
  status: u32,
  pathBytes: u32,
});

export interface AppleResolveAnswer {
  readonly status: number;
  readonly path: string;
}

export function encodeAppleResolveAnswer({ status, path }: AppleResolveAnswer): Buffer {
  const name = utf16Bytes(path);
  const fixed = Resolved.encode({
    command: RESOLVE_ID,
    reserved: 0,
    status,
    pathBytes: name.length,
  });
  return Buffer.concat([fixed, name], align8(fixed.length + name.length));
}

export function decodeAppleResolveAnswer(data: Buffer): AppleResolveAnswer {
  const { command, status, pathBytes } = Resolved.read(data);
  if (command !== RESOLVE_ID) throw new WireError(Resolved.name, `command ${command}`);
  const bytes = slice(data, Resolved.size, pathBytes, Resolved.size, Resolved.name);
  return { status, path: utf16(bytes, Resolved.name) };
}

/** Undefined: not asked for. */
export interface AppleServerAnswer {
  readonly serverCapabilities: bigint | undefined;
  readonly volumeCapabilities: bigint | undefined;
  readonly model: string | undefined;
}

const Head = struct('AAPL server answer', 'Apple', { command: u32, reserved: u32, bitmap: u64 });
const Capabilities = struct('AAPL capabilities', 'Apple', { value: u64 });
const Model = struct('AAPL model', 'Apple', { padding: u32, bytes: u32 });

export function encodeAppleServerAnswer(v: AppleServerAnswer): Buffer {
  const { SERVER_CAPS, VOLUME_CAPS, MODEL_INFO } = AppleQuery;
  const parts: Buffer[] = [];
  let bitmap = 0n;
  if (v.serverCapabilities !== undefined) {
    bitmap |= SERVER_CAPS;
    parts.push(Capabilities.encode({ value: v.serverCapabilities }));
  }
  if (v.volumeCapabilities !== undefined) {
    bitmap |= VOLUME_CAPS;
    parts.push(Capabilities.encode({ value: v.volumeCapabilities }));
  }
  if (v.model !== undefined) {
    bitmap |= MODEL_INFO;
    const name = utf16Bytes(v.model);
    const fixed = Model.encode({ padding: 0, bytes: name.length });
    const end = align8(fixed.length + name.length);
    parts.push(Buffer.concat([fixed, name], end));
  }
  return Buffer.concat([Head.encode({ command: SERVER_QUERY, reserved: 0, bitmap }), ...parts]);
}

export function decodeAppleServerAnswer(data: Buffer): AppleServerAnswer {
  const { command, bitmap } = Head.read(data);
  if (command !== SERVER_QUERY) throw new WireError(Head.name, `command ${command}`);
  let at = Head.size;
  const capabilities = (bit: bigint): bigint | undefined => {
    if ((bitmap & bit) === 0n) return undefined;
    const { value } = Capabilities.read(data, at);
    at += Capabilities.size;
    return value;
  };
  const serverCapabilities = capabilities(AppleQuery.SERVER_CAPS);
  const volumeCapabilities = capabilities(AppleQuery.VOLUME_CAPS);
  let model: string | undefined;
  if ((bitmap & AppleQuery.MODEL_INFO) !== 0n) {
    const { bytes } = Model.read(data, at);
    model = utf16(slice(data, at + Model.size, bytes, at + Model.size, Model.name), Model.name);
  }
  return { serverCapabilities, volumeCapabilities, model };
}
