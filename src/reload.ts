/**
 * Another configuration for a server that runs (MS-SMB2 3.3.4.13 to 3.3.4.15 for its shares). What it allows as before
 * goes on undisturbed; what it does not allow any more ends:
 *
 *     connection   whose dialect is not spoken, or whose sessions sign or encrypt less than is asked: is ended, and its
 *                  client comes back with what is asked, to its durable opens, too
 *     session      of a guest, where there are none any more
 *     tree connect to a share that is no more, is somewhere else, or does not let its user in
 *     open         that may change something in a share that is read-only to its user now
 *
 * Whatever can fail is done first (`prepareReload`), and nothing has changed where it does.
 */
import type { Configuration, ShareConfiguration } from './config/configuration.ts';
import { shareChanges, shareOf } from './config/effects.ts';
import { reform } from './file-system.ts';
import type { ServerState } from './objects/server-state.ts';
import { isPartOf, type Share } from './objects/share.ts';
import { closeOpen } from './objects/teardown.ts';
import {
  closeFiles,
  fileSystemsOf,
  openAudit,
  openShare,
  policy,
  shareFields,
  vfsOf,
} from './open-shares.ts';
import { applyOptions, review } from './server/review.ts';
import type { ShareOptions } from './server-interface.ts';

export interface PreparedReload {
  /** Does it. Settles when what has to end has ended. */
  commit(): Promise<void>;
  /** Leaves everything as it was. */
  cancel(): void;
}

/** Throws SetupError where a share's folder cannot be served. */
export function prepareReload(
  server: ServerState,
  before: Configuration,
  after: Configuration,
  own: readonly ShareOptions[],
): PreparedReload {
  const opened = new Map<string, Share>();
  // Anew in any case: the file may have been moved away, as logrotate(8) does.
  const audit = openAudit(after, server.log);
  try {
    for (const share of after.shares) {
      const was = shareOf(before, share.name);
      if (!share.available || staysOpen(server, { was, share, own })) continue;
      const { sids } = server.controlPlane;
      opened.set(share.name.toLowerCase(), openShare(share, after.global, { sids, own }));
    }
  } catch (error) {
    for (const share of opened.values()) closeFiles(share);
    audit?.close();
    throw error;
  }
  return {
    commit: () => {
      server.audit?.close();
      server.audit = audit;
      return commit(server, after, opened, own);
    },
    cancel: () => {
      audit?.close();
      for (const share of opened.values()) closeFiles(share);
    },
  };
}

/** Whether the back end that serves the share may go on with it. */
function staysOpen(
  server: ServerState,
  {
    was,
    share,
    own,
  }: {
    readonly was: ShareConfiguration | undefined;
    readonly share: ShareConfiguration;
    readonly own: readonly ShareOptions[];
  },
): boolean {
  const offered = server.shares.get(share.name.toLowerCase());
  if (was === undefined || offered === undefined) return false;
  if (vfsOf(share.name, own) !== undefined) return true;
  const changes = shareChanges(was, share);
  if (changes.some(({ effect }) => effect === 'share anew')) return false;
  // Modes of new files are the only thing that a back end has to be told of; some cannot be.
  const modes = ['createMask', 'directoryMask', 'forceCreateMode', 'forceDirectoryMode'] as const;
  const makes = [
    ...modes,
    'inheritPermissions',
    'inheritOwner',
    'inheritAcls',
    'mapArchive',
  ] as const;
  const maps = [...makes, 'mapHidden', 'mapSystem', 'mapReadonly'] as const;
  const areAsBefore = maps.every((field) => was[field] === share[field]);
  return areAsBefore || fileSystemsOf(offered).every((vfs) => reform(vfs, was));
}

async function commit(
  server: ServerState,
  after: Configuration,
  opened: ReadonlyMap<string, Share>,
  own: readonly ShareOptions[],
): Promise<void> {
  applyOptions(server, policy(after));
  const retired = [...server.shares.entries()].filter(([key, share]) => {
    const wanted = shareOf(after, share.name);
    return share.type === 'disk' && (wanted?.available !== true || opened.has(key));
  });
  for (const [key] of retired) server.shares.delete(key);
  const host = server.notifier.host;
  for (const [key, share] of opened) {
    server.shares.set(key, share);
    if (share.hostChanges !== false) host?.learn(share);
  }
  for (const share of after.shares) {
    const key = share.name.toLowerCase();
    const offered = server.shares.get(key);
    if (offered === undefined || opened.has(key)) continue;
    const fields = shareFields(share, after.global);
    Object.assign(offered, fields);
    for (const place of offered.places?.opened ?? []) {
      const { name, volumeLabel } = place;
      Object.assign(place, fields, { name, volumeLabel });
    }
    if (vfsOf(share.name, own) !== undefined) continue;
    for (const vfs of fileSystemsOf(offered)) reform(vfs, share);
  }
  server.sharesChanged();
  const { mapToGuest, restrictAnonymous } = after.global;
  const guests = mapToGuest !== 'never';
  // As logins have it, see mountd/control-plane.ts.
  await review(server, { guests, anonymous: guests || restrictAnonymous === 0 });
  for (const [, share] of retired) retire(server, share);
}

/** What its clients may still come back for is closed, and its folder when nobody is in it. */
function retire(server: ServerState, share: Share): void {
  for (const open of [...server.opens.values()]) {
    if (isPartOf(open.home, share)) void closeOpen(server, open);
  }
  const { vfs, lifetime } = share;
  if (vfs === undefined) return;
  server.notifier.host?.forget(vfs);
  lifetime?.end(() => vfs.close());
}
