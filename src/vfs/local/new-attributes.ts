/** The user.DOSATTRIB of an object that was made just now, stored by the user who made it. */
import { FILE_ATTRIBUTE_SPARSE_FILE } from '../../fscc/attributes.ts';
import { fsetxattr, setxattr } from '../../native/xattr.ts';
import type { Errno } from '../errno.ts';
import { DOSATTRIB, type DosAttribute, encodeDosAttribute } from './dos-attribute.ts';
import type { LocalHandle } from './local-handle.ts';
import { birthTimeOfStat, STORED_ATTRIBUTES } from './metadata.ts';
import type { LocalShare } from './share.ts';

/**
 * Call with the identity entered and the object, which has no attributes yet, in statx's buffer. Undefined where there
 * is nothing to store; an errno where the object's mode, or the file system, does not let it.
 */
export function storeNewAttributes(
  share: LocalShare,
  { fd, isData, isDirectory, inodeKey }: LocalHandle,
  attributes: number,
): DosAttribute | undefined | Errno {
  const stored = attributes & STORED_ATTRIBUTES & ~FILE_ATTRIBUTE_SPARSE_FILE;
  if (!share.features.attributes || share.making.mapped !== undefined) return undefined;
  // Of a directory with nothing stored other servers take the earliest of its times as the one when it was made.
  if (stored === 0 && !isDirectory) return undefined;
  const creationTime = birthTimeOfStat();
  const value = { attributes: stored, creationTime, initialTime: creationTime };
  const bytes = encodeDosAttribute(value);
  const refused = share.own.touching(inodeKey, () =>
    isData ? fsetxattr(fd, DOSATTRIB, bytes) : setxattr(`/proc/self/fd/${fd}`, DOSATTRIB, bytes),
  );
  return refused === 0 ? value : refused;
}
