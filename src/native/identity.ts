/**
 * The identity of the calling thread: setfsuid(2), setfsgid(2) and setgroups(2) by its raw call, which
 * the C library would apply to every thread. A change of fsuid from 0 takes the file-system
 * capabilities out of the effective set, the change back restores them (capabilities(7)).
 */
import { PR_GET_SECUREBITS, SYS } from './constants.ts';
import { bind, lastErrno } from './library.ts';

const c = {
  setfsuid: bind<(uid: number) => number>('setfsuid', 'int', ['uint32']),
  setfsgid: bind<(gid: number) => number>('setfsgid', 'int', ['uint32']),
  setgroups: bind<(nr: number, count: number, groups: Uint32Array) => number>('syscall', 'int64', [
    'int64',
    'int64',
    'void *',
  ]),
  getgroups: bind<(count: number, into: Uint32Array) => number>('getgroups', 'int', [
    'int',
    'void *',
  ]),
  prctl: bind<(option: number, a: number, b: number, c: number, d: number) => number>(
    'prctl',
    'int',
    ['int', 'int64', 'int64', 'int64', 'int64'],
  ),
};

/** (uid_t) -1: no user; setting it changes nothing and tells the present one. */
export const NOBODY_ID = 0xffff_ffff;

/** The id until now. Fails silently, as the call does: check with `fsuid`. */
export const setFsuid = (uid: number): number => c.setfsuid(uid) >>> 0;
export const setFsgid = (gid: number): number => c.setfsgid(gid) >>> 0;

export const fsuid = (): number => c.setfsuid(NOBODY_ID) >>> 0;
export const fsgid = (): number => c.setfsgid(NOBODY_ID) >>> 0;

/** For this thread only. */
export const setGroups = (groups: Uint32Array): number =>
  c.setgroups(SYS.setgroups, groups.length, groups) < 0 ? -lastErrno() : 0;

/** NGROUPS_MAX of the kernel. */
const GROUPS_MAX = 65536;
const groupsBuffer = new Uint32Array(GROUPS_MAX);

/** The supplementary groups of this thread, in the kernel's order; undefined when they cannot be had. */
export function ownGroups(): Uint32Array | undefined {
  const count = c.getgroups(GROUPS_MAX, groupsBuffer);
  return count < 0 ? undefined : groupsBuffer.slice(0, count);
}

/** SECBIT_*, or a negative errno. */
export const secureBits = (): number => {
  const bits = c.prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
  return bits < 0 ? -lastErrno() : bits;
};
