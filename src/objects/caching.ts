/**
 * Oplocks and leases of one file, MS-FSA 2.1.4.12: a pure state machine, for both kinds.
 *
 * What a client may cache is a set of bits: R (reads), W (writes), H (the handle). A lease holds any of
 * R, RH, RW, RWH; an oplock is II = R, exclusive = RW, batch = RWH, in its own words. A grant loses bits when
 * somebody with another key does what they exclude:
 *
 *     held ── operation of another ──▶ breaking ── acknowledged, closed, 35 s ──▶ held, with less
 *       │                                 │ further operation: the rest is broken after
 *       └── R alone goes at once ─────────┴──▶ gone
 *
 * This file decides; objects/oplocks.ts sends, waits and keeps time.
 */
export const R = 1;
export const H = 2;
export const W = 4;
export type Caching = number;

export interface Grant<Owner> {
  /** An open for an oplock, a lease for a lease. */
  readonly owner: Owner;
  /** An oplock: it has no key but itself, and other levels than a lease. */
  readonly legacy: boolean;
  state: Caching;
  /** What the holder was told to keep and has not acknowledged. */
  breakingTo: Caching | undefined;
  /** What is to be left in the end, where that is less. */
  demanded: Caching | undefined;
}

/** What somebody is about to do with the file. */
export type Operation =
  | { readonly kind: 'open'; readonly overwrites: boolean; readonly access: number }
  /** A sharing violation that giving up handles may cure. */
  | { readonly kind: 'share' }
  /** Writing, locking, changing the size. */
  | { readonly kind: 'write' }
  /** Renaming, linking, deleting. */
  | { readonly kind: 'rename' }
  | { readonly kind: 'delete' }
  /** Changing what is in this directory: PARENT_OBJECT. */
  | { readonly kind: 'child' };

/** Access that breaks nothing: MS-FSA 2.1.4.12, case OPEN; READ_CONTROL only where there is a lease. */
const ATTRIBUTES_ONLY = 0x0010_0180;
const READ_CONTROL = 0x0002_0000;

interface Step {
  readonly to: Caching;
  /** The holder has to acknowledge. */
  readonly acknowledged: boolean;
  /** The operation waits for that. */
  readonly waits: boolean;
}

/** What the operation does to a grant of another key in this state; undefined: nothing. */
export function stepFor(legacy: boolean, state: Caching, operation: Operation): Step | undefined {
  if (state === 0) return undefined;
  return legacy ? oplockStep(state, operation) : leaseStep(state, operation);
}

const harmless = (operation: Operation, ignored: number): boolean =>
  operation.kind === 'open' && !operation.overwrites && (operation.access & ~ignored) === 0;

const isHarmless = (operation: Operation): boolean =>
  harmless(operation, ATTRIBUTES_ONLY | READ_CONTROL);

function oplockStep(state: Caching, operation: Operation): Step | undefined {
  if (harmless(operation, ATTRIBUTES_ONLY)) return undefined;
  const exclusive = (state & W) !== 0;
  const toNone = operation.kind === 'write' || (operation.kind === 'open' && operation.overwrites);
  if (toNone) return { to: 0, acknowledged: exclusive, waits: exclusive };
  if (!exclusive) return undefined;
  switch (operation.kind) {
    case 'open':
      return { to: R, acknowledged: true, waits: true };
    case 'rename':
      return (state & H) === 0 ? undefined : { to: 0, acknowledged: true, waits: true };
    default:
      return undefined;
  }
}

function leaseStep(state: Caching, operation: Operation): Step | undefined {
  if (isHarmless(operation)) return undefined;
  switch (operation.kind) {
    case 'open':
      if (operation.overwrites) return toNothing(state);
      return keep(state, state & ~W);
    case 'write':
    case 'child':
      return toNothing(state);
    default:
      return keep(state, state & ~H);
  }
}

const keep = (state: Caching, to: Caching): Step | undefined =>
  state === to ? undefined : { to, acknowledged: true, waits: true };

