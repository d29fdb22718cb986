/**
 * Reparse points (MS-FSCC 2.1.2) on disk. A symbolic link that stays in the share is one of Linux. Any other reparse
 * point is `user.SmbReparse` of a regular file or of an empty directory, as its client sent it, with
 * FILE_ATTRIBUTE_REPARSE_POINT in user.DOSATTRIB, where Samba keeps both: on the host it is an empty file or
 * directory, so no client's device is ever one. Object ids (2.1.3) are `user.SmbObjectId`, the 64 bytes as they are told.
 */

import { tagOfReparseBuffer } from '../../fscc/reparse-buffer.ts';
import { fileTypeOfReparse } from '../../fscc/special-files.ts';
import {
  AT_EMPTY_PATH,
  AT_REMOVEDIR,
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDWR,
  RENAME_EXCHANGE,
} from '../../native/constants.ts';
import { close, openat } from '../../native/files.ts';
import { renameat2, symlinkat, unlinkat } from '../../native/names.ts';
import { statx } from '../../native/stat.ts';
import { getxattr, lgetxattr, removexattr, setxattr } from '../../native/xattr.ts';
import { E2BIG, ENODATA, ENOSPC, type Errno } from '../errno.ts';
import type { VfsForm, VfsKept, VfsReparse } from '../vfs.ts';
import type { Credentials } from './credentials.ts';
import type { OwnName } from './own-name.ts';
import type { LocalShare } from './share.ts';

const SMB_REPARSE = 'user.SmbReparse';

const objectPath = (fd: number): string => `/proc/self/fd/${fd}`;

function reparseIn(bytes: Buffer | Errno): VfsReparse | undefined {
  if (typeof bytes === 'number') return undefined;
  const tag = tagOfReparseBuffer(bytes);
  return tag === undefined ? undefined : { tag, fileType: fileTypeOfReparse(bytes) };
}

/** Asked as the server, like the attributes: it is none of the file's data. */
export const reparseOfObject = (fd: number): VfsReparse | undefined => reparseIn(reparseBytes(fd));

/** As it is stored; the bytes are the next call's. */
export const reparseBytes = (fd: number): Buffer | Errno => getxattr(objectPath(fd), SMB_REPARSE);

export const reparseOfName = (dir: number, name: string): VfsReparse | undefined =>
  reparseIn(lgetxattr(`${objectPath(dir)}/${name}`, SMB_REPARSE));

export const KEPT: Readonly<Record<VfsKept, string>> = {
  reparse: SMB_REPARSE,
  objectId: 'user.SmbObjectId',
};

export function readKept(fd: number, what: VfsKept): Buffer | Errno {
  const bytes = getxattr(objectPath(fd), KEPT[what]);
  // The bytes are the next call's.
  return typeof bytes === 'number' ? bytes : Buffer.from(bytes);
}

/** As the user. Call with no identity entered. */
export function writeReparse(
  credentials: Credentials,
  fd: number,
  data: Buffer | undefined,
): Errno | 0 {
  const refused = credentials.enter();
  if (refused !== 0) return refused;
  try {
    if (data !== undefined) {
      const result = setxattr(objectPath(fd), SMB_REPARSE, data);
      return result === ENOSPC ? E2BIG : result;
    }
    const result = removexattr(objectPath(fd), SMB_REPARSE);
    return result === ENODATA ? 0 : result;
  } finally {
    credentials.leave();
  }
}

let temporaryNames = 0;

/** Makes the object and opens it as itself. */
function make(dir: number, name: string, form: VfsForm, mode: number): number {
  if (form.kind === 'file') return openat(dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, mode);
  const refused = symlinkat(form.target, dir, name);
  return refused !== 0 ? refused : openat(dir, name, O_PATH | O_NOFOLLOW);
}

/**
 * A new object in the place of the one that has the name; its descriptor, with statx's buffer telling of it. The
 * identity is entered: it is the user who makes and removes.
 */
export function replaceObject(
  share: LocalShare,
  own: OwnName,
  isDirectory: boolean,
  form: VfsForm,
): number {
  const { dir, name } = own;
  const temporary = `.usmbd-reparse-${process.pid}-${++temporaryNames}`;
  const fd = make(dir, temporary, form, share.fileMode);
  if (fd < 0) {
    unlinkat(dir, temporary, 0);
    return fd;
  }
  share.own.did(dir, temporary, 'created');
  let refused: Errno | 0 = renameat2(dir, temporary, dir, name, isDirectory ? RENAME_EXCHANGE : 0);
  if (refused === 0 && isDirectory) {
    refused = unlinkat(dir, temporary, AT_REMOVEDIR);
    // It holds something: back to where it was.
    if (refused !== 0) renameat2(dir, temporary, dir, name, RENAME_EXCHANGE);
  }
  share.resolver.cache.forget(dir);
  if (refused !== 0) {
    unlinkat(dir, temporary, 0);
    share.own.did(dir, temporary, 'removed');
  } else {
    share.own.did(dir, temporary, 'left');
    share.own.did(dir, name, 'came');
    refused = statx(fd, '', AT_EMPTY_PATH);
  }
  if (refused === 0) return fd;
  close(fd);
  return refused;
}
