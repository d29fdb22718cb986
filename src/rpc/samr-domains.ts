/** MS-SAMR 2.2.3: what is told of a domain, by information class. */
import { enumUnion, hyper, type NdrType, struct, u8, u16, u32, unique } from './ndr.ts';
import { OLD_LARGE_INTEGER } from './samr-users.ts';
import { unicodeString } from './security-types.ts';

/** 2.2.3.5, password properties among it. */
export const DOMAIN_PASSWORD_INFORMATION = struct({
  minPasswordLength: u16,
  passwordHistoryLength: u16,
  passwordProperties: u32,
  maxPasswordAge: OLD_LARGE_INTEGER,
  minPasswordAge: OLD_LARGE_INTEGER,
});
const DOMAIN_GENERAL_INFORMATION = struct({
  forceLogoff: OLD_LARGE_INTEGER,
  oemInformation: unicodeString,
  domainName: unicodeString,
  replicaSourceNodeName: unicodeString,
  domainModifiedCount: OLD_LARGE_INTEGER,
  domainServerState: u32,
  domainServerRole: u32,
  uasCompatibilityRequired: u8,
  userCount: u32,
  groupCount: u32,
  aliasCount: u32,
});
/** LARGE_INTEGER, MS-DTYP 2.3.5: a hyper with a sign. */
const LARGE_INTEGER: NdrType<bigint> = {
  ...hyper,
  write: (w, value) => w.u64(BigInt.asUintN(64, value)),
  read: (r, assign) => assign(BigInt.asIntN(64, r.u64())),
};
const lockout = {
  lockoutDuration: LARGE_INTEGER,
  lockoutObservationWindow: LARGE_INTEGER,
  lockoutThreshold: u16,
};
const modified = { domainModifiedCount: OLD_LARGE_INTEGER, creationTime: OLD_LARGE_INTEGER };

/** 2.2.3.17. */
export const DOMAIN_INFORMATION_BUFFER = enumUnion({
  1: DOMAIN_PASSWORD_INFORMATION,
  2: DOMAIN_GENERAL_INFORMATION,
  3: struct({ forceLogoff: OLD_LARGE_INTEGER }),
  4: struct({ oemInformation: unicodeString }),
  5: struct({ domainName: unicodeString }),
  6: struct({ replicaSourceNodeName: unicodeString }),
  // Of 32 bits, as in the general information.
  7: struct({ domainServerRole: u32 }),
  8: struct(modified),
  9: struct({ domainServerState: u32 }),
  11: struct({ general: DOMAIN_GENERAL_INFORMATION, ...lockout }),
  12: struct(lockout),
  13: struct({ ...modified, modifiedCountAtLastPromotion: OLD_LARGE_INTEGER }),
});
export const DOMAIN_INFORMATION = unique(DOMAIN_INFORMATION_BUFFER);
