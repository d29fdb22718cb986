/**
 * Every parameter, changed while a client reads and writes: what a reload says of it is what can be seen then, by who
 * was there before and by who comes after, and nobody else notices.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, mock, test } from 'node:test';
import type { ClientTree } from '../../src/client/tree.ts';
import { type Change, changesBetween, type Effect } from '../../src/config/effects.ts';
import { nativeSupport } from '../../src/native/support.ts';
import type { Elsewhere, Nothing, Row } from './row.ts';
import { configurationOf, isRoot, type Lines, removeFolder, told, World } from './world.ts';

// For `shadow:localtime`.
process.env.TZ = 'America/New_York';
const skip = nativeSupport().unavailable ?? false;

let world: World;
let working: Promise<number>;
let isOn = true;
/** What the client who works was told but "ok". */
const disturbed: string[] = [];

/** Writes and reads until told to stop; only what concerns everybody gets in between. */
async function work(): Promise<number> {
  let tree: ClientTree | undefined;
  let rounds = 0;
  while (isOn) {
    const content = Buffer.from(`round ${rounds}`);
    const answer = await told(async () => {
      tree ??= await (await world.settle('bob')).treeConnect('load');
      await tree.writeFile('busy', content);
      assert.deepEqual(await tree.readFile('busy'), content);
    });
    if (answer === 'ok') {
      rounds += 1;
      await breath();
      continue;
    }
    disturbed.push(answer);
    await tree?.session.connection.close();
    tree = undefined;
    await settled();
  }
  await tree?.session.connection.close();
  return rounds;
}

before(async () => {
  if (skip !== false) return;
  // For `deadtime`.
  mock.timers.enable({ apis: ['setInterval'] });
  world = await World.open();
  working = work();
  working.catch(() => {});
});

after(async () => {
  if (skip !== false) return;
  // The test that does this is left out where some are chosen by name.
  isOn = false;
  await working.catch(() => {});
  await world.close();
  removeFolder();
});

interface Case {
  readonly section: 'global' | 'data';
  readonly name: string;
  readonly effect: Effect;
  readonly row: Row | Nothing | Elsewhere;
}

const isSeen = (row: Row | Nothing | Elsewhere): row is Row => 'look' in row;

/** Both configurations of a row. */
function configurations({ section, name, row }: Case): [Lines, Lines] {
  const { global = [], share = [], also = [] } = isSeen(row) ? row : {};
  const base = { global: [...global], share: [...share] };
  const line = `${name} = ${row.value}`;
  const changed =
    section === 'global'
      ? { ...base, global: [...global, line, ...also] }
      : { ...base, share: [...share, line, ...also] };
  return [base, changed];
}

/** What is said of the other value is what the class of the parameter says. */
function checkSaid({ section, name, effect, row }: Case, changes: readonly Change[]): void {
  if (name === 'available') {
    assert.ok(changes.some((change) => change.section === 'data' && change.after === undefined));
    return;
  }
  const said = changes.filter((change) => change.section === section && change.parameter === name);
  assert.deepEqual(
    said.map((change) => change.effect),
    [effect],
    `what is said of ${name} = ${row.value}`,
  );
}

/** What is seen after, by whom the class of the parameter says. */
async function check(row: Row, effect: Effect): Promise<void> {
  switch (effect) {
    case 'now':
      assert.deepEqual(await row.look(world), row.after, 'by the client that was there');
      return;
    case 'share anew': {
      const old = await told(() => world.tree.list(''));
      assert.equal(old, 'STATUS_NETWORK_NAME_DELETED', 'the tree connect that was there');
      world.tree = await world.session.treeConnect('data');
      assert.deepEqual(await row.look(world), row.after, 'by the tree connect anew');
      return;
    }
    case 'new connections':
      assert.deepEqual(await row.look(world), row.before, 'by the client that was there');
      await world.enter(row);
      assert.deepEqual(await row.look(world), row.after, 'by a new client');
      return;
    case 'restart':
    case 'none':
      assert.deepEqual(await row.look(world), row.before, 'by the client that was there');
      await world.enter(row);
      assert.deepEqual(await row.look(world), row.before, 'by a new client');
  }
}

async function run(one: Case): Promise<void> {
  const { name, row, effect } = one;
  const [base, changed] = configurations(one);
  if ('shownBy' in row) {
    checkSaid(one, changesBetween(configurationOf(base), configurationOf(changed)));
    const field = name.replace(/ (.)/g, (_, letter: string) => letter.toUpperCase());
    assert.match(readFileSync(row.shownBy, 'utf8'), new RegExp(`['"]${name}|\\b${field}:`));
    return;
  }
  await world.reload(base);
  await world.enter(isSeen(row) ? row : undefined);
  if (isSeen(row)) assert.deepEqual(await row.look(world), row.before, 'before');
  checkSaid(one, await world.reload(changed));
  if (isSeen(row)) await check(row, effect);
  else assert.equal(effect, 'none', 'what does nothing is said to do nothing');
  await world.leave();
  if (isSeen(row) && row.disturbs === true) await world.reload({});
  else assert.deepEqual(disturbed, [], 'nobody else notices');
}

/** The other clients have their turn. */
const breath = () => new Promise((resolve) => setTimeout(resolve, 2));
/** The client who works has got through once more. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

/** A test of each row, while a client works; `part` of `parts`, so that several processes share the work. */
export function testRows<T extends Record<string, Row | Nothing | Elsewhere>>(
  section: Case['section'],
  rows: T,
  effects: Readonly<Record<keyof T & string, Effect>>,
  names: Readonly<Record<keyof T & string, { readonly name: string }>>,
  { part, parts } = { part: 0, parts: 1 },
): void {
  const cases = Object.entries(rows)
    .map(([field, row]): Case => {
      const key = field as keyof T & string;
      return { section, name: names[key].name, effect: effects[key], row };
    })
    .filter((_, i) => i % parts === part);
  for (const one of cases) {
    const needsRoot = isSeen(one.row) && one.row.needsRoot === true && !isRoot;
    test(`[${section}] ${one.name}`, { skip: skip || needsRoot }, async () => {
      try {
        await run(one);
      } finally {
        await settled();
        disturbed.length = 0;
      }
    });
  }
  test('the work went on meanwhile', { skip }, async () => {
    isOn = false;
    assert.ok((await working) > cases.length);
  });
}
