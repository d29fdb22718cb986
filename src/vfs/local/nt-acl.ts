/**
 * The extended attribute security.NTACL: the security descriptor (MS-DTYP 2.4.6) of a file, as Samba's
 * acl_xattr and ksmbd keep it: NDR of Samba's xattr.idl, xattr_NTACL. Written in version 4, which is the
 * only one of ksmbd; versions 1 to 4 are read.
 *
 * A descriptor that was set has been reflected in mode and POSIX ACL. So that a chmod or setfacl by others
 * is seen, what these were is kept beside it in two hashes: of the POSIX ACLs themselves (version 4), and of
 * the descriptor that they amount to (versions 3 and 4). Samba asks the second where the first differs.
 */
import { createHash } from 'node:crypto';
import {
  ALL_SECURITY_INFORMATION,
  type DescriptorLayout,
  decodeSecurityDescriptor,
  encodeSecurityDescriptor,
  type SecurityDescriptor,
} from '../../dtyp/security-descriptor.ts';
import {
  ACL_GROUP,
  ACL_GROUP_OBJ,
  ACL_MASK,
  ACL_OTHER,
  ACL_USER,
  ACL_USER_OBJ,
  aclOfMode,
  isDirectoryMode,
  isNamed,
  type PosixAcl,
  type PosixAclTag,
  type PosixPermissions,
} from '../../fscc/posix-acl.ts';
import { align4, align8 } from '../../wire/tail.ts';
import { WireError } from '../../wire/wire-error.ts';
import type { FileTime } from '../vfs.ts';

export const NTACL = 'security.NTACL';
/** Where a server that may not write into `security.` keeps it; Samba has to be told. */
export const USER_NTACL = 'user.NTACL';
export type NtAclName = typeof NTACL | typeof USER_NTACL;

export interface NtAcl {
  readonly descriptor: SecurityDescriptor;
  /** `hashOfDescriptor` of what the POSIX ACL amounted to. */
  readonly descriptorHash: Buffer | undefined;
  /** `hashOfPermissions` of the file. Neither hash: the descriptor holds whatever they are. */
  readonly permissionsHash: Buffer | undefined;
}

/** XATTR_SD_HASH_SIZE: what is kept for a hash; SHA-256 takes the first half. */
const HASH_FIELD_BYTES = 64;
const SHA256_BYTES = 32;
/** Version 2 has room for an MD5 that nobody looks at. */
const VERSION_2_HASH_BYTES = 16;

const HASH_NONE = 0;
const HASH_SHA256 = 1;

/** Of a version, before the hashes: version, the union's switch, and a pointer to each structure within. */
const VERSION_1_HEADER_BYTES = 8;
const HEADER_BYTES = 12;
const REFERENT = 0x0002_0000;
const NEXT_REFERENT = 0x0002_0004;

/** Who wrote `sys_acl_hash`: Samba's name for POSIX ACLs. */
const DESCRIPTION = 'posix_acl';
const MAX_DESCRIPTION_BYTES = 64;

