/** Man pages and completion as a shell and man(1) take them. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { globalDescriptions, shareDescriptions } from '../config/descriptions.ts';
import { globalParameters, shareParameters } from '../config/parameters.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-manual-'));
after(() => rmSync(folder, { recursive: true }));
const usmbd = (...args: string[]): string =>
  execFileSync(process.execPath, [join(import.meta.dirname, '../../bin/usmbd.js'), ...args], {
    encoding: 'utf8',
  });

test('every parameter is described, in words of its own', () => {
  for (const descriptions of [globalDescriptions, shareDescriptions]) {
    const texts = Object.values(descriptions);
    for (const text of texts) {
      assert.match(text, /^[A-Z"'][^\n]{15,}[.]$/);
      assert.ok(text.length < 400, text);
    }
    assert.equal(new Set(texts).size, texts.length);
  }
});

test('usmbd.conf(5) has every parameter', () => {
  const page = usmbd('manual', 'usmbd.conf.5');
  for (const { name } of [...Object.values(globalParameters), ...Object.values(shareParameters)]) {
    assert.ok(page.includes(`.B ${name.replaceAll('-', '\\-')}\n`), name);
  }
  assert.doesNotMatch(page, /undefined|\[object/);
});

test('usmbd(8) has every command', () => {
  const page = usmbd('manual', 'usmbd.8');
  for (const path of ['serve', 'reload', 'control', 'share add', 'user list']) {
    assert.match(page, new RegExp(`^\\.SS usmbd ${path} `, 'm'));
  }
});

test('bash completes commands and options', () => {
  const script = join(folder, 'usmbd.bash');
  writeFileSync(script, usmbd('completion', 'bash'));
  const ask = `. ${script}; complete_() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _usmbd; echo "\${COMPREPLY[*]}"; }
complete_ usmbd re; complete_ usmbd share sh; complete_ usmbd kick --ad; complete_ usmbd share add x --op`;
  const { stdout, status } = spawnSync('bash', ['-c', ask], { encoding: 'utf8' });
  if (status === null) return;
  assert.equal(stdout, 'reload\nshow\n--address\n--option\n');
});
