/**
 * The client's side of one NTLM exchange, MS-NLMP 3.1.5.1: NEGOTIATE out, CHALLENGE in, AUTHENTICATE
 * out. NTLMv2 only, with a MIC whenever the CHALLENGE has a timestamp.
 */
import { randomBytes } from 'node:crypto';
import { utf16Bytes } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import { fileTimeNow } from './ntlm-acceptor.ts';
import {
  exchangeKey,
  lmV2Response,
  messageMic,
  ntHash,
  ntowfV2,
  ntProof,
  sessionBaseKey,
} from './ntlm-crypto.ts';
import {
  AV_FLAG_MIC,
  AvId,
  type AvPair,
  avFlags,
  decodeAvPairs,
  decodeChallenge,
  encodeAuthenticate,
  encodeClientChallenge,
  encodeNegotiate,
  MIC_AT,
  NTLMSSP_ANONYMOUS,
  NTLMSSP_NEGOTIATE_56,
  NTLMSSP_NEGOTIATE_128,
  NTLMSSP_NEGOTIATE_ALWAYS_SIGN,
  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY,
  NTLMSSP_NEGOTIATE_KEY_EXCH,
  NTLMSSP_NEGOTIATE_NTLM,
  NTLMSSP_NEGOTIATE_SEAL,
  NTLMSSP_NEGOTIATE_SIGN,
  NTLMSSP_NEGOTIATE_UNICODE,
  NTLMSSP_NEGOTIATE_VERSION,
  NTLMSSP_REQUEST_TARGET,
} from './ntlm-messages.ts';

export type Credentials =
  | {
      readonly user: string;
      readonly domain?: string | undefined;
      /** The password, or the NT hash in its place. */
      readonly secret: string | Buffer;
    }
  | 'anonymous';

export interface NtlmInitiatorOptions {
  readonly credentials: Credentials;
  readonly workstation?: string | undefined;
  /** MsvAvTargetName, `cifs/server`. */
  readonly targetName?: string | undefined;
  /** For tests of servers: leaves the MIC and its flag out, as clients before Vista do. */
  readonly omitMic?: boolean | undefined;
  /** For tests of servers: asks for these flags only. */
  readonly negotiateFlags?: number | undefined;
  /** Seams for tests. */
  readonly random?: (size: number) => Buffer;
  readonly now?: () => bigint;
}

export interface NtlmAuthenticate {
  readonly token: Buffer;
  readonly flags: number;
  readonly exportedSessionKey: Buffer;
}

export interface NtlmInitiator {
  readonly negotiate: Buffer;
  /** The answer to a CHALLENGE_MESSAGE; a WireError when it is none. */
  authenticate(challenge: Buffer): NtlmAuthenticate;
}

export const DEFAULT_NEGOTIATE_FLAGS =
  (NTLMSSP_NEGOTIATE_UNICODE |
    NTLMSSP_REQUEST_TARGET |
    NTLMSSP_NEGOTIATE_SIGN |
    NTLMSSP_NEGOTIATE_NTLM |
    NTLMSSP_NEGOTIATE_ALWAYS_SIGN |
    NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY |
    NTLMSSP_NEGOTIATE_VERSION |
    NTLMSSP_NEGOTIATE_128 |
    NTLMSSP_NEGOTIATE_KEY_EXCH |
    NTLMSSP_NEGOTIATE_56) >>>
  0;

const KEY_BYTES = 16;
const LM_RESPONSE_BYTES = 24;

interface Responses {
  readonly lm: Buffer;
  readonly nt: Buffer;
  readonly base: Buffer;
  readonly hasMic: boolean;
}

/** The AvPairs of the response: the server's, with our flags, channel bindings (none) and target. */
function ownAvPairs(offered: readonly AvPair[], hasMic: boolean, targetName: string): AvPair[] {
  const replaced: readonly number[] = [
    AvId.MsvAvFlags,
    AvId.MsvAvChannelBindings,
    AvId.MsvAvTargetName,
  ];
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE((avFlags(offered) | (hasMic ? AV_FLAG_MIC : 0)) >>> 0);
  return [
    ...offered.filter(({ id }) => !replaced.includes(id)),
    { id: AvId.MsvAvFlags, value: flags },
    { id: AvId.MsvAvChannelBindings, value: Buffer.alloc(16) },
    { id: AvId.MsvAvTargetName, value: utf16Bytes(targetName) },
  ];
}

