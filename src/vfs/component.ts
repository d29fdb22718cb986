/** What every back end checks of a component before it looks for it (vfs.ts, the rule on paths). */
import { diskLength } from '../base/disk-names.ts';
import { EINVAL, ENAMETOOLONG, type Errno } from './errno.ts';

/** NAME_MAX of Linux, in bytes of UTF-8. */
export const MAX_COMPONENT_BYTES = 255;

/** A UTF-16 unit becomes three bytes at most, so shorter names need not be counted. */
const SURELY_SHORT_UNITS = Math.floor(MAX_COMPONENT_BYTES / 3);

/** With the `u` flag a pair is one character of another category. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** 0, or why no object can have this name. */
export function checkComponent(name: string): Errno | 0 {
  if (LONE_SURROGATE.test(name)) return EINVAL;
  if (name.length <= SURELY_SHORT_UNITS) return 0;
  return diskLength(name) > MAX_COMPONENT_BYTES ? ENAMETOOLONG : 0;
}
