import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../wire/wire-error.ts';
import { childOf, escapeXml, parseXml, qualified, type XmlElement } from './xml.ts';

const refused = (text: string): void => assert.throws(() => parseXml(text), WireError, text);

test('elements, namespaces and text', () => {
  const root = parseXml(
    '<?xml version="1.0" encoding="utf-8"?>\n<!-- a --><a:R xmlns:a="urn:a" xmlns=\'urn:d\' other="1">' +
      '<B>one <!-- not this -->&amp;&#x20ac;&#65;<![CDATA[<two>]]></B><a:C xmlns:a="urn:b"/></a:R>\n<!-- z -->',
  );
  assert.equal(root.namespace, 'urn:a');
  assert.equal(root.name, 'R');
  assert.equal(childOf(root, { namespace: 'urn:d', name: 'B' })?.text, 'one &€A<two>');
  assert.ok(childOf(root, { namespace: 'urn:b', name: 'C' }), 'a prefix means what is nearest');
  assert.equal(childOf(root, { namespace: 'urn:a', name: 'C' }), undefined);
  assert.deepEqual(qualified('a:Device', root.prefixes), { namespace: 'urn:a', name: 'Device' });
  assert.deepEqual(qualified('Device', root.prefixes), { namespace: 'urn:d', name: 'Device' });
  assert.equal(qualified('b:Device', root.prefixes), undefined);
});

test('what is not well-formed, and what SOAP forbids, is refused', () => {
  for (const text of [
    ...['', ' ', 'text', '<a>', '<a', '<a/', '</a>', '<a></b>', '<a/><b/>', '<a/>x', '<a b></a>'],
    ...['<a b=1/>', '<a b="1"c="2"/>', '<a b="<"/>', '<a>&unknown;</a>', '<a>&</a>', '<a>&#0;</a>'],
    ...[
      '<a>&#x110000;</a>',
      '<p:a/>',
      '<a><!-- </a>',
      '<a><![CDATA[ </a>',
      '<?xml version="1.0"?>',
    ],
    '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    '<a><?target data?></a>',
  ]) {
    refused(text);
  }
});

test('limits: depth, elements, attributes', () => {
  const nested = (depth: number): string => '<a>'.repeat(depth) + '</a>'.repeat(depth);
  parseXml(nested(24));
  refused(nested(25));
  refused(nested(100_000));
  parseXml(`<a>${'<b/>'.repeat(255)}</a>`);
  refused(`<a>${'<b/>'.repeat(256)}</a>`);
  refused(`<a ${Array.from({ length: 65 }, (_, i) => `b${i}="1"`).join(' ')}/>`);
});

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,8}$/);
const tree: fc.Memo<Pick<XmlElement, 'name' | 'text'> & { children: unknown[] }> = fc.memo((n) =>
  fc.record({
    name,
    text: fc.string({ unit: 'grapheme' }),
    children: n > 1 ? fc.array(tree(n - 1), { maxLength: 3 }) : fc.constant([]),
  }),
);
type Tree = { name: string; text: string; children: Tree[] };

const written = ({ name, text, children }: Tree): string =>
  `<${name}>${escapeXml(text)}${children.map(written).join('')}</${name}>`;
const shown = ({ name, text, children }: Tree): unknown => ({
  name,
  text: text.trim(),
  children: children.map(shown),
});
const seen = ({ name, text, children }: XmlElement): unknown => ({
  name,
  text,
  children: children.map(seen),
});

test('what is written is read', () => {
  fc.assert(
    fc.property(tree(4), (value) => {
      const wanted = value as Tree;
      assert.deepEqual(seen(parseXml(written(wanted))), shown(wanted));
    }),
    { numRuns: 300 },
  );
});

test('whatever comes is read or refused', () => {
  const pieces = [
    ...[
      '<',
      '>',
      '/',
      '</',
      '/>',
      '<a',
      'a>',
      '="',
      '"',
      "'",
      '&',
      '&lt;',
      '&#6',
      ';',
      '<!--',
      '-->',
    ],
    ...['<![CDATA[', ']]>', '<?xml ', '?>', 'xmlns:', 'xmlns="u"', ' ', 'b:', '\0', '\ud800', 'é'],
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 30 }), (parts) => {
      try {
        parseXml(parts.join(''));
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
    }),
    { numRuns: 3000 },
  );
});

test('a long run of one thing costs no more than its length', () => {
  const began = performance.now();
  for (const piece of ['<!--', '<a ', '&amp;', '<![CDATA[', 'xmlns:a="', ' ', '<a>', ']]>', '--']) {
    try {
      parseXml(`<a>${piece.repeat(16_384 / piece.length)}`);
    } catch (error) {
      assert.ok(error instanceof WireError);
    }
  }
  assert.ok(performance.now() - began < 2000);
});
