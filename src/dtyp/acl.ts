/**
 * MS-DTYP 2.4.4 and 2.4.5: access control lists. Entries that are a mask and a SID are taken apart; object,
 * callback and other entries keep their bytes, since a file server stores but does not evaluate them.
 */
import { WireError } from '../wire/wire-error.ts';
import type { AccessMask } from './access-mask.ts';
import { decodeSid, encodeSid, type Sid, sidBytes } from './sid.ts';

// 2.4.4.1, AceType
export const ACCESS_ALLOWED_ACE_TYPE = 0x00;
export const ACCESS_DENIED_ACE_TYPE = 0x01;
export const SYSTEM_AUDIT_ACE_TYPE = 0x02;
export const SYSTEM_ALARM_ACE_TYPE = 0x03;
export const ACCESS_ALLOWED_COMPOUND_ACE_TYPE = 0x04;
export const ACCESS_ALLOWED_OBJECT_ACE_TYPE = 0x05;
export const ACCESS_DENIED_OBJECT_ACE_TYPE = 0x06;
export const SYSTEM_AUDIT_OBJECT_ACE_TYPE = 0x07;
export const SYSTEM_ALARM_OBJECT_ACE_TYPE = 0x08;
export const ACCESS_ALLOWED_CALLBACK_ACE_TYPE = 0x09;
export const ACCESS_DENIED_CALLBACK_ACE_TYPE = 0x0a;
export const ACCESS_ALLOWED_CALLBACK_OBJECT_ACE_TYPE = 0x0b;
export const ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE = 0x0c;
export const SYSTEM_AUDIT_CALLBACK_ACE_TYPE = 0x0d;
export const SYSTEM_ALARM_CALLBACK_ACE_TYPE = 0x0e;
export const SYSTEM_AUDIT_CALLBACK_OBJECT_ACE_TYPE = 0x0f;
export const SYSTEM_ALARM_CALLBACK_OBJECT_ACE_TYPE = 0x10;
export const SYSTEM_MANDATORY_LABEL_ACE_TYPE = 0x11;
export const SYSTEM_RESOURCE_ATTRIBUTE_ACE_TYPE = 0x12;
export const SYSTEM_SCOPED_POLICY_ID_ACE_TYPE = 0x13;

// 2.4.4.1, AceFlags
export const OBJECT_INHERIT_ACE = 0x01;
export const CONTAINER_INHERIT_ACE = 0x02;
export const NO_PROPAGATE_INHERIT_ACE = 0x04;
export const INHERIT_ONLY_ACE = 0x08;
export const INHERITED_ACE = 0x10;
export const SUCCESSFUL_ACCESS_ACE_FLAG = 0x40;
export const FAILED_ACCESS_ACE_FLAG = 0x80;

// 2.4.5, AclRevision
export const ACL_REVISION = 0x02;
export const ACL_REVISION_DS = 0x04;

/** An entry whose body is a mask and a SID, whatever its type does with them. */
export interface SidAce {
  readonly kind: 'sid';
  readonly type: number;
  readonly flags: number;
  readonly mask: AccessMask;
  readonly sid: Sid;
}

/** Any other entry; `body` is what follows its header of 4 bytes. */
export interface RawAce {
  readonly kind: 'raw';
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
}

export type Ace = SidAce | RawAce;

export interface Acl {
  readonly revision: number;
  readonly aces: readonly Ace[];
}

const SID_TYPES: ReadonlySet<number> = new Set([
  ACCESS_ALLOWED_ACE_TYPE,
  ACCESS_DENIED_ACE_TYPE,
  SYSTEM_AUDIT_ACE_TYPE,
  SYSTEM_ALARM_ACE_TYPE,
  SYSTEM_MANDATORY_LABEL_ACE_TYPE,
  SYSTEM_SCOPED_POLICY_ID_ACE_TYPE,
]);

const ACL_HEADER_BYTES = 8;
const ACE_HEADER_BYTES = 4;
const MASK_BYTES = 4;
/** AclSize and AceSize have 16 bits. */
export const MAX_ACL_BYTES = 0xffff;

