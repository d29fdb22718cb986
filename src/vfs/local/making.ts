/**
 * What smb.conf says of the mode and the owner of new objects, and of DOS attributes kept in mode bits: `inherit
 * permissions`, `inherit owner`, `inherit acls`, `map archive`, `map hidden`, `map system`, `map readonly`.
 */
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_READONLY,
  FILE_ATTRIBUTE_SYSTEM,
} from '../../fscc/attributes.ts';
import { W_OK } from '../../native/constants.ts';
import { stx } from '../../native/stat.ts';
import type { Actor } from './credentials.ts';
import { allowedByMode } from './permissions.ts';

export interface MakingPolicy {
  /** New objects have the mode of their directory, files without its x bits; no mask is applied. */
  readonly inheritsPermissions: boolean;
  /** New objects belong to the owner of their directory. */
  readonly inheritsOwner: boolean;
  /** A directory's default ACL is handed on whole; without, `create mask` and its like cut it. */
  readonly inheritsAcls: boolean;
  /** Where no attributes are stored. */
  readonly mapped: MappedAttributes | undefined;
}

export interface MappedAttributes {
  readonly archive: boolean;
  readonly system: boolean;
  readonly hidden: boolean;
  /** 'mode': the owner's w bit; 'permissions': what the user may do. */
  readonly readonly: 'no' | 'mode' | 'permissions';
  /** `create mask`: x bits that a file may have. */
  readonly mask: number;
}

export const NO_POLICY: MakingPolicy = {
  inheritsPermissions: false,
  inheritsOwner: false,
  inheritsAcls: false,
  mapped: undefined,
};

const FILE_BITS = 0o666;
/** "The setuid bit is never set via inheritance", smb.conf(5). */
const DIRECTORY_BITS = 0o3777;
const ANY_WRITE = 0o222;
const OWNER_WRITE = 0o200;

export const inheritedMode = (parentMode: number, kind: 'file' | 'directory'): number =>
  parentMode & (kind === 'file' ? FILE_BITS : DIRECTORY_BITS);

interface Bit {
  readonly attribute: number;
  readonly bit: number;
}

/** Samba's: the owner's x bit for archive, the group's for system, the others' for hidden. */
const bitsOf = ({ archive, system, hidden }: MappedAttributes): Bit[] => [
  ...(archive ? [{ attribute: FILE_ATTRIBUTE_ARCHIVE, bit: 0o100 }] : []),
  ...(system ? [{ attribute: FILE_ATTRIBUTE_SYSTEM, bit: 0o010 }] : []),
  ...(hidden ? [{ attribute: FILE_ATTRIBUTE_HIDDEN, bit: 0o001 }] : []),
];

/** The mode of an object that is to have these attributes. A directory's x bits are its own. */
export function modeWith(
  mapped: MappedAttributes,
  mode: number,
  attributes: number,
  isDirectory: boolean,
): number {
  let result = mode;
  for (const { attribute, bit } of isDirectory ? [] : bitsOf(mapped)) {
    const isSet = (attributes & attribute) !== 0;
    result = isSet ? result | (bit & mapped.mask) : result & ~bit;
  }
  if (mapped.readonly === 'no') return result;
  if ((attributes & FILE_ATTRIBUTE_READONLY) !== 0) return result & ~ANY_WRITE;
  return (result & ANY_WRITE) === 0 ? result | OWNER_WRITE : result;
}

/** The attributes that the mode of the statx just made stands for. */
export function attributesOfStat(
  mapped: MappedAttributes,
  isDirectory: boolean,
  actor: Actor,
): number {
  const mode = stx.mode();
  let attributes = 0;
  for (const { attribute, bit } of isDirectory ? [] : bitsOf(mapped)) {
    if ((mode & bit) !== 0) attributes |= attribute;
  }
  const writable =
    mapped.readonly === 'mode'
      ? (mode & OWNER_WRITE) !== 0
      : mapped.readonly === 'no' || (allowedByMode(mode, stx.uid(), stx.gid(), actor) & W_OK) !== 0;
  return writable ? attributes : attributes | FILE_ATTRIBUTE_READONLY;
}
