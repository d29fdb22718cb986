import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { configure } from './configuration.ts';
import { globalParameters, shareParameters } from './parameters.ts';
import {
  absolutePath,
  bool,
  choice,
  hosts,
  integer,
  mode,
  patterns,
  principals,
  size,
  text,
  type ValueType,
  words,
} from './value-types.ts';

const K64_TO_8M = size({ minimum: 65536, maximum: 8 << 20 });

test('sizes', () => {
  for (const [raw, value] of [
    ['65536', 65536],
    ['64k', 65536],
    ['64KB', 65536],
    ['1 M', 1 << 20],
    ['8m', 8 << 20],
  ] as const) {
    assert.equal(K64_TO_8M.parse(raw), value, raw);
  }
  for (const raw of [
    '',
    '65535',
    '9M',
    '1MiB',
    '0x10000',
    '-1',
    '1.5M',
    '99999999999999999999',
    '1E',
  ]) {
    assert.equal(K64_TO_8M.parse(raw), undefined, raw);
  }
  assert.equal(K64_TO_8M.print(3 << 19), '1536K');
});

test('numbers, modes, words', () => {
  const limit = integer({ minimum: 1, maximum: 10, zero: 99 });
  assert.equal(limit.parse('0'), 99);
  assert.equal(limit.parse('10'), 10);
  assert.equal(limit.parse('11'), undefined);
  assert.equal(limit.parse('1e1'), undefined);
  assert.equal(mode.parse('0755'), 0o755);
  assert.equal(mode.parse('07777'), 0o7777);
  assert.equal(mode.parse('8'), undefined);
  assert.equal(mode.parse('77777'), undefined);
  assert.equal(bool.parse('YES'), true);
  assert.equal(bool.parse('Off'), false);
  assert.equal(bool.parse('2'), undefined);
  const color = choice([
    ['bad user', 1],
    ['BAD', 1],
    ['x', 2],
  ]);
  assert.equal(color.parse('Bad  User'), 1);
  assert.equal(color.parse('bad'), 1);
  assert.equal(color.print(1), 'bad user');
  assert.equal(color.expects, 'bad user or x');
});

test('texts and paths', () => {
  const short = text({ minimumBytes: 1, maximumBytes: 3 });
  assert.equal(short.parse('"a b"'), 'a b');
  assert.equal(short.parse('éé'), undefined);
  assert.equal(short.parse('""'), undefined);
  assert.equal(short.parse('a\tb'), undefined);
  assert.equal(absolutePath.parse('"/a b//"'), '/a b');
  assert.equal(absolutePath.parse('///'), '/');
  assert.equal(absolutePath.parse('a'), undefined);
});

test('lists', () => {
  assert.deepEqual(words.parse('a, "b c" ,d\te,,'), ['a', 'b c', 'd', 'e']);
  assert.deepEqual(words.parse(''), []);
  assert.equal(words.parse('a "b'), undefined);
  assert.equal(words.parse('""'), undefined);
  assert.deepEqual(principals.parse('+g "@h i"'), [
    { kind: 'group', name: 'g' },
    { kind: 'group', name: 'h i' },
  ]);
  // Macros of a client's are looked at where a section is read.
  assert.deepEqual(principals.parse('%S'), [{ kind: 'user', name: '%S' }]);
  for (const raw of ['@', '&g', '@&g', '"a']) assert.equal(principals.parse(raw), undefined);
  assert.deepEqual(patterns.parse('/*.tmp/a b/'), ['*.tmp', 'a b']);
  assert.deepEqual(patterns.parse('/*.tmp/a b'), ['*.tmp', 'a b']);
  for (const raw of ['*.tmp', '*.tmp/', '/', '//']) assert.equal(patterns.parse(raw), undefined);
});

test('hosts', () => {
  const rules = (raw: string) => hosts.parse(raw)?.rules.map((r) => `${r.address}/${r.prefix}`);
  assert.deepEqual(rules('10.1. 192.0.2.1'), ['10.1.0.0/16', '192.0.2.1/32']);
  assert.deepEqual(rules('10.0.0.0/255.128.0.0'), ['10.0.0.0/9']);
  assert.deepEqual(rules('all'), ['0.0.0.0/0', '::/0']);
  assert.deepEqual(rules('10.0.0.0/0.0.0.0'), ['10.0.0.0/0']);
  for (const raw of ['256.', '10.0.0.0/8/8', '::1/129', '::1/255.0.0.0', 'fe80::1%eth0', 'LOCAL']) {
    assert.equal(rules(raw), undefined, raw);
  }
});

test('what a type prints it reads back', () => {
  const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
    fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
  const name = fc.stringMatching(/^[a-z][a-z ,é]*[a-z]$/);
  const check = <T>(type: ValueType<T>, values: fc.Arbitrary<T>): void => {
    fc.assert(
      fc.property(values, (value) => assert.deepEqual(type.parse(type.print(value)), value)),
    );
  };
  check(bool, fc.boolean());
  check(mode, fc.integer({ min: 0, max: 0o7777 }));
  check(K64_TO_8M, fc.integer({ min: 65536, max: 8 << 20 }));
  check(words, fc.array(name));
  check(principals, fc.array(record({ kind: fc.constantFrom('user', 'group'), name })));
  const rule = record({ address: fc.ipV4(), prefix: fc.integer({ min: 0, max: 32 }) });
  check(hosts, record({ rules: fc.array(rule, { minLength: 1 }), except: fc.array(rule) }));
});

test('no parser throws', () => {
  const types = [...Object.values(globalParameters), ...Object.values(shareParameters)];
  fc.assert(
    fc.property(fc.string(), (raw) => {
      for (const { type } of types) type.parse(raw);
    }),
  );
});

test('every default is a value that its own type takes, or none', () => {
  for (const { name, type, fallback } of [
    ...Object.values(globalParameters),
    ...Object.values(shareParameters),
  ]) {
    const printed = (type as ValueType<unknown>).print(fallback);
    if (printed !== '') assert.deepEqual(type.parse(printed), fallback, name);
  }
  assert.equal(configure({}).global.tcpPort, undefined);
});
