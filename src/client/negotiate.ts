/** MS-SMB2 3.2.4.2.2 and 3.2.5.2: NEGOTIATE, from an SMB1 one on if wished, and what must be right about its answer. */
import { randomBytes } from 'node:crypto';
import { CipherId } from '../crypto/cipher.ts';
import { extendPreauthHash, initialPreauthHash } from '../crypto/preauth.ts';
import { SigningAlgorithm } from '../crypto/signing.ts';
import {
  SMB2_GLOBAL_CAP_ENCRYPTION,
  SMB2_GLOBAL_CAP_LARGE_MTU,
  SMB2_NEGOTIATE_SIGNING_ENABLED,
  SMB2_NEGOTIATE_SIGNING_REQUIRED,
} from '../smb2/capabilities.ts';
import type { CompressionTerms } from '../smb2/compression.ts';
import { DIALECT_WILDCARD, Dialect, isDialect } from '../smb2/dialect.ts';
import { Command } from '../smb2/header.ts';
import {
  decodeNegotiateResponse,
  encodeNegotiateRequest,
  type NegotiateRequest,
  type NegotiateResponse,
} from '../smb2/negotiate.ts';
import {
  CompressionAlgorithm,
  decodeCompressionCapabilities,
  decodeEncryptionCapabilities,
  decodePreauthIntegrityCapabilities,
  decodeRdmaTransformCapabilities,
  decodeSigningCapabilities,
  encodeCompressionCapabilities,
  encodeEncryptionCapabilities,
  encodeNetname,
  encodePreauthIntegrityCapabilities,
  encodeRdmaTransformCapabilities,
  encodeSigningCapabilities,
  HashAlgorithm,
  type NegotiateContext,
  NegotiateContextType,
  negotiateContextsOf,
  SMB2_COMPRESSION_CAPABILITIES_FLAG_CHAINED,
} from '../smb2/negotiate-contexts.ts';
import { SMB2_RDMA_TRANSFORM_NONE } from '../smb2/rdma-transform.ts';
import {
  encodeSmb1NegotiateRequest,
  SMB1_DIALECT_NT_LM_012,
  SMB1_DIALECT_SMB2_002,
  SMB1_DIALECT_SMB2_WILDCARD,
} from '../smb2/smb1-negotiate.ts';
import { ProtocolViolation } from './client-error.ts';
import type { ConnectOptions } from './connect-options.ts';
import type { ClientConnection } from './connection.ts';
import { type Answer, succeed } from './exchange.ts';
import type { Negotiated } from './negotiated.ts';

const SALT_BYTES = 32;
/** 3.2.5.2: "If the … MaxTransactSize, MaxReadSize or MaxWriteSize … is less than 4096, disconnect." */
const MIN_BUFFER_SIZE = 4096;

const fail = (problem: string): never => {
  throw new ProtocolViolation(`NEGOTIATE response: ${problem}`);
};

export async function negotiate(connection: ClientConnection): Promise<Negotiated> {
  const { options } = connection;
  if (options.multiProtocol) {
    const first = await negotiateSmb1(connection);
    if (first.dialectRevision !== DIALECT_WILDCARD) {
      const request = { ...negotiateRequest(options), dialects: [Dialect.SMB2_02] };
      return settle(request, first, undefined);
    }
  }
  const request = options.craftNegotiate(negotiateRequest(options));
  const body = encodeNegotiateRequest(request);
  const { negotiateCredits: creditRequest } = options;
  const header = creditRequest === undefined ? {} : { creditRequest };
  const [exchange] = await connection.submit([{ command: Command.NEGOTIATE, body, header }]);
  const answer = succeed(await connection.answerOf(exchange!));
  const response = decodeNegotiateResponse(answer.message);
  if (!request.dialects.includes(response.dialectRevision)) fail('a dialect that was not offered');
  const hash = extendPreauthHash(
    extendPreauthHash(initialPreauthHash(), exchange!.sent),
    answer.message,
  );
  return settle(request, response, hash);
}

/** 3.2.4.2.2.1. Its answer is an SMB2 message with MessageId 0. */
async function negotiateSmb1(connection: ClientConnection): Promise<NegotiateResponse> {
  const smb1 = encodeSmb1NegotiateRequest({
    flags: 0x18,
    flags2: 0xc853,
    tid: 0,
    pidLow: 0xfeff,
    uid: 0,
    mid: 0,
    dialects:
      connection.options.dialects.length === 1 && connection.options.dialects[0] === Dialect.SMB2_02
        ? [SMB1_DIALECT_NT_LM_012, SMB1_DIALECT_SMB2_002]
        : [SMB1_DIALECT_NT_LM_012, SMB1_DIALECT_SMB2_002, SMB1_DIALECT_SMB2_WILDCARD],
  });
  const answer: Answer = await connection.request(
    { command: Command.NEGOTIATE, body: Buffer.alloc(36) },
    {},
    { frame: () => smb1 },
  );
  const response = decodeNegotiateResponse(succeed(answer).message);
  const expected: readonly number[] = [DIALECT_WILDCARD, Dialect.SMB2_02];
  if (!expected.includes(response.dialectRevision)) fail('a dialect that was not offered');
  return response;
}

