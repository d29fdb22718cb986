/**
 * MS-SMB2 2.2.3.1 and 2.2.4.1: negotiate contexts, SMB 3.1.1. Requests and responses use one form. The
 * list keeps order and duplicates, since receivers must refuse some kinds that come twice.
 */
import { pad, struct, u16, u32 } from '../wire/struct.ts';
import { align8, slice, utf16, utf16Bytes } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';

export const NegotiateContextType = {
  PREAUTH_INTEGRITY_CAPABILITIES: 0x0001,
  ENCRYPTION_CAPABILITIES: 0x0002,
  COMPRESSION_CAPABILITIES: 0x0003,
  NETNAME_NEGOTIATE_CONTEXT_ID: 0x0005,
  TRANSPORT_CAPABILITIES: 0x0006,
  RDMA_TRANSFORM_CAPABILITIES: 0x0007,
  SIGNING_CAPABILITIES: 0x0008,
  /** SMB2_CONTEXTTYPE_RESERVED; the SMB3 POSIX extensions. */
  POSIX_EXTENSIONS: 0x0100,
} as const;

export const HashAlgorithm = { SHA_512: 0x0001 } as const;
export const Cipher = {
  AES_128_CCM: 0x0001,
  AES_128_GCM: 0x0002,
  AES_256_CCM: 0x0003,
  AES_256_GCM: 0x0004,
} as const;
export const SigningAlgorithm = {
  HMAC_SHA256: 0x0000,
  AES_CMAC: 0x0001,
  AES_GMAC: 0x0002,
} as const;
export const CompressionAlgorithm = {
  NONE: 0x0000,
  LZNT1: 0x0001,
  LZ77: 0x0002,
  LZ77_HUFFMAN: 0x0003,
  PATTERN_V1: 0x0004,
  LZ4: 0x0005,
} as const;
export const SMB2_COMPRESSION_CAPABILITIES_FLAG_CHAINED = 0x00000001;
export const SMB2_ACCEPT_TRANSPORT_LEVEL_SECURITY = 0x00000001;
export const RdmaTransform = { NONE: 0x0000, ENCRYPTION: 0x0001, SIGNING: 0x0002 } as const;

/** The content of the POSIX context, there being but one version. */
export const POSIX_EXTENSIONS_TAG = Buffer.from('93ad25509cb411e7b42383de968bcd7c', 'hex');

/** The versions that a client knows, 16 bytes each; undefined for what is no list of them. */
export function decodePosixExtensions(data: Buffer): Buffer[] | undefined {
  const bytes = POSIX_EXTENSIONS_TAG.length;
  if (data.length % bytes !== 0) return undefined;
  return Array.from({ length: data.length / bytes }, (_, i) =>
    data.subarray(i * bytes, (i + 1) * bytes),
  );
}

export interface NegotiateContext {
  readonly type: number;
  /** A view when decoded. */
  readonly data: Buffer;
}

/** There are 8 kinds; the rest is room for kinds to come. */
export const MAX_NEGOTIATE_CONTEXTS = 32;

const Context = struct('SMB2_NEGOTIATE_CONTEXT', '2.2.3.1', {
  contextType: u16,
  dataLength: u16,
  reserved: pad(4),
});

/** Reads `count` contexts from `offset` of the message, each at the next multiple of 8. */
export function decodeNegotiateContexts(
  message: Buffer,
  offset: number,
  count: number,
  minimum: number,
): NegotiateContext[] {
  if (count > MAX_NEGOTIATE_CONTEXTS) throw new WireError(Context.name, `${count} contexts`);
  if (count > 0 && (offset % 8 !== 0 || offset < minimum)) {
    throw new WireError(Context.name, `the list starts at ${offset}`);
  }
  const contexts: NegotiateContext[] = [];
  let at = offset;
  for (let i = 0; i < count; i++) {
    const { contextType, dataLength } = Context.read(message, at);
    const dataAt = at + Context.size;
    contexts.push({
      type: contextType,
      data: slice(message, dataAt, dataLength, dataAt, Context.name),
    });
    at = align8(dataAt + dataLength);
  }
  return contexts;
}

/** The list as it stands at an 8-aligned offset; the last context is not padded. */
export function encodeNegotiateContexts(contexts: readonly NegotiateContext[]): Buffer {
  const parts = contexts.map(({ type, data }, i) => {
    const end = Context.size + data.length;
    const part = Buffer.alloc(i === contexts.length - 1 ? end : align8(end));
    part.set(data, Context.write(part, { contextType: type, dataLength: data.length }));
    return part;
  });
  return Buffer.concat(parts);
}

/** The data of every context of this kind; more than one is an error for kinds 1 to 3 and 6 to 8. */
export const negotiateContextsOf = (
  contexts: readonly NegotiateContext[],
  type: number,
): Buffer[] => contexts.filter((context) => context.type === type).map(({ data }) => data);

