/**
 * MS-DTYP 2.4.6 and 2.4.7: security descriptors in self-relative form, whole or as far as a
 * SECURITY_INFORMATION asks for (MS-FSA 2.1.5.14).
 */
import { struct, u8, u16, u32 } from '../wire/struct.ts';
import { align4 } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  type Acl,
  decodeAcl,
  encodeAcl,
  SYSTEM_MANDATORY_LABEL_ACE_TYPE,
  SYSTEM_RESOURCE_ATTRIBUTE_ACE_TYPE,
  SYSTEM_SCOPED_POLICY_ID_ACE_TYPE,
} from './acl.ts';
import { decodeSid, encodeSid, type Sid } from './sid.ts';

// 2.4.6, Control
export const SE_OWNER_DEFAULTED = 0x0001;
export const SE_GROUP_DEFAULTED = 0x0002;
export const SE_DACL_PRESENT = 0x0004;
export const SE_DACL_DEFAULTED = 0x0008;
export const SE_SACL_PRESENT = 0x0010;
export const SE_SACL_DEFAULTED = 0x0020;
export const SE_DACL_TRUSTED = 0x0040;
export const SE_SERVER_SECURITY = 0x0080;
export const SE_DACL_AUTO_INHERIT_REQ = 0x0100;
export const SE_SACL_AUTO_INHERIT_REQ = 0x0200;
export const SE_DACL_AUTO_INHERITED = 0x0400;
export const SE_SACL_AUTO_INHERITED = 0x0800;
export const SE_DACL_PROTECTED = 0x1000;
export const SE_SACL_PROTECTED = 0x2000;
export const SE_RM_CONTROL_VALID = 0x4000;
export const SE_SELF_RELATIVE = 0x8000;

// 2.4.7
export const OWNER_SECURITY_INFORMATION = 0x00000001;
export const GROUP_SECURITY_INFORMATION = 0x00000002;
export const DACL_SECURITY_INFORMATION = 0x00000004;
export const SACL_SECURITY_INFORMATION = 0x00000008;
export const LABEL_SECURITY_INFORMATION = 0x00000010;
export const ATTRIBUTE_SECURITY_INFORMATION = 0x00000020;
export const SCOPE_SECURITY_INFORMATION = 0x00000040;
export const BACKUP_SECURITY_INFORMATION = 0x00010000;
export const UNPROTECTED_SACL_SECURITY_INFORMATION = 0x10000000;
export const UNPROTECTED_DACL_SECURITY_INFORMATION = 0x20000000;
export const PROTECTED_SACL_SECURITY_INFORMATION = 0x40000000;
export const PROTECTED_DACL_SECURITY_INFORMATION = 0x80000000;

export interface SecurityDescriptor {
  /** The SE_ flags that say more than which parts are there: PROTECTED, DEFAULTED, AUTO_INHERITED … */
  readonly control: number;
  readonly owner: Sid | undefined;
  readonly group: Sid | undefined;
  /** null: present but NULL. undefined: not present. */
  readonly sacl: Acl | null | undefined;
  /** null: present but NULL, which grants everything; an ACL without entries grants nothing. */
  readonly dacl: Acl | null | undefined;
}

const Header = struct('SECURITY_DESCRIPTOR', '2.4.6', {
  revision: u8,
  sbz1: u8,
  control: u16,
  offsetOwner: u32,
  offsetGroup: u32,
  offsetSacl: u32,
  offsetDacl: u32,
});

const REVISION = 1;

const DACL_CONTROL =
  SE_DACL_PRESENT |
  SE_DACL_DEFAULTED |
  SE_DACL_TRUSTED |
  SE_SERVER_SECURITY |
  SE_DACL_AUTO_INHERIT_REQ |
  SE_DACL_AUTO_INHERITED |
  SE_DACL_PROTECTED;
const SACL_CONTROL =
  SE_SACL_PRESENT |
  SE_SACL_DEFAULTED |
  SE_SACL_AUTO_INHERIT_REQ |
  SE_SACL_AUTO_INHERITED |
  SE_SACL_PROTECTED;
const SACL_PARTS =
  SACL_SECURITY_INFORMATION |
  LABEL_SECURITY_INFORMATION |
  ATTRIBUTE_SECURITY_INFORMATION |
  SCOPE_SECURITY_INFORMATION;

/** Everything that a descriptor can hold. */
export const ALL_SECURITY_INFORMATION =
  OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION | SACL_PARTS;

/** What of `descriptor` the SECURITY_INFORMATION names; the rest is as if it were not there. */
export function selectSecurity(
  descriptor: SecurityDescriptor,
  information: number,
): SecurityDescriptor {
  const wanted =
    (information & BACKUP_SECURITY_INFORMATION) !== 0 ? ALL_SECURITY_INFORMATION : information;
  const has = (flags: number): boolean => (wanted & flags) !== 0;
  let mask = 0;
  if (has(OWNER_SECURITY_INFORMATION)) mask |= SE_OWNER_DEFAULTED;
  if (has(GROUP_SECURITY_INFORMATION)) mask |= SE_GROUP_DEFAULTED;
  if (has(DACL_SECURITY_INFORMATION)) mask |= DACL_CONTROL;
  if (has(SACL_PARTS)) mask |= SACL_CONTROL;
  return {
    control: descriptor.control & mask,
    owner: has(OWNER_SECURITY_INFORMATION) ? descriptor.owner : undefined,
    group: has(GROUP_SECURITY_INFORMATION) ? descriptor.group : undefined,
    dacl: has(DACL_SECURITY_INFORMATION) ? descriptor.dacl : undefined,
    sacl: has(SACL_PARTS) ? selectSacl(descriptor.sacl, wanted) : undefined,
  };
}

