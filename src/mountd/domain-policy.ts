/**
 * What the account domain asks of passwords, and of who guesses them (MS-SAMR 3.1.1.5): set by administrators
 * (SamrSetInformationDomain), asked by everybody who sets a password or lets somebody in. In `domain-policy.json` of the state
 * directory.
 */
import type { Logger } from '../base/log.ts';
import { MAXIMUM_PASSWORD_BYTES } from '../config/user-db.ts';
import { KeptRecord } from './kept-record.ts';

export const DOMAIN_POLICY_FILE = 'domain-policy.json';

/** Times are delta times (MS-SAMR 2.2.2.2): 0, or units of 100 ns below it; NEVER is the longest. */
export interface DomainPolicy {
  readonly minPasswordLength: number;
  readonly passwordHistoryLength: number;
  /** DOMAIN_PASSWORD_*, and bits that nobody has defined. */
  readonly passwordProperties: number;
  /** 0 and NEVER: passwords do not end. */
  readonly maxPasswordAge: bigint;
  readonly minPasswordAge: bigint;
  /** NEVER: an administrator unlocks. */
  readonly lockoutDuration: bigint;
  readonly lockoutObservationWindow: bigint;
  /** 0: nobody is locked out. */
  readonly lockoutThreshold: number;
  /** Kept for who asks: whoever has an account may log on at every hour. */
  readonly forceLogoff: bigint;
  readonly oemInformation: string;
  readonly replicaSourceNodeName: string;
}

/** MS-SAMR 2.2.3.1. */
export const DOMAIN_PASSWORD_COMPLEX = 0x0000_0001;
export const DOMAIN_PASSWORD_NO_CLEAR_CHANGE = 0x0000_0004;
export const DOMAIN_PASSWORD_STORE_CLEARTEXT = 0x0000_0010;

export const NEVER = -0x8000_0000_0000_0000n;
const UNITS_PER_MS = 10_000n;
const HALF_AN_HOUR = -30n * 60_000n * UNITS_PER_MS;

/** Until an administrator says something else: any password that is one; the throttle alone slows who guesses. */
export const INITIAL_POLICY: DomainPolicy = {
  minPasswordLength: 0,
  passwordHistoryLength: 0,
  passwordProperties: 0,
  maxPasswordAge: NEVER,
  minPasswordAge: 0n,
  lockoutDuration: HALF_AN_HOUR,
  lockoutObservationWindow: HALF_AN_HOUR,
  lockoutThreshold: 0,
  forceLogoff: NEVER,
  oemInformation: '',
  replicaSourceNodeName: '',
};

/** 3.1.1.6: of pwdHistoryLength. */
const MAX_HISTORY = 1024;
/** Nobody shows it; an RPC_UNICODE_STRING could be 32 times as long. */
const MAX_TEXT_CHARACTERS = 1024;

export type PolicyProblem =
  /** Against a constraint of 3.1.1.6 or 3.1.5.6.1.3. */
  | 'bad-value'
  /** What this server does not do: passwords are not kept in the clear. */
  | 'not-supported'
  | 'unwritable';

/** Milliseconds of a delta time; undefined: without end. */
export const deltaMs = (delta: bigint): number | undefined =>
  delta === NEVER ? undefined : Number(-delta / UNITS_PER_MS);

/** How old a password may become; undefined: as old as it likes (3.1.5.14.4). */
export const maxAgeMs = ({ maxPasswordAge }: DomainPolicy): number | undefined =>
  maxPasswordAge === 0n ? undefined : deltaMs(maxPasswordAge);

const isDelta = (value: bigint): boolean => value <= 0n && value >= NEVER;

function problemOf(policy: DomainPolicy): PolicyProblem | undefined {
  const { maxPasswordAge, minPasswordAge, lockoutDuration, lockoutObservationWindow } = policy;
  const deltas = [maxPasswordAge, minPasswordAge, lockoutDuration, lockoutObservationWindow];
  if (!deltas.every(isDelta) || !isDelta(policy.forceLogoff)) return 'bad-value';
  // "MaxPasswordAge is less than or equal to MinPasswordAge", of what they stand for: the deltas are negative.
  const oldest = maxAgeMs(policy);
  const youngest = deltaMs(minPasswordAge);
  if (youngest === undefined) return 'bad-value';
  if (oldest !== undefined && oldest <= youngest) return 'bad-value';
  // A longer one could never be given: an account's password has so many bytes.
  if (policy.minPasswordLength > MAXIMUM_PASSWORD_BYTES) return 'bad-value';
  if (policy.passwordHistoryLength > MAX_HISTORY) return 'bad-value';
  // "lockOutObservationWindow MUST be greater than or equal to lockoutDuration."
  if (lockoutObservationWindow < lockoutDuration) return 'bad-value';
  const texts = [policy.oemInformation, policy.replicaSourceNodeName];
  if (texts.some((text) => text.length > MAX_TEXT_CHARACTERS)) return 'bad-value';
  const isCleartext = (policy.passwordProperties & DOMAIN_PASSWORD_STORE_CLEARTEXT) !== 0;
  return isCleartext ? 'not-supported' : undefined;
}

