/**
 * The server's side of one NTLM exchange, MS-NLMP 3.2.5.1. NTLMv2 only.
 *
 *   idle ──NEGOTIATE──▶ challenged ──AUTHENTICATE──▶ finished
 *     └──────────────anything else──────────────────────▲
 *
 * One challenge is answered once: after any AUTHENTICATE the exchange is finished, so a replayed one
 * meets another challenge. Accounts come from a callback, so nothing here does I/O.
 */
import { randomBytes } from 'node:crypto';
import { utf16Bytes } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  equalSecrets,
  exchangeKey,
  messageMic,
  ntowfV2,
  ntProof,
  sessionBaseKey,
} from './ntlm-crypto.ts';
import {
  type AuthenticateMessage,
  AV_FLAG_MIC,
  AvId,
  avFlags,
  decodeAuthenticate,
  decodeClientChallenge,
  decodeNegotiate,
  encodeAvPairs,
  encodeChallenge,
  NTLM_NEGOTIATE_OEM,
  NTLMSSP_NEGOTIATE_56,
  NTLMSSP_NEGOTIATE_128,
  NTLMSSP_NEGOTIATE_ALWAYS_SIGN,
  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY,
  NTLMSSP_NEGOTIATE_KEY_EXCH,
  NTLMSSP_NEGOTIATE_NTLM,
  NTLMSSP_NEGOTIATE_SEAL,
  NTLMSSP_NEGOTIATE_SIGN,
  NTLMSSP_NEGOTIATE_TARGET_INFO,
  NTLMSSP_NEGOTIATE_UNICODE,
  NTLMSSP_NEGOTIATE_VERSION,
  NTLMSSP_REQUEST_TARGET,
  NTLMSSP_TARGET_TYPE_SERVER,
} from './ntlm-messages.ts';
import {
  NTLM_V1_RESPONSE_BYTES,
  ntlm2SessionChallenge,
  ntlm2SessionKey,
  ntlmV1Response,
  ntlmV1SessionKey,
} from './ntlm-v1.ts';

export type MaybePromise<T> = T | Promise<T>;

/** What the server calls itself in the CHALLENGE's TargetInfo. */
export interface ServerNames {
  /** NetBIOS name, upper case, 15 characters at most; also the TargetName. */
  readonly netbiosName: string;
  /** Absent: as `netbiosName`, which is what a server outside a domain says. */
  readonly netbiosDomain?: string | undefined;
  /** Absent: `netbiosName` in lower case. */
  readonly dnsName?: string | undefined;
  /** Absent: empty. */
  readonly dnsDomain?: string | undefined;
}

export interface FoundAccount {
  readonly ntHash: Buffer;
  /** Who has not its password is let in as a guest. */
  readonly orGuest?: boolean;
}

/**
 * The NT hash of the account; 'guest' to let this name in as guest whatever its response;
 * undefined for no such account. User and domain are as sent; names compare without case.
 */
export type AccountLookup = (
  user: string,
  domain: string,
) => MaybePromise<FoundAccount | 'guest' | undefined>;

export interface NtlmAcceptorOptions {
  readonly names: ServerNames;
  readonly lookup: AccountLookup;
  /**
   * MS-CIFS 3.3.5.43: of a login without NTLMSSP's first two messages, whose challenge the client has had otherwise:
   * the first token is an AUTHENTICATE_MESSAGE that its caller has made of what came.
   */
  readonly plain?: { readonly serverChallenge: Buffer } | undefined;
  /** `ntlm auth = ntlmv1-permitted`. */
  readonly ntlmV1?: boolean;
  /** Of the ServerChallenge; absent: random bytes. */
  readonly random?: (size: number) => Buffer;
  /** FILETIME; absent: the time. */
  readonly now?: () => bigint;
}

export interface IdentityName {
  readonly user: string;
  readonly domain: string;
  readonly anonymous: boolean;
  readonly guest: boolean;
  /** A guest because of it. */
  readonly wrongPassword?: true;
  /** What the client calls itself; absent where it does not. */
  readonly workstation?: string;
}

/** 'clock-skew': the client's clock, or this one's, is wrong; so far only Kerberos looks. */
export type RefusalReason = 'logon-failure' | 'malformed' | 'unsupported' | 'clock-skew';

