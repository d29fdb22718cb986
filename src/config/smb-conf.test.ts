import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { problemText } from './problem.ts';
import { parseSmbConf, type SmbConf } from './smb-conf.ts';

const parse = (text: string): SmbConf => {
  const { document, problems } = parseSmbConf(text, 'f');
  assert.deepEqual(problems.map(problemText), []);
  return document;
};
const values = (text: string, section = 'global') =>
  parse(text)
    .parameters(section)
    .map(({ key, value, line }) => [key, value, line]);
const faults = (text: string) => parseSmbConf(text, 'f').problems.map(problemText);

const EXAMPLE = `# top
[global]
   Work Group = HOME   ; ours
\tserver string= "Files # and ; more"
   interfaces = eth0, \\
      eth1 # two
[Data]
path=/srv/a#b
   comment =

; about the next
[more]
   path = /srv/more`;

test('keys, values, lines', () => {
  assert.deepEqual(values(EXAMPLE), [
    ['Work Group', 'HOME', 3],
    ['server string', '"Files # and ; more"', 4],
    ['interfaces', 'eth0,       eth1', 5],
  ]);
  assert.deepEqual(values(EXAMPLE, 'DATA'), [
    ['path', '/srv/a#b', 8],
    ['comment', '', 9],
  ]);
  assert.deepEqual(values(EXAMPLE, 'more'), [['path', '/srv/more', 13]]);
});

test('comments', () => {
  assert.deepEqual(
    values('[global]\na = b;c ;d\nb = ;x\nc = 12" # inch\n# x = \\\nd = e # f \\\ne=g\n'),
    [
      ['a', 'b;c', 2],
      ['b', '', 3],
      ['c', '12"', 4],
      ['d', 'e', 6],
      ['e', 'g', 7],
    ],
  );
});

test('line ends of Windows and a byte order mark', () => {
  assert.deepEqual(values('\uFEFF[global]\r\na = b \\\r\n c\r\nd = e\r\n'), [
    ['a', 'b  c', 2],
    ['d', 'e', 4],
  ]);
});

test('a repeated section goes on', () => {
  assert.deepEqual(values('[a]\nx=1\n[b]\ny=2\n[ A ]\nz=3\n', 'a'), [
    ['x', '1', 2],
    ['z', '3', 6],
  ]);
});

test('bad lines are errors with their place', () => {
  assert.deepEqual(faults('[global]\nnonsense\n'), [
    'f:2: error: cannot read "nonsense"; expected "key = value" or "[section]"',
  ]);
  assert.deepEqual(faults('a = b\n[global]\n'), [
    'f:1: error: "a" stands before the first section; expected [global] above it',
  ]);
  assert.match(faults('[global]\n = b\n')[0]!, /^f:2: error/);
  assert.match(faults('[glo\n')[0]!, /^f:1: error: cannot read "\[glo"/);
  assert.match(faults('[a] b\n')[0]!, /^f:1: error/);
  assert.match(faults('[ ]\n')[0]!, /without a name/);
  assert.match(faults('[a]\nb = \0\n')[0]!, /NUL/);
});

test('edits touch nothing else', () => {
  const conf = parse(EXAMPLE);
  conf.set('global', ['workgroup'], 'AWAY');
  conf.set('global', ['interfaces'], 'lo');
  conf.set('data', ['read only'], 'no');
  conf.set('more', ['comment'], 'a # b');
  conf.set('new', ['path'], '/new');
  const expected = EXAMPLE.replace('HOME', 'AWAY')
    .replace('eth0, \\\n      eth1', 'lo')
    .replace('   comment =\n', '   comment =\n   read only = no\n')
    .concat('\n   comment = "a # b"\n\n[new]\n    path = /new\n');
  assert.equal(conf.toString(), expected);
  assert.deepEqual(values(conf.toString(), 'more').at(-1), ['comment', '"a # b"', 14]);
});

test('a synonym makes way for the name that is set', () => {
  const conf = parse('[a]\n  Writable = yes ; w\n  write ok = yes\n  path = /a\n');
  conf.set('a', ['read only', 'writable', 'write ok'], 'yes');
  assert.equal(conf.toString(), '[a]\n  read only = yes ; w\n  path = /a\n');
  assert.equal(conf.unset('a', ['Path']), true);
  assert.equal(conf.unset('a', ['path']), false);
  assert.equal(conf.toString(), '[a]\n  read only = yes ; w\n');
});

test('a section goes without the comments about the next one', () => {
  const conf = parse(EXAMPLE);
  assert.equal(conf.removeSection('data'), true);
  assert.equal(conf.removeSection('data'), false);
  assert.match(conf.toString(), /two\n\n; about the next\n\[more\]/);
  assert.throws(() => conf.set('more', ['comment'], 'a\nb'), TypeError);
});

const anyLine = fc.oneof(
  fc.constantFrom(
    '[a]',
    '[b] ; x',
    '',
    '# c \\',
    'k = v',
    ' K K = "q;q" ; c',
    'l = a \\',
    'é=ü',
    '=',
  ),
  fc.string(),
);

test('any text is printed back as it was', () => {
  fc.assert(
    fc.property(fc.array(anyLine), fc.constantFrom('\n', '\r\n'), (lines, end) => {
      const text = lines.join(end);
      assert.equal(parseSmbConf(text, 'f').document.toString(), text);
    }),
  );
});

test('what is set is read back, and the rest stays', () => {
  const valueText = fc.string().filter((s) => !/[\r\n\0"\uFEFF]/.test(s));
  fc.assert(
    fc.property(fc.array(anyLine), valueText, (lines, value) => {
      const { document } = parseSmbConf(lines.join('\n'), 'f');
      const others = document.nodes.filter((n) => n.kind === 'parameter' && n.key !== 'kkk').length;
      document.set('zz', ['kkk'], value);
      const again = parseSmbConf(document.toString(), 'f').document;
      const [node] = again.parameters('zz');
      assert.equal(node?.value.replace(/^"(.*)"$/s, '$1'), value);
      assert.equal(again.nodes.filter((n) => n.kind === 'parameter').length, others + 1);
    }),
  );
});
