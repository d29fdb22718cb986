/**
 * rename and link on node:fs, which knows no "unless it is there": that is looked up before, and who
 * makes the same name at the same moment by other means than this server loses it.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { EACCES, EEXIST, EINVAL, ENOENT, ENOTDIR, type Errno, isErrno } from '../errno.ts';
import { done } from './attempt.ts';
import type { OwnPlace } from './handle.ts';
import { isAtOrBelow } from './open-objects.ts';
import type { Found, Place, Share } from './share.ts';
import { isSame } from './stat.ts';

/** What a replacing link is called until it takes its name. */
const TEMPORARY_PREFIX = '.usmbd-link-';
const TEMPORARY_BYTES = 8;

export function renameTo(
  share: Share,
  own: OwnPlace,
  path: readonly string[],
  replace: boolean,
): Errno | 0 {
  return atTarget(share, own, path, { replace, ownIsFree: true }, (target, there) => {
    const source = own.directory.at(own.name);
    const to = [...target.parents, target.name];
    if (there === undefined) {
      if (to.length > own.path.length && isAtOrBelow(to, own.path)) return EINVAL;
      const result = done(() => fs.renameSync(source, target.directory.at(target.name)));
      if (result === 0) moved(share, own, target, to);
      return result;
    }
    if (own.stat.isDirectory()) return ENOTDIR;
    // Of two names of one object rename() would leave both.
    const result = isSame(there.stat, own.stat)
      ? done(() => fs.unlinkSync(source))
      : done(() => fs.renameSync(source, target.directory.at(there.name)));
    if (result !== 0) return result;
    const taken = [...target.parents, there.name];
    moved(share, own, target, taken);
    recase(share, target, taken);
    return 0;
  });
}

export function linkTo(
  share: Share,
  own: OwnPlace,
  path: readonly string[],
  replace: boolean,
): Errno | 0 {
  return atTarget(share, own, path, { replace, ownIsFree: false }, (target, there) => {
    const source = own.directory.at(own.name);
    if (there === undefined) {
      const result = done(() => fs.linkSync(source, target.directory.at(target.name)));
      if (result === 0) share.folded.added(target.directory, target.name);
      return result;
    }
    if (isSame(there.stat, own.stat)) return 0;
    const name = TEMPORARY_PREFIX + randomBytes(TEMPORARY_BYTES).toString('hex');
    const temporary = target.directory.at(name);
    const linked = done(() => fs.linkSync(source, temporary));
    if (linked !== 0) return linked;
    const result = done(() => fs.renameSync(temporary, target.directory.at(there.name)));
    if (result !== 0) {
      done(() => fs.unlinkSync(temporary));
      return result;
    }
    const taken = [...target.parents, there.name];
    share.open.removed(taken);
    recase(share, target, taken);
    return 0;
  });
}

/** Looks up the target and refuses what no back end may do; `there` is what has to be replaced. */
function atTarget(
  share: Share,
  own: OwnPlace,
  path: readonly string[],
  { replace, ownIsFree }: { replace: boolean; ownIsFree: boolean },
  act: (target: Place, there: Found | undefined) => Errno | 0,
): Errno | 0 {
  if (path.length === 0) return replace ? EACCES : EEXIST;
  const target = share.place(path);
  if (isErrno(target)) return target;
  const isSibling =
    ownIsFree &&
    isAtOrBelow(own.path, target.parents) &&
    own.path.length === target.parents.length + 1;
  const there = share.find(target.directory, target.name, isSibling ? own.name : undefined);
  let result: Errno | 0;
  if (there === ENOENT || (isSibling && !isErrno(there) && there.name === own.name)) {
    result = act(target, undefined);
  } else if (isErrno(there)) {
    result = there;
  } else if (!replace) {
    result = EEXIST;
  } else {
    result = there.stat.isDirectory() ? EACCES : act(target, there);
  }
  target.directory.close();
  return result;
}

/** The name in the case that was asked for. Best effort: what had to be replaced is replaced already. */
function recase(share: Share, { directory, name, parents }: Place, taken: readonly string[]): void {
  const old = taken.at(-1)!;
  if (old === name) return;
  const result = done(() => fs.renameSync(directory.at(old), directory.at(name)));
  if (result !== 0) return;
  share.open.renamed(taken, [...parents, name]);
  share.folded.removed(directory, old);
  share.folded.added(directory, name);
}

/** Tells the rest of the share of a rename that is done. */
function moved(share: Share, own: OwnPlace, target: Place, to: readonly string[]): void {
  share.open.renamed(own.path, to);
  share.folded.removed(own.directory, own.name);
  const name = to.at(-1)!;
  // What it replaced had the name already.
  share.folded.removed(target.directory, name);
  share.folded.added(target.directory, name);
}
