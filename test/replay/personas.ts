/**
 * Clients as tables: what each of them offers, asks for and leaves out, as far as a server can see it. The
 * scripts of this folder are played by one of them, over one of the protections.
 */
import { randomBytes } from 'node:crypto';
import type { ConnectInput } from '../../src/client/connect.ts';
import type { Answer } from '../../src/client/exchange.ts';
import type { LoginOptions } from '../../src/client/login.ts';
import { CipherId } from '../../src/crypto/cipher.ts';
import { SigningAlgorithm } from '../../src/crypto/signing.ts';
import {
  SMB2_GLOBAL_CAP_DFS,
  SMB2_GLOBAL_CAP_DIRECTORY_LEASING,
  SMB2_GLOBAL_CAP_ENCRYPTION,
  SMB2_GLOBAL_CAP_LARGE_MTU,
  SMB2_GLOBAL_CAP_LEASING,
  SMB2_GLOBAL_CAP_MULTI_CHANNEL,
  SMB2_GLOBAL_CAP_PERSISTENT_HANDLES,
  SMB2_NEGOTIATE_SIGNING_ENABLED,
  SMB2_NEGOTIATE_SIGNING_REQUIRED,
} from '../../src/smb2/capabilities.ts';
import {
  encodeDurableHandleRequestV2,
  encodeLease,
  encodeQueryMaximalAccessRequest,
} from '../../src/smb2/create-context-values.ts';
import { type CreateContext, CreateContextName } from '../../src/smb2/create-contexts.ts';
import { DIALECTS, Dialect } from '../../src/smb2/dialect.ts';
import type { NegotiateRequest } from '../../src/smb2/negotiate.ts';
import {
  CompressionAlgorithm,
  encodeCompressionCapabilities,
  NegotiateContextType,
  POSIX_EXTENSIONS_TAG,
  SMB2_COMPRESSION_CAPABILITIES_FLAG_CHAINED,
} from '../../src/smb2/negotiate-contexts.ts';

const { AES_128_CCM, AES_128_GCM, AES_256_CCM, AES_256_GCM } = CipherId;
const { HMAC_SHA256, AES_CMAC, AES_GMAC } = SigningAlgorithm;

const EVERY_CAPABILITY =
  SMB2_GLOBAL_CAP_DFS |
  SMB2_GLOBAL_CAP_LEASING |
  SMB2_GLOBAL_CAP_LARGE_MTU |
  SMB2_GLOBAL_CAP_MULTI_CHANNEL |
  SMB2_GLOBAL_CAP_PERSISTENT_HANDLES |
  SMB2_GLOBAL_CAP_DIRECTORY_LEASING |
  SMB2_GLOBAL_CAP_ENCRYPTION;

export interface Persona {
  readonly name: string;
  readonly connect: Partial<ConnectInput>;
  readonly login: Partial<LoginOptions>;
  /** Whether what belongs together comes as one related compound. */
  readonly compounds: boolean;
  /** Create contexts with which a file is opened; keys and GUIDs are new each time. */
  readonly openContexts: () => readonly CreateContext[];
  /** SMB2_OPLOCK_LEVEL_LEASE where a lease is asked for, BATCH by older ones. */
  readonly oplockLevel: number;
  /** Bytes of one READ or WRITE. */
  readonly chunkBytes: number;
}

const LEASE_READ_WRITE_HANDLE = 7;
const LEASE_LEVEL = 0xff;
const BATCH_LEVEL = 0x09;

