import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  STATUS_INVALID_PARAMETER,
  STATUS_NAME_TOO_LONG,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
  statusName,
} from '../dtyp/ntstatus.ts';
import {
  formatPath,
  formatStream,
  isLegalFilename,
  isRefusedName,
  MAX_COMPONENT_UNITS,
  MAX_PATH_UNITS,
  parsePath,
  refuseFilename,
  refusePattern,
} from './names.ts';

const parsed = (text: string) => {
  const result = parsePath(text);
  assert.ok(!isRefusedName(result), `${JSON.stringify(text)}: ${statusName(result as number)}`);
  return result;
};

const refused = (text: string, status: number) =>
  assert.equal(parsePath(text), status, JSON.stringify(text));

test('paths and their components', () => {
  assert.deepEqual(parsed(''), { components: [], stream: undefined, trailingBackslash: false });
  assert.deepEqual(parsed('a').components, ['a']);
  assert.deepEqual(parsed('a\\b c\\d.txt').components, ['a', 'b c', 'd.txt']);
  assert.deepEqual(parsed('a\\b\\'), {
    components: ['a', 'b'],
    stream: undefined,
    trailingBackslash: true,
  });
});

test('names that MS-FSCC does not exclude', () => {
  for (const name of ['a.', 'a ', '...', ' ', 'con', 'NUL', 'COM1.txt', '$Mft', "a'b", '+,;=[]']) {
    assert.deepEqual(parsed(name).components, [name]);
  }
  for (const name of ['\uffff', '\u{1f600}', '\uf022', '\x7f', 'é', 'e\u0301', '\u202e']) {
    assert.deepEqual(parsed(name).components, [name]);
  }
  assert.deepEqual(parsed('x'.repeat(MAX_COMPONENT_UNITS)).components[0]!.length, 255);
});

test('illegal names', () => {
  for (const character of '"*/<>?|') {
    refused(`a${character}b`, STATUS_OBJECT_NAME_INVALID);
    refused(`a${character}\\b`, STATUS_OBJECT_NAME_INVALID);
  }
  for (let code = 0; code < 0x20; code++) {
    refused(`a${String.fromCharCode(code)}`, STATUS_OBJECT_NAME_INVALID);
  }
  for (const text of ['a\\\\b', 'a\\\\', 'a/b', '/', '\ud800', 'a\udc00b', '\udc00\ud800']) {
    refused(text, STATUS_OBJECT_NAME_INVALID);
  }
});

test('dot names', () => {
  for (const text of ['..', '..\\a', 'a\\..\\..', 'a\\..\\..\\b', '..:stream', 'a\\..:s']) {
    refused(text, STATUS_OBJECT_PATH_SYNTAX_BAD);
  }
  for (const text of ['\ud800\\..', 'a*\\..', '.\\..', 'a\\\\..']) {
    refused(text, STATUS_OBJECT_NAME_INVALID);
  }
  for (const text of ['.', 'a\\.\\b']) refused(text, STATUS_OBJECT_NAME_INVALID);
});

test('a dot dot takes the name before it away, by the text alone', () => {
  assert.deepEqual(parsed('a\\..').components, []);
  assert.deepEqual(parsed('a\\b\\..\\c\\').components, ['a', 'c']);
  assert.deepEqual(parsed('a\\b\\..\\..\\c\\..\\d').components, ['d']);
  const name = fc.constantFrom('..', 'a', 'b', '...');
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 9 }), (names) => {
      const model = posix.normalize(`./${names.join('/')}`);
      const result = parsePath(names.join('\\'));
      const leaves = names.some((_, end) => depthOf(names.slice(0, end + 1)) < 0);
      assert.equal(isRefusedName(result), leaves);
      if (!isRefusedName(result)) assert.equal(result.components.join('/') || '.', model);
    }),
  );
});

const depthOf = (names: readonly string[]): number =>
  names.reduce((depth, name) => depth + (name === '..' ? -1 : 1), 0);

test('a leading backslash', () => {
  for (const text of ['\\', '\\a', '\\\\server\\share']) {
    refused(text, STATUS_INVALID_PARAMETER);
  }
});

