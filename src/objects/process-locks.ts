/**
 * MS-CIFS 2.2.4.32: at SMB1 byte-range locks of one open belong to the process that took them, by its PID. Those that
 * are as POSIX has them (the CIFS Unix extensions) belong to it by whichever open of its connection it took them.
 */
import type { Connection } from './connection.ts';
import type { Open } from './open.ts';

export class ProcessLocks {
  readonly open: Open;
  readonly processId: number;

  constructor(open: Open, processId: number) {
    this.open = open;
    this.processId = processId;
  }
}

/** A process of a client's, as far as one file goes. */
export class PosixProcess {
  readonly connection: Connection;
  readonly processId: number;
  /** By which it has asked for locks; with the last of them they go. */
  readonly opens = new Set<Open>();

  constructor(connection: Connection, processId: number) {
    this.connection = connection;
    this.processId = processId;
  }
}

/** Who holds byte-range locks. */
export type LockOwner = Open | ProcessLocks | PosixProcess;

/** The same one each time, for as long as it has an open of the file. */
export function posixProcess(open: Open, connection: Connection, processId: number): PosixProcess {
  const file = open.file!;
  let process = findProcess(open, connection, processId);
  if (process === undefined) {
    process = new PosixProcess(connection, processId);
    file.processes = [...(file.processes ?? []), process];
  }
  process.opens.add(open);
  return process;
}

/** The one that has asked for locks of the open's file; undefined where it has not. */
export const findProcess = (
  { file }: Open,
  connection: Connection,
  processId: number,
): PosixProcess | undefined =>
  file?.processes?.find((one) => one.connection === connection && one.processId === processId);

/** The open is closed: of the processes that have no other any more the locks go. */
export function leaveProcesses(open: Open): void {
  const { processes, locks } = open.file!;
  if (processes === undefined) return;
  const ended = processes.filter(({ opens }) => opens.delete(open) && opens.size === 0);
  if (ended.length === 0) return;
  const left = processes.filter((one) => !ended.includes(one));
  open.file!.processes = left.length === 0 ? undefined : left;
  for (const one of ended) locks.giveUp(one);
  for (const one of ended) locks.releaseAll(one);
}

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
