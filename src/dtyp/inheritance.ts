/**
 * MS-DTYP 2.5.3.4: the security descriptor of a new file or directory, made from that of its directory and
 * the one that its creator gave. As MS-DTYP's table has it, INHERIT_ONLY and INHERITED of the parent's
 * entries play no part in what is inherited.
 *
 * Windows marks entries as INHERITED only where the parent says that its own came about that way
 * (SE_DACL_AUTO_INHERITED), and leaves those of the creator as they are (smb2.acls.INHERITFLAGS).
 */

import type { AccessToken } from './access-check.ts';
import { FILE_ALL_ACCESS, mapGenericRights } from './access-mask.ts';
import {
  ACL_REVISION_DS,
  type Ace,
  type Acl,
  aclBytes,
  allowedAce,
  CONTAINER_INHERIT_ACE,
  INHERIT_ONLY_ACE,
  INHERITED_ACE,
  MAX_ACL_BYTES,
  makeAcl,
  NO_PROPAGATE_INHERIT_ACE,
  OBJECT_INHERIT_ACE,
} from './acl.ts';
import {
  SE_DACL_AUTO_INHERIT_REQ,
  SE_DACL_AUTO_INHERITED,
  SE_DACL_PROTECTED,
  SE_SACL_AUTO_INHERIT_REQ,
  SE_SACL_AUTO_INHERITED,
  SE_SACL_PROTECTED,
  type SecurityDescriptor,
} from './security-descriptor.ts';
import { CREATOR_GROUP, CREATOR_OWNER, LOCAL_SYSTEM, type Sid } from './sid.ts';

const INHERITANCE_FLAGS =
  OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE | NO_PROPAGATE_INHERIT_ACE | INHERIT_ONLY_ACE;

/** Of a new object: its kind, and who CREATOR_OWNER and CREATOR_GROUP are. */
export interface NewObject {
  readonly isContainer: boolean;
  readonly owner: Sid;
  readonly group: Sid;
}

/** 2.5.3.4.3 */
export const hasInheritableAces = (acl: Acl | null | undefined): boolean =>
  acl?.aces.some(({ flags }) => (flags & (OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE)) !== 0) ===
  true;

/** 2.5.3.4.7: an entry as it is effective, generic rights mapped and the creator's SIDs replaced. */
function concrete(ace: Ace, { owner, group }: NewObject, flags: number): Ace {
  if (ace.kind === 'raw') return { ...ace, flags };
  const sid = ace.sid === CREATOR_OWNER ? owner : ace.sid === CREATOR_GROUP ? group : ace.sid;
  return { ...ace, flags, sid, mask: mapGenericRights(ace.mask) };
}

/** Whether an entry means something else for what inherits it than for what it is inherited by. */
const isGeneric = (ace: Ace): boolean =>
  ace.kind === 'sid' &&
  (ace.sid === CREATOR_OWNER ||
    ace.sid === CREATOR_GROUP ||
    mapGenericRights(ace.mask) !== ace.mask);

/** 2.5.3.4.4 for one entry: none, one, or an effective one and one that is only handed on. */
function inheritedBy(ace: Ace, object: NewObject, mark: number): Ace[] {
  const isForObjects = (ace.flags & OBJECT_INHERIT_ACE) !== 0;
  const isForContainers = (ace.flags & CONTAINER_INHERIT_ACE) !== 0;
  const propagates = (ace.flags & NO_PROPAGATE_INHERIT_ACE) === 0;
  const other = (ace.flags & ~(INHERITANCE_FLAGS | INHERITED_ACE)) | mark;
  if (!object.isContainer) return isForObjects ? [concrete(ace, object, other)] : [];
  const flags = other | (ace.flags & (OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE));
  const handedOn = { ...ace, flags: flags | INHERIT_ONLY_ACE };
  if (!isForContainers) return isForObjects && propagates ? [handedOn] : [];
  if (!propagates) return [concrete(ace, object, other)];
  return isGeneric(ace) ? [concrete(ace, object, other), handedOn] : [{ ...ace, flags }];
}

/** Undefined where nothing is inherited, or where it would be more than an ACL can be. */
function inheritedAcl(
  parent: Acl | null | undefined,
  object: NewObject,
  isAutomatic: boolean,
): Acl | undefined {
  if (parent === null || parent === undefined || !hasInheritableAces(parent)) return undefined;
  const mark = isAutomatic ? INHERITED_ACE : 0;
  const aces = parent.aces.flatMap((ace) => inheritedBy(ace, object, mark));
  const acl = { revision: Math.min(parent.revision, ACL_REVISION_DS), aces };
  return aces.length === 0 || aclBytes(acl) > MAX_ACL_BYTES ? undefined : acl;
}

