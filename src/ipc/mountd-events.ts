/**
 * What the planes say to each other where mountd is a process of its own (ksmbd: ksmbd_netlink.h): the calls of
 * control-plane.ts as typed events, each with its bounds. The control plane asks with the EVENTS of the
 * control socket, whose numbers are below 0x100; these are above. To add one: a line here, `serve` or `hear` at
 * one end, `ask` or `tell` at the other. Any change of a field makes another version.
 */
import {
  MAX_LINK_PIPE_BYTES,
  MAX_SMALL_MESSAGE_BYTES,
  MAX_TOLD_NAME_BYTES,
} from '../base/limits.ts';
import { type AccessToken, ALL_FILE_PRIVILEGES } from '../dtyp/access-check.ts';
import { parseSid, type Sid } from '../dtyp/sid.ts';
import { forgotten, loginFailures, whoseFailures } from './administration.ts';
import type { Account, LoginStep, ShareDecision } from './control-plane.ts';
import type { ControlEvent } from './events.ts';
import {
  blob,
  bytes,
  type Field,
  flag,
  list,
  maybe,
  oneOf,
  record,
  text,
  u32,
  u64,
  variant,
  whole,
} from './fields.ts';
import type { Notice } from './link.ts';

export const MOUNTD_VERSION = 7;

/** `S-1-`, an authority and 15 sub-authorities of at most ten digits each. */
const MAX_SID_TEXT = 192;
/** PATH_MAX of Linux. */
const MAX_PATH_BYTES = 4096;
/** NGROUPS_MAX of Linux. */
const MAX_GROUPS = 65_536;
/** A token has three SIDs of each group. */
const MAX_TOKEN_SIDS = 3 * MAX_GROUPS + 16;
/** Users that have an account, as far as SIDs tell them from others. */
const MAX_ACCOUNTS = 65_536;
/** A login has four steps at most (auth/acceptor.ts), or what the longest Kerberos exchange has. */
export const MAX_LOGIN_STEPS = 8;
/** GSS session keys have 16 or 32 bytes. */
const MAX_SESSION_KEY_BYTES = 64;
const CHALLENGE_BYTES = 8;
const MAX_PIPES = 256;
/**
 * Blocks of uids and gids. A domain takes one (`autorid` one for each 100,000 RIDs); with `tdb` each user and group that
 * was ever seen does.
 */
export const MAX_ID_BLOCKS = 16_384;

const name = text(MAX_TOLD_NAME_BYTES);
const token = blob(MAX_SMALL_MESSAGE_BYTES);

const sidText = text(MAX_SID_TEXT);
const sid: Field<Sid> = {
  write: sidText.write,
  read(from) {
    const found = sidText.read(from);
    const parsed = parseSid(found);
    return parsed === found ? parsed : from.fail('a SID that is none');
  },
};

const identity = record({ uid: u32, gid: u32, groups: list(u32, MAX_GROUPS) });

const idBlock = record({ domain: sid, firstRid: u32, low: u32, size: u32 });
const mappedUser = record({
  uid: maybe(u32),
  gid: maybe(u32),
  groups: list(u32, MAX_GROUPS),
  blocks: list(idBlock, MAX_ID_BLOCKS),
});

const wholeAccount = record({
  name,
  kind: oneOf('user', 'guest', 'anonymous'),
  identity: maybe(identity),
  domain: maybe(
    record({ principal: name, sids: list(sid, MAX_TOKEN_SIDS), mapped: maybe(mappedUser) }),
  ),
  asked: maybe(record({ user: maybe(name), machine: maybe(name) })),
});

/** What is undefined is absent. */
const account: Field<Account> = {
  write: (to, { domain, asked, ...rest }) =>
    wholeAccount.write(to, {
      ...rest,
      domain: domain && { mapped: undefined, ...domain },
      asked: asked && { user: asked.user, machine: asked.machine },
    }),
  read(from) {
    const { domain, asked, ...rest } = wholeAccount.read(from);
    const own = asked === undefined ? rest : { ...rest, asked };
    if (domain === undefined) return own;
    const { mapped, ...known } = domain;
    return { ...own, domain: mapped === undefined ? known : domain };
  },
};

const privileges: Field<number> = {
  write: u32.write,
  read(from) {
    const bits = u32.read(from);
    return (bits & ~ALL_FILE_PRIVILEGES) === 0 ? bits : from.fail(`privileges ${bits}`);
  },
};

const accessToken: Field<AccessToken> = record({
  user: sid,
  primaryGroup: sid,
  sids: list(sid, MAX_TOKEN_SIDS),
  privileges,
});

const grant = record({
  readOnly: flag,
  identity: maybe(identity),
  token: accessToken,
  place: maybe(record({ name, path: text(MAX_PATH_BYTES) })),
});

type Grant = Omit<Extract<ShareDecision, { kind: 'granted' }>, 'kind'>;

