/**
 * NTLM's three messages and their AV pairs, MS-NLMP 2.2. Payload fields are (length, offset) pairs that
 * may lie anywhere in the message behind the fixed part; each is bounded on its own.
 */
import { bytes, is, struct, u16, u32, u64 } from '../wire/struct.ts';
import { slice, utf16, utf16Bytes } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';

/** NEGOTIATE flags, 2.2.2.5. */
export const NTLMSSP_NEGOTIATE_UNICODE = 0x0000_0001;
export const NTLM_NEGOTIATE_OEM = 0x0000_0002;
export const NTLMSSP_REQUEST_TARGET = 0x0000_0004;
export const NTLMSSP_NEGOTIATE_SIGN = 0x0000_0010;
export const NTLMSSP_NEGOTIATE_SEAL = 0x0000_0020;
export const NTLMSSP_NEGOTIATE_DATAGRAM = 0x0000_0040;
export const NTLMSSP_NEGOTIATE_NTLM = 0x0000_0200;
/** The flag J, which the document leaves unnamed. */
export const NTLMSSP_ANONYMOUS = 0x0000_0800;
export const NTLMSSP_NEGOTIATE_OEM_DOMAIN_SUPPLIED = 0x0000_1000;
export const NTLMSSP_NEGOTIATE_OEM_WORKSTATION_SUPPLIED = 0x0000_2000;
export const NTLMSSP_NEGOTIATE_ALWAYS_SIGN = 0x0000_8000;
export const NTLMSSP_TARGET_TYPE_SERVER = 0x0002_0000;
export const NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY = 0x0008_0000;
export const NTLMSSP_NEGOTIATE_TARGET_INFO = 0x0080_0000;
export const NTLMSSP_NEGOTIATE_VERSION = 0x0200_0000;
export const NTLMSSP_NEGOTIATE_128 = 0x2000_0000;
export const NTLMSSP_NEGOTIATE_KEY_EXCH = 0x4000_0000;
export const NTLMSSP_NEGOTIATE_56 = 0x8000_0000;

/** AvId, 2.2.2.1. */
export const AvId = {
  MsvAvEOL: 0,
  MsvAvNbComputerName: 1,
  MsvAvNbDomainName: 2,
  MsvAvDnsComputerName: 3,
  MsvAvDnsDomainName: 4,
  MsvAvDnsTreeName: 5,
  MsvAvFlags: 6,
  MsvAvTimestamp: 7,
  MsvAvSingleHost: 8,
  MsvAvTargetName: 9,
  MsvAvChannelBindings: 10,
} as const;

/** MsvAvFlags: "the client is providing message integrity in the MIC field". */
export const AV_FLAG_MIC = 0x0000_0002;

/** User, domain and workstation names: four times what UNLEN (256 characters) needs at most. */
export const MAXIMUM_NAME_BYTES = 2048;
/** AvIds end at 10; the rest is for ids to come. */
export const MAXIMUM_AV_PAIRS = 64;

export const NTLM_SIGNATURE = Buffer.from('NTLMSSP\0', 'latin1');

export const isNtlm = (token: Buffer): boolean =>
  token.length >= 12 && NTLM_SIGNATURE.equals(token.subarray(0, 8));

/** NTLMRevisionCurrent 15, 2.2.2.10. The product version is for debugging only: 6.1 build 0. */
const VERSION = Buffer.from([6, 1, 0, 0, 0, 0, 0, 15]);
const NO_VERSION = Buffer.alloc(8);

const signature = { signatureLow: is(u32, 0x4d4c_544e), signatureHigh: is(u32, 0x0050_5353) };

/** The part of a NEGOTIATE_MESSAGE that every client sends; some stop here. */
const NegotiateHead = struct('NEGOTIATE_MESSAGE', '2.2.1.1', {
  ...signature,
  messageType: is(u32, 1),
  negotiateFlags: u32,
});

const NegotiateFixed = struct('NEGOTIATE_MESSAGE', '2.2.1.1', {
  ...signature,
  messageType: is(u32, 1),
  negotiateFlags: u32,
  domainLength: u16,
  domainMaximum: u16,
  domainOffset: u32,
  workstationLength: u16,
  workstationMaximum: u16,
  workstationOffset: u32,
});

