/**
 * MS-SAMR 3.1.5.4.4, 3.1.5.6.4, 3.1.5.7.3 and 3.1.5.10: administrators make and remove accounts and set
 * passwords, which come encrypted by the session key; who knows a password changes it.
 */
import { ntHash } from '../../auth/ntlm-crypto.ts';
import { decryptHash, decryptPassword, decryptPasswordNew } from '../../auth/sam-passwords.ts';
import { decryptPasswordAes, keyOfOldHash } from '../../auth/sam-passwords-aes.ts';
import { NT_HASH_BYTES } from '../../config/user-db.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_ACCOUNT_LOCKED_OUT,
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_SUCH_USER,
  STATUS_NOT_IMPLEMENTED,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_TYPE_MISMATCH,
  STATUS_PASSWORD_RESTRICTION,
  STATUS_SUCCESS,
  STATUS_USER_EXISTS,
  STATUS_WRONG_PASSWORD,
} from '../../dtyp/ntstatus.ts';
import { sidInDomain } from '../../dtyp/sid.ts';
import type { NdrValue } from '../../rpc/ndr.ts';
import type { InputOf } from '../../rpc/operation.ts';
import type { PASSWORD_OPERATIONS } from '../../rpc/samr-passwords.ts';
import type { USER_ALL_INFORMATION } from '../../rpc/samr-users.ts';
import { NO_HANDLE } from '../../rpc/security-types.ts';
import { type AccountChange, provesHash } from '../account-store.ts';
import type { ContextHandles } from './context-handles.ts';
import type { Handlers } from './rpc-service.ts';
import {
  type SamDomain,
  type SamObject,
  type SamUser,
  USER_ACCOUNT_AUTO_LOCKED,
  USER_DONT_EXPIRE_PASSWORD,
} from './sam-objects.ts';
import { passwordRulesOf } from './samr-policy.ts';
import type { ServiceContext } from './share-catalogue.ts';

type Operations = typeof PASSWORD_OPERATIONS;
type AllSettings = NdrValue<typeof USER_ALL_INFORMATION>;
type Settings = InputOf<Operations['SamrSetInformationUser']>['information'];

const STATUS_NO_USER_SESSION_KEY = 0xc000_0202;
const STATUS_INVALID_ACCOUNT_NAME = 0xc000_0062;
/** 2.2.1.7: GENERIC_ALL of a user, mapped. */
const USER_ALL_ACCESS = 0x000f_07ff;
/** 2.2.1.8. */
const USER_ALL_USERACCOUNTCONTROL = 0x0010_0000;
const USER_ALL_NTPASSWORDPRESENT = 0x0100_0000;
const USER_ALL_LMPASSWORDPRESENT = 0x0200_0000;
/** Either says that there is one. */
const PASSWORD_PRESENT = USER_ALL_NTPASSWORDPRESENT | USER_ALL_LMPASSWORDPRESENT;
const USER_ALL_PASSWORDEXPIRED = 0x0800_0000;
/** 2.2.1.9: an account of this machine's own. */
const USER_NORMAL_ACCOUNT = 0x0000_0010;
/** USER_WORKSTATION_TRUST_ACCOUNT and USER_SERVER_TRUST_ACCOUNT: of machines, which a domain has. */
const MACHINE_ACCOUNTS: readonly number[] = [0x0000_0080, 0x0000_0100];
/** Trusts are made by lsarpc: whoever asks for one here is refused, as by Windows (smbtorture rpc.samr). */
const USER_INTERDOMAIN_TRUST_ACCOUNT = 0x0000_0040;

const STATUS_OF: Readonly<Record<AccountChange, number>> = {
  done: STATUS_SUCCESS,
  'read-only': STATUS_ACCESS_DENIED,
  'no-such-user': STATUS_NO_SUCH_USER,
  'user-exists': STATUS_USER_EXISTS,
  'bad-name': STATUS_INVALID_ACCOUNT_NAME,
  'bad-password': STATUS_PASSWORD_RESTRICTION,
  'wrong-password': STATUS_WRONG_PASSWORD,
  'locked-out': STATUS_ACCOUNT_LOCKED_OUT,
  'too-short': STATUS_PASSWORD_RESTRICTION,
  'not-complex': STATUS_PASSWORD_RESTRICTION,
  'in-history': STATUS_PASSWORD_RESTRICTION,
  'too-recent': STATUS_PASSWORD_RESTRICTION,
  'no-changes': STATUS_PASSWORD_RESTRICTION,
};