/** `place` is absent where it is undefined. */
const granted: Field<Grant> = {
  write: (to, { place, ...rest }) => grant.write(to, { ...rest, place }),
  read(from) {
    const { place, ...rest } = grant.read(from);
    return place === undefined ? rest : { ...rest, place };
  },
};

const shareDecision: Field<ShareDecision> = variant({
  granted,
  denied: record({}),
  'no-such-share': record({}),
  unavailable: record({}),
});

const done = record({
  token,
  account,
  sessionKey: maybe(blob(MAX_SESSION_KEY_BYTES)),
  expiresAtMs: maybe(whole),
});

type DoneFields = Omit<Extract<LoginStep, { kind: 'done' }>, 'kind'>;

/** `expiresAtMs` is absent where it is undefined. */
const loginDone: Field<DoneFields> = {
  write: (to, value) => done.write(to, { expiresAtMs: undefined, ...value }),
  read(from) {
    const { expiresAtMs, ...rest } = done.read(from);
    return expiresAtMs === undefined ? rest : { ...rest, expiresAtMs };
  },
};

const loginStep = variant({
  continue: record({ token }),
  done: loginDone,
  refused: record({
    reason: oneOf(
      'logon-failure',
      'malformed',
      'account-disabled',
      'unsupported',
      'clock-skew',
      'account-locked-out',
      'password-expired',
      'password-must-change',
      'unavailable',
    ),
  }),
}) as Field<LoginStep>;

const pipeClient = record({ address: name, sessionKey: maybe(blob(MAX_SESSION_KEY_BYTES)) });

const nothing = record({});
const facts = record({
  /** uids that have an account. */
  accountIds: list(u32, MAX_ACCOUNTS),
  /** Changes as mechanisms come and go. */
  negotiateToken: token,
});

const event = <Q, A>(
  number: number,
  request: Field<Q>,
  response: Field<A>,
): ControlEvent<Q, A> => ({
  number,
  request,
  response,
});
const notice = <T>(number: number, request: Field<T>): Notice<T> => ({ number, request });

const pipeAnswers = record({
  /** False: the data broke the protocol. */
  taken: flag,
  /** Fragments that can be read, each a message of its own. */
  answers: list(blob(MAX_LINK_PIPE_BYTES), MAX_LINK_PIPE_BYTES),
  /** More are to be fetched. */
  left: flag,
});

export const MOUNTD_EVENTS = {
  hello: event(
    0x100,
    record({ processId: u32 }),
    record({
      processId: u32,
      serverGuid: bytes(16),
      machineSid: sid,
      /** Named pipes that can be opened. */
      pipes: list(name, MAX_PIPES),
      /** Uids and gids of domains, as far as they were given; the rest comes with logins. */
      idBlocks: list(idBlock, MAX_ID_BLOCKS),
      facts,
    }),
  ),
  heartbeat: event(0x101, nothing, facts),
  loginStep: event(
    0x102,
    record({
      loginId: u32,
      address: name,
      /** Of SMB1 without extended security. */
      serverChallenge: maybe(bytes(CHALLENGE_BYTES)),
      /** What makes the exchange's answers the same whoever gives them: see control-plane.ts, ExchangeSeed. */
      seed: record({ challenge: bytes(CHALLENGE_BYTES), time: u64 }),
      /** The tokens of the steps before, for a control plane that has not seen them. */
      before: list(token, MAX_LOGIN_STEPS),
      token,
    }),
    loginStep,
  ),
  connectShare: event(
    0x103,
    record({
      account,
      share: name,
      address: name,
      localAddress: maybe(name),
      dialect: maybe(name),
    }),
    shareDecision,
  ),
  writePipe: event(
    0x104,
    record({
      pipeId: u32,
      /** With the first message of a pipe: what it is. */
      open: maybe(record({ account, name, client: pipeClient })),
      message: blob(MAX_LINK_PIPE_BYTES),
    }),
    pipeAnswers,
  ),
  fetchPipe: event(0x105, record({ pipeId: u32 }), pipeAnswers),
  rap: event(
    0x106,
    record({ account, parameters: token }),
    maybe(record({ parameters: token, data: token })),
  ),
  loginFailures: event(0x107, nothing, loginFailures),
  forgetLoginFailures: event(0x108, whoseFailures, forgotten),
} as const;

export const MOUNTD_NOTICES = {
  closeLogin: notice(0x180, record({ loginId: u32 })),
  closePipe: notice(0x181, record({ pipeId: u32 })),
  shareUsed: notice(0x182, record({ share: name, currentUses: u32 })),
} as const;

const NAMES = new Map(
  Object.entries(MOUNTD_EVENTS).map(([name, { number }]): [number, string] => [number, name]),
);

/** `loginStep`, for debug output; a number where no event bears it. */
export const mountdEventName = (number: number): string =>
  NAMES.get(number) ?? `event ${number.toString(16)}`;
