/**
 * MS-FSA 2.1.5.6.3: which entries of a directory a listing has. All, but for what the share does not show
 * (objects/visibility.ts).
 * Access is asked of each file as for an open of it, so a listing and an open agree.
 */
import { FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import type { Open } from '../objects/open.ts';
import type { Visibility } from '../objects/visibility.ts';
import { isErrno } from '../vfs/errno.ts';
import type { MaybePromise, VfsStat } from '../vfs/vfs.ts';
import { maximalAccess } from './access.ts';

/** Whether the listing of the directory `open` has the entry `name`, which is none of the dots. */
export function isListed(
  open: Open,
  visibility: Visibility,
  name: string,
  stat: VfsStat,
): MaybePromise<boolean> {
  if (visibility.vetoes(name)) return false;
  if (visibility.special && stat.kind !== 'file' && stat.kind !== 'directory') return false;
  return visibility.unreadable || visibility.unwriteable
    ? isAccessible(open, visibility, name)
    : true;
}

async function isAccessible(open: Open, visibility: Visibility, name: string): Promise<boolean> {
  const path = open.handle!.path();
  if (isErrno(path)) return false;
  const tree = open.tree!;
  const handle = await tree.files!.lookup([...path, name]);
  if (isErrno(handle)) return false;
  try {
    const access = await maximalAccess(tree, handle);
    if (visibility.unreadable && (access & FILE_READ_DATA) === 0) return false;
    // Samba leaves folders alone, in which something may be that can be written.
    return (
      !visibility.unwriteable || handle.kind === 'directory' || (access & FILE_WRITE_DATA) !== 0
    );
  } finally {
    handle.close();
  }
}