export interface Refusal {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  /** Who it said it was, when it got as far as saying so. */
  readonly identityName?: IdentityName;
  /** It was a ticket that did not do, and no password. */
  readonly ticket?: true;
  /** For the administrator alone: clients are not told which accounts there are. */
  readonly why?: string;
}

export interface NtlmAccepted {
  readonly kind: 'done';
  readonly identityName: IdentityName;
  /** The flags both sides ended with. */
  readonly flags: number;
  /** Undefined for a guest, whose key only the client knows. Z(16) or derived from it when anonymous. */
  readonly exportedSessionKey: Buffer | undefined;
}

export type NtlmAcceptorStep =
  | { readonly kind: 'challenge'; readonly token: Buffer }
  | NtlmAccepted
  | Refusal;

export interface NtlmAcceptor {
  step(token: Buffer): MaybePromise<NtlmAcceptorStep>;
}

/** Far above what real messages need (below 2 KiB): names, and the AV pairs that we sent. */
export const MAXIMUM_NTLM_BYTES = 16384;

/** NTProofStr, and the fixed part of NTLMv2_CLIENT_CHALLENGE; NTLM_RESPONSE and LM have 24 bytes. */
const PROOF_BYTES = 16;
const KEY_BYTES = 16;

const ALWAYS_OFFERED =
  NTLMSSP_REQUEST_TARGET |
  NTLMSSP_NEGOTIATE_NTLM |
  NTLMSSP_NEGOTIATE_ALWAYS_SIGN |
  NTLMSSP_TARGET_TYPE_SERVER |
  NTLMSSP_NEGOTIATE_TARGET_INFO;

/** "The supported flags requested in the NEGOTIATE_MESSAGE". Linux fails a mount without 128 or 56. */
const OFFERED_WHEN_ASKED =
  NTLMSSP_NEGOTIATE_SIGN |
  NTLMSSP_NEGOTIATE_SEAL |
  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY |
  NTLMSSP_NEGOTIATE_VERSION |
  NTLMSSP_NEGOTIATE_128 |
  NTLMSSP_NEGOTIATE_KEY_EXCH |
  NTLMSSP_NEGOTIATE_56;

/** Unicode when asked for, else OEM when asked for. */
const CHARACTER_SETS = NTLMSSP_NEGOTIATE_UNICODE | NTLM_NEGOTIATE_OEM;

/** What a missing account is checked against, so that it takes as long as a wrong password. */
const NO_ACCOUNT = randomBytes(KEY_BYTES);

const EPOCH_1601_MS = 11_644_473_600_000n;
export const fileTimeNow = (): bigint => (BigInt(Date.now()) + EPOCH_1601_MS) * 10_000n;

export function fileTimeBytes(time: bigint): Buffer {
  const b = Buffer.alloc(8);
  b.writeBigUInt64LE(time);
  return b;
}

function targetInfo(names: ServerNames, time: bigint): Buffer {
  const { netbiosName } = names;
  const name = (id: number, value: string) => ({ id, value: utf16Bytes(value) });
  return encodeAvPairs([
    name(AvId.MsvAvNbDomainName, names.netbiosDomain ?? netbiosName),
    name(AvId.MsvAvNbComputerName, netbiosName),
    name(AvId.MsvAvDnsDomainName, names.dnsDomain ?? ''),
    name(AvId.MsvAvDnsComputerName, names.dnsName ?? netbiosName.toLowerCase()),
    // Its presence makes current clients send a MIC and no LMv2 response (3.1.5.1.2).
    { id: AvId.MsvAvTimestamp, value: fileTimeBytes(time) },
  ]);
}

const refused = (reason: RefusalReason, identityName?: IdentityName): Refusal =>
  identityName === undefined
    ? { kind: 'refused', reason }
    : { kind: 'refused', reason, identityName };

interface Challenged {
  readonly flags: number;
  readonly negotiate: Buffer;
  readonly challenge: Buffer;
  readonly serverChallenge: Buffer;
}

