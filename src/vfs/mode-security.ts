/**
 * The security descriptor of an object that has none of its own: what owner, group and mode amount to, an
 * entry each for the owner, the group and everybody (MS-FSA 2.1.5.14 for what is told).
 */
import {
  type AccessMask,
  DELETE,
  FILE_ALL_ACCESS,
  FILE_DELETE_CHILD,
  FILE_GENERIC_EXECUTE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_READ_ATTRIBUTES,
  READ_CONTROL,
  SYNCHRONIZE,
} from '../dtyp/access-mask.ts';
import { allowedAce, makeAcl } from '../dtyp/acl.ts';
import type { SecurityDescriptor } from '../dtyp/security-descriptor.ts';
import { EVERYONE } from '../dtyp/sid.ts';
import type { SidMap } from '../dtyp/unix-sids.ts';
import type { VfsStat } from './vfs.ts';

export function securityOfMode(
  { uid, gid, mode }: Pick<VfsStat, 'uid' | 'gid' | 'mode'>,
  sids: SidMap,
): SecurityDescriptor {
  const owner = sids.userSid(uid);
  const group = sids.groupSid(gid);
  return {
    control: 0,
    owner,
    group,
    sacl: undefined,
    dacl: makeAcl([
      allowedAce(owner, rights(mode >> 6)),
      allowedAce(group, rights(mode >> 3)),
      allowedAce(EVERYONE, rights(mode)),
    ]),
  };
}

/** What one of the three digits of a mode lets its class do. */
function rights(bits: number): AccessMask {
  if ((bits & 7) === 7) return FILE_ALL_ACCESS;
  return (
    FILE_READ_ATTRIBUTES |
    READ_CONTROL |
    SYNCHRONIZE |
    ((bits & 4) !== 0 ? FILE_GENERIC_READ : 0) |
    ((bits & 2) !== 0 ? FILE_GENERIC_WRITE | FILE_DELETE_CHILD | DELETE : 0) |
    ((bits & 1) !== 0 ? FILE_GENERIC_EXECUTE : 0)
  );
}
