/** From what smb.conf says of snapshots to the folders on this machine. */
import { existsSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ShareConfiguration } from './config/configuration.ts';
import { basicExpression, SNAPSHOTS_MODULE, snapshotFormat } from './config/snapshots.ts';
import { localShareOf } from './vfs/local/local-vfs.ts';
import type { SnapshotLayout } from './vfs/local/snapshots.ts';
import type { Vfs } from './vfs/vfs.ts';

/** Undefined without shadow_copy2. Throws where the parameters contradict one another; the message says how. */
export function snapshotLayoutOf(share: ShareConfiguration): SnapshotLayout | undefined {
  if (!share.vfsObjects.includes(SNAPSHOTS_MODULE)) return undefined;
  const { snapshotLocalTime, snapshotNumbers, snapshotPrefix, snapshotDelimiter } = share;
  const format = snapshotFormat(share.snapshotFormat, snapshotNumbers, snapshotLocalTime);
  if (format === undefined) {
    throw new Error(
      snapshotNumbers
        ? '"shadow:sscanf" needs a "shadow:format" with %lu'
        : '"shadow:format" with %lu needs "shadow:sscanf = yes"',
    );
  }
  const expression = snapshotPrefix === undefined ? undefined : basicExpression(snapshotPrefix);
  const root = realpathSync(share.path);
  const mountPoint = share.snapshotMountPoint ?? mountPointOf(root);
  return {
    folder: path.resolve(mountPoint, share.snapshotFolder),
    sharePath: sharePathOf(share, root, mountPoint),
    format,
    order: share.snapshotOrder,
    ...(expression && {
      prefix: {
        matches: (text: string) => expression.test(text),
        delimiter: snapshotDelimiter,
      },
    }),
  };
}

/** Why a share whose configuration has previous versions has none now; undefined where it has, or wants none. */
export function missingSnapshots(
  share: ShareConfiguration,
  vfs: Vfs | undefined,
): string | undefined {
  if (!share.vfsObjects.includes(SNAPSHOTS_MODULE) || vfs === undefined) return undefined;
  if (localShareOf(vfs) === undefined) {
    return 'previous versions are told with native calls, of a disk of this machine: move the share, or take shadow_copy2 out of "vfs objects"';
  }
  const folder = snapshotLayoutOf(share)?.folder;
  if (folder === undefined || existsSync(folder)) return undefined;
  return `there are no previous versions until there is ${folder}: make it, or change "shadow:snapdir"`;
}

function sharePathOf(share: ShareConfiguration, root: string, mountPoint: string): string[] {
  const { snapshotSharePath, snapshotBase } = share;
  const components = (text: string): string[] => text.split('/').filter((name) => name !== '');
  if (snapshotSharePath !== undefined) return components(path.posix.join('/', snapshotSharePath));
  const base = path.resolve(mountPoint, snapshotBase ?? '.');
  const below = path.relative(real(base), root);
  if (below !== '..' && !below.startsWith('../')) return components(below);
  const name = snapshotBase === undefined ? 'shadow:mountpoint' : 'shadow:basedir';
  throw new Error(`"${name}" has to be a folder that "path" is in: ${base}`);
}

function real(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

/** The last folder on the way up that is on the same file system. */
function mountPointOf(root: string): string {
  const { dev } = statSync(root);
  let at = root;
  for (;;) {
    const above = path.dirname(at);
    if (above === at || statSync(above).dev !== dev) return at;
    at = above;
  }
}
