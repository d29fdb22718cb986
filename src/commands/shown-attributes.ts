/** MS-FSCC 2.6: file attributes as a client sees them, the same in every answer. */
import {
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_HIDDEN,
  normalizeAttributes,
} from '../fscc/attributes.ts';
import type { Open } from '../objects/open.ts';
import type { Share } from '../objects/share.ts';
import type { Errno } from '../vfs/errno.ts';
import type { VfsStat } from '../vfs/vfs.ts';

/** `path` decides about `hide dot files`; the share's root is never hidden. `isFolderLink`: see Open. */
export function shownAttributes(
  share: Share,
  stat: VfsStat,
  path: readonly string[] | string | Errno,
  isFolderLink = false,
): number {
  const name = typeof path === 'string' ? path : typeof path === 'number' ? '' : path.at(-1);
  const hidden =
    name !== undefined &&
    ((share.hideDotFiles && name.startsWith('.')) || share.visibility?.hides(name) === true);
  const folder = isFolderLink ? FILE_ATTRIBUTE_DIRECTORY : 0;
  return normalizeAttributes(stat.attributes | (hidden ? FILE_ATTRIBUTE_HIDDEN : 0) | folder);
}

/** The file ID that the client of this open is told; 0 stands for none. */
export const shownFileId = (open: Pick<Open, 'session' | 'tree'>, stat: VfsStat): bigint =>
  open.session?.apple !== undefined && open.tree?.share.appleFileIds !== true ? 0n : stat.fileId;