type Kept = Readonly<Record<string, number | string>>;

const NUMBERS = [
  'minPasswordLength',
  'passwordHistoryLength',
  'passwordProperties',
  'lockoutThreshold',
] as const;
const DELTAS = [
  'maxPasswordAge',
  'minPasswordAge',
  'lockoutDuration',
  'lockoutObservationWindow',
  'forceLogoff',
] as const;
const TEXTS = ['oemInformation', 'replicaSourceNodeName'] as const;

const kept = (policy: DomainPolicy): Kept =>
  Object.fromEntries(
    Object.entries(policy).map(([key, value]) => [
      key,
      typeof value === 'bigint' ? String(value) : (value as number | string),
    ]),
  );

function parseKept(value: unknown): Kept | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const of = value as Record<string, unknown>;
  const whole = (one: unknown) => Number.isInteger(one) && Number(one) >= 0;
  const delta = (one: unknown) => typeof one === 'string' && /^(0|-[1-9]\d{0,18})$/.test(one);
  if (!NUMBERS.every((key) => whole(of[key]))) return undefined;
  if (!DELTAS.every((key) => delta(of[key]))) return undefined;
  if (!TEXTS.every((key) => typeof of[key] === 'string')) return undefined;
  return problemOf(policyOf(of as Kept)) === undefined ? (of as Kept) : undefined;
}

const policyOf = (of: Kept): DomainPolicy => ({
  minPasswordLength: Number(of.minPasswordLength),
  passwordHistoryLength: Number(of.passwordHistoryLength),
  passwordProperties: Number(of.passwordProperties),
  lockoutThreshold: Number(of.lockoutThreshold),
  maxPasswordAge: BigInt(of.maxPasswordAge!),
  minPasswordAge: BigInt(of.minPasswordAge!),
  lockoutDuration: BigInt(of.lockoutDuration!),
  lockoutObservationWindow: BigInt(of.lockoutObservationWindow!),
  forceLogoff: BigInt(of.forceLogoff!),
  oemInformation: String(of.oemInformation),
  replicaSourceNodeName: String(of.replicaSourceNodeName),
});

export class DomainPolicyStore {
  readonly #kept: KeptRecord<Kept>;
  readonly #log: Logger;
  #policy: DomainPolicy | undefined;

  /** `path` undefined: nothing outlives the process. */
  constructor(path: string | undefined, log: Logger) {
    this.#log = log;
    const initial = kept(INITIAL_POLICY);
    this.#kept = new KeptRecord<Kept>({ path, initial, parse: parseKept, log });
  }

  get policy(): DomainPolicy {
    this.#policy ??= policyOf(this.#kept.value);
    return this.#policy;
  }

  /** True: there is a file, and nobody can tell what it asks for. */
  get isDamaged(): boolean {
    return this.#kept.isDamaged;
  }

  /** All of it, or nothing. Undefined: done. */
  change(some: Partial<DomainPolicy>, by: string): PolicyProblem | undefined {
    const policy = { ...this.policy, ...some };
    const problem = problemOf(policy);
    if (problem !== undefined) return problem;
    if (!this.#kept.replace(kept(policy))) return 'unwritable';
    this.#policy = policy;
    this.#log.info('the domain asks something else of passwords', { ...kept(some as never), by });
    return undefined;
  }
}

// --- What it asks of one password, 3.1.1.7.2 -----------------------------------------------------

export type CleartextFault = 'too-short' | 'not-complex';

/** "At least three of the following five classes"; letters of no case are a class of their own. */
const CLASSES = [
  /[A-Z]/,
  /[a-z]/,
  /[0-9]/,
  /(?![A-Za-z])\p{L}/u,
  /[(`~!@#$%^&*_\-+=|\\{}[\]:;"'<>,.?)/]/,
];
const CLASSES_NEEDED = 3;
/** A shorter name may be in a password. */
const NAME_CHARACTERS = 3;

/** As Windows, only a complex password is held against the account's name. */
export function cleartextFault(
  { minPasswordLength, passwordProperties }: DomainPolicy,
  name: string,
  password: string,
): CleartextFault | undefined {
  if (password.length < minPasswordLength) return 'too-short';
  if ((passwordProperties & DOMAIN_PASSWORD_COMPLEX) === 0) return undefined;
  const holdsName =
    name.length >= NAME_CHARACTERS && password.toLowerCase().includes(name.toLowerCase());
  const classes = CLASSES.filter((one) => one.test(password)).length;
  return holdsName || classes < CLASSES_NEEDED ? 'not-complex' : undefined;
}