const ChallengeFixed = struct('CHALLENGE_MESSAGE', '2.2.1.2', {
  ...signature,
  messageType: is(u32, 2),
  targetNameLength: u16,
  targetNameMaximum: u16,
  targetNameOffset: u32,
  negotiateFlags: u32,
  serverChallenge: bytes(8),
  reserved: bytes(8),
  targetInfoLength: u16,
  targetInfoMaximum: u16,
  targetInfoOffset: u32,
});

const AuthenticateFixed = struct('AUTHENTICATE_MESSAGE', '2.2.1.3', {
  ...signature,
  messageType: is(u32, 3),
  lmLength: u16,
  lmMaximum: u16,
  lmOffset: u32,
  ntLength: u16,
  ntMaximum: u16,
  ntOffset: u32,
  domainLength: u16,
  domainMaximum: u16,
  domainOffset: u32,
  userLength: u16,
  userMaximum: u16,
  userOffset: u32,
  workstationLength: u16,
  workstationMaximum: u16,
  workstationOffset: u32,
  keyLength: u16,
  keyMaximum: u16,
  keyOffset: u32,
  negotiateFlags: u32,
});

/** Where AUTHENTICATE_MESSAGE.MIC lies, behind the Version. */
export const MIC_AT = 72;
export const MIC_BYTES = 16;
const CHALLENGE_PAYLOAD_AT = 56;
const AUTHENTICATE_PAYLOAD_AT = MIC_AT + MIC_BYTES;

export interface NegotiateMessage {
  readonly negotiateFlags: number;
  /** OEM text; empty unless its flag is set. */
  readonly domainName: string;
  readonly workstation: string;
}

export interface ChallengeMessage {
  readonly negotiateFlags: number;
  readonly targetName: string;
  readonly serverChallenge: Buffer;
  /** Empty when NTLMSSP_NEGOTIATE_TARGET_INFO is clear. */
  readonly targetInfo: Buffer;
}

export interface AuthenticateMessage {
  readonly negotiateFlags: number;
  readonly lmChallengeResponse: Buffer;
  readonly ntChallengeResponse: Buffer;
  readonly domainName: string;
  readonly userName: string;
  readonly workstation: string;
  readonly encryptedRandomSessionKey: Buffer;
  /** The field's bytes; undefined when the payload begins where the field would be. */
  readonly mic: Buffer | undefined;
}

const isUnicode = (flags: number): boolean =>
  (flags & NTLMSSP_NEGOTIATE_UNICODE) !== 0 || (flags & NTLM_NEGOTIATE_OEM) === 0;

/** The OEM character set is an agreement "out-of-band", 2.2; ours is Latin-1. */
function text(b: Buffer, unicode: boolean, structure: string): string {
  if (b.length > MAXIMUM_NAME_BYTES) throw new WireError(structure, `a name of ${b.length} bytes`);
  return unicode ? utf16(b, structure) : b.toString('latin1');
}

const textBytes = (value: string, unicode: boolean): Buffer =>
  unicode ? utf16Bytes(value) : Buffer.from(value, 'latin1');

export function decodeNegotiate(b: Buffer): NegotiateMessage {
  const { negotiateFlags } = NegotiateHead.read(b);
  const name = NegotiateHead.name;
  if (b.length < NegotiateFixed.size) return { negotiateFlags, domainName: '', workstation: '' };
  const fixed = NegotiateFixed.read(b);
  const oem = (flag: number, offset: number, length: number): string => {
    if ((negotiateFlags & flag) === 0) return '';
    return text(slice(b, offset, length, NegotiateFixed.size, name), false, name);
  };
  return {
    negotiateFlags,
    domainName: oem(NTLMSSP_NEGOTIATE_OEM_DOMAIN_SUPPLIED, fixed.domainOffset, fixed.domainLength),
    workstation: oem(
      NTLMSSP_NEGOTIATE_OEM_WORKSTATION_SUPPLIED,
      fixed.workstationOffset,
      fixed.workstationLength,
    ),
  };
}

const versionFor = (flags: number): Buffer =>
  (flags & NTLMSSP_NEGOTIATE_VERSION) === 0 ? NO_VERSION : VERSION;

