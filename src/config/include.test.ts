/** `include`, `copy` and macros of smb.conf. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { configurationText, defaultNetbiosName, settingsOf } from './configuration.ts';
import { loadConfiguration, readConfiguration } from './load.ts';
import { ProblemsError, problemText } from './problem.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-include-'));
after(() => rmSync(folder, { recursive: true }));
const put = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};
const load = (text: string) => loadConfiguration(put('main.conf', text)).configuration;
function errors(text: string): string[] {
  try {
    load(text);
  } catch (error) {
    if (error instanceof ProblemsError) {
      return error.problems.map((one) => problemText(one).replaceAll(`${folder}/`, ''));
    }
    throw error;
  }
  return [];
}

test('include: the lines of another file in its place', () => {
  put('all.conf', 'comment = for all\nread only = no\n[inner]\npath = /inner\n');
  const { shares } = load('[a]\ninclude = all.conf\npath = /a\nguest ok = yes\n[b]\npath = /b\n');
  const told = shares.map(({ name, path, comment, guestOk }) => [name, path, comment, guestOk]);
  assert.deepEqual(told, [
    ['a', '/a', 'for all', true],
    ['inner', '/inner', '', false],
    ['b', '/b', '', false],
  ]);
  put('global.conf', '[global]\nworkgroup = INCLUDED\n');
  assert.equal(load('[global]\ninclude = global.conf\n').global.workgroup, 'INCLUDED');
});

test('include: problems stand in the file that they are in', () => {
  put('bad.conf', '\nread only = perhaps\n[x\n');
  put('circle.conf', 'include = circle.conf\n');
  assert.deepEqual(errors('[a]\npath = /a\ninclude = bad.conf\n'), [
    'bad.conf:3: error: cannot read "[x"; expected "[section]" alone on its line',
    'bad.conf:2: error: bad value "perhaps" for "read only"; expected yes or no',
  ]);
  assert.match(errors('[a]\ninclude = circle.conf\n')[0]!, /^circle.conf:1: .*includes itself$/);
  assert.match(errors('[a]\ninclude = none.conf\n')[0]!, /^main.conf:2: .*cannot include .*ENOENT/);
  assert.match(errors('[a]\ninclude = /etc/%m.conf\n')[0]!, /^main.conf:2: .*differs by client/);
});

test('copy: what another section has, under its own', () => {
  const { shares } = load(`[global]
oplocks = no
[template]
path = /t
comment = of the template
guest ok = yes
available = no
[second]
copy = template
writable = yes
[a]
copy = second
path = /a
available = yes
`);
  assert.equal(shares.length, 1);
  const { name, path, comment, guestOk, readOnly, oplocks } = shares[0]!;
  assert.deepEqual(
    [name, path, comment, guestOk, readOnly, oplocks],
    [...['a', '/a', 'of the template', true, false, false]],
  );
  assert.deepEqual(errors('[a]\npath = /a\ncopy = b\n[b]\npath = /b\ncopy = a\n').length, 2);
  assert.match(errors('[a]\npath = /a\ncopy = none\n')[0]!, /:3: .*no such section/);
});

test('macros that are the same for every client', () => {
  const { global, shares } = load(`[global]
server string = 100%% on %h by %v
netbios name = BOX
[photos]
path = /srv/%L/%S
comment = %S of %h
valid users = %S
shadow:format = %Y-%m-%d
`);
  assert.equal(global.serverString, `100% on ${hostname()} by usmbd`);
  const [{ path, comment, validUsers, snapshotFormat }] = shares as [(typeof shares)[0]];
  assert.deepEqual(
    [path, comment, validUsers, snapshotFormat],
    ['/srv/BOX/photos', `photos of ${hostname()}`, [{ kind: 'user', name: 'photos' }], '%Y-%m-%d'],
  );
  assert.match(errors('[a]\npath = /home/%a\n')[0]!, /:2: error: "path = .home.%a" has %a/);
  assert.match(errors('[global]\nserver string = %U\n')[0]!, /:2: .* differs by client/);
  assert.match(errors('[a]\npath = /home/%\n')[0]!, /:2: error/);
});

test('%H is printed as it is written', () => {
  for (const path of ['%H', '%H/files', '/%H/files', '/srv/%H']) {
    const { configuration } = readConfiguration(`[a]\npath = ${path}\n`, 'smb.conf');
    const text = configurationText(configuration);
    assert.ok(text.includes(`path = ${path.replace('/%H/', '%H/')}\n`), text);
    assert.deepEqual(readConfiguration(text, 'smb.conf').configuration, configuration);
    const settings = settingsOf(configuration)[1]!.parameters;
    assert.equal(new Map(settings).get('path'), path.replace('/%H/', '%H/'));
  }
});

test('what is wrong with a path is told once, and where', () => {
  assert.equal(errors('[a]\npath = /home/%a\n').length, 1);
  assert.equal(errors('[a]\npath = relative\n').length, 1);
  assert.deepEqual(errors('[a]\npath = /home/%a\n[b]\ncopy = a\n[c]\ncopy = b\n').length, 1);
  assert.match(errors('[a]\npath =\n')[0]!, /:1: .*has no path/);
  assert.match(errors('[a]\ncopy = b\n[b]\ncopy = a\n').join('\n'), /has no path/);
});

test("a client's macros make templates, which are printed as they were read", () => {
  const file = `[global]
root directory = /100%%
valid users = %S, @%g
[a]
path = /srv/%L/%U/50%%
comment = for %u at %T
force user = %u
[b]
path = /srv/b%%
valid users = ann
[homes]
read only = no
`;
  const { shares } = load(file);
  assert.deepEqual(
    shares.map(({ name, path, templates, homes }) => [name, path, templates, homes]),
    [
      [
        'a',
        `/100%%/srv/${defaultNetbiosName(hostname())}/%U/50%%`,
        ['path', 'comment', 'validUsers', 'forceUser'],
        undefined,
      ],
      ['b', '/100%/srv/b%', undefined, undefined],
      ['homes', '/100%%/%H', ['validUsers', 'path'], true],
    ],
  );
  assert.deepEqual(shares[0]!.validUsers, [
    { kind: 'user', name: '%S' },
    { kind: 'group', name: '%g' },
  ]);
  const text = configurationText(readConfiguration(file, 'smb.conf').configuration);
  assert.match(text, /path = .*%U.50%%\n/);
  assert.match(text, /path = .100%%.srv.b%%\n/);
  assert.match(errors('[a]\npath = /home/%T\n')[0]!, /:2: .*only in a comment/);
  assert.match(errors('[a]\npath = /a\nforce user = %U\n')[0]!, /:3: .*whom it acts as/);
  assert.match(
    errors('[a]\npath = /home/%U\nmsdfs root = yes\n')[0]!,
    /:1: .*cannot have "msdfs root"/,
  );
});
