/**
 * The extended attributes system.posix_acl_access and system.posix_acl_default: POSIX access control
 * lists (acl(5)) as Linux hands them out, struct posix_acl_xattr_header and posix_acl_xattr_entry of
 * linux/posix_acl_xattr.h.
 */

export const POSIX_ACL_ACCESS = 'system.posix_acl_access';
export const POSIX_ACL_DEFAULT = 'system.posix_acl_default';

// The tags in the order in which the kernel wants them.
export const ACL_USER_OBJ = 0x01;
export const ACL_USER = 0x02;
export const ACL_GROUP_OBJ = 0x04;
export const ACL_GROUP = 0x08;
export const ACL_MASK = 0x10;
export const ACL_OTHER = 0x20;

export type PosixAclTag =
  | typeof ACL_USER_OBJ
  | typeof ACL_USER
  | typeof ACL_GROUP_OBJ
  | typeof ACL_GROUP
  | typeof ACL_MASK
  | typeof ACL_OTHER;

export const ACL_READ = 4;
export const ACL_WRITE = 2;
export const ACL_EXECUTE = 1;

export interface PosixAclEntry {
  readonly tag: PosixAclTag;
  /** ACL_READ, ACL_WRITE and ACL_EXECUTE. */
  readonly permissions: number;
  /** Whose it is, of ACL_USER and ACL_GROUP; of the others undefined. */
  readonly id: number | undefined;
}

export type PosixAcl = readonly PosixAclEntry[];

const VERSION = 2;
const HEADER_BYTES = 4;
const ENTRY_BYTES = 8;
/** ACL_UNDEFINED_ID. */
const NO_ID = 0xffff_ffff;

const TAGS: ReadonlySet<number> = new Set([
  ACL_USER_OBJ,
  ACL_USER,
  ACL_GROUP_OBJ,
  ACL_GROUP,
  ACL_MASK,
  ACL_OTHER,
]);

export const isPosixAclTag = (tag: number): tag is PosixAclTag => TAGS.has(tag);

/** Whether entries with this tag are of one user or group. */
export const isNamed = (tag: PosixAclTag): boolean => tag === ACL_USER || tag === ACL_GROUP;

/** Any bytes give a list or undefined. The order is that of the bytes. */
export function decodePosixAcl(bytes: Buffer): PosixAcl | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== VERSION) return undefined;
  if ((bytes.length - HEADER_BYTES) % ENTRY_BYTES !== 0) return undefined;
  const entries: PosixAclEntry[] = [];
  for (let at = HEADER_BYTES; at < bytes.length; at += ENTRY_BYTES) {
    const tag = bytes.readUInt16LE(at);
    const permissions = bytes.readUInt16LE(at + 2);
    const id = bytes.readUInt32LE(at + 4);
    if (!isPosixAclTag(tag) || permissions > (ACL_READ | ACL_WRITE | ACL_EXECUTE)) return undefined;
    if (isNamed(tag) && id === NO_ID) return undefined;
    entries.push({ tag, permissions, id: isNamed(tag) ? id : undefined });
  }
  return entries;
}

export function encodePosixAcl(acl: PosixAcl): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + acl.length * ENTRY_BYTES);
  bytes.writeUInt32LE(VERSION, 0);
  for (const [i, { tag, permissions, id }] of acl.entries()) {
    const at = HEADER_BYTES + i * ENTRY_BYTES;
    bytes.writeUInt16LE(tag, at);
    bytes.writeUInt16LE(permissions, at + 2);
    bytes.writeUInt32LE(id ?? NO_ID, at + 4);
  }
  return bytes;
}

/** Whose a file is and what its owner, others and the lists that it may have let them do. */
export interface PosixPermissions {
  readonly uid: number;
  readonly gid: number;
  /** st_mode, with the type. */
  readonly mode: number;
  /** Undefined: the mode says all. */
  readonly access: PosixAcl | undefined;
  /** Of a directory, what is made in it begins with. */
  readonly default: PosixAcl | undefined;
}

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
export const isDirectoryMode = (mode: number): boolean => (mode & S_IFMT) === S_IFDIR;

/** The list that says what the mode says. */
export const aclOfMode = (mode: number): PosixAcl => [
  { tag: ACL_USER_OBJ, permissions: (mode >> 6) & 7, id: undefined },
  { tag: ACL_GROUP_OBJ, permissions: (mode >> 3) & 7, id: undefined },
  { tag: ACL_OTHER, permissions: mode & 7, id: undefined },
];
