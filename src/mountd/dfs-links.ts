/**
 * The links of a share that is a namespace (MS-DFSC 2.2.1.5), for those who manage it: symbolic links
 * `msdfs:server\share,…` right in its folder, as Samba's tools list them. Clients find deeper ones as well.
 */
import { lstatSync, opendirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

const PREFIX = 'msdfs:';
/** A namespace with more is listed up to here. */
const MAX_LINKS = 4096;

export interface DfsLink {
  readonly name: string;
  readonly targets: readonly { readonly server: string; readonly share: string }[];
}

export function readLinks(folder: string): DfsLink[] {
  const links: DfsLink[] = [];
  try {
    const directory = opendirSync(folder);
    try {
      for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
        if (links.length === MAX_LINKS) break;
        const link = entry.isSymbolicLink() ? readLink(folder, entry.name) : undefined;
        if (link !== undefined) links.push(link);
      }
    } finally {
      directory.closeSync();
    }
  } catch {
    // A folder that is not there, or not for us, has none that could be told.
  }
  return links.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function readLink(folder: string, name: string): DfsLink | undefined {
  const link = readlinkSync(join(folder, name));
  if (!link.toLowerCase().startsWith(PREFIX)) return undefined;
  const targets = link
    .slice(PREFIX.length)
    .split(',')
    .flatMap((each) => {
      const [server = '', ...share] = each
        .trim()
        .replaceAll('/', '\\')
        .replace(/^\\+/, '')
        .split('\\');
      return server === '' || share.length === 0 ? [] : [{ server, share: share.join('\\') }];
    });
  return targets.length === 0 ? undefined : { name, targets };
}

const isName = (name: string): boolean => name !== '' && !/^\.{1,2}$|[/\\,\0]/.test(name);

/** Adds a target to a link, which is made where it is missing. False: the name is taken, or no name. */
export function addTarget(folder: string, name: string, server: string, share: string): boolean {
  if (!isName(name) || !isName(server) || share === '' || /[,\0]/.test(share)) return false;
  const file = join(folder, name);
  const there = lstatSync(file, { throwIfNoEntry: false });
  const link = there?.isSymbolicLink() ? readLink(folder, name) : undefined;
  if (there !== undefined && link === undefined) return false;
  const targets = [...(link?.targets ?? []), { server, share }];
  if (there !== undefined) unlinkSync(file);
  symlinkSync(`${PREFIX}${targets.map((each) => `${each.server}\\${each.share}`).join(',')}`, file);
  return true;
}

/** False where there is no such link. */
export function removeLink(folder: string, name: string): boolean {
  if (!isName(name)) return false;
  const there = lstatSync(join(folder, name), { throwIfNoEntry: false });
  if (!there?.isSymbolicLink() || readLink(folder, name) === undefined) return false;
  unlinkSync(join(folder, name));
  return true;
}
