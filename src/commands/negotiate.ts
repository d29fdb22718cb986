/** MS-SMB2 3.3.5.3 and 3.3.5.4: NEGOTIATE, and the SMB1 NEGOTIATE that leads to it. */
import { randomBytes } from 'node:crypto';
import { CipherId } from '../crypto/cipher.ts';
import { extendPreauthHash, initialPreauthHash } from '../crypto/preauth.ts';
import { SigningAlgorithm } from '../crypto/signing.ts';
import * as filetime from '../dtyp/filetime.ts';
import {
  type NtStatus,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP,
} from '../dtyp/ntstatus.ts';
import type { Connection, DialectTraits } from '../objects/connection.ts';
import { dialectTraits } from '../objects/dialects.ts';
import type { Request } from '../objects/request.ts';
import type { ServerOptions, ServerState } from '../objects/server-state.ts';
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
} from '../smb2/capabilities.ts';
import { agreeOnCompression } from '../smb2/compression.ts';
import { DIALECT_WILDCARD, DIALECTS, Dialect } from '../smb2/dialect.ts';
import { encodeNegotiateResponse, type NegotiateRequest } from '../smb2/negotiate.ts';
import {
  CompressionAlgorithm,
  decodeCompressionCapabilities,
  decodeEncryptionCapabilities,
  decodePosixExtensions,
  decodePreauthIntegrityCapabilities,
  decodeRdmaTransformCapabilities,
  decodeSigningCapabilities,
  encodeCompressionCapabilities,
  encodeEncryptionCapabilities,
  encodePreauthIntegrityCapabilities,
  encodeRdmaTransformCapabilities,
  encodeSigningCapabilities,
  HashAlgorithm,
  type NegotiateContext,
  NegotiateContextType,
  negotiateContextsOf,
  POSIX_EXTENSIONS_TAG,
  SMB2_COMPRESSION_CAPABILITIES_FLAG_CHAINED,
} from '../smb2/negotiate-contexts.ts';
import {
  SMB2_RDMA_TRANSFORM_ENCRYPTION,
  SMB2_RDMA_TRANSFORM_NONE,
  SMB2_RDMA_TRANSFORM_SIGNING,
} from '../smb2/rdma-transform.ts';
import { decodeSmb1NegotiateRequest } from '../smb2/smb1-negotiate.ts';
import { Disconnect, type Outcome, type Reply } from './command.ts';

/** What the server prefers: GCM is several times as fast as CCM. */
const CIPHER_PREFERENCE: readonly number[] = [
  CipherId.AES_128_GCM,
  CipherId.AES_256_GCM,
  CipherId.AES_128_CCM,
  CipherId.AES_256_CCM,
];
const SIGNING_PREFERENCE: readonly number[] = [
  SigningAlgorithm.AES_GMAC,
  SigningAlgorithm.AES_CMAC,
  SigningAlgorithm.HMAC_SHA256,
];
const SALT_BYTES = 32;

export function negotiate(body: NegotiateRequest, request: Request): Outcome {
  const { server, connection } = request;
  if (connection.state === 'negotiated') return new Disconnect('a second NEGOTIATE');
  connection.clientCapabilities = body.capabilities;
  connection.clientSecurityMode = body.securityMode;
  // Into a buffer of its own: one of Node's shared slabs would stay as a whole with it.
  body.clientGuid.copy(connection.clientGuid);
  connection.clientDialects = body.dialects;
  connection.shouldSign = (body.securityMode & SMB2_NEGOTIATE_SIGNING_REQUIRED) !== 0;
  // Nothing stays of a NEGOTIATE before this one that was refused halfway.
  connection.cipherId = 0;
  connection.preauth = undefined;
  connection.posixExtensions = false;
  connection.rdmaTransforms = [];
  connection.compression = undefined;
  if (body.dialects.length === 0) return STATUS_INVALID_PARAMETER;
  const revision = bestDialect(server.options, body.dialects);
  if (revision === undefined) return STATUS_NOT_SUPPORTED;
  connection.dialect = dialectTraits(revision, server.options);
  connection.signingAlgorithm = connection.dialect.smb3
    ? SigningAlgorithm.AES_CMAC
    : SigningAlgorithm.HMAC_SHA256;
  const contexts = connection.dialect.preauthIntegrity
    ? negotiateContexts(body.negotiateContexts, server, connection, request.message)
    : [];
  if (typeof contexts === 'number') return contexts;
  const capabilities = serverCapabilities(server, connection, body);
  connection.state = 'negotiated';
  connection.log.debug('smb', 'negotiated', { dialect: connection.dialect.name });
  return response(server, connection, revision, capabilities, contexts);
}