function decodeIds(data: Buffer, at: number, count: number, structure: string): number[] {
  const list = slice(data, at, count * 2, at, structure);
  const ids: number[] = [];
  for (let i = 0; i < list.length; i += 2) ids.push(list.readUInt16LE(i));
  return ids;
}

function encodeIds(ids: readonly number[]): Buffer {
  const list = Buffer.alloc(ids.length * 2);
  ids.forEach((id, i) => {
    list.writeUInt16LE(id, i * 2);
  });
  return list;
}

export interface PreauthIntegrityCapabilities {
  readonly hashAlgorithms: readonly number[];
  readonly salt: Buffer;
}
const Preauth = struct('SMB2_PREAUTH_INTEGRITY_CAPABILITIES', '2.2.3.1.1', {
  hashAlgorithmCount: u16,
  saltLength: u16,
});
export function decodePreauthIntegrityCapabilities(data: Buffer): PreauthIntegrityCapabilities {
  const { hashAlgorithmCount, saltLength } = Preauth.read(data);
  const hashAlgorithms = decodeIds(data, Preauth.size, hashAlgorithmCount, Preauth.name);
  const saltAt = Preauth.size + 2 * hashAlgorithmCount;
  return { hashAlgorithms, salt: slice(data, saltAt, saltLength, saltAt, Preauth.name) };
}
export const encodePreauthIntegrityCapabilities = (v: PreauthIntegrityCapabilities): Buffer =>
  Buffer.concat([
    Preauth.encode({ hashAlgorithmCount: v.hashAlgorithms.length, saltLength: v.salt.length }),
    encodeIds(v.hashAlgorithms),
    v.salt,
  ]);

const IdList = struct('SMB2_ENCRYPTION_CAPABILITIES', '2.2.3.1.2', { count: u16 });
const decodeIdList = (data: Buffer): number[] =>
  decodeIds(data, IdList.size, IdList.read(data).count, IdList.name);
const encodeIdList = (ids: readonly number[]): Buffer =>
  Buffer.concat([IdList.encode({ count: ids.length }), encodeIds(ids)]);

/** 2.2.3.1.2: cipher ids, the most preferred first. */
export const decodeEncryptionCapabilities = decodeIdList;
export const encodeEncryptionCapabilities = encodeIdList;
/** 2.2.3.1.7: signing algorithm ids, the most preferred first. */
export const decodeSigningCapabilities = decodeIdList;
export const encodeSigningCapabilities = encodeIdList;

export interface CompressionCapabilities {
  readonly flags: number;
  readonly compressionAlgorithms: readonly number[];
}
const Compression = struct('SMB2_COMPRESSION_CAPABILITIES', '2.2.3.1.3', {
  compressionAlgorithmCount: u16,
  padding: pad(2),
  flags: u32,
});
export function decodeCompressionCapabilities(data: Buffer): CompressionCapabilities {
  const { compressionAlgorithmCount, flags } = Compression.read(data);
  return {
    flags,
    compressionAlgorithms: decodeIds(
      data,
      Compression.size,
      compressionAlgorithmCount,
      Compression.name,
    ),
  };
}
export const encodeCompressionCapabilities = (v: CompressionCapabilities): Buffer =>
  Buffer.concat([
    Compression.encode({
      flags: v.flags,
      compressionAlgorithmCount: v.compressionAlgorithms.length,
    }),
    encodeIds(v.compressionAlgorithms),
  ]);

/** 2.2.3.1.4: the server's name as the user wrote it. */
export const decodeNetname = (data: Buffer): string =>
  utf16(data, 'SMB2_NETNAME_NEGOTIATE_CONTEXT_ID');
export const encodeNetname = (name: string): Buffer => utf16Bytes(name);

const Transport = struct('SMB2_TRANSPORT_CAPABILITIES', '2.2.3.1.5', { flags: u32 });
export const decodeTransportCapabilities = (data: Buffer): number => Transport.read(data).flags;
export const encodeTransportCapabilities = (flags: number): Buffer => Transport.encode({ flags });

const Rdma = struct('SMB2_RDMA_TRANSFORM_CAPABILITIES', '2.2.3.1.6', {
  transformCount: u16,
  reserved1: pad(2),
  reserved2: pad(4),
});
export const decodeRdmaTransformCapabilities = (data: Buffer): number[] =>
  decodeIds(data, Rdma.size, Rdma.read(data).transformCount, Rdma.name);
export const encodeRdmaTransformCapabilities = (ids: readonly number[]): Buffer =>
  Buffer.concat([Rdma.encode({ transformCount: ids.length }), encodeIds(ids)]);
