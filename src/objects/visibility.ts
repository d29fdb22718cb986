/**
 * What a share does not show, and to whom: the parameters `veto files`, `delete veto files`, `hide files`,
 * `hide dot files`, `hide unreadable`, `hide unwriteable files` and `hide special files` of smb.conf.
 *
 * Vetoed names are not there for clients: neither listed, nor opened, made, renamed to or told of in change
 * notifications. Who tries to make one is told OBJECT_NAME_NOT_FOUND, as by Samba and ksmbd: at ACCESS_DENIED the Finder
 * ends the copy of a folder that holds a `.DS_Store`. Hidden ones are there with FILE_ATTRIBUTE_HIDDEN. What a user may not read is left out of
 * listings alone (access-based enumeration, MS-SRVS SHI1005_FLAGS_ACCESS_BASED_DIRECTORY_ENUM): who knows a
 * name gets the answer that its access control gives.
 */
import { createMatcher, type Matcher } from '../fscc/wildcard.ts';

export interface VisibilityRules {
  readonly vetoFiles: readonly string[];
  readonly deleteVetoFiles: boolean;
  readonly hideFiles: readonly string[];
  readonly hideUnreadable: boolean;
  readonly hideUnwriteable: boolean;
  readonly hideSpecialFiles: boolean;
}

export interface Visibility {
  /** Whether a name, of any component of a path, is not there for clients. */
  vetoes(name: string): boolean;
  /** Whether it is shown with FILE_ATTRIBUTE_HIDDEN. */
  hides(name: string): boolean;
  /** A directory that holds vetoed files alone can be deleted, with them. */
  readonly deletesVetoed: boolean;
  /** Listings leave out what the user may not read, may not write, and what is no file or directory. */
  readonly unreadable: boolean;
  readonly unwriteable: boolean;
  readonly special: boolean;
}

/** Undefined where everything is shown to everybody, which then costs nothing. */
export function visibilityOf(rules: VisibilityRules): Visibility | undefined {
  const { hideUnreadable, hideUnwriteable, hideSpecialFiles } = rules;
  const listed = hideUnreadable || hideUnwriteable || hideSpecialFiles;
  if (!listed && rules.vetoFiles.length === 0 && rules.hideFiles.length === 0) return undefined;
  return {
    vetoes: anyOf(rules.vetoFiles),
    hides: anyOf(rules.hideFiles),
    deletesVetoed: rules.deleteVetoFiles && rules.vetoFiles.length > 0,
    unreadable: hideUnreadable,
    unwriteable: hideUnwriteable,
    special: hideSpecialFiles,
  };
}

/** Which answer a path gets: the missing name is its last component, or one before it. */
export function vetoed(
  visibility: Visibility | undefined,
  path: readonly string[],
): 'name' | 'path' | undefined {
  if (visibility === undefined) return undefined;
  const index = path.findIndex((name) => visibility.vetoes(name));
  if (index < 0) return undefined;
  return index === path.length - 1 ? 'name' : 'path';
}

/** `.` and `..` are no names of files: a pattern like `.*` does not mean them. */
function anyOf(patterns: readonly string[]): Matcher {
  if (patterns.length === 0) return () => false;
  const matchers = patterns.map(matcherOf);
  return (name) => name !== '.' && name !== '..' && matchers.some((matches) => matches(name));
}

/** To a client `*.*` means every name; to an administrator those with a period. */
const matcherOf = (pattern: string): Matcher =>
  pattern === '*.*' ? (name) => name.includes('.') : createMatcher(pattern);
