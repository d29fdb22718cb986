import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clientName, diskName } from './private-names.ts';

/** On disk, to clients (mapposix of Linux, and macOS). */
const PAIRS: readonly (readonly [string, string])[] = [
  ['plain name.txt', 'plain name.txt'],
  ['a:b', 'a\uf022b'],
  ['"*:<>?\\|', '\uf020\uf021\uf022\uf023\uf024\uf025\uf026\uf027'],
  ['\x01\x1f', '\uf001\uf01f'],
  ['Icon\r', 'Icon\uf00d'],
  ['trailing ', 'trailing\uf028'],
  ['trailing.', 'trailing\uf029'],
  ['two..', 'two.\uf029'],
  [' ', '\uf028'],
  ['a. ', 'a.\uf028'],
  ['...', '...'],
  ['x...', 'x..\uf029'],
];

test('each name on disk has its client form and comes back', () => {
  for (const [disk, client] of PAIRS) {
    assert.equal(clientName(disk), client);
    assert.equal(diskName(client), disk);
  }
});

test('a client cannot spell a name that leads elsewhere', () => {
  for (const name of ['\uf029', '.\uf029', '..\uf029']) {
    assert.equal(diskName(name), name);
  }
});

test('the private forms of a space and a dot count at the end only', () => {
  assert.equal(diskName('a\uf028b\uf029c'), 'a\uf028b\uf029c');
  assert.equal(diskName('a\uf029\uf028'), 'a\uf029 ');
});

const letter = fc.constantFrom('a', '.', ' ', ':', '?', '\\', '\x02', 'é', '\u{1f600}', '-');

test('no two names on disk share a client form, and none that a client may not send', () => {
  fc.assert(
    fc.property(fc.array(letter, { minLength: 1, maxLength: 8 }), (letters) => {
      const disk = letters.join('');
      const client = clientName(disk);
      assert.equal(diskName(client), disk);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are illegal.
      assert.doesNotMatch(client, /[\x00-\x1f"*/:<>?\\|]/);
      if (/[^.]/.test(client)) assert.doesNotMatch(client, /[ .]$/);
    }),
  );
});

test('whatever a client sends stays one component below', () => {
  const any = fc.string({ unit: fc.constantFrom('.', '\uf029', '\uf028', '\uf026', 'x') });
  fc.assert(
    fc.property(any, (client) => {
      if (client === '' || client === '.' || client === '..') return;
      const disk = diskName(client);
      assert.ok(disk !== '.' && disk !== '..' && disk !== '' && !disk.includes('/'));
    }),
  );
});
