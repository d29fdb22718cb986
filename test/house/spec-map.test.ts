/** Whoever holds a section of the specification finds its file: each one names what it implements. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filesBelow, isTest, type SourceFile } from './source-files.ts';

/** A document and a section of it, as in "MS-SMB2 2.2.26", or another standard by its name. */
const SECTION =
  /\bMS-[A-Z0-9]+ (?:sections? |§)?\d+(?:\.\d+)*|\bRFC ?\d{3,4}\b|\bC706\b|\bX\.690\b/;

/** Files that implement no section: what the others of their folder share, and what Linux has of its own. */
const SHARED = [
  'src/commands/command.ts',
  'src/commands/ended.ts',
  'src/commands/errno-status.ts',
  'src/fscc/posix-acl.ts',
  'src/smb2/body.ts',
];

/** The comment that a file opens with. */
function opening(file: SourceFile): string {
  return /^\s*(?:\/\*[\s\S]*?\*\/|(?:\/\/.*\n)+)/.exec(file.text)?.[0] ?? '';
}

for (const folder of [
  'src/commands',
  'src/smb2',
  'src/fscc',
  'src/dtyp',
  'src/auth',
  'src/smb1',
  'src/smb1-commands',
]) {
  test(`each file of ${folder} opens with its document and section`, () => {
    const files = filesBelow(folder, '.ts').filter(
      (file) => !isTest(file) && !SHARED.includes(file.path),
    );
    assert.ok(files.length > 0, `${folder} is empty`);
    const silent = files.filter((file) => !SECTION.test(opening(file)));
    assert.deepEqual(
      silent.map((file) => file.path),
      [],
    );
  });
}