function negotiateRequest(options: ConnectOptions): NegotiateRequest {
  const contexts: NegotiateContext[] = [
    {
      type: NegotiateContextType.PREAUTH_INTEGRITY_CAPABILITIES,
      data: encodePreauthIntegrityCapabilities({
        hashAlgorithms: [HashAlgorithm.SHA_512],
        salt: randomBytes(SALT_BYTES),
      }),
    },
  ];
  const add = (type: number, data: Buffer): void => void contexts.push({ type, data });
  if (options.ciphers.length > 0) {
    add(
      NegotiateContextType.ENCRYPTION_CAPABILITIES,
      encodeEncryptionCapabilities(options.ciphers),
    );
  }
  if (options.signingAlgorithms.length > 0) {
    add(
      NegotiateContextType.SIGNING_CAPABILITIES,
      encodeSigningCapabilities(options.signingAlgorithms),
    );
  }
  if (options.compression !== undefined) {
    const { algorithms, chained } = options.compression;
    add(
      NegotiateContextType.COMPRESSION_CAPABILITIES,
      encodeCompressionCapabilities({
        flags: chained ? SMB2_COMPRESSION_CAPABILITIES_FLAG_CHAINED : 0,
        compressionAlgorithms: algorithms,
      }),
    );
  }
  if (options.rdmaTransforms.length > 0) {
    add(
      NegotiateContextType.RDMA_TRANSFORM_CAPABILITIES,
      encodeRdmaTransformCapabilities(options.rdmaTransforms),
    );
  }
  if (options.serverName !== '') {
    add(NegotiateContextType.NETNAME_NEGOTIATE_CONTEXT_ID, encodeNetname(options.serverName));
  }
  return {
    securityMode: options.securityMode,
    capabilities: options.capabilities,
    clientGuid: options.clientGuid,
    dialects: options.dialects,
    negotiateContexts: options.dialects.includes(Dialect.SMB3_11) ? contexts : [],
  };
}

function settle(
  request: NegotiateRequest,
  response: NegotiateResponse,
  preauthHash: Buffer | undefined,
): Negotiated {
  const dialect = response.dialectRevision;
  if (!isDialect(dialect)) return fail(`dialect 0x${dialect.toString(16)}`);
  const { maxTransactSize, maxReadSize, maxWriteSize, securityMode, capabilities } = response;
  if (Math.min(maxTransactSize, maxReadSize, maxWriteSize) < MIN_BUFFER_SIZE) fail('tiny buffers');
  if ((securityMode & SMB2_NEGOTIATE_SIGNING_ENABLED) === 0) fail('signing is not enabled');
  if (response.securityBuffer.length === 0) fail('no security token');
  if (dialect === Dialect.SMB2_02 && (capabilities & ~1) !== 0) fail('capabilities at 2.0.2');
  if (dialect === Dialect.SMB3_11 && (capabilities & SMB2_GLOBAL_CAP_ENCRYPTION) !== 0) {
    fail('SMB2_GLOBAL_CAP_ENCRYPTION at 3.1.1');
  }
  const isSmb3 = dialect >= Dialect.SMB3_00;
  return {
    dialect,
    request,
    response,
    ...(dialect === Dialect.SMB3_11
      ? settleContexts(request, response)
      : {
          cipher:
            isSmb3 && (capabilities & SMB2_GLOBAL_CAP_ENCRYPTION) !== 0
              ? CipherId.AES_128_CCM
              : undefined,
          signingAlgorithm: isSmb3 ? SigningAlgorithm.AES_CMAC : SigningAlgorithm.HMAC_SHA256,
          rdmaTransforms: [],
          compression: undefined,
        }),
    signingRequired: (securityMode & SMB2_NEGOTIATE_SIGNING_REQUIRED) !== 0,
    multiCredit: (capabilities & SMB2_GLOBAL_CAP_LARGE_MTU) !== 0,
    maxTransactSize,
    maxReadSize,
    maxWriteSize,
    preauthHash: dialect === Dialect.SMB3_11 ? preauthHash : undefined,
  };
}

