import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { entriesIn, Journal } from './journal.ts';

const scratch = mkdtempSync(join(tmpdir(), 'usmbd-journal-'));
after(() => rmSync(scratch, { recursive: true }));

let folders = 0;
function folder(): string {
  folders += 1;
  const path = join(scratch, String(folders));
  mkdirSync(path);
  return path;
}

const value = (text: string): Buffer => Buffer.from(text);
const textsOf = (entries: ReadonlyMap<number, Buffer>): [number, string][] =>
  [...entries].map(([key, bytes]) => [key, bytes.toString()]);
const texts = (journal: Journal): [number, string][] => textsOf(journal.entries);

const read = (bytes: Buffer): [number, string][] => textsOf(entriesIn(bytes));

async function readBack(path: string): Promise<[number, string][]> {
  const journal = await Journal.open(path);
  await journal.close();
  return texts(journal);
}

test('what was put is there again, in the order in which it was put last; what was deleted is not', async () => {
  const path = join(folder(), 'journal');
  const journal = await Journal.open(path);
  await journal.put(1, value('one'));
  await journal.put(2, value('two'));
  await journal.put(3, value(''));
  await journal.put(1, value('one again'));
  journal.delete(2);
  await journal.put(2 ** 47 - 1, value('a large key'));
  const expected = [
    [3, ''],
    [1, 'one again'],
    [2 ** 47 - 1, 'a large key'],
  ];
  assert.deepEqual(texts(journal), expected);
  await journal.close();
  assert.deepEqual(await readBack(path), expected);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('cut off at any byte, or with any byte changed, it is what it was at some moment before', async () => {
  const path = join(folder(), 'journal');
  const journal = await Journal.open(path);
  const moments: [number, string][][] = [[]];
  const lengths = [statSync(path).size];
  const step = async (done: Promise<void> | undefined): Promise<void> => {
    await done;
    moments.push(texts(journal));
    lengths.push(statSync(path).size);
  };
  for (let i = 0; i < 4; i++) await step(journal.put(i, value(`value ${i}`)));
  await step(journal.put(1, value('another, and longer')));
  journal.delete(0);
  await step(journal.put(9, value('behind a deletion')));
  await journal.close();
  const whole = readFileSync(path);
  const last = moments.at(-1)!;
  for (let length = 0; length <= whole.length; length++) {
    const found = read(whole.subarray(0, length));
    // The deletion and what came with it are two entries: between them only the key is gone.
    const between = moments.at(-2)!.filter(([key]) => key !== 0);
    const known = [...moments, between].some(
      (one) => JSON.stringify(one) === JSON.stringify(found),
    );
    assert.ok(known, `${length} bytes: ${JSON.stringify(found)}`);
    // All that was on disk when it had this length.
    const least = lengths.findLastIndex((one) => one <= length);
    if (length < lengths.at(-1)! && length >= lengths[0]! && least < moments.length - 2) {
      assert.deepEqual(found, moments[least], `${length} bytes`);
    }
  }
  for (let at = 0; at < whole.length; at++) {
    const damaged = Buffer.from(whole);
    damaged[at]! ^= 0x5a;
    assert.notDeepEqual(read(damaged), last, `a changed byte ${at} goes unseen`);
  }
});

test('behind what a cut write has left it goes on', async () => {
  const path = join(folder(), 'journal');
  const journal = await Journal.open(path);
  await journal.put(1, value('kept'));
  await journal.close();
  appendFileSync(path, readFileSync(path).subarray(16, 30));
  const next = await Journal.open(path);
  assert.deepEqual(texts(next), [[1, 'kept']]);
  await next.put(2, value('added'));
  await next.close();
  assert.deepEqual(await readBack(path), [
    [1, 'kept'],
    [2, 'added'],
  ]);
});

test('a file that is something else, or from another release, is as good as none', async () => {
  const path = join(folder(), 'journal');
  writeFileSync(path, 'usmbd journal 2\nwhatever');
  assert.deepEqual(await readBack(path), []);
});

test('many at once share a write, and the file stays in proportion to what counts', async () => {
  const path = join(folder(), 'journal');
  const journal = await Journal.open(path);
  const big = Buffer.alloc(10_000, 'x');
  for (let round = 0; round < 40; round++) {
    await Promise.all(Array.from({ length: 20 }, (_, key) => journal.put(key, big)));
  }
  await journal.close();
  assert.ok(statSync(path).size < 2_000_000, `${statSync(path).size} bytes`);
  assert.equal((await readBack(path)).length, 20);
});

test('what cannot be written is said, and what is asked for next writes all of it', async () => {
  const home = folder();
  const path = join(home, 'journal');
  let fails = true;
  const journal = await Journal.open(path, async (file) => {
    if (fails) throw new Error('no room');
    await file.datasync();
  });
  await assert.rejects(journal.put(1, value('one')), /no room/);
  // What is in the file is not known: it is written anew, for which there is no place.
  mkdirSync(`${path}.new`);
  await assert.rejects(journal.put(2, value('two')), /EISDIR/);
  rmSync(`${path}.new`, { recursive: true });
  await journal.put(3, value('three'));
  assert.deepEqual(await keysIn(path), [1, 2, 3]);
  fails = false;
  await journal.put(4, value('four'));
  await journal.close();
  assert.deepEqual(await keysIn(path), [1, 2, 3, 4]);
  assert.deepEqual(readdirSync(home), ['journal']);
});

test('a file that cannot be written anew grows on', async () => {
  const path = join(folder(), 'journal');
  const journal = await Journal.open(path);
  const big = Buffer.alloc(400_000, 'x');
  mkdirSync(`${path}.new`);
  for (let round = 0; round < 6; round++) await journal.put(1, big);
  await journal.put(2, value('two'));
  assert.deepEqual(await keysIn(path), [1, 2]);
  assert.ok(statSync(path).size > 2_000_000);
  rmSync(`${path}.new`, { recursive: true });
  for (let round = 0; round < 6; round++) await journal.put(1, big);
  await journal.close();
  assert.ok(statSync(path).size < 2_000_000);
  assert.deepEqual(await keysIn(path), [2, 1]);
});

/** Of a copy, since the file is somebody's. */
async function keysIn(path: string): Promise<number[]> {
  const copy = join(folder(), 'copy');
  writeFileSync(copy, readFileSync(path));
  return (await readBack(copy)).map(([key]) => key);
}

test('frozen, it stays what it was', async () => {
  const path = join(folder(), 'journal');
  const journal = await Journal.open(path);
  await journal.put(1, value('one'));
  journal.freeze();
  journal.delete(1);
  await assert.rejects(journal.put(2, value('two')));
  await journal.close();
  assert.deepEqual(await readBack(path), [[1, 'one']]);
});

test('what is no place for a file is refused', async () => {
  const home = folder();
  mkdirSync(join(home, 'journal'));
  await assert.rejects(Journal.open(join(home, 'journal')));
  await assert.rejects(Journal.open(join(home, 'missing', 'journal')));
});
