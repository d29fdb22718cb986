/**
 * VFS contract: random operations, played on two file systems at once, must look the same on both. The
 * memory back end is the oracle of the others; it is itself played against a naive model.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { foldKey } from '../fscc/upcase.ts';
import { type Check, contentOf, entriesOf, errnoName, must } from './contract-kit.ts';
import { EEXIST, isErrno } from './errno.ts';
import { createMemoryVfs } from './memory/memory.ts';
import type { VfsHandle, VfsTree } from './vfs.ts';

type Path = readonly string[];

export type Action =
  | { readonly do: 'create'; readonly path: Path; readonly kind: 'file' | 'directory' }
  | { readonly do: 'lookup'; readonly path: Path }
  | { readonly do: 'close' | 'remove' | 'observe'; readonly slot: number }
  | {
      readonly do: 'write';
      readonly slot: number;
      readonly position: number;
      readonly text: string;
    }
  | { readonly do: 'truncate'; readonly slot: number; readonly length: number }
  | {
      readonly do: 'rename' | 'link';
      readonly slot: number;
      readonly path: Path;
      readonly replace: boolean;
    }
  | { readonly do: 'list'; readonly path: Path };

/** A file system that actions are played on, and how what they answer looks. */
export interface Player {
  /** What the action answered, as text that is equal where two file systems behave alike. */
  play(action: Action): Promise<string>;
  /** Every name and every byte. */
  everything(): Promise<string>;
  /**
   * Whether several refusals of this action are right: the handle's name is gone, or the target is
   * inside the object itself, and another thing is wrong as well.
   */
  isAmbiguous(action: Action): boolean;
}

/** Handles that are open at a time. */
export const SLOTS = 4;

const RUNS = 60;
const LONGEST_RUN = 40;

const name = fc.constantFrom('a', 'A', 'b', 'dir', 'Dir', 'ä', 'Ä');
// Short paths lead somewhere more often.
const path = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(name) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('dir'), name) },
  { weight: 2, arbitrary: fc.array(name, { minLength: 2, maxLength: 3 }) },
);
/** Of the handles that are open. */
const slot = fc.nat(SLOTS - 1);
const replace = fc.boolean();

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('create' as const),
      path,
      kind: fc.constantFrom('file' as const, 'directory' as const),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('lookup' as const), path }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'close' as const,
        'remove' as const,
        'observe' as const,
        'observe' as const,
      ),
      slot,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      slot,
      position: fc.nat(12),
      text: fc.constantFrom('x', 'yz', '0123456789'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('truncate' as const), slot, length: fc.nat(12) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('rename' as const, 'rename' as const, 'link' as const),
      slot,
      path,
      replace,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('list' as const), path }) },
);

/** What every run begins with: something to act on. */
const SETTING: readonly Action[] = [
  { do: 'create', path: ['dir'], kind: 'directory' },
  { do: 'create', path: ['dir', 'b'], kind: 'file' },
  { do: 'create', path: ['a'], kind: 'file' },
];

export const actions: fc.Arbitrary<readonly Action[]> = fc
  .array(action, { maxLength: LONGEST_RUN, size: 'max' })
  .map((more) => [...SETTING, ...more]);

/** Plays the same on both and compares after each step. */
export async function playBoth(script: readonly Action[], subject: Player, oracle: Player) {
  for (const [step, action] of script.entries()) {
    const isAmbiguous = oracle.isAmbiguous(action);
    const expected = await oracle.play(action);
    const found = await subject.play(action);
    const told = `step ${step}, ${JSON.stringify(action)}`;
    if (isAmbiguous) assert.equal(found.startsWith('E'), expected.startsWith('E'), told);
    else assert.equal(found, expected, told);
  }
  assert.equal(await subject.everything(), await oracle.everything());
}

/** Names may keep either case when one replaced another. */
const folded = (path: Path): string => path.map(foldKey).join('/');

const startsWith = (path: Path, start: Path): boolean =>
  path.length > start.length && folded(path.slice(0, start.length)) === folded(start);

/** Plays on a back end, in the directory `base`. */
export class VfsPlayer implements Player {
  readonly #tree: VfsTree;
  readonly #base: string;
  /** Oldest first. */
  readonly #open: VfsHandle[] = [];

  constructor(tree: VfsTree, base: string) {
    this.#tree = tree;
    this.#base = base;
  }