/** Of a refusal by opnum 63, SAM_PWD_CHANGE_*: too early a change has NO_ERROR. */
const REASON_OF: Partial<Record<AccountChange, number>> = {
  'bad-password': 1,
  'too-short': 1,
  'in-history': 2,
  'not-complex': 5,
};
const NO_ERROR = 0;

export interface Changes {
  readonly own: SamDomain;
  readonly context: ServiceContext;
  readonly handles: ContextHandles<SamObject>;
  open(object: SamObject): { readonly handle: Buffer; readonly status: number };
  /** As it is now. */
  findUser(name: string): SamUser | undefined;
}

export function changeHandlers(changes: Changes): Handlers<Operations> {
  const { context, handles } = changes;
  const set = ({ handle, information }: InputOf<Operations['SamrSetInformationUser']>) => {
    const object = handles.get(handle);
    if (object.kind !== 'user') return { status: STATUS_OBJECT_TYPE_MISMATCH };
    return { status: setInformation(context, object.user, information) };
  };
  return {
    SamrCreateUserInDomain: ({ handle, name }) => create(changes, handle, name),
    SamrCreateUser2InDomain: ({ handle, name, accountType }) => {
      const made = create(changes, handle, name, accountType);
      const isMade = made.status === STATUS_SUCCESS;
      return { ...made, grantedAccess: isMade ? USER_ALL_ACCESS : 0 };
    },
    SamrDeleteUser: ({ handle }) => {
      const object = handles.get(handle);
      if (object.kind !== 'user') return { handle, status: STATUS_OBJECT_TYPE_MISMATCH };
      if (!context.administrator) return { handle, status: STATUS_ACCESS_DENIED };
      const status = statusOf(context.accounts?.remove(object.user.name));
      if (status !== STATUS_SUCCESS) return { handle, status };
      // Who comes to have its uid, and so its SID, is not to be what it was.
      const sid = sidInDomain(object.domain.sid, object.user.rid);
      context.groups.removeEverywhere(sid, () => true, context.account.name);
      return { handle: handles.close(handle), status };
    },
    SamrSetInformationUser: set,
    SamrSetInformationUser2: set,
    // By hashes alone: nobody could tell whether the new password keeps to the domain's rules.
    SamrChangePasswordUser: ({ handle }) => {
      handles.get(handle);
      return { status: STATUS_NOT_IMPLEMENTED };
    },
    // By the LM hash of the old password, which is not stored.
    SamrOemChangePasswordUser2: () => ({ status: STATUS_NOT_IMPLEMENTED }),
    SamrUnicodeChangePasswordUser2: async (input) => ({
      status: statusOf(await changePassword(context, input)),
    }),
    SamrUnicodeChangePasswordUser3: async (input) => {
      const change = await changePassword(context, input);
      const status = statusOf(change);
      if (status !== STATUS_PASSWORD_RESTRICTION) return { rules: null, refusal: null, status };
      const reason = REASON_OF[change as AccountChange] ?? NO_ERROR;
      const refusal = { reason, filter: null };
      return { rules: passwordRulesOf(context.guard.policy), refusal, status };
    },
    SamrUnicodeChangePasswordUser4: async (input) => ({
      status: statusOf(await changePasswordAes(context, input)),
    }),
  };
}

const NOT_MADE = { handle: NO_HANDLE, relativeId: 0 };

/** Undefined: there is nothing to be changed. */
const statusOf = (change: AccountChange | 'malformed' | undefined): number =>
  change === 'malformed' ? STATUS_INVALID_PARAMETER : STATUS_OF[change ?? 'read-only'];

function create(
  { context, handles, open, findUser }: Changes,
  domain: Buffer,
  name: string | null,
  accountType = USER_NORMAL_ACCOUNT,
) {
  const object = handles.get(domain);
  if (object.kind !== 'domain') return { ...NOT_MADE, status: STATUS_OBJECT_TYPE_MISMATCH };
  const ours = object.domain.sid === context.principals.machineSid;
  if (!context.administrator || !ours) return { ...NOT_MADE, status: STATUS_ACCESS_DENIED };
  if (accountType !== USER_NORMAL_ACCOUNT) {
    return { ...NOT_MADE, status: whyNoAccountOf(accountType) };
  }
  const status = statusOf(context.accounts?.create(name ?? ''));
  if (status !== STATUS_SUCCESS) return { ...NOT_MADE, status };
  const user = findUser(name ?? '');
  if (user === undefined) return { ...NOT_MADE, status: STATUS_NO_SUCH_USER };
  return { relativeId: user.rid, ...open({ kind: 'user', user, domain: object.domain }) };
}

