/**
 * Edits of a configuration's file by programs: `usmbd addshare`, `usmbd share`, and the management interfaces.
 * Comments, order and form of all that is not edited stay. The new text goes through the loader before it
 * takes the place of the old one, so what a server could not load is never written.
 */
import { existsSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { replaceFile } from '../base/atomic-file.ts';
import { LockedError, lockFolder } from '../base/file-lock.ts';
import { type LoadedConfiguration, readConfiguration } from './load.ts';
import { readText } from './load-text.ts';
import { type NameIndex, namesOf, type Table } from './parameter.ts';
import { globalNames, globalParameters, shareNames, shareParameters } from './parameters.ts';
import { ProblemsError } from './problem.ts';
import { normalizeKey, normalizeName, parseSmbConf, type SmbConf } from './smb-conf.ts';

/** How long an edit waits for another of the same file; the thread is blocked meanwhile. */
const LOCK_WAIT_MS = 2_000;
/** A configuration is no secret; what it had before is kept. */
const NEW_FILE_MODE = 0o644;

/** Of one parameter, by any of its names; `value` undefined takes it out, so that its default counts. */
export interface Setting {
  readonly key: string;
  readonly value: string | undefined;
}

export type EditProblem =
  /** There is a share of this name. */
  | 'share-exists'
  | 'no-such-share'
  /** Another program edits the file. */
  | 'busy';

/** What stands against an edit beside the contents of the file, which are a ProblemsError. */
export class EditError extends Error {
  readonly problem: EditProblem;

  constructor(problem: EditProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EditError';
    this.problem = problem;
  }
}

/**
 * All of them: throws EditError, ProblemsError where the file cannot be used before or after, and the
 * system's error; the file is as it was then. The answer is what the new file says.
 */
export function addShare(
  file: string,
  name: string,
  settings: readonly Setting[],
): LoadedConfiguration {
  return editConfiguration(file, (document) => {
    if (document.hasSection(name)) {
      throw new EditError('share-exists', `${file} has a share [${name}] already`);
    }
    document.addSection(name);
    setParameters(document, name, settings, file);
  });
}

/** `name` may be "global". */
export function updateShare(
  file: string,
  name: string,
  settings: readonly Setting[],
): LoadedConfiguration {
  return editConfiguration(file, (document) => {
    const isGlobal = normalizeName(name) === 'global';
    if (!isGlobal && !document.hasSection(name)) throw noSuchShare(file, name);
    setParameters(document, name, settings, file);
  });
}

export function removeShare(file: string, name: string): LoadedConfiguration {
  return editConfiguration(file, (document) => {
    const isGlobal = normalizeName(name) === 'global';
    if (isGlobal || !document.removeSection(name)) throw noSuchShare(file, name);
  });
}

const noSuchShare = (file: string, name: string): EditError =>
  new EditError('no-such-share', `${file} has no share [${name}]`);

/** One program at a time; a file that is missing is an empty one, and its folder is made. */
export function editConfiguration(
  file: string,
  edit: (document: SmbConf) => void,
): LoadedConfiguration {
  if (!existsSync(dirname(file))) mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  const lock = lockFile(file);
  try {
    const isNew = !existsSync(file);
    const { document, problems } = parseSmbConf(isNew ? '' : readText(file), file);
    if (problems.length > 0) throw new ProblemsError(problems);
    edit(document);
    const text = document.toString();
    const loaded = readConfiguration(text, file);
    replaceFile(file, text, { mode: isNew ? NEW_FILE_MODE : statSync(file).mode & 0o7777 });
    return loaded;
  } finally {
    lock.release();
  }
}

/** Two names of one file are one lock. */
function lockFile(file: string) {
  const real = existsSync(file) ? realpathSync(file) : file;
  try {
    return lockFolder(`${real}.lock`, LOCK_WAIT_MS);
  } catch (error) {
    if (!(error instanceof LockedError)) throw error;
    const message = `${file} is being edited by process ${error.pid}; try again`;
    throw new EditError('busy', message, { cause: error });
  }
}

/** `section` is made where there is none. */
export function setParameters(
  document: SmbConf,
  section: string,
  settings: readonly Setting[],
  file: string,
): void {
  for (const { key, value } of settings) {
    const names = namesFor(section, key);
    if (value === undefined) document.unset(section, names);
    else set(document, section, names, { key, value, file });
  }
}

/** The name that was given first, since a `writable` is not what a `read only` is; the others make way. */
function namesFor(section: string, key: string): readonly [string, ...string[]] {
  const isGlobal = normalizeName(section) === 'global';
  const tables: readonly (readonly [NameIndex, Table])[] = isGlobal
    ? [
        [globalNames, globalParameters],
        [shareNames, shareParameters],
      ]
    : [[shareNames, shareParameters]];
  const wanted = normalizeKey(key);
  for (const [index, table] of tables) {
    const found = index.get(wanted);
    if (found === undefined) continue;
    const all = namesOf(table[found.field]!);
    const given = all.find((name) => normalizeKey(name) === wanted) ?? key;
    return [given, ...all.filter((name) => name !== given)];
  }
  // Its loader will say what is wrong with it.
  return [key.trim()];
}

interface Value {
  readonly key: string;
  readonly value: string;
  readonly file: string;
}

function set(
  document: SmbConf,
  section: string,
  names: readonly [string, ...string[]],
  { key, value, file }: Value,
): void {
  const bad = (message: string, expected: string): ProblemsError =>
    new ProblemsError([{ severity: 'error', file, line: 0, message, expected }]);
  if (/[=[\]\r\n\0]/.test(key) || key.trim() === '') {
    throw bad(`"${key}" is no name of a parameter`, '"NAME = VALUE"');
  }
  if (/[\r\n\0]/.test(value)) {
    throw bad(`the value of "${key}" has a line end in it`, 'one line of text');
  }
  document.set(section, names, value.trim());
}
