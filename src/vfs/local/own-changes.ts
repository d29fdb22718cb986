/**
 * Lets a watcher of the host know what this share does itself, so that it tells the kernel's news of it
 * from what others did. While nobody watches, an operation is run and nothing more.
 *
 * Changes are made synchronously, and the kernel has queued its news of a change when the call
 * returns. (Those of an observer that knows the process need not be.) So between `begin` and `end` there is exactly what the operation did, and what others did in
 * the same microseconds; what was done by name, or touches the inode, is the server's own.
 */

export type NameEvent = 'created' | 'removed' | 'left' | 'came';

export interface OwnChangesObserver {
  /** Tells the server's changes by the process that made them, on whatever thread and whenever. */
  readonly knowsProcess: boolean;
  /** What others did before an operation on names has to be told now. */
  begin(changes: 'names' | 'content'): void;
  /** A name in the directory `dir` has changed so. */
  did(dir: number, name: string, event: NameEvent): void;
  /** The data or attributes of the object will change. */
  touches(inodeKey: string): void;
  end(changes: 'names' | 'content'): void;
}

export class OwnChanges {
  observer: OwnChangesObserver | undefined;
  #current: OwnChangesObserver | undefined;

  /** Runs an operation that adds, removes or renames; call with no identity entered. */
  naming<T>(act: () => T): T {
    return this.observer === undefined ? act() : this.#during('names', act);
  }

  /** Runs an operation on data or attributes; call with no identity entered. */
  touching<T>(inodeKey: string, act: () => T): T {
    if (this.observer === undefined) return act();
    return this.#during('content', () => {
      this.#current?.touches(inodeKey);
      return act();
    });
  }

  /** What changes data must not leave the thread: the observer could not tell it from what others do. */
  get areSynchronous(): boolean {
    return this.observer?.knowsProcess === false;
  }

  /** Says what the operation under way has just done. */
  did(dir: number, name: string, event: NameEvent): void {
    this.#current?.did(dir, name, event);
  }

  /** An operation that is part of another is not told apart. */
  #during<T>(changes: 'names' | 'content', act: () => T): T {
    if (this.#current !== undefined) return act();
    const observer = this.observer!;
    this.#current = observer;
    observer.begin(changes);
    try {
      return act();
    } finally {
      this.#current = undefined;
      observer.end(changes);
    }
  }
}
