/**
 * A share whose path has macros that differ by client, as its clients find it: one back end for each folder that somebody is
 * in. Files are known by their identity, so locks and oplocks meet wherever two clients have come from.
 */
import { lstatSync, realpathSync } from 'node:fs';
import type { SharePlace } from './ipc/control-plane.ts';
import { Lifetime } from './objects/lifetime.ts';
import type { PlaceServer, Share, SharePlaces } from './objects/share.ts';
import type { Vfs } from './vfs/vfs.ts';

export class OpenedPlaces implements SharePlaces {
  readonly opened = new Set<Share>();
  readonly #shares = new Map<string, Share>();
  readonly #template: string;
  readonly #open: (path: string) => Vfs;
  /** The share that all of them are. */
  origin: Share | undefined;

  /** `template`: the path with its macros. `open` throws where it cannot be served. */
  constructor(template: string, open: (path: string) => Vfs) {
    this.#template = template;
    this.#open = open;
  }

  take({ name, path }: SharePlace, server: PlaceServer): Share | string {
    const key = `${name}/${path}`;
    const known = this.#shares.get(key);
    if (known !== undefined) {
      known.lifetime!.hold();
      return known;
    }
    const vfs = this.#openAt(path);
    if (typeof vfs === 'string') return vfs;
    const lifetime = new Lifetime();
    const origin = this.origin!;
    const share: Share = {
      ...origin,
      ...{ name, path, vfs, lifetime, origin, places: undefined, volumeLabel: name },
    };
    this.#shares.set(key, share);
    this.opened.add(share);
    if (share.hostChanges !== false) server.notifier.host?.learn(share);
    lifetime.hold();
    lifetime.end(() => {
      this.#shares.delete(key);
      this.opened.delete(share);
      server.notifier.host?.forget(vfs);
      vfs.close();
    });
    return share;
  }

  #openAt(path: string): Vfs | string {
    try {
      const expected = placeOf(path, this.#template);
      const vfs = this.#open(path);
      // A folder may have become a link since it was looked at.
      if (vfs.location?.() === expected) return vfs;
      vfs.close();
      return 'its folder has moved while it was opened';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

/**
 * The folder's own path. Where macros say the way no symbolic link is followed but one of root's, or of who runs the
 * server: users who may write to a folder above could lead themselves out of it by one.
 */
function placeOf(path: string, template: string): string {
  const components = path.split('/');
  const fixed = template.split('/').findIndex((component) => component.includes('%'));
  for (let count = fixed + 1; fixed >= 0 && count <= components.length; count++) {
    const folder = components.slice(0, count).join('/');
    const stat = lstatSync(folder);
    if (!stat.isSymbolicLink() || stat.uid === 0 || stat.uid === process.getuid?.()) continue;
    throw new Error(`${folder} is a symbolic link that a user has made`);
  }
  return realpathSync.native(path);
}