/** Without names: 3.1.5.1.1 has them empty. */
export function encodeNegotiate(negotiateFlags: number): Buffer {
  const end = NegotiateFixed.size + VERSION.length;
  const b = NegotiateFixed.encode(
    {
      negotiateFlags,
      domainLength: 0,
      domainMaximum: 0,
      domainOffset: end,
      workstationLength: 0,
      workstationMaximum: 0,
      workstationOffset: end,
    },
    VERSION.length,
  );
  versionFor(negotiateFlags).copy(b, NegotiateFixed.size);
  return b;
}

export function decodeChallenge(b: Buffer): ChallengeMessage {
  const fixed = ChallengeFixed.read(b);
  const { name, size } = ChallengeFixed;
  const flags = fixed.negotiateFlags;
  const targetName = slice(b, fixed.targetNameOffset, fixed.targetNameLength, size, name);
  const hasInfo = (flags & NTLMSSP_NEGOTIATE_TARGET_INFO) !== 0;
  return {
    negotiateFlags: flags,
    targetName: text(targetName, isUnicode(flags), name),
    serverChallenge: fixed.serverChallenge,
    targetInfo: hasInfo
      ? slice(b, fixed.targetInfoOffset, fixed.targetInfoLength, size, name)
      : b.subarray(0, 0),
  };
}

export function encodeChallenge(message: ChallengeMessage): Buffer {
  const flags = message.negotiateFlags;
  const targetName = textBytes(message.targetName, isUnicode(flags));
  const infoAt = CHALLENGE_PAYLOAD_AT + targetName.length;
  const fixed = ChallengeFixed.encode({
    targetNameLength: targetName.length,
    targetNameMaximum: targetName.length,
    targetNameOffset: CHALLENGE_PAYLOAD_AT,
    negotiateFlags: flags,
    serverChallenge: message.serverChallenge,
    reserved: NO_VERSION,
    targetInfoLength: message.targetInfo.length,
    targetInfoMaximum: message.targetInfo.length,
    targetInfoOffset: infoAt,
  });
  return Buffer.concat([fixed, versionFor(flags), targetName, message.targetInfo]);
}

export function decodeAuthenticate(b: Buffer): AuthenticateMessage {
  const fixed = AuthenticateFixed.read(b);
  const { name, size } = AuthenticateFixed;
  const unicode = isUnicode(fixed.negotiateFlags);
  let lowest = b.length;
  const payload = (offset: number, length: number): Buffer => {
    if (length > 0 && offset < lowest) lowest = offset;
    return slice(b, offset, length, size, name);
  };
  const message = {
    negotiateFlags: fixed.negotiateFlags,
    lmChallengeResponse: payload(fixed.lmOffset, fixed.lmLength),
    ntChallengeResponse: payload(fixed.ntOffset, fixed.ntLength),
    domainName: text(payload(fixed.domainOffset, fixed.domainLength), unicode, name),
    userName: text(payload(fixed.userOffset, fixed.userLength), unicode, name),
    workstation: text(payload(fixed.workstationOffset, fixed.workstationLength), unicode, name),
    encryptedRandomSessionKey: payload(fixed.keyOffset, fixed.keyLength),
  };
  const mic =
    lowest >= AUTHENTICATE_PAYLOAD_AT ? b.subarray(MIC_AT, MIC_AT + MIC_BYTES) : undefined;
  return { ...message, mic };
}

/** The MIC field holds `mic`, or zeros for the sender to fill in once the message exists. */
export function encodeAuthenticate(message: AuthenticateMessage): Buffer {
  const flags = message.negotiateFlags;
  const unicode = isUnicode(flags);
  const parts: Buffer[] = [];
  let at = AUTHENTICATE_PAYLOAD_AT;
  const put = (part: Buffer): number => {
    parts.push(part);
    at += part.length;
    return at - part.length;
  };
  const domain = textBytes(message.domainName, unicode);
  const user = textBytes(message.userName, unicode);
  const workstation = textBytes(message.workstation, unicode);
  const lm = message.lmChallengeResponse;
  const nt = message.ntChallengeResponse;
  const key = message.encryptedRandomSessionKey;
  // Names first, as Windows has them: they stay at even offsets whatever the responses' lengths.
  const domainOffset = put(domain);
  const userOffset = put(user);
  const workstationOffset = put(workstation);
  const fixed = AuthenticateFixed.encode({
    lmLength: lm.length,
    lmMaximum: lm.length,
    lmOffset: put(lm),
    ntLength: nt.length,
    ntMaximum: nt.length,
    ntOffset: put(nt),
    domainLength: domain.length,
    domainMaximum: domain.length,
    domainOffset,
    userLength: user.length,
    userMaximum: user.length,
    userOffset,
    workstationLength: workstation.length,
    workstationMaximum: workstation.length,
    workstationOffset,
    keyLength: key.length,
    keyMaximum: key.length,
    keyOffset: put(key),
    negotiateFlags: flags,
  });
  const mic = message.mic ?? Buffer.alloc(MIC_BYTES);
  return Buffer.concat([fixed, versionFor(flags), mic, ...parts]);
}

