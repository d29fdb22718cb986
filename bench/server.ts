/** A server that the bench has started. */
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Column } from './results.ts';

export interface Server {
  /** Where its numbers stand. */
  readonly column: Column;
  readonly name: string;
  readonly version: string;
  readonly port: number;
  /** The share that is measured, and the one by which its files are made; the same folder. */
  readonly share: string;
  readonly preparationShare: string;
  /** Where the files of the share lie. */
  readonly folder: string;
  /** It answers without a session. */
  readonly bare: boolean;
  /** The root of its processes. */
  readonly pid: number;
  /** Throws when the server has ended by itself. */
  assertAlive(): void;
  stop(): Promise<void>;
}

/**
 * The account on both servers. Samba wants one of the system's own, and `daemon` is on every Linux; so
 * none has to be made, and none is left behind.
 */
export const ACCOUNT = { user: 'daemon', uid: 1, gid: 1, password: 'bench-Passw0rd' } as const;

/** How long a server may take until it accepts connections, on a machine that is busy with others. */
export const START_LIMIT_MS = 120_000;

/** Lines of a server's log that an error shows. */
export const LOG_LINES = 20;

/** A new folder that the account can write to; everybody may pass. */
export function shareFolder(scratch: string, name: string): string {
  const folder = join(scratch, name);
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  if (userInfo().uid === 0) chownSync(folder, ACCOUNT.uid, ACCOUNT.gid);
  return folder;
}
