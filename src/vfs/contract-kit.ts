/**
 * What the parts of the VFS contract share: one fresh back end for each test, and short words for
 * "this must succeed", "this must fail with that errno". Test code: never imported by the server.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import * as errnoTable from './errno.ts';
import { isErrno, type Result } from './errno.ts';
import type {
  Identity,
  MaybePromise,
  Vfs,
  VfsDirectoryEntry,
  VfsHandle,
  VfsKind,
  VfsStat,
  VfsTree,
} from './vfs.ts';

/** What the test does behind the back end's back, where it can. Paths are as on the disk. */
export interface Plant {
  /** The share's root, where it is a directory that node:fs reaches. */
  readonly root?: string;
  /** Makes a file, also beside one whose name differs in case only. */
  file(path: readonly string[], content?: Uint8Array): MaybePromise<void>;
  symlink(path: readonly string[], target: string): MaybePromise<void>;
  /** Makes something that is no file, directory or symbolic link: a FIFO. */
  other?(path: readonly string[]): MaybePromise<void>;
  /** Makes a file in the root whose name no path can hold. */
  unspeakable?(): MaybePromise<void>;
  /** Makes the next write-back of the object fail, once. */
  breakFlush?(path: readonly string[]): MaybePromise<void>;
}

export interface VfsUnderTest {
  readonly vfs: Vfs;
  /** 'core' leaves out what node:fs cannot do; each point that is left out is skipped by name. */
  readonly profile: 'full' | 'core';
  /**
   * An unprivileged user. Then `attach(undefined)` acts as a superuser and everybody may write into
   * the root.
   */
  readonly identity?: Identity;
  readonly plant?: Plant;
  cleanup(): Promise<void>;
}

export type Check = (
  title: string,
  body: (kit: Kit, context: TestContext) => Promise<void>,
) => void;

const names = new Map<number, string>(
  Object.entries(errnoTable).flatMap(([name, value]) =>
    typeof value === 'number' ? [[value, name] as const] : [],
  ),
);

export const errnoName = (result: unknown): string =>
  typeof result === 'number' ? (names.get(result) ?? String(result)) : typeof result;

/** 'a/b' as a path; '' is the root. */
export const at = (text: string): string[] => (text === '' ? [] : text.split('/'));

export const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

/** The value; an errno fails the test. */
export async function must<T extends object>(result: MaybePromise<Result<T>>): Promise<T> {
  const value = await result;
  if (isErrno(value)) throw new assert.AssertionError({ message: `got ${errnoName(value)}` });
  return value;
}

/** Exactly this number: an errno, 0 or a count. */
export async function gives(result: MaybePromise<unknown>, expected: number): Promise<void> {
  const value = await result;
  assert.equal(errnoName(value), errnoName(expected));
}

/** Some errno. */
export async function refused(result: MaybePromise<unknown>): Promise<void> {
  const value = await result;
  assert.ok(isErrno(value), `an errno was expected, got ${errnoName(value)}`);
}

/** One back end, its tree, and the handles that the test opened. */
export class Kit {
  readonly under: VfsUnderTest;
  readonly tree: VfsTree;
  readonly #handles = new Set<VfsHandle>();
  readonly #trees: VfsTree[] = [];

  constructor(under: VfsUnderTest, tree: VfsTree) {
    this.under = under;
    this.tree = tree;
  }

  get full(): boolean {
    return this.under.profile === 'full';
  }

  /** A further view of the share. */
  async attach(identity: Identity | undefined): Promise<VfsTree> {
    const tree = await must(this.under.vfs.attach(identity));
    this.#trees.push(tree);
    return tree;
  }

  async lookup(path: string, tree = this.tree): Promise<VfsHandle> {
    return this.keep(await must(tree.lookup(at(path))));
  }

  /** Looked up and opened. */
  async open(path: string, access = { read: true, write: true }): Promise<VfsHandle> {
    const handle = await this.lookup(path);
    await gives(handle.open(access), 0);
    return handle;
  }