/** "The server MUST select the greatest common dialect." */
function bestDialect(options: ServerOptions, offered: readonly number[]): Dialect | undefined {
  return DIALECTS.findLast(
    (one) => offered.includes(one) && one >= options.minDialect && one <= options.maxDialect,
  );
}

function serverCapabilities(
  server: ServerState,
  connection: Connection,
  body: NegotiateRequest,
): number {
  const dialect = connection.dialect!;
  let capabilities = alwaysOffered(dialect);
  if (server.isDfsCapable) capabilities |= SMB2_GLOBAL_CAP_DFS;
  // "… and SMB2_GLOBAL_CAP_DIRECTORY_LEASING is set in the Capabilities field of the request."
  if (dialect.directoryLeasing) {
    capabilities |= body.capabilities & SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
  }
  if (dialect.smb3 && server.options.multiChannel) {
    capabilities |= body.capabilities & SMB2_GLOBAL_CAP_MULTI_CHANNEL;
  }
  if (dialect.smb3 && server.options.persistentHandles === true) {
    capabilities |= body.capabilities & SMB2_GLOBAL_CAP_PERSISTENT_HANDLES;
  }
  const byCapability =
    dialect.encryption === 'capability' &&
    server.options.encryption !== 'off' &&
    (body.capabilities & SMB2_GLOBAL_CAP_ENCRYPTION) !== 0;
  if (byCapability) {
    capabilities |= SMB2_GLOBAL_CAP_ENCRYPTION;
    connection.cipherId = CipherId.AES_128_CCM;
  }
  // At 3.1.1 the bit is not sent, but remembered: 3.3.5.4, its last sentence.
  connection.serverCapabilities =
    capabilities | (connection.cipherId === 0 ? 0 : SMB2_GLOBAL_CAP_ENCRYPTION);
  return capabilities;
}

const SINGLE_CONTEXTS: readonly number[] = [
  NegotiateContextType.ENCRYPTION_CAPABILITIES,
  NegotiateContextType.COMPRESSION_CAPABILITIES,
  NegotiateContextType.RDMA_TRANSFORM_CAPABILITIES,
  NegotiateContextType.SIGNING_CAPABILITIES,
];

/** 3.1.1: takes what the client offers and gives the contexts of the answer, or the refusal. */
function negotiateContexts(
  offered: readonly NegotiateContext[],
  server: ServerState,
  connection: Connection,
  message: Buffer,
): NegotiateContext[] | NtStatus {
  const preauth = negotiateContextsOf(offered, NegotiateContextType.PREAUTH_INTEGRITY_CAPABILITIES);
  if (preauth.length !== 1) return STATUS_INVALID_PARAMETER;
  for (const type of SINGLE_CONTEXTS) {
    if (negotiateContextsOf(offered, type).length > 1) return STATUS_INVALID_PARAMETER;
  }
  const { hashAlgorithms } = decodePreauthIntegrityCapabilities(preauth[0]!);
  if (!hashAlgorithms.includes(HashAlgorithm.SHA_512)) {
    return STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP;
  }
  connection.preauth = extendPreauthHash(initialPreauthHash(), message);
  const answer: NegotiateContext[] = [
    {
      type: NegotiateContextType.PREAUTH_INTEGRITY_CAPABILITIES,
      data: encodePreauthIntegrityCapabilities({
        hashAlgorithms: [HashAlgorithm.SHA_512],
        salt: randomBytes(SALT_BYTES),
      }),
    },
  ];
  const refused =
    chooseCipher(offered, server, connection, answer) ??
    chooseSigning(offered, connection, answer) ??
    chooseCompression(offered, server, connection, answer) ??
    chooseRdmaTransforms(offered, server, connection, answer) ??
    choosePosix(offered, server, connection, answer);
  return refused ?? answer;
}

