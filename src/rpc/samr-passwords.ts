/** MS-SAMR 3.1.5.4.4, 3.1.5.4.5, 3.1.5.6.4, 3.1.5.7.3, 3.1.5.10: accounts made and removed, passwords set and changed. */
import {
  counted,
  enumUnion,
  hyper,
  octets,
  struct,
  u8,
  u16,
  u32,
  unique,
  varyingOctets,
} from './ndr.ts';

import { operation } from './operation.ts';
import { DOMAIN_PASSWORD_INFORMATION } from './samr-domains.ts';
import { USER_ALL_INFORMATION } from './samr-users.ts';
import { fixedOctets, contextHandle as handle, unicodeString } from './security-types.ts';

/** 2.2.6.21, 2.2.6.22, 2.2.3.3. */
const ENCRYPTED_USER_PASSWORD = fixedOctets(516);
const ENCRYPTED_USER_PASSWORD_NEW = fixedOctets(532);
const ENCRYPTED_OWF = fixedOctets(16);
/** 2.2.6.32. */
const ENCRYPTED_PASSWORD_AES = struct({
  authData: fixedOctets(64),
  salt: fixedOctets(16),
  cipher: counted(octets),
  iterations: hyper,
});

/** 2.2.6.29, those that are set: the plain attributes, the control bits, and passwords. */
const SETTABLE_INFORMATION = enumUnion({
  16: struct({ userAccountControl: u32 }),
  18: struct({
    ntOwfPassword: ENCRYPTED_OWF,
    lmOwfPassword: ENCRYPTED_OWF,
    ntPasswordPresent: u8,
    lmPasswordPresent: u8,
    passwordExpired: u8,
  }),
  21: USER_ALL_INFORMATION,
  23: struct({ all: USER_ALL_INFORMATION, password: ENCRYPTED_USER_PASSWORD }),
  24: struct({ password: ENCRYPTED_USER_PASSWORD, passwordExpired: u8 }),
  25: struct({ all: USER_ALL_INFORMATION, password: ENCRYPTED_USER_PASSWORD_NEW }),
  26: struct({ password: ENCRYPTED_USER_PASSWORD_NEW, passwordExpired: u8 }),
  31: struct({ password: ENCRYPTED_PASSWORD_AES, passwordExpired: u8 }),
  32: struct({ all: USER_ALL_INFORMATION, password: ENCRYPTED_PASSWORD_AES }),
});

/** The count of the octets stands before a wide string's server name in these calls: RPC_UNICODE_STRING. */
const server = unique(unicodeString);

/** RPC_STRING of an OEM name, of which nothing is answered. */
const OEM_NAME = struct({ length: u16, maximumLength: u16, buffer: unique(varyingOctets) });

const encrypted = {
  newPasswordEncryptedWithOldNt: unique(ENCRYPTED_USER_PASSWORD),
  oldNtOwfEncryptedWithNewNt: unique(ENCRYPTED_OWF),
  lmPresent: u8,
  newPasswordEncryptedWithOldLm: unique(ENCRYPTED_USER_PASSWORD),
  oldLmOwfEncryptedWithNewNt: unique(ENCRYPTED_OWF),
};

const setUser = (opnum: number) =>
  operation(
    opnum,
    { handle, informationClass: u16, information: SETTABLE_INFORMATION },
    { status: u32 },
  );

export const PASSWORD_OPERATIONS = {
  SamrCreateUserInDomain: operation(
    12,
    { handle, name: unicodeString, desiredAccess: u32 },
    { handle, relativeId: u32, status: u32 },
  ),
  SamrDeleteUser: operation(35, { handle }, { handle, status: u32 }),
  SamrSetInformationUser: setUser(37),
  SamrChangePasswordUser: operation(
    38,
    {
      handle,
      lmPresent: u8,
      oldLmEncryptedWithNewLm: unique(ENCRYPTED_OWF),
      newLmEncryptedWithOldLm: unique(ENCRYPTED_OWF),
      ntPresent: u8,
      oldNtEncryptedWithNewNt: unique(ENCRYPTED_OWF),
      newNtEncryptedWithOldNt: unique(ENCRYPTED_OWF),
      ntCrossEncryptionPresent: u8,
      newNtEncryptedWithNewLm: unique(ENCRYPTED_OWF),
      lmCrossEncryptionPresent: u8,
      newLmEncryptedWithNewNt: unique(ENCRYPTED_OWF),
    },
    { status: u32 },
  ),
  SamrCreateUser2InDomain: operation(
    50,
    { handle, name: unicodeString, accountType: u32, desiredAccess: u32 },
    { handle, grantedAccess: u32, relativeId: u32, status: u32 },
  ),
  SamrOemChangePasswordUser2: operation(
    54,
    {
      serverName: unique(OEM_NAME),
      userName: OEM_NAME,
      newPasswordEncryptedWithOldLm: unique(ENCRYPTED_USER_PASSWORD),
      oldLmOwfEncryptedWithNewLm: unique(ENCRYPTED_OWF),
    },
    { status: u32 },
  ),
  SamrUnicodeChangePasswordUser2: operation(
    55,
    { serverName: server, userName: unicodeString, ...encrypted },
    { status: u32 },
  ),
  SamrSetInformationUser2: setUser(58),
  /** Of Windows 2000 and later beside 55; MS-SAMR leaves its number out. It tells why it refuses. */
  SamrUnicodeChangePasswordUser3: operation(
    63,
    {
      serverName: server,
      userName: unicodeString,
      ...encrypted,
      additional: unique(ENCRYPTED_USER_PASSWORD),
    },
    {
      rules: unique(DOMAIN_PASSWORD_INFORMATION),
      refusal: unique(struct({ reason: u32, filter: unicodeString })),
      status: u32,
    },
  ),
  SamrUnicodeChangePasswordUser4: operation(
    73,
    { serverName: server, userName: unicodeString, password: ENCRYPTED_PASSWORD_AES },
    { status: u32 },
  ),
} as const;
