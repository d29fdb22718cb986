/** Security descriptors of objects that have none of their own: administrators do everything, others read. */
import { allowedAce, makeAcl } from '../../dtyp/acl.ts';
import {
  DACL_SECURITY_INFORMATION,
  encodeSecurityDescriptor,
  GROUP_SECURITY_INFORMATION,
  OWNER_SECURITY_INFORMATION,
} from '../../dtyp/security-descriptor.ts';
import { BUILTIN_ADMINISTRATORS, EVERYONE } from '../../dtyp/sid.ts';

export interface ObjectRights {
  /** What each object of this kind can be asked for. */
  readonly all: number;
  readonly everyone: number;
}

/** MS-LSAD 2.2.1.1: of a policy, an account and a secret. */
export const POLICY_RIGHTS: ObjectRights = { all: 0x000f_1fff, everyone: 0x0002_0801 };
export const ACCOUNT_RIGHTS: ObjectRights = { all: 0x000f_000f, everyone: 0x0002_0001 };
export const SECRET_RIGHTS: ObjectRights = { all: 0x000f_0003, everyone: 0 };
/** MS-SAMR 2.2.1.3 to 2.2.1.7. */
export const SERVER_RIGHTS: ObjectRights = { all: 0x000f_003f, everyone: 0x0002_0031 };
export const DOMAIN_RIGHTS: ObjectRights = { all: 0x000f_07ff, everyone: 0x0002_0385 };
export const GROUP_RIGHTS: ObjectRights = { all: 0x000f_001f, everyone: 0x0002_0011 };
export const ALIAS_RIGHTS: ObjectRights = { all: 0x000f_001f, everyone: 0x0002_000c };
export const USER_RIGHTS: ObjectRights = { all: 0x000f_07ff, everyone: 0x0002_031b };
/** MS-SCMR 3.1.4: of the manager and of a service. */
export const MANAGER_RIGHTS: ObjectRights = { all: 0x000f_003f, everyone: 0x0002_0015 };
export const SERVICE_RIGHTS: ObjectRights = { all: 0x000f_01ff, everyone: 0x0002_008d };
/** MS-RRP 2.2.3. */
export const KEY_RIGHTS: ObjectRights = { all: 0x000f_003f, everyone: 0x0002_0019 };

const PARTS = OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;

/** What of it is asked for; nothing of it leaves the bare descriptor. */
export function descriptorOf({ all, everyone }: ObjectRights, information: number): Buffer {
  const others = everyone === 0 ? [] : [allowedAce(EVERYONE, everyone)];
  return encodeSecurityDescriptor(
    {
      control: 0,
      owner: BUILTIN_ADMINISTRATORS,
      group: BUILTIN_ADMINISTRATORS,
      dacl: makeAcl([...others, allowedAce(BUILTIN_ADMINISTRATORS, all)]),
      sacl: undefined,
    },
    information & PARTS,
  );
}
