/** MS-SAMR 2.2.6: what is told of a user, by information class. */
import {
  conformantVaryingArray,
  counted,
  enumUnion,
  type NdrType,
  octets,
  struct,
  u8,
  u16,
  u32,
  unique,
} from './ndr.ts';
import { unicodeString } from './security-types.ts';

/** 2.2.2.2: 64 bits in two halves, aligned as one, with a sign. */
export const OLD_LARGE_INTEGER: NdrType<bigint> = {
  alignment: 4,
  minimumSize: 8,
  write(w, value) {
    w.u32(Number(value & 0xffff_ffffn));
    w.u32(Number((value >> 32n) & 0xffff_ffffn));
  },
  read(r, assign) {
    const low = BigInt(r.u32());
    assign(BigInt.asIntN(64, (BigInt(r.u32()) << 32n) | low));
  },
};

/** 2.2.6.5: "size_is(1260)", however few of them are there. */
const HOURS: NdrType<readonly number[]> = {
  ...conformantVaryingArray(u8),
  maximumCount: () => 1260,
};
const LOGON_HOURS = struct({ unitsPerWeek: u16, logonHours: unique(HOURS) });
const SHORT_BLOB = struct({
  length: u16,
  maximumLength: u16,
  buffer: unique(conformantVaryingArray(u16)),
});
const names = { userName: unicodeString, fullName: unicodeString };
const home = { homeDirectory: unicodeString, homeDirectoryDrive: unicodeString };
const ids = { userId: u32, primaryGroupId: u32 };
const logonTimes = { lastLogon: OLD_LARGE_INTEGER, lastLogoff: OLD_LARGE_INTEGER };

/** 2.2.6.6. */
export const USER_ALL_INFORMATION = struct({
  ...logonTimes,
  passwordLastSet: OLD_LARGE_INTEGER,
  accountExpires: OLD_LARGE_INTEGER,
  passwordCanChange: OLD_LARGE_INTEGER,
  passwordMustChange: OLD_LARGE_INTEGER,
  ...names,
  ...home,
  scriptPath: unicodeString,
  profilePath: unicodeString,
  adminComment: unicodeString,
  workStations: unicodeString,
  userComment: unicodeString,
  parameters: unicodeString,
  lmOwfPassword: SHORT_BLOB,
  ntOwfPassword: SHORT_BLOB,
  privateData: unicodeString,
  securityDescriptor: counted(octets),
  ...ids,
  userAccountControl: u32,
  whichFields: u32,
  logonHours: LOGON_HOURS,
  badPasswordCount: u16,
  logonCount: u16,
  countryCode: u16,
  codePage: u16,
  lmPasswordPresent: u8,
  ntPasswordPresent: u8,
  passwordExpired: u8,
  privateDataSensitive: u8,
});

/** 2.2.6.29, by USER_INFORMATION_CLASS. */
export const USER_INFORMATION = unique(
  enumUnion({
    1: struct({
      ...names,
      primaryGroupId: u32,
      adminComment: unicodeString,
      userComment: unicodeString,
    }),
    2: struct({
      userComment: unicodeString,
      reserved: unicodeString,
      countryCode: u16,
      codePage: u16,
    }),
    3: struct({
      ...names,
      ...ids,
      ...home,
      scriptPath: unicodeString,
      profilePath: unicodeString,
      workStations: unicodeString,
      ...logonTimes,
      passwordLastSet: OLD_LARGE_INTEGER,
      passwordCanChange: OLD_LARGE_INTEGER,
      passwordMustChange: OLD_LARGE_INTEGER,
      logonHours: LOGON_HOURS,
      badPasswordCount: u16,
      logonCount: u16,
      userAccountControl: u32,
    }),
    4: struct({ logonHours: LOGON_HOURS }),
    5: struct({
      ...names,
      ...ids,
      ...home,
      scriptPath: unicodeString,
      profilePath: unicodeString,
      adminComment: unicodeString,
      workStations: unicodeString,
      ...logonTimes,
      logonHours: LOGON_HOURS,
      badPasswordCount: u16,
      logonCount: u16,
      passwordLastSet: OLD_LARGE_INTEGER,
      accountExpires: OLD_LARGE_INTEGER,
      userAccountControl: u32,
    }),
    6: struct(names),
    7: struct({ userName: unicodeString }),
    8: struct({ fullName: unicodeString }),
    9: struct({ primaryGroupId: u32 }),
    10: struct(home),
    11: struct({ scriptPath: unicodeString }),
    12: struct({ profilePath: unicodeString }),
    13: struct({ adminComment: unicodeString }),
    14: struct({ workStations: unicodeString }),
    16: struct({ userAccountControl: u32 }),
    17: struct({ accountExpires: OLD_LARGE_INTEGER }),
    20: struct({ parameters: unicodeString }),
    21: USER_ALL_INFORMATION,
  }),
);
