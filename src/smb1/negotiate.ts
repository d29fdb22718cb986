/**
 * MS-CIFS 2.2.4.52 and MS-SMB 2.2.4.5: the answer to NEGOTIATE at dialect NT LM 0.12, and MS-CIFS 2.2.4.53 and
 * MS-SMB 2.2.4.6: SESSION_SETUP_ANDX.
 */
import { guid, pad, struct, u8, u16, u32, u64, type Wire } from '../wire/struct.ts';
import type { Block } from './block.ts';
import { BytesReader, encodeTerminated } from './strings.ts';

export const NO_DIALECT = 0xffff;

export const NEGOTIATE_USER_SECURITY = 0x01;
export const NEGOTIATE_ENCRYPT_PASSWORDS = 0x02;
export const NEGOTIATE_SECURITY_SIGNATURES_ENABLED = 0x04;
export const NEGOTIATE_SECURITY_SIGNATURES_REQUIRED = 0x08;

export const CAP_UNICODE = 0x0000_0004;
export const CAP_LARGE_FILES = 0x0000_0008;
export const CAP_NT_SMBS = 0x0000_0010;
export const CAP_RPC_REMOTE_APIS = 0x0000_0020;
export const CAP_STATUS32 = 0x0000_0040;
export const CAP_LEVEL_II_OPLOCKS = 0x0000_0080;
export const CAP_LOCK_AND_READ = 0x0000_0100;
export const CAP_NT_FIND = 0x0000_0200;
export const CAP_DFS = 0x0000_1000;
export const CAP_INFOLEVEL_PASSTHRU = 0x0000_2000;
export const CAP_LARGE_READX = 0x0000_4000;
export const CAP_LARGE_WRITEX = 0x0000_8000;
export const CAP_UNIX = 0x0080_0000;
/** Of a client: it logs in anew when it is told that its ticket has run out. */
export const CAP_DYNAMIC_REAUTH = 0x2000_0000;
export const CAP_EXTENDED_SECURITY = 0x8000_0000;

export const Smb1NegotiateWords = struct('SMB_COM_NEGOTIATE Response', 'MS-SMB 2.2.4.5.2.1', {
  dialectIndex: u16,
  securityMode: u8,
  maxMpxCount: u16,
  maxNumberVcs: u16,
  maxBufferSize: u32,
  maxRawSize: u32,
  sessionKey: u32,
  capabilities: u32,
  systemTime: u64,
  serverTimeZone: u16,
  challengeLength: u8,
});
export type Smb1NegotiateWords = Wire<typeof Smb1NegotiateWords>;

const ExtendedFixed = struct('SMB_COM_NEGOTIATE Response', 'MS-SMB 2.2.4.5.2.1', {
  serverGuid: guid,
});

export const extendedNegotiateBytes = (serverGuid: Buffer, securityBlob: Buffer): Buffer =>
  Buffer.concat([ExtendedFixed.encode({ serverGuid }), securityBlob]);

/** 2.2.4.52.2: challenge, domain and server. The names are Unicode without alignment, as Windows sends them. */
export const plainNegotiateBytes = (
  challenge: Buffer,
  names: readonly string[],
  unicode: boolean,
): Buffer => Buffer.concat([challenge, ...names.map((name) => encodeTerminated(name, unicode))]);

const AndX = { andX: pad(4) };

const ExtendedSetup = struct('SMB_COM_SESSION_SETUP_ANDX Request', 'MS-SMB 2.2.4.6.1', {
  ...AndX,
  maxBufferSize: u16,
  maxMpxCount: u16,
  vcNumber: u16,
  sessionKey: u32,
  securityBlobLength: u16,
  reserved: pad(4),
  capabilities: u32,
});

const PlainSetup = struct('SMB_COM_SESSION_SETUP_ANDX Request', 'MS-CIFS 2.2.4.53.1', {
  ...AndX,
  maxBufferSize: u16,
  maxMpxCount: u16,
  vcNumber: u16,
  sessionKey: u32,
  oemPasswordLength: u16,
  unicodePasswordLength: u16,
  reserved: pad(4),
  capabilities: u32,
});

interface SetupCommon {
  readonly maxBufferSize: number;
  readonly maxMpxCount: number;
  readonly vcNumber: number;
  readonly capabilities: number;
}

export type Smb1SessionSetup = SetupCommon &
  (
    | { readonly kind: 'extended'; readonly securityBlob: Buffer }
    | {
        readonly kind: 'plain';
        readonly lmResponse: Buffer;
        readonly ntResponse: Buffer;
        readonly account: string;
        readonly domain: string;
      }
  );

export function decodeSmb1SessionSetup(block: Block, unicode: boolean): Smb1SessionSetup {
  const reader = new BytesReader(block, unicode);
  if (block.words.length === ExtendedSetup.size) {
    const { securityBlobLength, ...rest } = ExtendedSetup.read(block.words);
    return { kind: 'extended', ...rest, securityBlob: reader.take(securityBlobLength) };
  }
  const { oemPasswordLength, unicodePasswordLength, ...rest } = PlainSetup.read(block.words);
  const lmResponse = reader.take(oemPasswordLength);
  const ntResponse = reader.take(unicodePasswordLength);
  const account = reader.text();
  return { kind: 'plain', ...rest, lmResponse, ntResponse, account, domain: reader.text() };
}

export const SMB_SETUP_GUEST = 0x0001;

const ExtendedAnswer = struct('SMB_COM_SESSION_SETUP_ANDX Response', 'MS-SMB 2.2.4.6.2', {
  ...AndX,
  action: u16,
  securityBlobLength: u16,
});
const PlainAnswer = struct('SMB_COM_SESSION_SETUP_ANDX Response', 'MS-CIFS 2.2.4.53.2', {
  ...AndX,
  action: u16,
});

export interface SetupNames {
  readonly nativeOs: string;
  readonly nativeLanMan: string;
  readonly primaryDomain: string;
}

const namesBytes = (names: readonly string[], unicode: boolean): Buffer =>
  Buffer.concat(names.map((name) => encodeTerminated(name, unicode)));

export function encodeExtendedSetup(
  action: number,
  securityBlob: Buffer,
  { nativeOs, nativeLanMan, primaryDomain }: SetupNames,
  unicode: boolean,
): { words: Buffer; bytes: Buffer } {
  const words = ExtendedAnswer.encode({ action, securityBlobLength: securityBlob.length });
  // The data begin at an odd offset; so do the strings behind a blob of even length.
  const pad = unicode && securityBlob.length % 2 === 0 ? 1 : 0;
  const names = namesBytes([nativeOs, nativeLanMan, primaryDomain], unicode);
  return { words, bytes: Buffer.concat([securityBlob, Buffer.alloc(pad), names]) };
}

export function encodePlainSetup(
  action: number,
  { nativeOs, nativeLanMan, primaryDomain }: SetupNames,
  unicode: boolean,
): { words: Buffer; bytes: Buffer } {
  const names = namesBytes([nativeOs, nativeLanMan, primaryDomain], unicode);
  return {
    words: PlainAnswer.encode({ action }),
    bytes: Buffer.concat([Buffer.alloc(unicode ? 1 : 0), names]),
  };
}
