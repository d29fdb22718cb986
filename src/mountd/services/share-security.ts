/**
 * A share's descriptor (MS-SRVS 2.2.4.26): what the configuration says of it. Back into the configuration goes what its
 * parameters can say: everybody changes files, or everybody reads them.
 */
import {
  FILE_ALL_ACCESS,
  FILE_GENERIC_EXECUTE,
  FILE_GENERIC_READ,
} from '../../dtyp/access-mask.ts';
import { ACCESS_ALLOWED_ACE_TYPE, allowedAce, makeAcl } from '../../dtyp/acl.ts';
import {
  decodeSecurityDescriptor,
  encodeSecurityDescriptor,
  type SecurityDescriptor,
} from '../../dtyp/security-descriptor.ts';
import { BUILTIN_ADMINISTRATORS, EVERYONE, type Sid } from '../../dtyp/sid.ts';
import { WireError } from '../../wire/wire-error.ts';

/** "Read" and "Change" of Windows' tab: what a share gives that is read only. */
const READ = (FILE_GENERIC_READ | FILE_GENERIC_EXECUTE) >>> 0;
const CHANGE = 0x0013_01bf;
const GENERIC_ALL = 0x1000_0000;
const GENERIC_READ_EXECUTE = 0xa000_0000;

export interface SharePermissions {
  readonly readOnly: boolean;
  /** Undefined: everybody who may log in. */
  readonly members: readonly Sid[] | undefined;
}

export function shareDescriptor({ readOnly, members = [EVERYONE] }: SharePermissions): Buffer {
  const mask = readOnly ? READ : FILE_ALL_ACCESS;
  return encodeSecurityDescriptor({
    control: 0,
    owner: BUILTIN_ADMINISTRATORS,
    group: BUILTIN_ADMINISTRATORS,
    dacl: makeAcl(members.map((sid) => allowedAce(sid, mask))),
    sacl: undefined,
  });
}

/** Undefined: no descriptor, or one that the parameters of a share cannot say. */
export function permissionsOf(descriptor: Buffer): SharePermissions | undefined {
  const decoded = readDescriptor(descriptor);
  if (decoded?.dacl === undefined) return undefined;
  // A null DACL lets everybody do everything.
  if (decoded.dacl === null) return { readOnly: false, members: undefined };
  const { aces } = decoded.dacl;
  const masks = new Map<Sid, number>();
  for (const ace of aces) {
    if (ace.kind !== 'sid' || ace.type !== ACCESS_ALLOWED_ACE_TYPE) return undefined;
    masks.set(ace.sid, ace.mask);
  }
  const everyone = masks.get(EVERYONE);
  if (everyone === undefined) return undefined;
  const changes = (mask: number) => mask === GENERIC_ALL || (mask & CHANGE) === CHANGE;
  const readOnly = !changes(everyone);
  if (readOnly && everyone !== READ && everyone !== GENERIC_READ_EXECUTE) return undefined;
  // Others may be named beside everybody only where they get nothing more.
  const others = [...masks.values()].every((mask) => !readOnly || !changes(mask));
  return others ? { readOnly, members: undefined } : undefined;
}

function readDescriptor(descriptor: Buffer): SecurityDescriptor | undefined {
  try {
    return decodeSecurityDescriptor(descriptor);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