/** 3.2.5.1.1 */
function challengeFor(token: Buffer, options: NtlmAcceptorOptions): Challenged | undefined {
  const { negotiateFlags: asked } = decodeNegotiate(token);
  // "A==0 and B==0: The protocol MUST return SEC_E_INVALID_TOKEN", 2.2.2.5.
  if ((asked & CHARACTER_SETS) === 0) return undefined;
  const set = asked & NTLMSSP_NEGOTIATE_UNICODE ? NTLMSSP_NEGOTIATE_UNICODE : NTLM_NEGOTIATE_OEM;
  const flags = (ALWAYS_OFFERED | set | (asked & OFFERED_WHEN_ASKED)) >>> 0;
  const serverChallenge = (options.random ?? randomBytes)(8);
  const challenge = encodeChallenge({
    negotiateFlags: flags,
    targetName: options.names.netbiosName,
    serverChallenge,
    targetInfo: targetInfo(options.names, (options.now ?? fileTimeNow)()),
  });
  // A copy: the token is the caller's, and the MIC needs it one message later.
  return { flags, negotiate: Buffer.from(token), challenge, serverChallenge };
}

/** "Special case: client requested anonymous authentication", 3.2.5.1.2. */
function isAnonymous(message: AuthenticateMessage): boolean {
  const lm = message.lmChallengeResponse;
  return (
    message.userName === '' &&
    message.ntChallengeResponse.length === 0 &&
    (lm.length === 0 || (lm.length === 1 && lm[0] === 0))
  );
}

/** ExportedSessionKey; undefined when the client owes an EncryptedRandomSessionKey. */
function exportKey(base: Buffer, flags: number, encrypted: Buffer): Buffer | undefined {
  if ((flags & NTLMSSP_NEGOTIATE_KEY_EXCH) === 0) return base;
  if (encrypted.length === KEY_BYTES) return exchangeKey(base, encrypted);
  // Only with SIGN or SEAL do clients have to send one.
  const bound = (flags & (NTLMSSP_NEGOTIATE_SIGN | NTLMSSP_NEGOTIATE_SEAL)) !== 0;
  return encrypted.length === 0 && !bound ? base : undefined;
}

/**
 * The SessionBaseKey when the response proves the hash. The domain counts as sent, then as empty: servers
 * "SHOULD support NTLM clients which incorrectly use NIL for the UserDom". Both are always computed.
 */
function proveHash(
  hash: Buffer,
  message: AuthenticateMessage,
  serverChallenge: Buffer,
): Buffer | undefined {
  const proof = message.ntChallengeResponse.subarray(0, PROOF_BYTES);
  const temp = message.ntChallengeResponse.subarray(PROOF_BYTES);
  let base: Buffer | undefined;
  for (const domain of [message.domainName, '']) {
    const responseKey = ntowfV2(hash, message.userName, domain);
    const right = equalSecrets(ntProof(responseKey, serverChallenge, temp), proof);
    const candidate = sessionBaseKey(responseKey, proof);
    if (right) base ??= candidate;
  }
  return base;
}

/** The same of NTLMv1, 3.3.1. */
function proveHashV1(
  hash: Buffer,
  { ntChallengeResponse, lmChallengeResponse }: AuthenticateMessage,
  serverChallenge: Buffer,
  flags: number,
): Buffer | undefined {
  const extended = (flags & NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY) !== 0;
  const challenge = extended
    ? ntlm2SessionChallenge(serverChallenge, lmChallengeResponse)
    : serverChallenge;
  if (!equalSecrets(ntlmV1Response(hash, challenge), ntChallengeResponse)) return undefined;
  return extended
    ? ntlm2SessionKey(hash, serverChallenge, lmChallengeResponse)
    : ntlmV1SessionKey(hash);
}

/** What an AUTHENTICATE_MESSAGE is checked against once its account is known. */
interface Attempt {
  readonly challenged: Challenged;
  readonly token: Buffer;
  readonly message: AuthenticateMessage;
  readonly hasMic: boolean;
  readonly identityName: IdentityName;
  readonly flags: number;
  readonly ntlmV1: boolean;
}

const isV2 = ({ ntChallengeResponse }: AuthenticateMessage): boolean =>
  ntChallengeResponse.length > NTLM_V1_RESPONSE_BYTES;

function promisesMic({ ntChallengeResponse }: AuthenticateMessage): boolean {
  const { avPairs } = decodeClientChallenge(ntChallengeResponse.subarray(PROOF_BYTES));
  return (avFlags(avPairs) & AV_FLAG_MIC) !== 0;
}