/** ComputeResponse of 3.3.2. */
function respond(
  options: NtlmInitiatorOptions,
  serverChallenge: Buffer,
  targetInfo: Buffer,
): Responses {
  const { credentials } = options;
  if (credentials === 'anonymous') {
    const base = Buffer.alloc(KEY_BYTES);
    return { lm: Buffer.alloc(1), nt: Buffer.alloc(0), base, hasMic: false };
  }
  const { user, domain = '', secret } = credentials;
  const responseKey = ntowfV2(typeof secret === 'string' ? ntHash(secret) : secret, user, domain);
  const offered = decodeAvPairs(targetInfo);
  const stamp = offered.find(({ id, value }) => id === AvId.MsvAvTimestamp && value.length === 8);
  const hasMic = stamp !== undefined && options.omitMic !== true;
  const clientChallenge = (options.random ?? randomBytes)(8);
  const temp = encodeClientChallenge({
    timeStamp: stamp?.value.readBigUInt64LE() ?? (options.now ?? fileTimeNow)(),
    challengeFromClient: clientChallenge,
    avPairs: ownAvPairs(offered, hasMic, options.targetName ?? ''),
  });
  const proof = ntProof(responseKey, serverChallenge, temp);
  return {
    // "SHOULD NOT send the LmChallengeResponse and SHOULD send Z(24) instead" with a timestamp.
    lm:
      stamp === undefined
        ? lmV2Response(responseKey, serverChallenge, clientChallenge)
        : Buffer.alloc(LM_RESPONSE_BYTES),
    nt: Buffer.concat([proof, temp]),
    base: sessionBaseKey(responseKey, proof),
    hasMic,
  };
}

export function createNtlmInitiator(options: NtlmInitiatorOptions): NtlmInitiator {
  const { credentials } = options;
  const anonymous = credentials === 'anonymous';
  const asked = options.negotiateFlags ?? DEFAULT_NEGOTIATE_FLAGS;
  const negotiate = encodeNegotiate(asked);
  return {
    negotiate,
    authenticate(input) {
      const challenge = Buffer.from(input);
      const { negotiateFlags, serverChallenge, targetInfo } = decodeChallenge(challenge);
      if ((negotiateFlags & NTLMSSP_NEGOTIATE_UNICODE) === 0) {
        throw new WireError('CHALLENGE_MESSAGE', 'without Unicode');
      }
      const agreed = negotiateFlags & asked;
      const flags = (agreed | (anonymous ? NTLMSSP_ANONYMOUS : 0)) >>> 0;
      const { lm, nt, base, hasMic } = respond(options, serverChallenge, targetInfo);
      const exchanged =
        (flags & NTLMSSP_NEGOTIATE_KEY_EXCH) !== 0 &&
        (flags & (NTLMSSP_NEGOTIATE_SIGN | NTLMSSP_NEGOTIATE_SEAL)) !== 0;
      const exportedSessionKey = exchanged ? (options.random ?? randomBytes)(KEY_BYTES) : base;
      const token = encodeAuthenticate({
        negotiateFlags: flags,
        lmChallengeResponse: lm,
        ntChallengeResponse: nt,
        domainName: anonymous ? '' : (credentials.domain ?? ''),
        userName: anonymous ? '' : credentials.user,
        workstation: options.workstation ?? '',
        encryptedRandomSessionKey: exchanged
          ? exchangeKey(base, exportedSessionKey)
          : Buffer.alloc(0),
        mic: undefined,
      });
      if (hasMic) messageMic(exportedSessionKey, negotiate, challenge, token).copy(token, MIC_AT);
      return { token, flags, exportedSessionKey };
    },
  };
}
