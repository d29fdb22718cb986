/**
 * MS-DTYP 2.5.3.2: whether a token has the rights that it asks for by a security descriptor. Entries are
 * taken in the order in which they stand: what an earlier one decided no later one changes. A file server
 * has no object types, and no claims by which a callback entry could be judged: entries of those kinds
 * grant nothing; a callback entry that denies is taken to deny, so that nobody gets more than is meant.
 */

import { WireError } from '../wire/wire-error.ts';
import {
  ACCESS_SYSTEM_SECURITY,
  type AccessMask,
  FILE_ALL_ACCESS,
  MAXIMUM_ALLOWED,
  mapGenericRights,
  READ_CONTROL,
  WRITE_DAC,
  WRITE_OWNER,
} from './access-mask.ts';
import {
  ACCESS_ALLOWED_ACE_TYPE,
  ACCESS_DENIED_ACE_TYPE,
  ACCESS_DENIED_CALLBACK_ACE_TYPE,
  type Ace,
  INHERIT_ONLY_ACE,
} from './acl.ts';
import type { SecurityDescriptor } from './security-descriptor.ts';
import { decodeSid, OWNER_RIGHTS, type Sid } from './sid.ts';

// MS-LSAD 3.1.1.2.1: a bit for each privilege that matters to files, by its LUID.
export const SE_SECURITY_PRIVILEGE = 1 << 8;
export const SE_TAKE_OWNERSHIP_PRIVILEGE = 1 << 9;
export const SE_BACKUP_PRIVILEGE = 1 << 17;
export const SE_RESTORE_PRIVILEGE = 1 << 18;

/** What an administrator has. */
export const ALL_FILE_PRIVILEGES =
  SE_SECURITY_PRIVILEGE | SE_TAKE_OWNERSHIP_PRIVILEGE | SE_BACKUP_PRIVILEGE | SE_RESTORE_PRIVILEGE;

/** MS-DTYP 2.5.2: who acts. A plain value, so that it may go from one process to another. */
export interface AccessToken {
  /** Sids[UserIndex]; also the owner of what is made. */
  readonly user: Sid;
  /** Sids[PrimaryGroup] */
  readonly primaryGroup: Sid;
  /** All of them, the two above among them. */
  readonly sids: readonly Sid[];
  /** SE_… bits. */
  readonly privileges: number;
}

export const holdsPrivilege = (token: AccessToken, privilege: number): boolean =>
  (token.privileges & privilege) !== 0;

/** Rights and whether they are allowed or denied; undefined for an entry that decides nothing. */
interface Decision {
  readonly isAllowed: boolean;
  readonly mask: AccessMask;
  readonly sid: Sid;
}

const MASK_BYTES = 4;

function decisionOf(ace: Ace): Decision | undefined {
  if ((ace.flags & INHERIT_ONLY_ACE) !== 0) return undefined;
  if (ace.kind === 'raw') return callbackDenial(ace);
  if (ace.type !== ACCESS_ALLOWED_ACE_TYPE && ace.type !== ACCESS_DENIED_ACE_TYPE) return undefined;
  return { isAllowed: ace.type === ACCESS_ALLOWED_ACE_TYPE, mask: ace.mask, sid: ace.sid };
}

/** 2.4.4.7: mask and SID stand before the condition. */
function callbackDenial({ type, body }: Ace & { kind: 'raw' }): Decision | undefined {
  if (type !== ACCESS_DENIED_CALLBACK_ACE_TYPE || body.length < MASK_BYTES) return undefined;
  try {
    return { isAllowed: false, mask: body.readUInt32LE(0), sid: decodeSid(body, MASK_BYTES) };
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** The entries that are about this token, in their order, generic rights mapped. */
function* decisions(
  token: AccessToken,
  { owner, dacl }: SecurityDescriptor,
): Generator<Decision, void> {
  if (dacl === undefined || dacl === null) return;
  const isOwner = owner !== undefined && token.sids.includes(owner);
  for (const ace of dacl.aces) {
    const decision = decisionOf(ace);
    if (decision === undefined) continue;
    const { sid, mask } = decision;
    if (sid === OWNER_RIGHTS ? !isOwner : !token.sids.includes(sid)) continue;
    yield { ...decision, mask: mapGenericRights(mask) };
  }
}

/**
 * "The owner of an object is always granted READ_CONTROL and WRITE_DAC", but where an entry says what
 * the owner's rights are.
 */
function ownersRights(token: AccessToken, { owner, dacl }: SecurityDescriptor): AccessMask {
  if (owner === undefined || !token.sids.includes(owner)) return 0;
  const isSaid = dacl?.aces.some((ace) => decisionOf(ace)?.sid === OWNER_RIGHTS) === true;
  return isSaid ? 0 : READ_CONTROL | WRITE_DAC;
}

/** A DACL that is not there, or NULL, grants everything that a file has. */
const hasNoDacl = ({ dacl }: SecurityDescriptor): boolean => dacl === undefined || dacl === null;

/**
 * Of the rights `wanted` (no generic ones, no MAXIMUM_ALLOWED) those that the token does not get: 0 where
 * access is granted.
 */
export function missingAccess(
  token: AccessToken,
  descriptor: SecurityDescriptor,
  wanted: AccessMask,
): AccessMask {
  let remaining = wanted & ~MAXIMUM_ALLOWED;
  if (holdsPrivilege(token, SE_SECURITY_PRIVILEGE)) remaining &= ~ACCESS_SYSTEM_SECURITY;
  if (holdsPrivilege(token, SE_TAKE_OWNERSHIP_PRIVILEGE)) remaining &= ~WRITE_OWNER;
  if (hasNoDacl(descriptor)) return (remaining & ~FILE_ALL_ACCESS) >>> 0;
  remaining &= ~ownersRights(token, descriptor);
  // No entry grants it: the privilege does, or nothing.
  const privileged = remaining & ACCESS_SYSTEM_SECURITY;
  remaining &= ~ACCESS_SYSTEM_SECURITY;
  for (const { isAllowed, mask } of decisions(token, descriptor)) {
    if (remaining === 0) break;
    if (isAllowed) remaining &= ~mask;
    else if ((remaining & mask) !== 0) break;
  }
  return (remaining | privileged) >>> 0;
}

/** All that MAXIMUM_ALLOWED grants. */
export function maximumAllowed(token: AccessToken, descriptor: SecurityDescriptor): AccessMask {
  if (hasNoDacl(descriptor)) return FILE_ALL_ACCESS;
  let allowed = ownersRights(token, descriptor);
  let denied = 0;
  for (const { isAllowed, mask } of decisions(token, descriptor)) {
    if (isAllowed) allowed |= mask & ~denied;
    else denied |= mask & ~allowed;
  }
  return (allowed & FILE_ALL_ACCESS) >>> 0;
}