/** R alone goes without a word back; RH is acknowledged, but nobody waits for it. */
const toNothing = (state: Caching): Step => ({
  to: 0,
  acknowledged: state !== R,
  waits: (state & W) !== 0,
});

export interface Break<Owner> {
  readonly grant: Grant<Owner>;
  readonly from: Caching;
  readonly to: Caching;
  readonly acknowledged: boolean;
}

export interface Breaks<Owner> {
  /** To be told to their holders now. */
  readonly breaks: readonly Break<Owner>[];
  /** The operation has to wait for one of the file's breaks. */
  readonly waits: boolean;
}

/**
 * Takes what the operation excludes from every grant but those of `isOwn`. Grants change at once: those
 * without acknowledgment have less, the others are breaking.
 */
export function breakGrants<Owner>(
  grants: readonly Grant<Owner>[],
  operation: Operation,
  isOwn: (grant: Grant<Owner>) => boolean,
): Breaks<Owner> {
  const breaks: Break<Owner>[] = [];
  let waits = false;
  for (const grant of grants) {
    if (isOwn(grant)) continue;
    const step = stepFor(grant.legacy, grant.state, operation);
    // A break in several steps is one break to those who wait for it.
    waits ||= grant.demanded !== undefined && operation.kind === 'open' && !isHarmless(operation);
    if (step === undefined) continue;
    waits ||= step.waits;
    if (grant.breakingTo !== undefined) {
      const further = (grant.demanded ?? grant.breakingTo) & step.to;
      if (further !== grant.breakingTo) grant.demanded = further;
      continue;
    }
    breaks.push(begin(grant, step.to, step.acknowledged));
  }
  return { breaks, waits };
}

function begin<Owner>(grant: Grant<Owner>, to: Caching, acknowledged: boolean): Break<Owner> {
  const from = grant.state;
  if (acknowledged) grant.breakingTo = to;
  else grant.state = to;
  return { grant, from, to, acknowledged };
}

/** The holder keeps `state`; the break that follows, where more was demanded meanwhile. */
export function settle<Owner>(grant: Grant<Owner>, state: Caching): Break<Owner> | undefined {
  const { demanded } = grant;
  grant.state = state;
  grant.breakingTo = undefined;
  grant.demanded = undefined;
  if (demanded === undefined || (state & ~demanded) === 0) return undefined;
  // The handle first, then the rest, as Windows does.
  const next = (state & H) !== 0 && (demanded & H) === 0 ? (demanded | R) & state : demanded;
  const follows = begin(grant, next, state !== R);
  if (next !== demanded) grant.demanded = demanded;
  return follows;
}

/** MS-FSA 2.1.5.18: the most that a file with these others lets a newcomer cache. */
export interface Company {
  /** It is a directory, whose contents nobody but the server writes. */
  readonly directory: boolean;
  /** Somebody else has the file open for more than its attributes. */
  readonly opened: boolean;
  /** Somebody else holds a lease with H. */
  readonly handleLease: boolean;
  /** Somebody else holds an oplock. */
  readonly oplock: boolean;
  /** Somebody else may cache writes: nobody beside it may cache anything. */
  readonly exclusive: boolean;
  /** There are byte-range locks on what the file has. */
  readonly locked: boolean;
}

/** What is granted of a lease state; 0 for one that is no combination. */
export function grantableLease(wanted: Caching, company: Company): Caching {
  if ((wanted & R) === 0 || (wanted & ~(R | W | H)) !== 0 || company.exclusive) return 0;
  let granted = wanted;
  if (company.opened || company.directory) granted &= ~W;
  if (company.oplock) granted &= ~H;
  return (granted & W) === 0 && company.locked ? 0 : granted;
}

/** What is granted of an oplock: all of it, level II, or nothing. Directories have leases only. */
export function grantableOplock(wanted: Caching, company: Company): Caching {
  if (wanted === 0 || company.exclusive || company.directory) return 0;
  if ((wanted & W) !== 0 && !company.opened) return wanted;
  return company.handleLease || company.locked ? 0 : R;
}