/** 3.2.5.2: one preauthentication context, and of the others only what was offered, once. */
function settleContexts(
  request: NegotiateRequest,
  response: NegotiateResponse,
): Pick<Negotiated, 'cipher' | 'signingAlgorithm' | 'rdmaTransforms' | 'compression'> {
  const offered = request.negotiateContexts;
  const contexts = response.negotiateContexts;
  for (const { type } of contexts) {
    if (negotiateContextsOf(contexts, type).length > 1) fail(`context ${type} twice`);
    if (negotiateContextsOf(offered, type).length === 0) fail(`context ${type} was not asked for`);
  }
  const only = (type: number): Buffer | undefined => negotiateContextsOf(contexts, type)[0];
  const preauth = only(NegotiateContextType.PREAUTH_INTEGRITY_CAPABILITIES);
  if (preauth === undefined) return fail('no preauthentication context');
  const { hashAlgorithms, salt } = decodePreauthIntegrityCapabilities(preauth);
  if (hashAlgorithms.length !== 1 || hashAlgorithms[0] !== HashAlgorithm.SHA_512) fail('hashes');
  if (salt.length === 0) fail('no salt');
  const one = (type: number, decode: (data: Buffer) => number[]): number | undefined => {
    const answered = only(type);
    if (answered === undefined) return undefined;
    const ids = decode(answered);
    if (ids.length !== 1) fail(`${ids.length} ids in context ${type}`);
    return ids[0];
  };
  const cipher = one(NegotiateContextType.ENCRYPTION_CAPABILITIES, decodeEncryptionCapabilities);
  const ciphers = negotiateContextsOf(offered, NegotiateContextType.ENCRYPTION_CAPABILITIES);
  if (cipher && !ciphers.some((data) => decodeEncryptionCapabilities(data).includes(cipher))) {
    fail(`cipher ${cipher} was not offered`);
  }
  const signing = one(NegotiateContextType.SIGNING_CAPABILITIES, decodeSigningCapabilities);
  const algorithms = negotiateContextsOf(offered, NegotiateContextType.SIGNING_CAPABILITIES);
  if (
    signing !== undefined &&
    !algorithms.some((data) => decodeSigningCapabilities(data).includes(signing))
  ) {
    fail(`signing algorithm ${signing} was not offered`);
  }
  const rdmaContext = NegotiateContextType.RDMA_TRANSFORM_CAPABILITIES;
  const [asked, given] = [negotiateContextsOf(offered, rdmaContext)[0], only(rdmaContext)];
  const transforms = given === undefined ? [] : decodeRdmaTransformCapabilities(given);
  const none = transforms.length === 1 && transforms[0] === SMB2_RDMA_TRANSFORM_NONE;
  if (given !== undefined && asked !== undefined && !none) {
    const mine = decodeRdmaTransformCapabilities(asked);
    if (!transforms.every((one) => mine.includes(one))) fail('an RDMA transform not offered');
  }
  const compressionContext = NegotiateContextType.COMPRESSION_CAPABILITIES;
  return {
    compression: settleCompression(
      negotiateContextsOf(offered, compressionContext)[0],
      only(compressionContext),
    ),
    rdmaTransforms: none ? [] : transforms,
    cipher: cipher ? (cipher as CipherId) : undefined,
    signingAlgorithm: (signing ?? SigningAlgorithm.AES_CMAC) as SigningAlgorithm,
  };
}

/** 3.2.5.2; and as Linux 6.12 has it, one algorithm where nothing is chained. */
function settleCompression(
  asked: Buffer | undefined,
  given: Buffer | undefined,
): CompressionTerms | undefined {
  if (asked === undefined || given === undefined) return undefined;
  const { compressionAlgorithms: mine, flags: myFlags } = decodeCompressionCapabilities(asked);
  const { compressionAlgorithms: algorithms, flags } = decodeCompressionCapabilities(given);
  if (algorithms.length === 0) fail('no compression algorithm, not even NONE');
  if (new Set(algorithms).size < algorithms.length) fail('a compression algorithm twice');
  if ((flags & ~myFlags) !== 0) fail(`compression flags ${flags}`);
  if (algorithms.length === 1 && algorithms[0] === CompressionAlgorithm.NONE) return undefined;
  if (!algorithms.every((one) => mine.includes(one))) fail('a compression algorithm not offered');
  const chained = (flags & SMB2_COMPRESSION_CAPABILITIES_FLAG_CHAINED) !== 0;
  if (!chained && algorithms.length > 1) fail('several compression algorithms without chains');
  return { algorithms, chained };
}