test('lengths', () => {
  refused('x'.repeat(MAX_COMPONENT_UNITS + 1), STATUS_NAME_TOO_LONG);
  refused(`a:${'x'.repeat(MAX_COMPONENT_UNITS + 1)}`, STATUS_NAME_TOO_LONG);
  const long = 'abcdefg\\'.repeat(MAX_PATH_UNITS / 8);
  assert.equal(parsed(long.slice(0, -1)).components.length, MAX_PATH_UNITS / 8);
  refused(`${long}a`, STATUS_NAME_TOO_LONG);
});

test('streams', () => {
  assert.deepEqual(parsed('d\\f:s').stream, { name: 's', type: '$DATA' });
  assert.deepEqual(parsed('d\\f:s').components, ['d', 'f']);
  assert.deepEqual(parsed('f:s:$data').stream, { name: 's', type: '$DATA' });
  assert.deepEqual(parsed('f::$DATA').stream, { name: '', type: '$DATA' });
  assert.deepEqual(parsed('f:$DATA').stream, { name: '$DATA', type: '$DATA' });
  assert.deepEqual(parsed('d::$INDEX_ALLOCATION').stream, { name: '', type: '$INDEX_ALLOCATION' });
  assert.deepEqual(parsed('d:$I30:$INDEX_ALLOCATION').stream?.name, '$I30');
  assert.deepEqual(parsed('f:a"*<>?|\x01b').stream?.name, 'a"*<>?|\x01b');
  assert.deepEqual(parsed(':AFP_AfpInfo'), {
    components: [],
    stream: { name: 'AFP_AfpInfo', type: '$DATA' },
    trailingBackslash: false,
  });
});

test('streams that do not parse', () => {
  for (const text of [
    'f:',
    'f::',
    ':',
    'f:s:',
    'f:a:b',
    'f:a:b:c',
    'f:a:$DATA:x',
    'f:a/b',
    'f:a\0',
    'f:\ud800',
    'f::$BITMAP',
    'd\\:s',
    'd:s\\f',
    'd::$INDEX_ALLOCATION\\f',
  ]) {
    refused(text, STATUS_OBJECT_NAME_INVALID);
  }
});

test('any text gives legal components or a status', () => {
  const text = fc.string({ unit: fc.constantFrom(...'ab.\\:/*\0 $\ud800é'), maxLength: 30 });
  fc.assert(
    fc.property(text, (path) => {
      const result = parsePath(path);
      if (isRefusedName(result)) return;
      for (const component of result.components) {
        assert.ok(isLegalFilename(component));
        assert.ok(!/[\\/:\0]/.test(component) && component !== '..' && component !== '.');
      }
      const again = result.components.join('\\');
      assert.deepEqual(parsed(again).components, result.components);
    }),
    { numRuns: 3000 },
  );
});

test('file names found on disk', () => {
  assert.equal(isLegalFilename('a:b'), false);
  assert.equal(isLegalFilename('a\\b'), false);
  assert.equal(refuseFilename(''), STATUS_OBJECT_NAME_INVALID);
  assert.equal(refuseFilename('a'), undefined);
});

test('search patterns', () => {
  for (const pattern of ['', '*', '.', '..', 'a?b', '<.txt', '>>>"', 'é*']) {
    assert.equal(refusePattern(pattern), undefined, pattern);
  }
  for (const pattern of ['a\\b', 'a/b', 'a:b', 'a|b', 'a\x01', '\ud800', '*'.repeat(256)]) {
    assert.equal(refusePattern(pattern), STATUS_OBJECT_NAME_INVALID, pattern);
  }
});

test('paths and streams are written back', () => {
  assert.equal(formatPath([]), '\\');
  assert.equal(formatPath(['a', 'b.txt']), '\\a\\b.txt');
  assert.equal(formatStream({ name: '', type: '$DATA' }), '::$DATA');
  assert.equal(formatStream({ name: 'x', type: '$DATA' }), ':x:$DATA');
});
