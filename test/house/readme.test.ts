/** What the documents tell people to type exists, and CI runs the README's own test command. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { filesBelow, root } from './source-files.ts';

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const documents = filesBelow('.', '.md');

test('the commands of the documents are scripts of the package', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/(?:^|`|&& )npm (?:run (?:--silent )?)?([a-z][a-z:-]*)/gm)]
      .map(([, script]) => script!)
      .filter((script) => !['install', 'run', 'publish', 'pack', 'ci'].includes(script))
      .map((script) => `${path}: ${script}`),
  );
  assert.ok(named.length > 5);
  assert.deepEqual(
    named.filter((name) => scripts[name.split(': ')[1]!] === undefined),
    [],
  );
});

test('links between the documents lead somewhere', () => {
  const broken = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map(([, target]) => target!)
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => !existsSync(join(root, dirname(path), target)))
      .map((target) => `${path}: ${target}`),
  );
  assert.deepEqual(broken, []);
});

test('CI runs the test command of the README', () => {
  const command = 'npm install && npm test';
  assert.ok(read('README.md').includes(`\n${command}\n`));
  assert.ok(read('.ci/run').includes(`'${command}'`));
});
