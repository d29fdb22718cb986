/** The memory back end against a model too simple to be wrong: a flat table from path to object. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { foldKey } from '../../fscc/upcase.ts';
import {
  type Action,
  actions,
  type Player,
  playBoth,
  SLOTS,
  VfsPlayer,
} from '../contract-model.ts';
import { isErrno } from '../errno.ts';
import { createMemoryVfs } from './memory.ts';

const RUNS = 400;

interface Thing {
  readonly kind: 'file' | 'directory';
  content: string;
}

interface Opened {
  readonly thing: Thing;
  /** Folded; undefined when the name is gone. */
  path: string | undefined;
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

class NaivePlayer implements Player {
  /** By the folded path; case is not told apart. */
  readonly #things = new Map<string, Thing>([['', { kind: 'directory', content: '' }]]);
  readonly #open: Opened[] = [];

  async play(action: Action): Promise<string> {
    if (action.do === 'create' || action.do === 'lookup') {
      const path = key(action.path);
      const wrong = this.#enter(action, path);
      if (wrong !== undefined) return wrong;
      const opened = { thing: this.#things.get(path)!, path };
      this.#open.push(opened);
      if (this.#open.length > SLOTS) this.#open.shift();
      return this.#observe(opened);
    }
    if (action.do === 'list') return this.#list(key(action.path));
    const opened = this.#open[action.slot % this.#open.length];
    if (opened === undefined) return 'no handle';
    return this.#act(action, opened);
  }

  async everything(): Promise<string> {
    const lines: string[] = [];
    const walk = (path: string): void => {
      const thing = this.#things.get(path)!;
      if (thing.kind === 'file') lines.push(`${path.slice(1)}= ${thing.content}`);
      else {
        const below = this.#below(path);
        lines.push(
          `${path.slice(1)}: ${below.map((child) => child.slice(child.lastIndexOf('/') + 1)).join()}`,
        );
        for (const child of below) walk(child);
      }
    };
    walk('');
    return lines.join('\n');
  }

  isAmbiguous(): boolean {
    return false;
  }

  #act(action: Exclude<Action, { do: 'create' | 'lookup' | 'list' }>, opened: Opened): string {
    const { thing } = opened;
    switch (action.do) {
      case 'write': {
        if (thing.kind !== 'file') return '-';
        const start = thing.content.padEnd(action.position, '\0').slice(0, action.position);
        const end = thing.content.slice(action.position + action.text.length);
        thing.content = start + action.text + end;
        return String(action.text.length);
      }
      case 'truncate':
        if (thing.kind !== 'file') return '-';
        thing.content = thing.content.padEnd(action.length, '\0').slice(0, action.length);
        return '0';
      case 'rename':
        return this.#rename(opened, key(action.path), action.replace);
      case 'link':
        return this.#link(opened, key(action.path), action.replace);
      case 'remove':
        if (opened.path === undefined) return 'ENOENT';
        if (this.#below(opened.path).length > 0) return 'ENOTEMPTY';
        this.#forget(opened.path);
        return '0';
      case 'observe':
        return this.#observe(opened);
      case 'close':
        this.#open.splice(this.#open.indexOf(opened), 1);
        return 'closed';
    }
  }

  #enter(action: Action & { do: 'create' | 'lookup' }, path: string): string | undefined {
    if (this.#things.get(parentOf(path))?.kind !== 'directory') return 'ENOPATH';
    const exists = this.#things.has(path);
    if (action.do === 'lookup') return exists ? undefined : 'ENOENT';
    if (exists) return 'EEXIST';
    this.#things.set(path, { kind: action.kind, content: '' });
    return undefined;
  }

  #rename(opened: Opened, to: string, replace: boolean): string {
    const from = opened.path;
    if (from === undefined) return 'ENOENT';
    if (this.#things.get(parentOf(to))?.kind !== 'directory') return 'ENOPATH';
    if (to === from) return '0';
    const there = this.#things.get(to);
    if (there !== undefined) {
      if (!replace) return 'EEXIST';
      if (there.kind === 'directory') return 'EACCES';
      if (opened.thing.kind === 'directory') return 'ENOTDIR';
    }
    if (to.startsWith(`${from}/`)) return 'EINVAL';
    if (there !== undefined) this.#forget(to);
    const moved = (path: string): string =>
      path === from || path.startsWith(`${from}/`) ? to + path.slice(from.length) : path;
    for (const [path, thing] of [...this.#things]) {
      this.#things.delete(path);
      this.#things.set(moved(path), thing);
    }
    for (const other of this.#open) {
      if (other.path !== undefined) other.path = moved(other.path);
    }
    return '0';
  }

  #link({ thing, path }: Opened, to: string, replace: boolean): string {
    if (thing.kind === 'directory' || path === undefined) return '-';
    if (this.#things.get(parentOf(to))?.kind !== 'directory') return 'ENOPATH';
    const there = this.#things.get(to);
    if (there !== undefined) {
      if (!replace) return 'EEXIST';
      if (there.kind === 'directory') return 'EACCES';
      if (there === thing) return '0';
      this.#forget(to);
    }
    this.#things.set(to, thing);
    return '0';
  }

  /** The name is no more; handles that were opened by it keep the object. */
  #forget(path: string): void {
    this.#things.delete(path);
    for (const other of this.#open) if (other.path === path) other.path = undefined;
  }

  #observe({ thing, path }: Opened): string {
    const where = path === undefined ? 'ENOENT' : path.slice(1);
    if (thing.kind === 'file') return `file ${where} ${this.#linkCount(thing)} ${thing.content}`;
    return `directory ${where} ${path === undefined || this.#below(path).length === 0}`;
  }

  #list(path: string): string {
    if (this.#things.get(parentOf(path))?.kind !== 'directory') return 'ENOPATH';
    const thing = this.#things.get(path);
    if (thing === undefined) return 'ENOENT';
    if (thing.kind === 'file') return 'file';
    return this.#below(path)
      .map((child) => child.slice(child.lastIndexOf('/') + 1))
      .join();
  }

  #linkCount(thing: Thing): number {
    return [...this.#things.values()].filter((other) => other === thing).length;
  }

  #below(path: string): string[] {
    return [...this.#things.keys()].filter((key) => key !== '' && parentOf(key) === path).sort();
  }
}

const key = (path: readonly string[]): string => path.map((name) => `/${foldKey(name)}`).join('');

test('memory: random operations are those of a flat table', async () => {
  const property = fc.asyncProperty(actions, async (script) => {
    const tree = createMemoryVfs().attach(undefined);
    assert.ok(!(tree instanceof Promise) && !isErrno(tree));
    const base = tree.create(['base'], { kind: 'directory', attributes: 0 });
    assert.ok(!(base instanceof Promise) && !isErrno(base));
    await playBoth(script, new VfsPlayer(tree, 'base'), new NaivePlayer());
  });
  await fc.assert(property, { numRuns: RUNS });
});