/** 3.1.5.4.4: it has to be exactly one of the types, of which those of machines are not kept. */
function whyNoAccountOf(accountType: number): number {
  if (accountType === USER_INTERDOMAIN_TRUST_ACCOUNT) return STATUS_ACCESS_DENIED;
  return MACHINE_ACCOUNTS.includes(accountType) ? STATUS_NOT_SUPPORTED : STATUS_INVALID_PARAMETER;
}

/** 3.1.5.6.4, by information class. */
function setInformation(context: ServiceContext, user: SamUser, information: Settings): number {
  if (!context.administrator) return STATUS_ACCESS_DENIED;
  const { sessionKey } = context;
  const setPassword = (open: (key: Buffer) => string | undefined, expired: number): number => {
    if (sessionKey === undefined) return STATUS_NO_USER_SESSION_KEY;
    const password = open(sessionKey.subarray(0, 16));
    if (password === undefined) return STATUS_WRONG_PASSWORD;
    const how = { mustChange: expired !== 0 };
    return statusOf(context.accounts?.setPassword(user.name, password, how));
  };
  switch (information.tag) {
    case 16:
      return setControl(context, user, information.value.userAccountControl);
    case 18: {
      if (sessionKey === undefined) return STATUS_NO_USER_SESSION_KEY;
      if (information.value.ntPasswordPresent === 0) return STATUS_INVALID_PARAMETER;
      const hash = decryptHash(information.value.ntOwfPassword, sessionKey.subarray(0, 16));
      const how = { mustChange: information.value.passwordExpired !== 0 };
      return statusOf(context.accounts?.setHash(user.name, hash, how));
    }
    case 21: {
      const others = setAll(context, user, information.value);
      return others === STATUS_SUCCESS ? setOwf(context, user, information.value) : others;
    }
    case 23:
    case 25:
    case 32: {
      const { whichFields, passwordExpired } = information.value.all;
      const others = setAll(context, user, information.value.all);
      if (others !== STATUS_SUCCESS) return others;
      if ((whichFields & PASSWORD_PRESENT) === 0)
        return setExpired(context, user, information.value.all);
      const expired = (whichFields & USER_ALL_PASSWORDEXPIRED) === 0 ? 0 : passwordExpired;
      return setPassword((key) => passwordOf(information, key), expired);
    }
    case 24:
    case 26:
    case 31:
      return setPassword((key) => passwordOf(information, key), information.value.passwordExpired);
    case 'other':
      return STATUS_INVALID_INFO_CLASS;
  }
}

type SettingsWithPassword = Extract<Settings, { readonly tag: 23 | 24 | 25 | 26 | 31 | 32 }>;

function passwordOf({ tag, value }: SettingsWithPassword, key: Buffer): string | undefined {
  switch (tag) {
    case 23:
    case 24:
      return decryptPassword(value.password, key);
    case 25:
    case 26:
      return decryptPasswordNew(value.password, key);
    case 31:
    case 32:
      return decryptPasswordAes(value.password, key);
  }
}

/** 3.1.5.6.4.2: the hash of a password, under the session key as in class 18. */
function setOwf(context: ServiceContext, user: SamUser, all: AllSettings): number {
  const { sessionKey, accounts } = context;
  if ((all.whichFields & PASSWORD_PRESENT) === 0) return setExpired(context, user, all);
  const { length, buffer } = all.ntOwfPassword;
  const isNt = (all.whichFields & USER_ALL_NTPASSWORDPRESENT) !== 0;
  // An LM hash is not kept.
  if (!isNt) return STATUS_NOT_SUPPORTED;
  if (length !== NT_HASH_BYTES || buffer?.length !== NT_HASH_BYTES / 2) {
    return STATUS_INVALID_PARAMETER;
  }
  if (sessionKey === undefined) return STATUS_NO_USER_SESSION_KEY;
  const sent = Buffer.from(Uint16Array.from(buffer).buffer);
  const hash = decryptHash(sent, sessionKey.subarray(0, 16));
  const isExpired = (all.whichFields & USER_ALL_PASSWORDEXPIRED) !== 0;
  const how = { mustChange: isExpired && all.passwordExpired !== 0 };
  return statusOf(accounts?.setHash(user.name, hash, how));
}

/** The password stays as it is, and has to be changed; that it need not is so already, or no news. */
const setExpired = (
  { accounts }: ServiceContext,
  { name }: SamUser,
  { whichFields, passwordExpired }: AllSettings,
): number =>
  (whichFields & USER_ALL_PASSWORDEXPIRED) === 0 || passwordExpired === 0
    ? STATUS_SUCCESS
    : statusOf(accounts?.expire(name));