function chooseCipher(
  offered: readonly NegotiateContext[],
  server: ServerState,
  connection: Connection,
  answer: NegotiateContext[],
): NtStatus | undefined {
  const type = NegotiateContextType.ENCRYPTION_CAPABILITIES;
  const data = negotiateContextsOf(offered, type)[0];
  if (data === undefined || server.options.encryption === 'off') return undefined;
  const ciphers = decodeEncryptionCapabilities(data);
  if (ciphers.length === 0) return STATUS_INVALID_PARAMETER;
  connection.cipherId = CIPHER_PREFERENCE.find((one) => ciphers.includes(one)) ?? 0;
  // Sent also when it is 0: "no common cipher" differs from "no encryption here".
  answer.push({ type, data: encodeEncryptionCapabilities([connection.cipherId]) });
  return undefined;
}

/** The client lists the versions of the SMB3 POSIX extensions that it speaks, the server takes the one it knows. */
function choosePosix(
  offered: readonly NegotiateContext[],
  server: ServerState,
  connection: Connection,
  answer: NegotiateContext[],
): NtStatus | undefined {
  const type = NegotiateContextType.POSIX_EXTENSIONS;
  const data = negotiateContextsOf(offered, type)[0];
  if (data === undefined || server.options.posixExtensions !== true) return undefined;
  const tags = decodePosixExtensions(data);
  if (tags === undefined) return STATUS_INVALID_PARAMETER;
  if (!tags.some((tag) => tag.equals(POSIX_EXTENSIONS_TAG))) return undefined;
  connection.posixExtensions = true;
  answer.push({ type, data: POSIX_EXTENSIONS_TAG });
  return undefined;
}

function chooseSigning(
  offered: readonly NegotiateContext[],
  connection: Connection,
  answer: NegotiateContext[],
): NtStatus | undefined {
  const type = NegotiateContextType.SIGNING_CAPABILITIES;
  const data = negotiateContextsOf(offered, type)[0];
  if (data === undefined) return undefined;
  const algorithms = decodeSigningCapabilities(data);
  if (algorithms.length === 0) return STATUS_INVALID_PARAMETER;
  connection.signingAlgorithm =
    SIGNING_PREFERENCE.find((one) => algorithms.includes(one)) ?? SigningAlgorithm.AES_CMAC;
  answer.push({ type, data: encodeSigningCapabilities([connection.signingAlgorithm]) });
  return undefined;
}

/** Over RDMA nothing is compressed, as by Windows (3.1.4.4): there it is as if it were not supported. */
function chooseCompression(
  offered: readonly NegotiateContext[],
  server: ServerState,
  connection: Connection,
  answer: NegotiateContext[],
): NtStatus | undefined {
  const type = NegotiateContextType.COMPRESSION_CAPABILITIES;
  const data = negotiateContextsOf(offered, type)[0];
  const isSupported =
    server.options.compression === true && connection.transport.remoteMemory === undefined;
  if (data === undefined || !isSupported) return undefined;
  const { compressionAlgorithms, flags } = decodeCompressionCapabilities(data);
  if (compressionAlgorithms.length === 0) return STATUS_INVALID_PARAMETER;
  const chained = (flags & SMB2_COMPRESSION_CAPABILITIES_FLAG_CHAINED) !== 0;
  const terms = agreeOnCompression({ algorithms: compressionAlgorithms, chained });
  const isAgreed = terms.algorithms.length > 0;
  if (isAgreed) connection.compression = terms;
  answer.push({
    type,
    data: encodeCompressionCapabilities({
      flags: chained ? SMB2_COMPRESSION_CAPABILITIES_FLAG_CHAINED : 0,
      compressionAlgorithms: isAgreed ? terms.algorithms : [CompressionAlgorithm.NONE],
    }),
  });
  return undefined;
}

