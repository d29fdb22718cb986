/** From what smb.conf says of snapshots to the folders on this machine. */
import { realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ShareConfiguration } from './config/configuration.ts';
import { basicExpression, SNAPSHOTS_MODULE, snapshotFormat } from './config/snapshots.ts';
import type { SnapshotLayout } from './vfs/local/snapshots.ts';

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