/**
 * What the control bits are already may be said again; nothing of them can be changed, but that the account is locked
 * (3.1.5.6.4.2): without that bit it is unlocked. Whether a password ends is the domain's to say.
 */
function setControl({ accounts, guard }: ServiceContext, user: SamUser, control: number): number {
  const known = user.control | USER_ACCOUNT_AUTO_LOCKED | USER_DONT_EXPIRE_PASSWORD;
  if ((control & ~known) !== 0 || (control & USER_NORMAL_ACCOUNT) === 0) {
    return STATUS_NOT_SUPPORTED;
  }
  const stays = (control & USER_ACCOUNT_AUTO_LOCKED) !== 0;
  return stays || !guard.lockouts.isLocked(user.name)
    ? STATUS_SUCCESS
    : statusOf(accounts?.unlock(user.name));
}

/** 2.2.1.8: what is empty already may be said to be empty, as those say who make an account. */
const TEXTS: readonly (readonly [bit: number, field: keyof AllSettings])[] = [
  [0x0002, 'fullName'],
  [0x0010, 'adminComment'],
  [0x0020, 'userComment'],
  [0x0040, 'homeDirectory'],
  [0x0080, 'homeDirectoryDrive'],
  [0x0100, 'scriptPath'],
  [0x0200, 'profilePath'],
  [0x0400, 'workStations'],
  [0x20_0000, 'parameters'],
  [0x40_0000, 'countryCode'],
  [0x80_0000, 'codePage'],
];
const USER_ALL_USERNAME = 0x0000_0001;
const USER_ALL_ACCOUNTEXPIRES = 0x0008_0000;
const NEVER = 0x7fff_ffff_ffff_ffffn;

function emptyFields(all: AllSettings): number {
  let bits = 0;
  for (const [bit, field] of TEXTS) {
    const value = all[field];
    if (value === null || value === '' || value === 0) bits |= bit;
  }
  const never = all.accountExpires === 0n || all.accountExpires === NEVER;
  return never ? bits | USER_ALL_ACCOUNTEXPIRES : bits;
}

/** Names, homes and times of accounts are not kept: to set them is refused, not forgotten. */
function setAll(context: ServiceContext, user: SamUser, all: AllSettings): number {
  const known =
    USER_ALL_USERACCOUNTCONTROL |
    USER_ALL_PASSWORDEXPIRED |
    USER_ALL_NTPASSWORDPRESENT |
    USER_ALL_LMPASSWORDPRESENT;
  const sameName = all.userName?.toLowerCase() === user.name.toLowerCase();
  const named = sameName ? USER_ALL_USERNAME : 0;
  const unset = all.whichFields & ~known & ~named & ~emptyFields(all);
  if (unset !== 0) return STATUS_NOT_SUPPORTED;
  if ((all.whichFields & USER_ALL_USERACCOUNTCONTROL) === 0) return STATUS_SUCCESS;
  return setControl(context, user, all.userAccountControl);
}

/** 3.1.5.10.3. The new password is under the old hash, and the old hash under the new one. */
async function changePassword(
  { accounts }: ServiceContext,
  input: InputOf<Operations['SamrUnicodeChangePasswordUser2']>,
): Promise<AccountChange | 'malformed' | undefined> {
  const { userName, newPasswordEncryptedWithOldNt, oldNtOwfEncryptedWithNewNt } = input;
  if (accounts === undefined) return undefined;
  if (newPasswordEncryptedWithOldNt === null || oldNtOwfEncryptedWithNewNt === null) {
    return 'malformed';
  }
  return accounts.changePassword(userName ?? '', (oldHash) => {
    const password = decryptPassword(newPasswordEncryptedWithOldNt, oldHash);
    if (password === undefined) return undefined;
    const sent = decryptHash(oldNtOwfEncryptedWithNewNt, ntHash(password));
    return provesHash(sent, oldHash) ? { password } : undefined;
  });
}

/** 3.1.5.10.4. The new password is under a key made of the old hash. */
async function changePasswordAes(
  { accounts }: ServiceContext,
  { userName, password: sent }: InputOf<Operations['SamrUnicodeChangePasswordUser4']>,
): Promise<AccountChange | undefined> {
  return accounts?.changePassword(userName ?? '', async (oldHash) => {
    const key = await keyOfOldHash(oldHash, sent);
    const password = key && decryptPasswordAes(sent, key);
    return password === undefined ? undefined : { password };
  });
}
