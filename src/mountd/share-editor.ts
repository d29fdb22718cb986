/**
 * Shares that clients make, change and remove (MS-SRVS 3.1.4.7, 3.1.4.11, 3.1.4.12): in the file of the configuration,
 * which the server then reads anew.
 */
import type { Logger } from '../base/log.ts';
import { addShare, EditError, removeShare, type Setting, updateShare } from '../config/edit.ts';
import { ProblemsError } from '../config/problem.ts';

export type ShareChange =
  | 'done'
  /** There is no file, or this process cannot write it, or the server did not take it. */
  | 'unwritable'
  | 'share-exists'
  | 'no-such-share'
  | 'busy'
  /** A name or a value that no configuration may have. */
  | 'bad-settings';

export interface ShareEditor {
  add(name: string, settings: readonly Setting[]): Promise<ShareChange>;
  update(name: string, settings: readonly Setting[]): Promise<ShareChange>;
  remove(name: string): Promise<ShareChange>;
}

export interface ShareEditorFacts {
  /** Absent: nothing can be changed. */
  readonly file: string | undefined;
  /** False: the server goes on with what it has. */
  reload(): Promise<boolean>;
  /** Who asks. */
  readonly by: string;
  readonly address: string;
  readonly log: Logger;
}

export function createShareEditor({
  file,
  reload,
  by,
  address,
  log,
}: ShareEditorFacts): ShareEditor {
  const edit = async (
    what: string,
    share: string,
    work: (file: string) => unknown,
  ): Promise<ShareChange> => {
    if (file === undefined) return 'unwritable';
    try {
      work(file);
    } catch (error) {
      return problemOf(error, log);
    }
    log.info(`share ${what}`, { share, by, address });
    return (await reload()) ? 'done' : 'unwritable';
  };
  return {
    add: (name, settings) => edit('made', name, (path) => addShare(path, name, settings)),
    update: (name, settings) => edit('changed', name, (path) => updateShare(path, name, settings)),
    remove: (name) => edit('removed', name, (path) => removeShare(path, name)),
  };
}

function problemOf(error: unknown, log: Logger): ShareChange {
  if (error instanceof EditError) return error.problem;
  const problem = error instanceof Error ? error.message : String(error);
  log.error('the configuration is not changed', { problem });
  return error instanceof ProblemsError ? 'bad-settings' : 'unwritable';
}