const maximalAccess: CreateContext = {
  name: CreateContextName.QUERY_MAXIMAL_ACCESS,
  data: encodeQueryMaximalAccessRequest(),
};
const onDiskId: CreateContext = {
  name: CreateContextName.QUERY_ON_DISK_ID,
  data: Buffer.alloc(0),
};
const lease = (): CreateContext => ({
  name: CreateContextName.LEASE,
  data: encodeLease({
    version: 2,
    leaseKey: randomBytes(16),
    leaseState: LEASE_READ_WRITE_HANDLE,
    leaseFlags: 0,
    parentLeaseKey: Buffer.alloc(16),
    epoch: 1,
  }),
});
const durable = (): CreateContext => ({
  name: CreateContextName.DURABLE_HANDLE_REQUEST_V2,
  data: encodeDurableHandleRequestV2({
    timeout: 0,
    flags: 0,
    createGuid: randomBytes(16),
  }),
});
/** Apple's question for server and volume capabilities and the model, 24 bytes. */
export const appleQuery: CreateContext = {
  name: CreateContextName.AAPL,
  data: Buffer.from('01000000000000000700000000000000 3f00000000000000'.replace(' ', ''), 'hex'),
};

const withContext =
  (type: number, data: Buffer) =>
  (request: NegotiateRequest): NegotiateRequest =>
    request.negotiateContexts.length === 0
      ? request
      : { ...request, negotiateContexts: [...request.negotiateContexts, { type, data }] };

const windowsCompression = encodeCompressionCapabilities({
  flags: SMB2_COMPRESSION_CAPABILITIES_FLAG_CHAINED,
  compressionAlgorithms: [
    CompressionAlgorithm.PATTERN_V1,
    CompressionAlgorithm.LZ77,
    CompressionAlgorithm.LZ77_HUFFMAN,
    CompressionAlgorithm.LZNT1,
  ],
});

/** Windows 11 24H2: starts in SMB1, wants signing, asks for every context on each open. */
export const win11: Persona = {
  name: 'win11',
  connect: {
    dialects: DIALECTS,
    multiProtocol: true,
    ciphers: [AES_128_GCM, AES_128_CCM, AES_256_GCM, AES_256_CCM],
    signingAlgorithms: [AES_GMAC, AES_CMAC, HMAC_SHA256],
    securityMode: SMB2_NEGOTIATE_SIGNING_ENABLED | SMB2_NEGOTIATE_SIGNING_REQUIRED,
    capabilities: EVERY_CAPABILITY,
    craftNegotiate: withContext(NegotiateContextType.COMPRESSION_CAPABILITIES, windowsCompression),
    negotiateCredits: 0,
    creditTarget: 128,
  },
  login: {},
  compounds: true,
  openContexts: () => [durable(), maximalAccess, onDiskId, lease()],
  oplockLevel: LEASE_LEVEL,
  chunkBytes: 1 << 20,
};

/** macOS 15: five dialects at once, 256-bit ciphers first, no HMAC, everything in compounds. */
export const macos15: Persona = {
  name: 'macos15',
  connect: {
    dialects: DIALECTS,
    ciphers: [AES_256_GCM, AES_256_CCM, AES_128_GCM, AES_128_CCM],
    signingAlgorithms: [AES_GMAC, AES_CMAC],
    capabilities: EVERY_CAPABILITY,
    negotiateCredits: 0,
    creditTarget: 256,
  },
  login: {},
  compounds: true,
  openContexts: () => [maximalAccess, onDiskId, lease(), durable()],
  oplockLevel: LEASE_LEVEL,
  chunkBytes: 512 << 10,
};

/** Linux 6.12: from 2.1 on, CMAC only, the POSIX extensions offered. */
export const cifs: Persona = {
  name: 'cifs',
  connect: {
    dialects: [Dialect.SMB2_10, Dialect.SMB3_00, Dialect.SMB3_02, Dialect.SMB3_11],
    ciphers: [AES_128_GCM, AES_256_GCM, AES_128_CCM],
    signingAlgorithms: [AES_CMAC],
    capabilities: EVERY_CAPABILITY & ~SMB2_GLOBAL_CAP_MULTI_CHANNEL,
    craftNegotiate: withContext(0x0100, POSIX_EXTENSIONS_TAG),
    creditTarget: 512,
  },
  login: {},
  compounds: true,
  openContexts: () => [lease()],
  oplockLevel: LEASE_LEVEL,
  chunkBytes: 4 << 20,
};