const NO_SUCH_ACCOUNT = 'no such account';
const WRONG_PASSWORD = 'wrong password';
const NO_PASSWORD = 'no password, or only by NTLMv1';
const refusedFor = (why: string, identityName: IdentityName): Refusal => ({
  ...refused('logon-failure', identityName),
  why,
});

/** A guest is let in whatever the response, also with none: who has no password sends none (smbclient -N). */
function judge(
  attempt: Attempt,
  account: Awaited<ReturnType<AccountLookup>>,
): NtlmAccepted | Refusal {
  const { challenged, message, identityName, flags, ntlmV1 } = attempt;
  if (account === 'guest') {
    const guest = { ...identityName, guest: true };
    return { kind: 'done', identityName: guest, flags, exportedSessionKey: undefined };
  }
  // No password, or NTLMv1: nobody's proof, whoever it is.
  const isProof = isV2(message) || ntlmV1;
  const hash = account?.ntHash ?? NO_ACCOUNT;
  const prove = isV2(message) ? proveHash : proveHashV1;
  const base = isProof ? prove(hash, message, challenged.serverChallenge, flags) : undefined;
  if (account === undefined) return refusedFor(NO_SUCH_ACCOUNT, identityName);
  if (base === undefined) {
    if (account.orGuest !== true) {
      return refusedFor(isProof ? WRONG_PASSWORD : NO_PASSWORD, identityName);
    }
    const guest = { ...identityName, guest: true, wrongPassword: true as const };
    return { kind: 'done', identityName: guest, flags, exportedSessionKey: undefined };
  }
  const key = exportKey(base, flags, message.encryptedRandomSessionKey);
  if (key === undefined) return refused('malformed', identityName);
  if (attempt.hasMic) {
    const { negotiate, challenge } = challenged;
    const expected = messageMic(key, negotiate, challenge, attempt.token);
    if (message.mic === undefined || !equalSecrets(expected, message.mic)) {
      return refusedFor('its messages were changed on their way', identityName);
    }
  }
  return { kind: 'done', identityName, flags, exportedSessionKey: key };
}

/** 3.2.5.1.2 */
function authenticate(
  input: Buffer,
  challenged: Challenged,
  { lookup, ntlmV1 = false }: NtlmAcceptorOptions,
): MaybePromise<NtlmAccepted | Refusal> {
  // A copy, for the caller may reuse its buffer while the lookup waits.
  const token = Buffer.from(input);
  const message = decodeAuthenticate(token);
  const flags = (challenged.flags & message.negotiateFlags) >>> 0;
  const anonymous = isAnonymous(message);
  const identityName = {
    user: message.userName,
    domain: message.domainName,
    anonymous,
    guest: false,
    ...(message.workstation !== '' && { workstation: message.workstation }),
  };
  if (anonymous) {
    const key = exportKey(Buffer.alloc(KEY_BYTES), flags, message.encryptedRandomSessionKey);
    if (key === undefined) return refused('malformed', identityName);
    return { kind: 'done', identityName, flags, exportedSessionKey: key };
  }
  const hasMic = isV2(message) && promisesMic(message);
  const attempt = { challenged, token, message, hasMic, identityName, flags, ntlmV1 };
  const account = lookup(message.userName, message.domainName);
  return account instanceof Promise
    ? account.then((found) => judge(attempt, found))
    : judge(attempt, account);
}

function begun({ plain }: NtlmAcceptorOptions): 'idle' | Challenged {
  if (plain === undefined) return 'idle';
  const nothing = Buffer.alloc(0);
  const { serverChallenge } = plain;
  return {
    flags: NTLMSSP_NEGOTIATE_UNICODE,
    negotiate: nothing,
    challenge: nothing,
    serverChallenge,
  };
}

export function createNtlmAcceptor(options: NtlmAcceptorOptions): NtlmAcceptor {
  let state: 'idle' | 'finished' | Challenged = begun(options);
  return {
    step(token) {
      const before = state;
      state = 'finished';
      if (before === 'finished' || token.length > MAXIMUM_NTLM_BYTES) return refused('malformed');
      try {
        if (before !== 'idle') return authenticate(token, before, options);
        const challenged = challengeFor(token, options);
        if (challenged === undefined) return refused('malformed');
        state = challenged;
        return { kind: 'challenge', token: challenged.challenge };
      } catch (error) {
        if (error instanceof WireError) return refused('malformed');
        throw error;
      }
    },
  };
}
