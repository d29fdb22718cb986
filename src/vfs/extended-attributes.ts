/**
 * What every back end asks of extended attributes (MS-FSA 2.1.5.15.6) before it stores them.
 *
 * They are Linux's `user.NAME`, NAME in UTF-8 and not in the code page that clients send, as with Samba and ksmbd, so
 * some names belong to what these servers and this one keep there themselves. FILE_NEED_EA has no place in that format
 * and is not kept.
 */
import { easBytes, isValidEa, MAX_EAS_BYTES } from '../fscc/extended-attributes.ts';
import { upcase } from '../fscc/upcase.ts';
import { E2BIG, EACCES, EINVAL, type Errno } from './errno.ts';
import type { VfsEa } from './vfs.ts';

/** XATTR_NAME_MAX of Linux less `user.`, in bytes of UTF-8; MS-FSCC 2.4.16 would allow 254 characters. */
export const MAX_EA_NAME_BYTES = 250;

/** DOS attributes, ACLs (also as ksmbd and Samba name them), inherited ACLs, netatalk's Finder info. */
const RESERVED =
  /^(?:DOSATTRIB|NTACL|security\.NTACL|SAMBA_PAI|SmbReparse|SmbObjectId|org\.netatalk\.Metadata)$/i;
/** Named streams: see local/stream-value.ts. */
const RESERVED_BEGINNING = /^DosStream(?:Ext)?\./i;

/** Names that clients neither see nor set. */
export const isReservedEa = (name: string): boolean =>
  RESERVED.test(name) || RESERVED_BEGINNING.test(name);

/** Can a client see and set an attribute of this name? */
export const isEaName = (name: string): boolean =>
  Buffer.byteLength(name) <= MAX_EA_NAME_BYTES && isValidEa({ flags: 0, name });

/** Names that are equal here are one name. */
export const eaKey = (name: string): string => upcase(name);

export function refuseEas(changes: readonly VfsEa[]): Errno | undefined {
  for (const { name } of changes) {
    if (!isEaName(name)) return EINVAL;
    if (isReservedEa(name)) return EACCES;
  }
  return undefined;
}

/** The attributes after the changes, in the order that they came in; those that were there keep their names. */
export function changedEas(
  current: readonly VfsEa[],
  changes: readonly VfsEa[],
): readonly VfsEa[] | Errno {
  const refused = refuseEas(changes);
  if (refused !== undefined) return refused;
  const eas = new Map(current.map((ea) => [eaKey(ea.name), ea]));
  for (const { name, value } of changes) {
    const key = eaKey(name);
    if (value.length === 0) eas.delete(key);
    else eas.set(key, { name: eas.get(key)?.name ?? name, value });
  }
  return easBytes(eas.values()) > MAX_EAS_BYTES ? E2BIG : [...eas.values()];
}