/** gvfs, Dolphin, Kodi and others: no compounds, no leases, one question after the other. */
export const libsmbclient: Persona = {
  name: 'libsmbclient',
  connect: {
    dialects: DIALECTS,
    ciphers: [AES_128_GCM, AES_128_CCM, AES_256_GCM, AES_256_CCM],
    signingAlgorithms: [AES_GMAC, AES_CMAC, HMAC_SHA256],
    capabilities: EVERY_CAPABILITY & ~SMB2_GLOBAL_CAP_MULTI_CHANNEL,
    creditTarget: 31,
  },
  login: {},
  compounds: false,
  openContexts: () => [],
  oplockLevel: 0,
  chunkBytes: 64 << 10,
};

/** A multi-function printer: 2.x, one credit at a time, no signing, its user name in capitals. */
export const scanner: Persona = {
  name: 'scanner',
  connect: {
    dialects: [Dialect.SMB2_02, Dialect.SMB2_10],
    ciphers: [],
    signingAlgorithms: [],
    capabilities: 0,
    serverName: '',
    creditTarget: 1,
  },
  login: { user: 'TESTER', domain: '', sign: false },
  compounds: false,
  openContexts: () => [],
  oplockLevel: BATCH_LEVEL,
  chunkBytes: 4 << 10,
};

export const PERSONAS: readonly Persona[] = [win11, macos15, cifs, libsmbclient, scanner];

/** How what is said on a connection is guarded. */
export interface Protection {
  readonly name: string;
  readonly connect: Partial<ConnectInput>;
  readonly login: Partial<LoginOptions>;
  /** What every answer must be once somebody is logged in. */
  readonly guards: 'signs' | 'encrypts' | 'nothing';
}

const only311 = [Dialect.SMB3_11] as const;
const signed = (name: string, connect: Partial<ConnectInput>): Protection => ({
  name,
  connect,
  login: {},
  guards: 'signs',
});
const encrypted = (name: string, connect: Partial<ConnectInput>): Protection => ({
  name,
  connect,
  login: { encrypt: true },
  guards: 'encrypts',
});

export const SIGNED: readonly Protection[] = [
  signed('GMAC', { dialects: only311, signingAlgorithms: [AES_GMAC] }),
  signed('CMAC', { dialects: only311, signingAlgorithms: [AES_CMAC] }),
  signed('CMAC at 3.0.2', { dialects: [Dialect.SMB2_10, Dialect.SMB3_02] }),
  signed('HMAC at 2.1', { dialects: [Dialect.SMB2_10] }),
];

export const ENCRYPTED: readonly Protection[] = [
  encrypted('128-GCM', { dialects: only311, ciphers: [AES_128_GCM] }),
  encrypted('256-GCM', { dialects: only311, ciphers: [AES_256_GCM] }),
  encrypted('128-CCM', { dialects: only311, ciphers: [AES_128_CCM] }),
  encrypted('256-CCM', { dialects: only311, ciphers: [AES_256_CCM] }),
];

/** An unsigned guest, on a server that takes guests. */
export const GUEST: Protection = {
  name: 'guest',
  connect: { dialects: only311, securityMode: SMB2_NEGOTIATE_SIGNING_ENABLED },
  login: { user: 'passer-by', secret: '', guest: 'accept' },
  guards: 'nothing',
};

export const PROTECTIONS: readonly Protection[] = [...SIGNED, ...ENCRYPTED, GUEST];

/** What a persona says of its own accord: the best that it and the server have. */
export const AS_IT_IS: Protection = { name: 'as it is', connect: {}, login: {}, guards: 'signs' };

/** Whether an answer is guarded as it must be. */
export const isGuarded = ({ guards }: Protection, answer: Answer): boolean =>
  answer.isSigned === (guards === 'signs') && answer.isEncrypted === (guards === 'encrypts');