/** Labels, resource attributes and scoped policies stand in the SACL but are asked for apart. */
function selectSacl(sacl: Acl | null | undefined, wanted: number): Acl | null | undefined {
  if (sacl === undefined || sacl === null) return sacl;
  const aces = sacl.aces.filter(({ type }) => (wanted & informationOf(type)) !== 0);
  return { revision: sacl.revision, aces };
}

function informationOf(aceType: number): number {
  switch (aceType) {
    case SYSTEM_MANDATORY_LABEL_ACE_TYPE:
      return LABEL_SECURITY_INFORMATION;
    case SYSTEM_RESOURCE_ATTRIBUTE_ACE_TYPE:
      return ATTRIBUTE_SECURITY_INFORMATION;
    case SYSTEM_SCOPED_POLICY_ID_ACE_TYPE:
      return SCOPE_SECURITY_INFORMATION;
    default:
      return SACL_SECURITY_INFORMATION;
  }
}

type Part = 'owner' | 'group' | 'sacl' | 'dacl';

/** How a descriptor lies in its bytes. */
export interface DescriptorLayout {
  /** What follows the header, in this order; each at a multiple of 4. */
  readonly order: readonly Part[];
  /** Bytes before the descriptor from which its offsets count. */
  readonly origin: number;
}

/** As Windows writes. */
const WINDOWS_LAYOUT: DescriptorLayout = { order: ['sacl', 'dacl', 'owner', 'group'], origin: 0 };

/**
 * As Samba writes. Where the owner is behind the lists setcifsacl of cifs-utils loses the one that it is told to set: it
 * copies eight bytes more than the list has.
 */
export const OWNER_FIRST: DescriptorLayout = {
  order: ['owner', 'group', 'sacl', 'dacl'],
  origin: 0,
};

const encodePart = (descriptor: SecurityDescriptor, part: Part): Buffer | undefined => {
  const value = descriptor[part];
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? encodeSid(value) : encodeAcl(value);
};

export function encodeSecurityDescriptor(
  descriptor: SecurityDescriptor,
  information = ALL_SECURITY_INFORMATION,
  layout = WINDOWS_LAYOUT,
): Buffer {
  const selected = selectSecurity(descriptor, information);
  const { sacl, dacl, control } = selected;
  const parts: Buffer[] = [];
  const offsets = { owner: 0, group: 0, sacl: 0, dacl: 0 };
  let end = Header.size;
  for (const part of layout.order) {
    const bytes = encodePart(selected, part);
    if (bytes === undefined) continue;
    const padded = align4(bytes.length);
    parts.push(bytes, Buffer.alloc(padded - bytes.length));
    offsets[part] = layout.origin + end;
    end += padded;
  }
  const present =
    (sacl === undefined ? 0 : SE_SACL_PRESENT) | (dacl === undefined ? 0 : SE_DACL_PRESENT);
  const header = Header.encode({
    revision: REVISION,
    sbz1: 0,
    control: (control & ~(SE_SACL_PRESENT | SE_DACL_PRESENT)) | present | SE_SELF_RELATIVE,
    offsetOwner: offsets.owner,
    offsetGroup: offsets.group,
    offsetSacl: offsets.sacl,
    offsetDacl: offsets.dacl,
  });
  return Buffer.concat([header, ...parts]);
}

/**
 * Offsets may point anywhere behind the header, in any order, even at the same bytes: what is read is
 * bounded by two ACLs and two SIDs. The form is self-relative whether its flag is set or not, since no
 * other can be sent. `control` comes back without SELF_RELATIVE and the PRESENT flags. With `start` the
 * descriptor begins there, and its offsets count from the beginning of `b`.
 */
export function decodeSecurityDescriptor(b: Buffer, start = 0): SecurityDescriptor {
  const header = Header.read(b, start);
  const { control, offsetOwner, offsetGroup, offsetSacl, offsetDacl } = header;
  if (header.revision !== REVISION) {
    throw new WireError(Header.name, `Revision is ${header.revision}`);
  }
  const at = <T>(offset: number, decode: (b: Buffer, offset: number) => T): T => {
    if (offset < start + Header.size) throw new WireError(Header.name, `an offset of ${offset}`);
    return decode(b, offset);
  };
  const acl = (present: number, offset: number): Acl | null | undefined => {
    if ((control & present) === 0) return undefined;
    return offset === 0 ? null : at(offset, decodeAcl);
  };
  return {
    control:
      control & ~(SE_SELF_RELATIVE | SE_SACL_PRESENT | SE_DACL_PRESENT | SE_RM_CONTROL_VALID),
    owner: offsetOwner === 0 ? undefined : at(offsetOwner, decodeSid),
    group: offsetGroup === 0 ? undefined : at(offsetGroup, decodeSid),
    sacl: acl(SE_SACL_PRESENT, offsetSacl),
    dacl: acl(SE_DACL_PRESENT, offsetDacl),
  };
}
