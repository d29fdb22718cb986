/** Completion as the shells themselves do it; each is left out where it is not installed. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ntHash } from '../auth/ntlm-crypto.ts';
import { editUserDatabase } from '../config/user-db.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-completion-'));
after(() => rmSync(folder, { recursive: true }));
const [conf, db, bin] = ['conf', 'db', 'usmbd'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
const program = join(import.meta.dirname, '../../bin/usmbd.js');
writeFileSync(conf, '[photos]\npath = /srv\n[public]\npath = /srv\n');
editUserDatabase(db, (accounts) => accounts.set('bob', ntHash('tiger')));
writeFileSync(bin, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 });
const env = { ...process.env, PATH: `${folder}:${process.env.PATH}`, HOME: folder };

const scriptOf = (shell: string, name: string): string => {
  const file = join(folder, name);
  const args = [program, 'completion', shell];
  writeFileSync(file, execFileSync(process.execPath, args, { encoding: 'utf8' }));
  return file;
};
const isMissing = (shell: string): boolean =>
  spawnSync(shell, ['-c', 'exit 0'], { stdio: 'ignore' }).status !== 0;

test('bash completes commands and options', { skip: isMissing('bash') }, () => {
  const script = scriptOf('bash', 'usmbd.bash');
  const ask = `. ${script}; complete_() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _usmbd; echo "\${COMPREPLY[*]}"; }
complete_ usmbd re; complete_ usmbd share sh; complete_ usmbd kick --ad; complete_ usmbd share add x --op
complete_ ${bin} share show -C ${conf} p; complete_ ${bin} share update -C ${conf} '' | tail -1
complete_ ${bin} adduser -P ${db} -d b; complete_ usmbd control -d sm; complete_ usmbd manual u; complete_ ${bin} testparm --explain 'read o'
complete_ usmbd share add p; complete_ usmbd serve --config ''`;
  const { stdout } = spawnSync('bash', ['-c', ask], { encoding: 'utf8' });
  assert.equal(
    stdout,
    'reload\nshow\n--address\n--option\nphotos public\n--config --state --json --option --help photos public\nbob\nsmb\nusmbd.8 usmbd.conf.5\nread\\ only\n\n\n',
  );
});

test('fish completes commands, options, their values and names', {
  skip: isMissing('fish'),
}, () => {
  const script = scriptOf('fish', 'usmbd.fish');
  const asked = (line: string): string => {
    const ask = ['-c', `source ${script}; complete -C "$argv[1]"`, line];
    const { stdout } = spawnSync('fish', ['--no-config', ...ask], { encoding: 'utf8', env });
    return stdout.replaceAll(/\t.*$/gm, '').trim();
  };
  assert.equal(asked('usmbd re'), 'reload');
  assert.equal(asked('usmbd share sh'), 'show');
  assert.equal(asked('usmbd kick --ad'), '--address');
  assert.equal(asked('usmbd share add x --op'), '--option');
  assert.equal(asked(`usmbd share show -C ${conf} p`), 'photos\npublic');
  assert.equal(asked(`usmbd share update -C ${conf} ph`), 'photos');
  assert.equal(asked(`usmbd adduser -P ${db} -d b`), 'bob');
  assert.equal(asked('usmbd control -d sm'), 'smb');
  assert.equal(asked('usmbd manual u'), 'usmbd.8\nusmbd.conf.5');
  assert.equal(asked("usmbd testparm --explain 'read o"), 'read only');
  assert.equal(asked(`usmbd serve --config ${conf.slice(0, -1)}`), conf);
});

test('zsh completes the same', { skip: isMissing('zsh') }, () => {
  scriptOf('zsh', '_usmbd');
  // A shell at a terminal, as for somebody who types; Control-X shows what the line has become.
  const typing = [
    'zmodload zsh/zpty && zpty z zsh -f -i',
    'zpty -w z "PROMPT=; unsetopt prompt_cr prompt_sp; stty -echo; fpath=($HOME \\$fpath)"',
    'zpty -w z "autoload -Uz compinit; compinit -u -D; bindkey \'^I\' complete-word"',
    'zpty -w z "show() { print -r -- \\"[[\\$BUFFER]]\\"; BUFFER= }; zle -N show; bindkey \'^X\' show"',
    'zpty -w z "print REA\'\'DY"',
    'while zpty -r z line && [[ $line != *READY* ]]; do :; done',
    'for line in "$@"; do',
    '  zpty -w -n z "$line"$\'\\t\\x18\'',
    '  while zpty -r z out; do [[ $out == *\\[\\[*\\]\\]* ]] && break; done',
    '  print -r -- "$out"',
    'done',
    'zpty -d z',
  ].join('\n');
  const pairs = [
    ['usmbd rel', 'oad '],
    ['usmbd share sh', 'ow '],
    ['usmbd kick --ad', 'dress '],
    ['usmbd share add x --op', 'tion '],
    [`usmbd share show -C ${conf} ph`, 'otos '],
    [`usmbd share update -C ${conf} pu`, 'blic '],
    [`usmbd adduser -P ${db} -d b`, 'ob '],
    ['usmbd control -d sm', 'b '],
    ['usmbd manual usmbd.c', 'onf.5 '],
    ['usmbd testparm --explain read\\ o', 'nly '],
    [`usmbd serve --config ${conf.slice(0, -1)}`, 'f '],
  ] as const;
  const lines = pairs.map(([line]) => line);
  const { stdout } = spawnSync('zsh', ['-f', '-c', typing, 'zsh', ...lines], {
    ...{ encoding: 'utf8', env, timeout: 90_000 },
  });
  assert.deepEqual(
    [...stdout.matchAll(/\[\[(.*)\]\]/g)].map(([, line]) => line!.trimEnd()),
    pairs.map(([line, rest]) => `${line}${rest}`.trimEnd()),
  );
});