/** 2.5.3.4.6 and .7 for what the creator gave: as it stands, with the generic rights mapped. */
export const withMappedRights = (acl: Acl): Acl => ({
  revision: acl.revision,
  aces: acl.aces.map((ace) =>
    ace.kind === 'raw' || (ace.flags & INHERIT_ONLY_ACE) !== 0
      ? ace
      : { ...ace, mask: mapGenericRights(ace.mask) },
  ),
});

/** TOKEN.DefaultDACL, as Windows gives it to users. */
export const defaultDacl = (owner: Sid): Acl =>
  makeAcl([allowedAce(owner, FILE_ALL_ACCESS), allowedAce(LOCAL_SYSTEM, FILE_ALL_ACCESS)]);

interface Part {
  readonly acl: Acl | null | undefined;
  readonly control: number;
}

/** The control bits of a DACL or a SACL, which have the same meanings. */
interface Bits {
  readonly protected: number;
  readonly request: number;
  readonly automatic: number;
}

const DACL_BITS: Bits = {
  protected: SE_DACL_PROTECTED,
  request: SE_DACL_AUTO_INHERIT_REQ,
  automatic: SE_DACL_AUTO_INHERITED,
};

const SACL_BITS: Bits = {
  protected: SE_SACL_PROTECTED,
  request: SE_SACL_AUTO_INHERIT_REQ,
  automatic: SE_SACL_AUTO_INHERITED,
};

/**
 * SE_…_AUTO_INHERITED is kept only from whoever asks for it by SE_…_AUTO_INHERIT_REQ, which is never stored:
 * by that a program says that it knows of automatic inheritance.
 */
export function storedControl(control: number): number {
  let stored = control;
  for (const { request, automatic } of [DACL_BITS, SACL_BITS]) {
    if ((control & request) === 0) stored &= ~automatic;
    stored &= ~request;
  }
  return stored;
}

/** 2.5.3.4.2 for a DACL or a SACL. */
function compute(parent: Part, creator: Part, object: NewObject, bits: Bits): Part {
  const isAutomatic = (parent.control & bits.automatic) !== 0;
  if (creator.acl === undefined) {
    const acl = inheritedAcl(parent.acl, object, isAutomatic);
    return { acl, control: acl !== undefined && isAutomatic ? bits.automatic : 0 };
  }
  const control = storedControl(creator.control) & (bits.protected | bits.automatic);
  return { acl: creator.acl && withMappedRights(creator.acl), control };
}

/**
 * 2.5.3.4.1: undefined where neither the directory's descriptor nor the creator has anything to say of the
 * new object: then it is the file system's own rules that hold.
 */
export function createSecurityDescriptor(
  token: AccessToken,
  parent: SecurityDescriptor | undefined,
  creator: SecurityDescriptor | undefined,
  isContainer: boolean,
  /** Where neither has one; null: then there is no descriptor, unless the creator says something. */
  defaultFor: ((owner: Sid, group: Sid) => Acl) | null = defaultDacl,
): SecurityDescriptor | undefined {
  if (parent === undefined && isSilent(creator)) return undefined;
  const owner = creator?.owner ?? token.user;
  const group = creator?.group ?? token.primaryGroup;
  const object = { isContainer, owner, group };
  const part = (acl: 'dacl' | 'sacl', from: SecurityDescriptor | undefined): Part => ({
    acl: from?.[acl],
    control: from?.control ?? 0,
  });
  const dacl = compute(part('dacl', parent), part('dacl', creator), object, DACL_BITS);
  const sacl = compute(part('sacl', parent), part('sacl', creator), object, SACL_BITS);
  if (defaultFor === null && dacl.acl === undefined && isSilent(creator)) return undefined;
  return {
    control: dacl.control | sacl.control,
    owner,
    group,
    dacl: dacl.acl === undefined ? (defaultFor ?? defaultDacl)(owner, group) : dacl.acl,
    sacl: sacl.acl,
  };
}

/** An empty descriptor is as none. */
const isSilent = (creator: SecurityDescriptor | undefined): boolean =>
  creator === undefined ||
  (creator.owner === undefined &&
    creator.group === undefined &&
    creator.dacl === undefined &&
    creator.sacl === undefined);
