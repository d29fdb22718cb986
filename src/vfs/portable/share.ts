/**
 * The root of a share on node:fs, and the walk from it. Paths come from clients: whatever the layers
 * above have checked, no component that could lead elsewhere gets past here.
 */
import fs, { type BigIntStats } from 'node:fs';
import { checkComponent } from '../component.ts';
import {
  EINVAL,
  ELOOP,
  ENOENT,
  ENOPATH,
  ENOTDIR,
  type Errno,
  isErrno,
  type Result,
} from '../errno.ts';
import { attempt } from './attempt.ts';
import { Descriptor } from './descriptor.ts';
import {
  type Directory,
  NamedDirectory,
  O_DIRECTORY,
  O_PATH,
  PinnedDirectory,
  procPath,
} from './directory.ts';
import { FoldedNames } from './folded-names.ts';
import { OpenObjects } from './open-objects.ts';

export interface ShareOptions {
  readonly root: string;
  /** Modes of what is made, as for the local back end. */
  readonly fileMode?: number;
  readonly directoryMode?: number;
  /** False: go without /proc where it is there. */
  readonly procfs?: boolean;
  /** Whether the host itself finds names in any case (macOS, Windows). */
  readonly caselessHost?: boolean;
  /** Makes a file durable; 0 or an errno. For tests that need a disk that fails. */
  readonly fsync?: (fd: number) => Promise<Errno | 0>;
}

/** Where the last component of a path is, or would be. The directory is the caller's to close. */
export interface Place {
  readonly directory: Directory;
  /** The directory's own path, with the case on disk. */
  readonly parents: readonly string[];
  readonly name: string;
}

export interface Found {
  /** With the case on disk. */
  readonly name: string;
  readonly stat: BigIntStats;
}

const DEFAULT_FILE_MODE = 0o644;
const DEFAULT_DIRECTORY_MODE = 0o755;

const FORBIDDEN = process.platform === 'win32' ? /[/\\:\0]/ : /[/\0]/;

const isCaseless = process.platform === 'win32' || process.platform === 'darwin';

export class Share {
  readonly open = new OpenObjects();
  readonly folded = new FoldedNames();
  readonly fsync: (fd: number) => Promise<Errno | 0>;
  readonly fileMode: number;
  readonly directoryMode: number;
  readonly #rootPath: string;
  readonly #rootDescriptor: Descriptor | undefined;
  readonly #caselessHost: boolean;

  /** Throws when there is no such directory. */
  constructor(options: ShareOptions) {
    this.#rootPath = fs.realpathSync.native(options.root);
    this.#caselessHost = options.caselessHost ?? isCaseless;
    this.fsync = options.fsync ?? fsync;
    this.fileMode = options.fileMode ?? DEFAULT_FILE_MODE;
    this.directoryMode = options.directoryMode ?? DEFAULT_DIRECTORY_MODE;
    const pins = options.procfs ?? process.platform === 'linux';
    this.#rootDescriptor = pins ? pin(this.#rootPath) : undefined;
    if (!fs.statSync(this.#rootPath).isDirectory())
      throw new Error(`${options.root}: no directory`);
  }

  /** Whether objects are kept by /proc/self/fd, not by name. */
  get isPinned(): boolean {
    return this.#rootDescriptor !== undefined;
  }

  root(): Directory {
    return this.#rootDescriptor === undefined
      ? new NamedDirectory(this.#rootPath)
      : new PinnedDirectory(this.#rootDescriptor);
  }

  /** Walks to the directory of the last component. `path` is not empty. */
  place(path: readonly string[]): Result<Place> {
    const parents: string[] = [];
    let directory = this.root();
    for (const component of path.slice(0, -1)) {
      const found = this.find(directory, component);
      const next = isErrno(found) ? found : directory.step(found.name);
      directory.close();
      if (isErrno(next)) return isNoPath(next) ? ENOPATH : next;
      parents.push((found as Found).name);
      directory = next;
    }
    const name = path.at(-1)!;
    const wrong = checkName(name);
    if (wrong === 0 && directory.isTrue()) return { directory, parents, name };
    directory.close();
    return wrong === 0 ? ENOPATH : wrong;
  }

  /** What is in a directory under `name`; of several that differ in case only `preferred` if it is one. */
  find(directory: Directory, name: string, preferred?: string): Result<Found> {
    const wrong = checkName(name);
    if (wrong !== 0) return wrong;
    const stat = lstat(directory.at(name));
    if (stat !== ENOENT && !this.#caselessHost) return isErrno(stat) ? stat : { name, stat };
    const alike = this.folded.alike(directory, name);
    // Who may not list a directory can still name what is in it exactly.
    if (isErrno(alike)) return isErrno(stat) ? stat : { name, stat };
    if (!isErrno(stat) && (alike.length === 0 || alike.includes(name))) return { name, stat };
    const isPreferred = preferred !== undefined && alike.includes(preferred);
    const candidates = isPreferred ? [preferred, ...alike] : alike;
    for (const other of candidates) {
      const found = lstat(directory.at(other));
      if (!isErrno(found)) return { name: other, stat: found };
    }
    return ENOENT;
  }

  /** Of the folder, on the host. */
  location(): string | undefined {
    const descriptor = this.#rootDescriptor;
    const path =
      descriptor === undefined
        ? this.#rootPath
        : attempt(() => fs.readlinkSync(procPath(descriptor.fd)));
    if (typeof path !== 'string') return undefined;
    return path === '/' ? '' : path;
  }

  /** The path below the root that the kernel knows an open object by; undefined when it has none. */
  kernelPath(fd: number): readonly string[] | undefined {
    if (this.#rootDescriptor === undefined) return undefined;
    const root = attempt(() => fs.readlinkSync(procPath(this.#rootDescriptor!.fd)));
    const path = attempt(() => fs.readlinkSync(procPath(fd)));
    if (typeof root !== 'string' || typeof path !== 'string') return undefined;
    if (path === root) return [];
    const start = root === '/' ? root : `${root}/`;
    return path.startsWith(start) ? path.slice(start.length).split('/') : undefined;
  }

  close(): void {
    this.#rootDescriptor?.close();
  }
}

/** The root by descriptor; undefined where there is no /proc to use it by. */
function pin(path: string): Descriptor | undefined {
  const fd = attempt(() => fs.openSync(path, O_PATH | O_DIRECTORY));
  if (isErrno(fd)) return undefined;
  if (attempt(() => fs.readlinkSync(procPath(fd))) === path) return new Descriptor(fd);
  fs.closeSync(fd);
  return undefined;
}

/** Never follows. ENOENT costs no exception. */
export function lstat(path: string): BigIntStats | Errno {
  return attempt(() => fs.lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? ENOENT);
}

function checkName(name: string): Errno | 0 {
  if (name === '' || name === '.' || name === '..' || FORBIDDEN.test(name)) return EINVAL;
  return checkComponent(name);
}

const isNoPath = (errno: Errno): boolean =>
  errno === ENOENT || errno === ENOTDIR || errno === ELOOP;

const fsync = (fd: number): Promise<Errno | 0> =>
  new Promise((resolve) => {
    fs.fsync(fd, (error) => {
      resolve(
        error === null
          ? 0
          : attempt(() => {
              throw error;
            }),
      );
    });
  });
