/** MS-CIFS 2.2.4.55, MS-SMB 2.2.4.7: TREE_CONNECT_ANDX, and MS-CIFS 2.2.4.50: TREE_CONNECT of old. */
import { encodeOem } from '../fscc/code-page.ts';
import { pad, struct, u16, u32 } from '../wire/struct.ts';
import type { Block } from './block.ts';
import { BytesReader, encodeTerminated } from './strings.ts';

export const TREE_CONNECT_ANDX_DISCONNECT_TID = 0x0001;
export const TREE_CONNECT_ANDX_EXTENDED_RESPONSE = 0x0008;
export const SMB_SUPPORT_SEARCH_BITS = 0x0001;
export const SMB_SHARE_IS_IN_DFS = 0x0002;

/** 2.2.4.55.1: what the client takes the share for. */
export const Service = { DISK: 'A:', PRINTER: 'LPT1:', PIPE: 'IPC', ANY: '?????' } as const;

const RequestWords = struct('SMB_COM_TREE_CONNECT_ANDX Request', 'MS-CIFS 2.2.4.55.1', {
  andX: pad(4),
  flags: u16,
  passwordLength: u16,
});

export interface Smb1TreeConnect {
  readonly flags: number;
  readonly path: string;
  readonly service: string;
}

export function decodeTreeConnectAndX(block: Block, unicode: boolean): Smb1TreeConnect {
  const { flags, passwordLength } = RequestWords.read(block.words);
  const reader = new BytesReader(block, unicode);
  reader.take(passwordLength);
  const path = reader.text();
  return { flags, path, service: reader.text(false) };
}

/** 2.2.4.50.1 */
/** Behind BufferFormat and the first. */
const SECOND_BYTE_AT = 2;

/**
 * 2.2.4.50.1: "Servers MUST ignore the SMB_FLAGS2_UNICODE flag and interpret strings in this request as OEM_STRING
 * strings". Samba's client sends what the flag says: then the first character, a backslash, has two bytes.
 */
export function decodeOldTreeConnect(block: Block, unicode: boolean): Smb1TreeConnect {
  const reader = new BytesReader(block, unicode && block.bytes[SECOND_BYTE_AT] === 0);
  const path = reader.ascii();
  reader.ascii();
  return { flags: 0, path, service: reader.ascii() };
}

const ResponseWords = struct('SMB_COM_TREE_CONNECT_ANDX Response', 'MS-CIFS 2.2.4.55.2', {
  andX: pad(4),
  optionalSupport: u16,
});
const ExtendedResponseWords = struct('SMB_COM_TREE_CONNECT_ANDX Response', 'MS-SMB 2.2.4.7.2', {
  andX: pad(4),
  optionalSupport: u16,
  maximalShareAccessRights: u32,
  guestMaximalShareAccessRights: u32,
});

export interface TreeConnectAnswer {
  readonly optionalSupport: number;
  readonly service: string;
  readonly nativeFileSystem: string;
  /** Undefined: not asked for. */
  readonly maximalAccess: number | undefined;
}

export function encodeTreeConnectAndX(v: TreeConnectAnswer, unicode: boolean) {
  const { optionalSupport, maximalAccess } = v;
  const words =
    maximalAccess === undefined
      ? ResponseWords.encode({ optionalSupport })
      : ExtendedResponseWords.encode({
          optionalSupport,
          maximalShareAccessRights: maximalAccess,
          guestMaximalShareAccessRights: 0,
        });
  const service = encodeOem(`${v.service}\0`);
  // The data begin at an odd offset.
  const pad = unicode && service.length % 2 === 0 ? 1 : 0;
  const name = encodeTerminated(v.nativeFileSystem, unicode);
  return { words, bytes: Buffer.concat([service, Buffer.alloc(pad), name]) };
}

/** MS-CIFS 2.2.4.50.2 */
export const OldTreeConnectWords = struct('SMB_COM_TREE_CONNECT Response', 'MS-CIFS 2.2.4.50.2', {
  maxBufferSize: u16,
  tid: u16,
});
