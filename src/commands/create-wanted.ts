/** MS-FSA 2.1.5.1, phases 1 and 7: what a CREATE of a file asks for, as far as no file is needed to tell. */
import {
  ACCESS_SYSTEM_SECURITY,
  DELETE,
  FILE_WRITE_DATA,
  MAXIMUM_ALLOWED,
  mapGenericRights,
} from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_EAS_NOT_SUPPORTED,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_A_DIRECTORY,
  STATUS_OBJECT_NAME_INVALID,
} from '../dtyp/ntstatus.ts';
import { type PosixOwners, posixOwnersOf } from '../dtyp/posix-sids.ts';
import type { SecurityDescriptor } from '../dtyp/security-descriptor.ts';
import { FILE_ATTRIBUTE_ENCRYPTED } from '../fscc/attributes.ts';
import type { ParsedPath } from '../fscc/names.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import type { CreateRequest } from '../smb2/create.ts';
import { decodeAllocationSize } from '../smb2/create-context-values.ts';
import { CreateContextName, findCreateContext } from '../smb2/create-contexts.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OVERWRITE,
  FILE_SUPERSEDE,
} from '../smb2/create-options.ts';
import { EOPNOTSUPP, type Errno } from '../vfs/errno.ts';
import type { VfsEa, VfsHandle, VfsTree } from '../vfs/vfs.ts';
import { CHANGES } from './access.ts';
import type { TreeRequest } from './command.ts';
import { createdSecurity } from './created-security.ts';
import type { CreateWish } from './durable.ts';
import { createdEas } from './extended-attributes.ts';
import type { PosixWish } from './posix.ts';

export interface Wanted extends CreateWish {
  /** Of an open by the SMB3 POSIX extensions. */
  readonly posix: PosixWish | undefined;
  /** The previous version of the share that it is about; undefined: the share of today. */
  readonly then?: VfsTree;
  /** Generic rights mapped, MAXIMUM_ALLOWED taken out. */
  readonly access: number;
  readonly maximum: boolean;
  readonly path: readonly string[];
  /** The short name by which the file was found, which `path` does not hold any more. */
  readonly shortName?: string | undefined;
  /** Of what is made in place of what was deleted by its short name. */
  readonly creationTime?: bigint;
  /** How many symbolic links have led here (follow-links.ts). */
  readonly links?: number;
  /** A link that is meant itself, in a share where links are followed, leads to a folder. */
  readonly isFolderLink?: boolean;
  /** The named stream; undefined for the file or directory itself. */
  readonly stream: string | undefined;
  readonly directoryOnly: boolean;
  readonly fileOnly: boolean;
  /** The name ends in a backslash. */
  readonly trailingBackslash: boolean;
  /** To be set on what is made or overwritten. */
  readonly eas: readonly VfsEa[];
  /** AlSi; 0 for none. */
  readonly allocationSize: number;
  /** SecD, for what is made. */
  readonly security: SecurityDescriptor | undefined;
  /** Of a POSIX open, in place of `security`: whose it is to be, if the user may give it to them. */
  readonly owners: PosixOwners | undefined;
}

export function want(body: CreateWish, path: ParsedPath, hasStreams: boolean, posix?: PosixWish) {
  const { components, stream, trailingBackslash } = path;
  const { createOptions } = body;
  const isData = stream?.type === '$DATA';
  const isIndex = stream?.type === '$INDEX_ALLOCATION';
  // MS-FSA note 47: without named streams no name has a stream in it, not even the unnamed one.
  if (stream !== undefined && !hasStreams) return STATUS_OBJECT_NAME_INVALID;
  if (isIndex && stream.name !== '' && stream.name.toUpperCase() !== '$I30') {
    return STATUS_INVALID_PARAMETER;
  }
  const directoryOnly = (createOptions & FILE_DIRECTORY_FILE) !== 0 || isIndex;
  const fileOnly = (createOptions & FILE_NON_DIRECTORY_FILE) !== 0 || isData;
  if (isData && directoryOnly) return STATUS_NOT_A_DIRECTORY;
  if (trailingBackslash && fileOnly) return STATUS_OBJECT_NAME_INVALID;
  const eas = createdEas(body);
  if (typeof eas === 'number') return eas;
  const mapped = mapGenericRights(body.desiredAccess);
  const security = createdSecurity(body);
  // Linux' client sends one with modefromsid and idsfromsid. Its mode is none (07777) or that of the context.
  const owners = posix && security && posixOwnersOf(security);
  const wanted: Wanted = {
    ...body,
    posix,
    access: (mapped & ~MAXIMUM_ALLOWED) >>> 0,
    maximum: (mapped & MAXIMUM_ALLOWED) !== 0,
    path: components,
    stream: isData && stream.name !== '' ? stream.name : undefined,
    directoryOnly,
    fileOnly,
    trailingBackslash,
    eas,
    allocationSize: allocationSizeOf(body),
    security: owners === undefined ? security : undefined,
    owners,
  };
  return wanted;
}

