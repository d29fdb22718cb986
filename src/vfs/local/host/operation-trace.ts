/**
 * What one operation of the server did, against which inotify's events are held: by directory, name and
 * kind, each once; those on data and attributes by inode, which may be fewer than there were calls, since
 * the kernel joins an event with one just like it.
 */
import { AT_EMPTY_PATH } from '../../../native/constants.ts';
import {
  IN_ATTRIB,
  IN_CLOSE_WRITE,
  IN_CREATE,
  IN_DELETE,
  IN_MODIFY,
  IN_MOVED_FROM,
  IN_MOVED_TO,
} from '../../../native/inotify.ts';
import { statx } from '../../../native/stat.ts';
import { inodeKeyOfStat } from '../metadata.ts';
import type { NameEvent } from '../own-changes.ts';

const CONTENT = IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE;

const MASKS: Readonly<Record<NameEvent, number>> = {
  created: IN_CREATE,
  removed: IN_DELETE,
  left: IN_MOVED_FROM,
  came: IN_MOVED_TO,
};

interface Done {
  readonly directory: string;
  readonly name: string;
  readonly mask: number;
  seen: boolean;
}

export class OperationTrace {
  #names: Done[] = [];
  #inode: string | undefined;

  did(dir: number, name: string, event: NameEvent): void {
    if (statx(dir, '', AT_EMPTY_PATH) !== 0) return;
    this.#names.push({ directory: inodeKeyOfStat(), name, mask: MASKS[event], seen: false });
  }

  touches(inodeKey: string): void {
    this.#inode = inodeKey;
  }

  clear(): void {
    this.#names = [];
    this.#inode = undefined;
  }

  /** Whether this event is the operation's; `inodeOf` asks which object bears the name. */
  matches(
    event: { readonly mask: number; readonly name: string },
    directory: string,
    inodeOf: () => string | undefined,
  ): boolean {
    const { mask, name } = event;
    if ((mask & CONTENT) !== 0) {
      const isNamed = this.#names.some((one) => one.directory === directory && one.name === name);
      return isNamed || (this.#inode !== undefined && this.#inode === inodeOf());
    }
    const expected = this.#names.find(
      (one) =>
        !one.seen && one.directory === directory && one.name === name && (one.mask & mask) !== 0,
    );
    if (expected === undefined) return false;
    expected.seen = true;
    return true;
  }
}
