/** What a server has beside its connections, each where the configuration asks for it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Journal } from './base/journal.ts';
import { SetupError } from './base/setup-error.ts';
import type { Configuration } from './config/configuration.ts';
import { NT1 } from './config/parameters.ts';
import { isPortable } from './file-system.ts';
import { type Keeper, KeptOpens } from './objects/kept-opens.ts';
import { PersistentOpens } from './objects/persistent-opens.ts';
import { restoreKept, restoreOpens } from './objects/restore-opens.ts';
import type { ServerState } from './objects/server-state.ts';
import { isKept } from './open-shares.ts';
import type { ServerOptions } from './server-interface.ts';
import { createHostWatcher } from './vfs/local/host/host-watcher.ts';

/** SMB1 is loaded where the configuration asks for it, and nowhere else. */
export async function speakOld(objects: ServerState): Promise<void> {
  if (objects.options.minDialect > NT1 || objects.smb1 !== undefined) return;
  const { speakSmb1 } = await import('./smb1-commands/speak.ts');
  speakSmb1(objects);
  objects.log.warn('SMB1 is spoken: server min protocol = NT1');
}

/** Changes by other programs on the host are told, where it can be done. */
export function watchHost(server: ServerState, { hostChanges }: ServerOptions): void {
  if (hostChanges === 'off' || isPortable()) return;
  const { notifier, changes: directories, shares, log } = server;
  notifier.host = createHostWatcher({
    tell: (changes) => directories.onHost(changes),
    log,
    shares: [...shares.values()].filter((share) => share.hostChanges !== false),
    ...(hostChanges === 'inotify' && { method: hostChanges }),
  });
}

/** In the state folder. */
const PERSISTENT_OPENS = 'persistent-opens';

/**
 * Where records of persistent opens are kept from now on; undefined: no share of the configuration wants any, and what
 * one has kept is of no account. Throws SetupError.
 */
export async function openJournal(
  { shares, global }: Configuration,
  statePath: string | undefined,
): Promise<Journal | undefined> {
  const share = shares.find(isKept);
  if (share === undefined || !global.durableHandles) {
    if (statePath !== undefined) rmSync(join(statePath, PERSISTENT_OPENS), { force: true });
    return undefined;
  }
  const wish = `share ${share.name}: continuous availability`;
  if (statePath === undefined) throw new SetupError(`${wish} needs a state folder`);
  const path = join(statePath, PERSISTENT_OPENS);
  try {
    return await Journal.open(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SetupError(
      `${wish} keeps its records in ${path}, which cannot be used (${reason}): mend that, or turn it off`,
      { cause: error },
    );
  }
}

/** What the server before this one has left open; to be called before anybody is served. */
export async function restorePersistentOpens(
  objects: ServerState,
  journal: Journal | undefined,
): Promise<void> {
  if (journal === undefined) return;
  const persistent = new PersistentOpens(objects, journal);
  objects.persistentOpens = persistent;
  const { found, restored } = await restoreOpens(objects, persistent);
  if (found === 0) return;
  objects.log.info('persistent opens of the server before this one wait for their clients', {
    found,
    restored,
  });
}

/** The same, and what the keeper has of the process before this one. */
export async function restoreOpensBefore(
  objects: ServerState,
  journal: Journal | undefined,
  keeper: Keeper | undefined,
): Promise<void> {
  await restorePersistentOpens(objects, journal);
  if (keeper === undefined) return;
  const kept = new KeptOpens(objects, keeper);
  objects.keptOpens = kept;
  const { found, restored } = await restoreKept(objects, kept, keeper);
  if (found === 0) return;
  objects.log.info('durable opens of the process before this one wait for their clients', {
    found,
    restored,
  });
}
