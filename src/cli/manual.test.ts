/** Man pages and completion as a shell and man(1) take them. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ntHash } from '../auth/ntlm-crypto.ts';
import { globalDescriptions, shareDescriptions } from '../config/descriptions.ts';
import { globalParameters, shareParameters } from '../config/parameters.ts';
import { editUserDatabase } from '../config/user-db.ts';

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
  const [conf, db, bin] = ['conf', 'db', 'usmbd'].map((name) => join(folder, name));
  writeFileSync(conf!, '[photos]\npath = /srv\n[public]\npath = /srv\n');
  editUserDatabase(db!, (accounts) => accounts.set('bob', ntHash('tiger')));
  const program = join(import.meta.dirname, '../../bin/usmbd.js');
  writeFileSync(bin!, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 });
  const ask = `. ${script}; complete_() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _usmbd; echo "\${COMPREPLY[*]}"; }
complete_ usmbd re; complete_ usmbd share sh; complete_ usmbd kick --ad; complete_ usmbd share add x --op
complete_ ${bin} share show -C ${conf} p; complete_ ${bin} share update -C ${conf} '' | tail -1
complete_ ${bin} adduser -P ${db} -d b; complete_ usmbd control -d sm; complete_ usmbd manual u; complete_ ${bin} testparm --explain 'read o'
complete_ usmbd share add p; complete_ usmbd serve --config ''`;
  const { stdout, status } = spawnSync('bash', ['-c', ask], { encoding: 'utf8' });
  if (status === null) return;
  assert.equal(
    stdout,
    'reload\nshow\n--address\n--option\nphotos public\n--config --state --json --option --help photos public\nbob\nsmb\nusmbd.8 usmbd.conf.5\nread\\ only\n\n\n',
  );
});
