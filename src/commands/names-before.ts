/**
 * MS-FSA 2.1.5.15.12 and 2.1.5.15.7: what a rename or a new link does to names, for those who watch. The
 * names have to be known as they were before; nothing is looked up while nobody watches.
 */

import type { Whereabouts } from '../objects/directory-changes.ts';
import {
  FILE_NOTIFY_CHANGE_ATTRIBUTES,
  FILE_NOTIFY_CHANGE_CREATION,
} from '../smb2/change-notify.ts';
import { isErrno } from '../vfs/errno.ts';
import type { OpenRequest } from './command.ts';
import { filesOf } from './posix.ts';

/** A renamed file has ARCHIVE set; Windows tells a new creation time with it. Directories keep both. */
const RENAMED = FILE_NOTIFY_CHANGE_ATTRIBUTES | FILE_NOTIFY_CHANGE_CREATION;

export interface NamesBefore {
  tellRename(): void;
  tellLink(): Promise<void>;
}

/** `path`: where the new name will be. */
export async function namesBefore(
  path: readonly string[],
  request: OpenRequest,
): Promise<NamesBefore | undefined> {
  const { open, tree, server } = request;
  const { changes } = server;
  const handle = open.handle!;
  if (changes.isIdle) return whereNobodyAsks(path, request);
  const replaced = await whereOtherIs(path, request);
  const from = changes.where(tree.share, handle);
  return {
    tellRename: () => {
      changes.renamed(
        from,
        changes.whereGiven(tree.share, handle, path),
        handle.kind,
        replaced,
        open,
      );
      if (handle.kind === 'file') open.file!.note(RENAMED);
    },
    tellLink: async () => {
      const made = await filesOf(open, tree).lookup(path);
      if (isErrno(made)) return;
      const where = changes.where(tree.share, made);
      made.close();
      changes.linked(where, replaced, open);
    },
  };
}

/** Who begins to cache a directory before the name is given has not seen it: whichever it is. */
function whereNobodyAsks(
  path: readonly string[],
  { open, tree, server: { changes } }: OpenRequest,
): NamesBefore {
  const handle = open.handle!;
  const from = changes.where(tree.share, handle);
  return {
    tellRename: () => {
      if (changes.isIdle) return;
      const to = changes.whereGiven(tree.share, handle, path);
      changes.renamed(from, to, handle.kind, undefined, open);
    },
    tellLink: async () => changes.linked(from, undefined, open),
  };
}

/** Where another file is that will be replaced. */
async function whereOtherIs(
  path: readonly string[],
  { open, tree, server }: OpenRequest,
): Promise<Whereabouts | undefined> {
  const existing = await filesOf(open, tree).lookup(path);
  if (isErrno(existing)) return undefined;
  const { fileId, volumeId } = open.handle!;
  const isOwn = existing.fileId === fileId && existing.volumeId === volumeId;
  const where = isOwn ? undefined : server.changes.where(tree.share, existing);
  existing.close();
  return where;
}