const entry =
  (type: number) =>
  (sid: Sid, mask: AccessMask, flags = 0): SidAce => ({ kind: 'sid', type, flags, mask, sid });

export const allowedAce = entry(ACCESS_ALLOWED_ACE_TYPE);
export const deniedAce = entry(ACCESS_DENIED_ACE_TYPE);
export const auditAce = entry(SYSTEM_AUDIT_ACE_TYPE);

export const makeAcl = (aces: readonly Ace[]): Acl => ({ revision: ACL_REVISION, aces });

const aceBytes = (ace: Ace): number =>
  ACE_HEADER_BYTES + (ace.kind === 'raw' ? ace.body.length : MASK_BYTES + sidBytes(ace.sid));

export const aclBytes = (acl: Acl): number =>
  acl.aces.reduce((sum, ace) => sum + aceBytes(ace), ACL_HEADER_BYTES);

export function encodeAcl(acl: Acl): Buffer {
  const size = aclBytes(acl);
  if (size > MAX_ACL_BYTES) throw new RangeError(`an ACL of ${size} bytes`);
  const b = Buffer.alloc(size);
  b[0] = acl.revision;
  b.writeUInt16LE(size, 2);
  b.writeUInt16LE(acl.aces.length, 4);
  let at = ACL_HEADER_BYTES;
  for (const ace of acl.aces) {
    b[at] = ace.type;
    b[at + 1] = ace.flags;
    b.writeUInt16LE(aceBytes(ace), at + 2);
    const body = at + ACE_HEADER_BYTES;
    if (ace.kind === 'raw') {
      b.set(ace.body, body);
    } else {
      b.writeUInt32LE(ace.mask, body);
      b.set(encodeSid(ace.sid), body + MASK_BYTES);
    }
    at += aceBytes(ace);
  }
  return b;
}

/** The ACL at `offset`; its AclSize says where it ends. */
export function decodeAcl(b: Buffer, offset = 0): Acl {
  if (offset < 0 || b.length - offset < ACL_HEADER_BYTES) {
    throw new WireError('ACL', `${b.length} bytes, at ${offset}`);
  }
  const revision = b[offset]!;
  if (revision < ACL_REVISION || revision > ACL_REVISION_DS) {
    throw new WireError('ACL', `AclRevision is ${revision}`);
  }
  const size = b.readUInt16LE(offset + 2);
  if (size < ACL_HEADER_BYTES || size > b.length - offset) {
    throw new WireError('ACL', `AclSize is ${size}`);
  }
  const count = b.readUInt16LE(offset + 4);
  const acl = b.subarray(offset, offset + size);
  const aces: Ace[] = [];
  let at = ACL_HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const ace = aceAt(acl, at);
    aces.push(decodeAce(ace));
    at += ace.length;
  }
  return { revision, aces };
}

/** The bytes of the entry at `at`, header included. */
function aceAt(acl: Buffer, at: number): Buffer {
  if (acl.length - at < ACE_HEADER_BYTES) throw new WireError('ACE_HEADER', `nothing at ${at}`);
  const size = acl.readUInt16LE(at + 2);
  if (size < ACE_HEADER_BYTES || size % 4 !== 0 || size > acl.length - at) {
    throw new WireError('ACE_HEADER', `AceSize is ${size}`);
  }
  return acl.subarray(at, at + size);
}

function decodeAce(ace: Buffer): Ace {
  const type = ace[0]!;
  const flags = ace[1]!;
  if (!SID_TYPES.has(type)) {
    // A copy: an ACL that is kept must not keep the message that it came in.
    return { kind: 'raw', type, flags, body: Buffer.from(ace.subarray(ACE_HEADER_BYTES)) };
  }
  if (ace.length < ACE_HEADER_BYTES + MASK_BYTES) {
    throw new WireError('ACE', `AceSize is ${ace.length}`);
  }
  const mask = ace.readUInt32LE(ACE_HEADER_BYTES);
  return { kind: 'sid', type, flags, mask, sid: decodeSid(ace, ACE_HEADER_BYTES + MASK_BYTES) };
}
