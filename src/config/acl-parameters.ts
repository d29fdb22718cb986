/** Where security descriptors are kept, and what they have to do with modes: the parameters of Samba's acl_xattr. */
import { parameter, type Table } from './parameter.ts';
import { bool, choice } from './value-types.ts';

const ntAclName = choice<'security.NTACL' | 'user.NTACL'>([
  ['security.NTACL', 'security.NTACL'],
  ['user.NTACL', 'user.NTACL'],
]);

export type DefaultAclStyle = 'windows' | 'posix' | 'everyone';

const style = choice<DefaultAclStyle>([
  ['windows', 'windows'],
  ['posix', 'posix'],
  ['everyone', 'everyone'],
]);

export const aclParameters = {
  /** `user.NTACL` is for a server that is not root: whoever may write a file can change its descriptor there. */
  ntAclName: parameter('acl_xattr:security_acl_name', ntAclName, 'security.NTACL'),
  /** A DACL is auto-inherited only if the client asks for it, as with Windows; no: as the client says. */
  canonicalInheritedFlag: parameter('acl flag inherited canonicalization', bool, true),
  /** Descriptors alone say who may do what: modes and POSIX ACLs are for everybody, and are not looked at. */
  ignoresSystemAcls: parameter('acl_xattr:ignore system acls', bool, false),
  /** What a new object permits whose directory hands on nothing. Samba's default is posix. */
  defaultAclStyle: parameter('acl_xattr:default acl style', style, 'windows'),
  /** Default ACLs of directories are handed on whole, `create mask` and its like notwithstanding. */
  inheritAcls: parameter('inherit acls', bool, false),
} satisfies Table;