  async play(action: Action): Promise<string> {
    if (action.do === 'create' || action.do === 'lookup') return await this.#enter(action);
    if (action.do === 'list') return await this.#list(action.path);
    const handle = this.#handle(action.slot);
    if (handle === undefined) return 'no handle';
    const isData = action.do === 'write' || action.do === 'truncate' || action.do === 'link';
    if (isData && handle.kind !== 'file') return '-';
    // Another name of the object may do in place of the one that is gone, or may not.
    if (action.do === 'link' && isErrno(handle.path())) return '-';
    switch (action.do) {
      case 'write':
        return errnoName(await handle.write(Buffer.from(action.text), action.position));
      case 'truncate':
        return errnoName(await handle.truncate(action.length));
      case 'rename':
      case 'link':
        return errnoName(await handle[action.do](this.#at(action.path), action.replace));
      case 'remove':
        return errnoName(await handle.remove());
      case 'observe':
        return await this.#observe(handle);
      case 'close':
        this.#open.splice(this.#open.indexOf(handle), 1);
        handle.close();
        return 'closed';
    }
  }

  async everything(): Promise<string> {
    const lines: string[] = [];
    const walk = async (path: Path): Promise<void> => {
      const handle = await must(this.#tree.lookup(this.#at(path)));
      if (handle.kind === 'directory') {
        const entries = await entriesOf(handle);
        const names = entries
          .map((entry) => entry.name)
          .sort((a, b) => order(foldKey(a), foldKey(b)));
        lines.push(`${folded(path)}: ${names.map(foldKey).join()}`);
        for (const name of names) await walk([...path, name]);
      } else {
        assert.equal(await handle.open({ read: true, write: false }), 0);
        lines.push(`${folded(path)}= ${await contentOf(handle)}`);
      }
      handle.close();
    };
    await walk([]);
    return lines.join('\n');
  }

  isAmbiguous(action: Action): boolean {
    if (action.do !== 'rename' && action.do !== 'link') return false;
    const here = this.#handle(action.slot)?.path();
    if (here === undefined) return false;
    return isErrno(here) || startsWith(this.#at(action.path), here);
  }

  end(): void {
    for (const handle of this.#open) handle.close();
  }

  async #enter(action: Action & { do: 'create' | 'lookup' }): Promise<string> {
    const path = this.#at(action.path);
    const result = await (action.do === 'create'
      ? this.#tree.create(path, { kind: action.kind, attributes: 0 })
      : this.#tree.lookup(path));
    if (isErrno(result)) return errnoName(result);
    if (result.kind === 'file') assert.equal(await result.open({ read: true, write: true }), 0);
    this.#open.push(result);
    if (this.#open.length > SLOTS) this.#open.shift()?.close();
    return await this.#observe(result);
  }

  async #observe(handle: VfsHandle): Promise<string> {
    const here = handle.path();
    const where = isErrno(here) ? errnoName(here) : folded(here.slice(1));
    if (handle.kind === 'directory') return `directory ${where} ${await handle.isEmpty()}`;
    const { linkCount } = await must(handle.stat());
    return `file ${where} ${linkCount} ${await contentOf(handle)}`;
  }

  async #list(path: Path): Promise<string> {
    const handle = await this.#tree.lookup(this.#at(path));
    if (isErrno(handle)) return errnoName(handle);
    let answer = handle.kind as string;
    if (handle.kind === 'directory') {
      answer = (await entriesOf(handle))
        .map(({ name }) => foldKey(name))
        .sort(order)
        .join();
    }
    handle.close();
    return answer;
  }

  #handle(slot: number): VfsHandle | undefined {
    return this.#open[slot % this.#open.length];
  }

  #at(path: Path): string[] {
    return [this.#base, ...path];
  }
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export function modelRules(check: Check): void {
  check('random operations are those of the memory back end', async (kit) => {
    let run = 0;
    const links = kit.under.vfs.features.hardLinks;
    const property = fc.asyncProperty(actions, async (script) => {
      // Some names of another run would only slow the next one down.
      const base = `run${run++}`;
      await kit.mkdir(base);
      const memory = createMemoryVfs();
      const tree = await must(memory.attach(undefined));
      assert.notEqual(tree.create([base], { kind: 'directory', attributes: 0 }), EEXIST);
      const subject = new VfsPlayer(kit.tree, base);
      const oracle = new VfsPlayer(tree, base);
      const played = links ? script : script.filter((action) => action.do !== 'link');
      try {
        await playBoth(played, subject, oracle);
      } finally {
        subject.end();
        oracle.end();
      }
    });
    await fc.assert(property, { numRuns: RUNS });
  });
}