export interface AvPair {
  readonly id: number;
  readonly value: Buffer;
}

/** Up to MsvAvEOL, which is left out; a list that ends without one is taken as ended. */
export function decodeAvPairs(b: Buffer): AvPair[] {
  const pairs: AvPair[] = [];
  let at = 0;
  while (at < b.length) {
    if (b.length - at < 4) throw new WireError('AV_PAIR', 'cut short');
    const id = b.readUInt16LE(at);
    const length = b.readUInt16LE(at + 2);
    if (id === AvId.MsvAvEOL) break;
    if (pairs.length === MAXIMUM_AV_PAIRS) {
      throw new WireError('AV_PAIR', `more than ${MAXIMUM_AV_PAIRS}`);
    }
    pairs.push({ id, value: slice(b, at + 4, length, 0, 'AV_PAIR') });
    at += 4 + length;
  }
  return pairs;
}

export function encodeAvPairs(pairs: readonly AvPair[]): Buffer {
  const parts = [...pairs, { id: AvId.MsvAvEOL, value: Buffer.alloc(0) }].map(({ id, value }) => {
    const head = Buffer.alloc(4);
    head.writeUInt16LE(id, 0);
    head.writeUInt16LE(value.length, 2);
    return Buffer.concat([head, value]);
  });
  return Buffer.concat(parts);
}

/** The flags of the first MsvAvFlags, 0 without one. */
export function avFlags(pairs: readonly AvPair[]): number {
  const value = pairs.find(({ id }) => id === AvId.MsvAvFlags)?.value;
  return value !== undefined && value.length >= 4 ? value.readUInt32LE(0) : 0;
}

/** NTLMv2_CLIENT_CHALLENGE, the `temp` of 3.3.2, up to its AvPairs. */
const ClientChallengeFixed = struct('NTLMv2_CLIENT_CHALLENGE', '2.2.2.7', {
  responseType: u16,
  reserved1: u16,
  reserved2: u32,
  timeStamp: u64,
  challengeFromClient: bytes(8),
  reserved3: u32,
});

/** RespType 1 and HiRespType 1. */
const RESPONSE_TYPE = 0x0101;

export interface ClientChallenge {
  /** FILETIME */
  readonly timeStamp: bigint;
  readonly challengeFromClient: Buffer;
  readonly avPairs: readonly AvPair[];
}

export function decodeClientChallenge(b: Buffer): ClientChallenge {
  const fixed = ClientChallengeFixed.read(b);
  if (fixed.responseType !== RESPONSE_TYPE) {
    throw new WireError(ClientChallengeFixed.name, `response type ${fixed.responseType}`);
  }
  return {
    timeStamp: fixed.timeStamp,
    challengeFromClient: fixed.challengeFromClient,
    avPairs: decodeAvPairs(b.subarray(ClientChallengeFixed.size)),
  };
}

export function encodeClientChallenge(challenge: ClientChallenge): Buffer {
  const fixed = ClientChallengeFixed.encode({
    responseType: RESPONSE_TYPE,
    reserved1: 0,
    reserved2: 0,
    timeStamp: challenge.timeStamp,
    challengeFromClient: challenge.challengeFromClient,
    reserved3: 0,
  });
  // 3.3.2 ends temp with Z(4) behind the list.
  return Buffer.concat([fixed, encodeAvPairs(challenge.avPairs), Buffer.alloc(4)]);
}