  async create(
    path: string,
    kind: 'file' | 'directory' = 'file',
    more: { attributes?: number; mode?: number; tree?: VfsTree } = {},
  ): Promise<VfsHandle> {
    const { attributes = 0, mode, tree = this.tree } = more;
    const what = mode === undefined ? { kind, attributes } : { kind, attributes, mode };
    return this.keep(await must(tree.create(at(path), what)));
  }

  /** A file with this content, closed again. */
  async put(path: string, content: string): Promise<void> {
    const handle = await this.create(path);
    await gives(handle.write(bytes(content), 0), Buffer.byteLength(content));
    this.close(handle);
  }

  /** A directory, closed again. */
  async mkdir(path: string): Promise<void> {
    this.close(await this.create(path, 'directory'));
  }

  async content(path: string): Promise<string> {
    const handle = await this.open(path, { read: true, write: false });
    const content = await contentOf(handle);
    this.close(handle);
    return content;
  }

  /** Fails with exactly this errno. */
  async missing(path: string, errno: number, tree = this.tree): Promise<void> {
    await gives(tree.lookup(at(path)), errno);
  }

  /** The names in a directory, sorted. */
  async list(path: string): Promise<string[]> {
    const handle = await this.lookup(path);
    const entries = await entriesOf(handle);
    this.close(handle);
    return entries.map((entry) => entry.name).sort();
  }

  async stat(path: string): Promise<VfsStat> {
    const handle = await this.lookup(path);
    const stat = await must(handle.stat());
    this.close(handle);
    return stat;
  }

  keep(handle: VfsHandle): VfsHandle {
    this.#handles.add(handle);
    return handle;
  }

  close(handle: VfsHandle): void {
    this.#handles.delete(handle);
    handle.close();
  }

  end(): void {
    for (const handle of this.#handles) handle.close();
    this.#handles.clear();
    for (const tree of this.#trees) tree.close();
  }
}

/** All bytes of an open file, by its size. */
export async function contentOf(handle: VfsHandle): Promise<string> {
  const { size } = await must(handle.stat());
  const buffer = Buffer.alloc(size);
  await gives(handle.read(buffer, 0), size);
  return buffer.toString('utf8');
}

export async function entriesOf(directory: VfsHandle): Promise<VfsDirectoryEntry[]> {
  const cursor = await must(directory.cursor());
  const all: VfsDirectoryEntry[] = [];
  for (;;) {
    const some = await must(cursor.next());
    if (some.length === 0) break;
    all.push(...some);
  }
  cursor.close();
  return all;
}

export function isKind(handle: VfsHandle, kind: VfsKind): void {
  assert.equal(handle.kind, kind);
}

export function hasPath(handle: VfsHandle, path: string): void {
  const found = handle.path();
  assert.deepEqual(isErrno(found) ? errnoName(found) : found, at(path));
}

/** Registers tests that each get a fresh back end and leave nothing open. */
export const checks =
  (name: string, make: () => Promise<VfsUnderTest>): Check =>
  (title, body) => {
    test(`${name}: ${title}`, async (context) => {
      const under = await make();
      try {
        const kit = new Kit(under, await must(under.vfs.attach(undefined)));
        try {
          await body(kit, context);
        } finally {
          kit.end();
          kit.tree.close();
        }
      } finally {
        under.vfs.close();
        await under.cleanup();
      }
    });
  };

/** The plant of a back end whose root is a directory on a POSIX disk. */
export function diskPlant(root: string): Plant {
  return {
    root,
    file: (path, content) => writeFileSync(join(root, ...path), content ?? '', { flag: 'wx' }),
    symlink: (path, target) => symlinkSync(target, join(root, ...path)),
    other: (path) => {
      execFileSync('mkfifo', [join(root, ...path)]);
    },
    unspeakable: () => {
      // 0xFF starts no UTF-8 sequence.
      const name = Buffer.concat([Buffer.from(`${root}/raw-`), Buffer.from([0xff, 0x2d, 0x31])]);
      writeFileSync(name, '');
    },
  };
}
