/**
 * MS-FSA 2.1.5.6.3: an enumeration of a directory, which is part of its open: pattern and position stay between
 * requests. `peek` tells the next entry until `advance` leaves it behind.
 */
import type { DirectoryEntry } from '../fscc/directory-information.ts';
import { isShortName, shortNameOf } from '../fscc/short-name.ts';
import { createMatcher, hasWildcards } from '../fscc/wildcard.ts';
import type { Enumeration, Open } from '../objects/open.ts';
import { EINVAL, ENAMETOOLONG, ENOENT, type Errno, isErrno, type Result } from '../vfs/errno.ts';
import type { VfsStat } from '../vfs/vfs.ts';
import type { MaybePromise } from './command.ts';
import { directoryEntry } from './directory-entry.ts';
import { isListed } from './listed.ts';
import { longName } from './short-names.ts';

/** From the beginning; an empty pattern means the one before, and all at the start. */
export async function beginScan(open: Open, pattern: string): Promise<Enumeration | Errno> {
  let scan = open.enumeration;
  if (scan === undefined) {
    const cursor = await open.handle!.cursor();
    if (isErrno(cursor)) return cursor;
    const state = { pattern: '*', matches: () => true, batch: [], next: 0, dots: 0 };
    scan = { cursor, ...state, exact: false, started: false, ended: false };
    open.enumeration = scan;
  }
  if (pattern !== '') scan.pattern = pattern;
  scan.matches = scan.pattern === '*' ? () => true : createMatcher(scan.pattern, open.isPosix);
  scan.exact = !hasWildcards(scan.pattern) && scan.pattern !== '.' && scan.pattern !== '..';
  scan.cursor.rewind();
  scan.batch = [];
  scan.next = 0;
  scan.dots = 0;
  scan.started = false;
  scan.ended = false;
  return scan;
}

/** Makes an entry of what was found. */
export type Teller<E = DirectoryEntry> = (name: string, stat: VfsStat) => MaybePromise<E>;

export const plainTeller =
  (open: Open): Teller =>
  (name, stat) =>
    directoryEntry(open.home, name, stat);

const DOTS = ['.', '..'] as const;

/** Past the entry that `peek` told. */
export function advance(scan: Enumeration): void {
  if (scan.exact) scan.ended = true;
  else if (scan.dots < DOTS.length) scan.dots += 1;
  else scan.next += 1;
}

/** The next entry that matches, without moving on; undefined at the end. */
export function peek<E>(
  scan: Enumeration,
  open: Open,
  tell: Teller<E>,
): MaybePromise<E | undefined | Errno> {
  const { visibility } = open.home;
  const isPlain = !scan.ended && !scan.exact && scan.dots === DOTS.length;
  if (!isPlain || visibility !== undefined) return search(scan, open, tell);
  // What most entries of a large directory are: no promise is made for them.
  for (; scan.next < scan.batch.length; scan.next += 1) {
    const candidate = scan.batch[scan.next]!;
    if (!matches(scan, open, candidate.name)) continue;
    const stat = scan.cursor.stat(candidate);
    if (stat instanceof Promise) return search(scan, open, tell, stat);
    if (!isErrno(stat)) return tell(candidate.name, stat);
  }
  return search(scan, open, tell);
}

/** `asked`: the stat of the candidate that is next, if it is under way. */
async function search<E>(
  scan: Enumeration,
  open: Open,
  tell: Teller<E>,
  asked?: Promise<Result<VfsStat>>,
): Promise<E | undefined | Errno> {
  if (scan.ended) return undefined;
  if (scan.exact) return peekExact(scan, open, tell);
  for (; scan.dots < DOTS.length; scan.dots += 1) {
    const name = DOTS[scan.dots]!;
    if (!scan.matches(name)) continue;
    const stat = await statDot(open, name);
    if (!isErrno(stat)) return tell(name, stat);
  }
  const { visibility } = open.home;
  let found: MaybePromise<Result<VfsStat>> | undefined = asked;
  for (;;) {
    for (; scan.next < scan.batch.length; scan.next += 1) {
      const candidate = scan.batch[scan.next]!;
      if (!matches(scan, open, candidate.name)) continue;
      found ??= scan.cursor.stat(candidate);
      const stat = found instanceof Promise ? await found : found;
      found = undefined;
      // Gone since it was read, or nothing that can be shown.
      if (isErrno(stat)) continue;
      if (visibility !== undefined && !(await isListed(open, visibility, candidate.name, stat))) {
        continue;
      }
      return tell(candidate.name, stat);
    }
    const batch = await scan.cursor.next();
    if (isErrno(batch)) return batch;
    if (batch.length === 0) {
      scan.ended = true;
      return undefined;
    }
    scan.batch = batch;
    scan.next = 0;
  }
}

const matches = (scan: Enumeration, open: Open, name: string): boolean =>
  scan.matches(name) || matchesShortName(scan, open, name);

/** MS-FSA 2.1.5.6.3: a pattern also means the short names, where listings have them. */
const matchesShortName = (scan: Enumeration, open: Open, name: string): boolean =>
  open.home.shortNames === 'listed' && !isShortName(name) && scan.matches(shortNameOf(name));

/** A name without wildcards is looked up, however large the directory. */
async function peekExact<E>(
  scan: Enumeration,
  open: Open,
  tell: Teller<E>,
): Promise<E | undefined | Errno> {
  const handle = open.handle!;
  let child = await handle.child(scan.pattern);
  if (child === ENOENT && open.home.shortNames !== 'none' && !open.isPosix) {
    const long = await longName(handle, scan.pattern);
    if (!isErrno(long)) child = await handle.child(long);
  }
  const { visibility } = open.home;
  if (!isErrno(child)) {
    const { name, stat } = child;
    if (visibility === undefined || (await isListed(open, visibility, name, stat))) {
      return tell(name, stat);
    }
    child = ENOENT;
  }
  // A name that no file can have is one that none has.
  if (child !== ENOENT && child !== EINVAL && child !== ENAMETOOLONG) return child;
  scan.ended = true;
  return undefined;
}

/** `..` of the share's root is the root: nothing above it is shown. */
async function statDot(open: Open, name: '.' | '..'): Promise<VfsStat | Errno> {
  const path = name === '.' ? [] : open.handle!.path();
  if (isErrno(path) || path.length === 0) return open.handle!.stat();
  const parent = await open.tree!.files!.lookup(path.slice(0, -1));
  if (isErrno(parent)) return parent;
  try {
    return await parent.stat();
  } finally {
    parent.close();
  }
}