/**
 * "All the supported RDMA transforms common to both", also on TCP: a client that finds the server by TCP offers on its
 * RDMA connections what it was told there (3.2.4.2.2.2).
 */
function chooseRdmaTransforms(
  offered: readonly NegotiateContext[],
  server: ServerState,
  connection: Connection,
  answer: NegotiateContext[],
): NtStatus | undefined {
  const type = NegotiateContextType.RDMA_TRANSFORM_CAPABILITIES;
  const data = negotiateContextsOf(offered, type)[0];
  if (data === undefined || server.options.rdmaTransforms !== true) return undefined;
  const transforms = decodeRdmaTransformCapabilities(data);
  if (transforms.length === 0) return STATUS_INVALID_PARAMETER;
  connection.rdmaTransforms = [
    ...(connection.cipherId === 0 ? [] : [SMB2_RDMA_TRANSFORM_ENCRYPTION]),
    SMB2_RDMA_TRANSFORM_SIGNING,
  ].filter((one) => transforms.includes(one));
  const common = connection.rdmaTransforms;
  const answered = common.length > 0 ? common : [SMB2_RDMA_TRANSFORM_NONE];
  answer.push({ type, data: encodeRdmaTransformCapabilities(answered) });
  return undefined;
}

function response(
  server: ServerState,
  connection: Connection,
  dialectRevision: number,
  capabilities: number,
  negotiateContexts: NegotiateContext[],
): Reply {
  const { maxTransactSize, maxReadSize, maxWriteSize } = connection.dialect!;
  connection.serverSecurityMode =
    SMB2_NEGOTIATE_SIGNING_ENABLED |
    (server.options.requireSigning ? SMB2_NEGOTIATE_SIGNING_REQUIRED : 0);
  return {
    body: encodeNegotiateResponse({
      securityMode: connection.serverSecurityMode,
      dialectRevision,
      serverGuid: server.guid,
      capabilities,
      maxTransactSize,
      maxReadSize,
      maxWriteSize,
      systemTime: filetime.now(),
      serverStartTime: 0n,
      securityBuffer: server.controlPlane.negotiateToken,
      negotiateContexts,
    }),
    onEncoded: (parts) => {
      if (connection.preauth !== undefined) {
        connection.preauth = extendPreauthHash(connection.preauth, ...parts);
      }
    },
  };
}

const alwaysOffered = ({ multiCredit, leasing }: DialectTraits): number =>
  (multiCredit ? SMB2_GLOBAL_CAP_LARGE_MTU : 0) | (leasing ? SMB2_GLOBAL_CAP_LEASING : 0);

/** 3.3.5.3: a client that does not know whether the server speaks SMB2 asks in SMB1. */
export function multiProtocolNegotiate(payload: Buffer, request: Request): Reply | Disconnect {
  const { server, connection } = request;
  const { minDialect, maxDialect } = server.options;
  if (connection.state !== 'fresh') return new Disconnect('an SMB1 NEGOTIATE after another');
  const { dialects } = decodeSmb1NegotiateRequest(payload);
  if (dialects.includes('SMB 2.???') && maxDialect > Dialect.SMB2_02) {
    connection.state = 'wildcard';
    connection.dialect = dialectTraits(Dialect.SMB2_10, server.options);
    return response(server, connection, DIALECT_WILDCARD, alwaysOffered(connection.dialect), []);
  }
  if (dialects.includes('SMB 2.002') && minDialect <= Dialect.SMB2_02) {
    connection.state = 'negotiated';
    connection.dialect = dialectTraits(Dialect.SMB2_02, server.options);
    connection.signingAlgorithm = SigningAlgorithm.HMAC_SHA256;
    return response(server, connection, Dialect.SMB2_02, 0, []);
  }
  return new Disconnect('the client offers SMB1 only, which this server does not speak');
}
