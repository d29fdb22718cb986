/** MS-CIFS 2.2.4.32: at SMB1 byte-range locks of one open belong to the process that took them, by its PID. */
import type { Open } from './open.ts';

export class ProcessLocks {
  readonly open: Open;
  readonly processId: number;

  constructor(open: Open, processId: number) {
    this.open = open;
    this.processId = processId;
  }
}

/** Who holds byte-range locks. */
export type LockOwner = Open | ProcessLocks;

/** The same one each time, for as long as the open is there. */
export function processLocks(open: Open, processId: number): ProcessLocks {
  open.processLocks ??= new Map();
  let owner = open.processLocks.get(processId);
  if (owner === undefined) {
    owner = new ProcessLocks(open, processId);
    open.processLocks.set(processId, owner);
  }
  return owner;
}
