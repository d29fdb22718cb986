/**
 * MS-FSA 2.1.5.6.3: which entries of a directory a listing has. All, but for what the share does not show
 * (objects/visibility.ts).
 * Access is asked of each file as for an open of it, so a listing and an open agree.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_READ_EA,
  FILE_WRITE_DATA,
  READ_CONTROL,
} from '../dtyp/access-mask.ts';
import { FILE_ATTRIBUTE_DIRECTORY } from '../fscc/attributes.ts';
import type { DirectoryEntry } from '../fscc/directory-information.ts';
import { IO_REPARSE_TAG_DFS } from '../fscc/reparse-tags.ts';
import type { Open } from '../objects/open.ts';
import type { Visibility } from '../objects/visibility.ts';
import { isErrno } from '../vfs/errno.ts';
import type { MaybePromise, VfsHandle, VfsStat } from '../vfs/vfs.ts';
import { ownAccess } from './access.ts';
import { dfsTargets } from './dfs.ts';
import { directoryEntry } from './directory-entry.ts';
import { plainTeller, type Teller } from './directory-scan.ts';
import { eaSizeOf } from './extended-attributes.ts';
import { leadsToDirectory } from './follow-links.ts';

/** What makes a file readable, as Samba takes it. */
const READING = FILE_READ_DATA | FILE_READ_EA | FILE_READ_ATTRIBUTES | READ_CONTROL;

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
  const tree = open.tree!;
  const accessible = await withChild(open, name, async (handle) => {
    const access = await ownAccess(tree, handle);
    if (visibility.unreadable && (access & READING) !== READING) return false;
    // Samba leaves folders alone, in which something may be that can be written.
    const mayWrite = handle.kind === 'directory' || (access & FILE_WRITE_DATA) !== 0;
    return !visibility.unwriteable || mayWrite;
  });
  return accessible === true;
}

/** Entries with the size of their extended attributes, for which each file is asked: `list ea sizes`. */
const eaTeller =
  (open: Open) =>
  async (name: string, stat: VfsStat): Promise<DirectoryEntry> => {
    const entry = directoryEntry(open.home, name, stat);
    if (name === '.' || name === '..') return entry;
    const eaSize = await withChild(open, name, async (handle) => eaSizeOf(handle));
    return eaSize === undefined ? entry : { ...entry, eaSize };
  };

/** A link of the namespace is a directory that is elsewhere, as on Windows: who opens it is sent there. */
export const dfsTeller =
  (open: Open) =>
  async (name: string, stat: VfsStat): Promise<DirectoryEntry> => {
    const entry = directoryEntry(open.home, name, stat);
    if (stat.kind !== 'symlink') return entry;
    const targets = await withChild(open, name, dfsTargets);
    if (targets === undefined) return entry;
    const fileAttributes = entry.fileAttributes | FILE_ATTRIBUTE_DIRECTORY;
    return { ...entry, fileAttributes, reparseTag: IO_REPARSE_TAG_DFS, endOfFile: 0 };
  };

/** Entries as clients see them that name files as Windows does: with the size of extended attributes where wanted. */
export function shownTeller(open: Open): Teller {
  const tell = open.home.listsEaSizes === true ? eaTeller(open) : plainTeller(open);
  return open.home.followsLinks === true ? linkTeller(open, tell) : tell;
}

/** A link that is followed to a directory is one: programs ask, before they open it, whether it is. */
const linkTeller =
  (open: Open, tell: Teller): Teller =>
  (name, stat) =>
    stat.kind === 'symlink' ? toldLink(open, name, tell(name, stat)) : tell(name, stat);

async function toldLink(
  open: Open,
  name: string,
  told: MaybePromise<DirectoryEntry>,
): Promise<DirectoryEntry> {
  const entry = await told;
  // Others are served between the links of a listing.
  await nextTurn();
  const leads = await withChild(open, name, async (handle, path) =>
    leadsToDirectory(handle, path, open.tree!.files!, open.home),
  );
  if (leads !== true) return entry;
  return { ...entry, fileAttributes: entry.fileAttributes | FILE_ATTRIBUTE_DIRECTORY };
}

/** Undefined: it is not there any more. */
async function withChild<T>(
  open: Open,
  name: string,
  use: (handle: VfsHandle, path: readonly string[]) => Promise<T>,
): Promise<T | undefined> {
  const directory = open.handle!.path();
  if (isErrno(directory)) return undefined;
  const path = [...directory, name];
  const handle = await open.tree!.files!.lookup(path);
  if (isErrno(handle)) return undefined;
  try {
    return await use(handle, path);
  } finally {
    handle.close();
  }
}