/** Decoded before anything is touched: a malformed one must not leave a file behind. */
function allocationSizeOf({ createContexts }: CreateRequest): number {
  const data = findCreateContext(createContexts, CreateContextName.ALLOCATION_SIZE);
  return data === undefined ? 0 : decodeAllocationSize(data);
}

/** Where its name is looked for. */
export function filesFor({ posix, then }: Wanted, { files }: TreeConnect): VfsTree {
  if (then === undefined) return posix?.files ?? files!;
  return posix === undefined ? then : (then.exactly?.() ?? then);
}

/** What the tree connect alone rules out: 3.3.5.9, Open Execution. */
export function refuseOnShare(wanted: Wanted, { tree }: TreeRequest): NtStatus | undefined {
  const refused = wanted.access & ~ACCESS_SYSTEM_SECURITY & ~tree.maximalAccess;
  if (refused !== 0) return STATUS_ACCESS_DENIED;
  if (!tree.readOnly) {
    const { extendedAttributes } = tree.share.vfs!.features;
    return wanted.eas.length > 0 && !extendedAttributes ? STATUS_EAS_NOT_SUPPORTED : undefined;
  }
  const { createDisposition, createOptions } = wanted;
  if ((createOptions & FILE_DELETE_ON_CLOSE) !== 0) return STATUS_ACCESS_DENIED;
  const changes = createDisposition !== FILE_OPEN && createDisposition !== FILE_OPEN_IF;
  return changes || (wanted.access & CHANGES) !== 0 ? STATUS_ACCESS_DENIED : undefined;
}

export const createsIfMissing = ({ createDisposition }: Wanted): boolean =>
  createDisposition !== FILE_OPEN && createDisposition !== FILE_OVERWRITE;

export const overwrites = ({ createDisposition }: Wanted): boolean =>
  createDisposition !== FILE_OPEN &&
  createDisposition !== FILE_OPEN_IF &&
  createDisposition !== FILE_CREATE;

/**
 * Who wants a file encrypted must not believe that it was: no disk here encrypts one, and Windows' own servers that are
 * trusted with no key say the same (smb2.create.gentest). Clients ask their user then, or leave it out.
 */
export const refuseEncryption = ({ fileAttributes }: Wanted): NtStatus | undefined =>
  (fileAttributes & FILE_ATTRIBUTE_ENCRYPTED) !== 0 ? STATUS_ACCESS_DENIED : undefined;

/** Rights that the disposition needs beside those asked for. */
export function impliedAccess(wanted: Wanted): number {
  if (!overwrites(wanted)) return 0;
  return wanted.createDisposition === FILE_SUPERSEDE ? DELETE : FILE_WRITE_DATA;
}

/** 3.3.5.9.3: AlSi. A file system that cannot reserve is no reason to fail. */
export async function reserve(wanted: Wanted, handle: VfsHandle): Promise<Errno | 0> {
  if (wanted.allocationSize === 0 || handle.kind !== 'file' || handle.base !== undefined) return 0;
  const result = await handle.allocate(wanted.allocationSize);
  return result === EOPNOTSUPP ? 0 : result;
}
