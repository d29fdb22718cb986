/** Man pages as man(1) takes them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { globalDescriptions, shareDescriptions } from '../config/descriptions.ts';
import { globalParameters, shareParameters } from '../config/parameters.ts';

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