/** Any bytes give a value or undefined. */
export function decodeNtAcl(bytes: Buffer): NtAcl | undefined {
  try {
    return decodeVersion(bytes);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function decodeVersion(bytes: Buffer): NtAcl | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const version = bytes.readUInt16LE(0);
  if (version !== bytes.readUInt16LE(2) || bytes.readUInt32LE(4) === 0) return undefined;
  if (version > 1 && bytes.readUInt32LE(8) === 0) return undefined;
  switch (version) {
    case 1:
      return at(bytes, VERSION_1_HEADER_BYTES);
    case 2:
      return at(bytes, HEADER_BYTES + VERSION_2_HASH_BYTES);
    case 3:
    case 4:
      return decodeHashed(bytes, version);
    default:
      return undefined;
  }
}

const at = (bytes: Buffer, start: number): NtAcl => ({
  descriptor: decodeSecurityDescriptor(bytes, start),
  descriptorHash: undefined,
  permissionsHash: undefined,
});

const HASH_TYPE = HEADER_BYTES;
const HASH = HASH_TYPE + 2;
const BEHIND_HASH = HASH + HASH_FIELD_BYTES;

function decodeHashed(bytes: Buffer, version: 3 | 4): NtAcl | undefined {
  if (bytes.length < BEHIND_HASH) return undefined;
  const hashType = bytes.readUInt16LE(HASH_TYPE);
  if (hashType !== HASH_NONE && hashType !== HASH_SHA256) return undefined;
  const hashAt = (offset: number): Buffer | undefined =>
    hashType === HASH_NONE ? undefined : Buffer.from(bytes.subarray(offset, offset + SHA256_BYTES));
  const descriptorHash = hashAt(HASH);
  if (version === 3) return { ...at(bytes, align4(BEHIND_HASH)), descriptorHash };
  const end = bytes.subarray(0, BEHIND_HASH + MAX_DESCRIPTION_BYTES).indexOf(0, BEHIND_HASH);
  if (end < 0) return undefined;
  // An NTTIME that nobody looks at stands between.
  const permissionsHash = align4(end + 1) + 8;
  const start = permissionsHash + HASH_FIELD_BYTES;
  const isOurs = bytes.toString('latin1', BEHIND_HASH, end) === DESCRIPTION;
  return {
    ...at(bytes, start),
    descriptorHash,
    permissionsHash: isOurs ? hashAt(permissionsHash) : undefined,
  };
}

/** The order in which Samba writes; offsets count from the beginning of the attribute. */
const layoutAt = (origin: number): DescriptorLayout => ({
  order: ['owner', 'group', 'sacl', 'dacl'],
  origin,
});

const encodeAt = (descriptor: SecurityDescriptor, origin: number): Buffer =>
  encodeSecurityDescriptor(descriptor, ALL_SECURITY_INFORMATION, layoutAt(origin));

function encodeHeader(version: 3 | 4, hash: Buffer, totalBytes: number): Buffer {
  const bytes = Buffer.alloc(totalBytes);
  bytes.writeUInt16LE(version, 0);
  bytes.writeUInt16LE(version, 2);
  bytes.writeUInt32LE(REFERENT, 4);
  bytes.writeUInt32LE(NEXT_REFERENT, 8);
  bytes.writeUInt16LE(HASH_SHA256, HASH_TYPE);
  bytes.set(hash, HASH);
  return bytes;
}

const PERMISSIONS_HASH = align4(BEHIND_HASH + DESCRIPTION.length + 1) + 8;
/** ksmbd knows the descriptor at this place only. */
const DESCRIPTOR = PERMISSIONS_HASH + HASH_FIELD_BYTES;

/** Version 4. */
export function encodeNtAcl(value: {
  readonly descriptor: SecurityDescriptor;
  readonly descriptorHash: Buffer;
  readonly permissionsHash: Buffer;
  /** When it was set. */
  readonly time: FileTime;
}): Buffer {
  const header = encodeHeader(4, value.descriptorHash, DESCRIPTOR);
  header.write(DESCRIPTION, BEHIND_HASH, 'latin1');
  header.writeBigUInt64LE(BigInt.asUintN(64, value.time), PERMISSIONS_HASH - 8);
  header.set(value.permissionsHash, PERMISSIONS_HASH);
  return Buffer.concat([header, encodeAt(value.descriptor, DESCRIPTOR)]);
}

const sha256 = (...parts: readonly Buffer[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const VERSION_3_DESCRIPTOR = align4(BEHIND_HASH);
const VERSION_3_HEADER = encodeHeader(3, Buffer.alloc(0), VERSION_3_DESCRIPTOR);

/** Of the descriptor as version 3 with an empty hash. */
export const hashOfDescriptor = (descriptor: SecurityDescriptor): Buffer =>
  sha256(VERSION_3_HEADER, encodeAt(descriptor, VERSION_3_DESCRIPTOR));

// smb_acl_tag_t of Samba's smb_acl.idl
const SAMBA_TAGS: Readonly<Record<PosixAclTag, number>> = {
  [ACL_USER]: 1,
  [ACL_USER_OBJ]: 2,
  [ACL_GROUP]: 3,
  [ACL_GROUP_OBJ]: 4,
  [ACL_OTHER]: 5,
  [ACL_MASK]: 6,
};

/** Bytes of the wrapper before the lists, of a list before its entries, and of one entry at most. */
const WRAPPER_BYTES = 32;
const LIST_BYTES = 16;
const MAX_ENTRY_BYTES = 24;

/**
 * Of owner, mode and POSIX ACLs, as the NDR of Samba's smb_acl_wrapper. Where a file has no list, that of
 * its mode stands for it; where a directory has no default, an empty one.
 */
export function hashOfPermissions(permissions: PosixPermissions): Buffer {
  const access = permissions.access ?? aclOfMode(permissions.mode);
  const isDirectory = isDirectoryMode(permissions.mode);
  return hashOfWrapper(permissions, access, isDirectory ? (permissions.default ?? []) : undefined);
}

/** The same as ksmbd computes it: a list that is not there is none, and without the first the second is nowhere. */
export const ksmbdHashOfPermissions = (permissions: PosixPermissions): Buffer =>
  hashOfWrapper(permissions, permissions.access, permissions.default);

function hashOfWrapper(
  { uid, gid, mode }: PosixPermissions,
  access: PosixAcl | undefined,
  defaults: PosixAcl | undefined,
): Buffer {
  const entries = (access?.length ?? 0) + (defaults?.length ?? 0);
  const bytes = Buffer.alloc(WRAPPER_BYTES + 2 * LIST_BYTES + entries * MAX_ENTRY_BYTES);
  bytes.writeUInt32LE(access === undefined ? 0 : REFERENT, 0);
  const next = access === undefined ? REFERENT : NEXT_REFERENT;
  bytes.writeUInt32LE(defaults === undefined ? 0 : next, 4);
  bytes.writeBigUInt64LE(BigInt(uid), 8);
  bytes.writeBigUInt64LE(BigInt(gid), 16);
  bytes.writeUInt32LE(mode, 24);
  let end = 28;
  if (access !== undefined) {
    end = writeList(bytes, end, access);
    if (defaults !== undefined) end = writeList(bytes, end, defaults);
  }
  return sha256(bytes.subarray(0, end));
}

/** At `offset`, and returns the offset behind it. */
function writeList(bytes: Buffer, offset: number, acl: PosixAcl): number {
  const count = align4(offset);
  bytes.writeUInt32LE(acl.length, count);
  const list = align8(count + 4);
  bytes.writeUInt32LE(acl.length, list);
  let end = list + 8;
  for (const { tag, permissions, id } of acl) {
    const entry = align8(end);
    bytes.writeUInt16LE(SAMBA_TAGS[tag], entry);
    bytes.writeUInt16LE(SAMBA_TAGS[tag], entry + 2);
    end = entry + 4;
    if (isNamed(tag)) {
      end = align8(end);
      bytes.writeBigUInt64LE(BigInt(id ?? 0), end);
      end += 8;
    }
    bytes.writeUInt32LE(permissions, end);
    end += 4;
  }
  return end;
}

/** Whether `acl` was set when the file was as it is now. `derived` is asked only where that is not sure. */
export function isCurrent(
  acl: NtAcl,
  permissions: PosixPermissions,
  derived: () => SecurityDescriptor,
): boolean {
  const { descriptorHash, permissionsHash } = acl;
  if (permissionsHash !== undefined) {
    if (permissionsHash.equals(hashOfPermissions(permissions))) return true;
    if (permissionsHash.equals(ksmbdHashOfPermissions(permissions))) return true;
  }
  return descriptorHash === undefined || descriptorHash.equals(hashOfDescriptor(derived()));
}
