/**
 * The path of an open object as clients are told it, without asking the kernel each time (see
 * VfsHandle.toldPath). A move of the object itself moves its st_ctime, as its last stat told it; the
 * server's own moves are counted; and what another program moves above it shows after TOLD_PATH_AGE_MS.
 */
import { TOLD_PATH_AGE_MS } from '../../base/limits.ts';
import { type Errno, isErrno } from '../errno.ts';

/** A path and what it was true for. */
export interface ToldPath {
  readonly path: readonly string[];
  readonly moves: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly atMs: number;
}

/** The directory that an object was in, by the names on disk. */
export interface Place {
  readonly parent: readonly string[];
  readonly moves: number;
  readonly atMs: number;
}

/** Of an object at this path on disk; undefined for the root of a share. */
export const placeAt = (disk: readonly string[]): Place | undefined =>
  disk.length === 0 ? undefined : { parent: disk.slice(0, -1), moves, atMs: performance.now() };

/** Whether it can be taken for where the object is. */
export const isSamePlace = (place: Place): boolean =>
  place.moves === moves && performance.now() - place.atMs < TOLD_PATH_AGE_MS;

interface Told {
  told: ToldPath | undefined;
  /** st_ctime, as the last stat told it. */
  readonly changeSeconds: number;
  readonly changeNanoseconds: number;
  /** Asks the kernel, and keeps what it says. */
  path(): readonly string[] | Errno;
}

/** Renames and removals by this process, in whatever share. */
let moves = 0;

export function countMove(): void {
  moves += 1;
}

/** `path` is what the kernel says just now. */
export function keepTold(object: Told, path: readonly string[] | Errno): void {
  object.told = isErrno(path)
    ? undefined
    : {
        path,
        moves,
        seconds: object.changeSeconds,
        nanoseconds: object.changeNanoseconds,
        atMs: performance.now(),
      };
}

export function toldPath(object: Told): readonly string[] | Errno {
  const { told } = object;
  const isGood =
    told !== undefined &&
    told.moves === moves &&
    told.seconds === object.changeSeconds &&
    told.nanoseconds === object.changeNanoseconds &&
    performance.now() - told.atMs < TOLD_PATH_AGE_MS;
  return isGood ? told.path : object.path();
}
