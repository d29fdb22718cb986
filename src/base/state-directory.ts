/**
 * The one folder where a server keeps what must survive a restart: its GUID (MS-SMB2 2.2.4 ServerGuid),
 * its machine SID (MS-DTYP 2.4.2; without it stored ACLs lose their owners) and, by default, its
 * accounts. Locked against a second server.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { replaceFile } from './atomic-file.ts';
import { type FileLock, LockedError, lockFolder, lockHolder } from './file-lock.ts';

/** Something about the folder that only its owner can mend; the message says what and how. */
export class StateError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StateError';
  }
}

/** MS-DTYP 2.4.2.4 */
export type MachineSid = `S-1-5-21-${string}`;

/** Who the server is to its clients. */
export interface ServerIdentity {
  /** 16 random bytes. */
  readonly serverGuid: Buffer;
  /** `S-1-5-21-a-b-c`. */
  readonly machineSid: MachineSid;
}

export interface HeldStateDirectory {
  readonly path: string;
  /** Lets another server use the folder. */
  close(): void;
}

export interface StateDirectory extends HeldStateDirectory, ServerIdentity {}

/** /var/lib/usmbd for root, else below $XDG_STATE_HOME (XDG Base Directory Specification). */
export function defaultStatePath(
  environment: NodeJS.ProcessEnv = process.env,
  uid: number | undefined = process.getuid?.(),
): string {
  if (uid === 0) return '/var/lib/usmbd';
  const base = environment.XDG_STATE_HOME;
  // "All paths set in these environment variables must be absolute", others are ignored.
  return join(base?.startsWith('/') ? base : join(homedir(), '.local', 'state'), 'usmbd');
}

/** Makes the folder and its contents where they are missing. Throws StateError. */
export function openStateDirectory(path: string = defaultStatePath()): StateDirectory {
  const held = holdStateDirectory(path);
  try {
    return { ...held, ...readIdentity(path) };
  } catch (error) {
    held.close();
    throw error;
  }
}

/** Makes the folder, where it is missing, and keeps other servers from it. Throws StateError. */
export function holdStateDirectory(path: string): HeldStateDirectory {
  return usable(path, () => {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const lock = lockServer(path);
    return { path, close: () => lock.release() };
  });
}

/** Of the server that holds the folder; made where it is missing. Throws StateError. */
export function readIdentity(path: string): ServerIdentity {
  return usable(path, () => ({
    serverGuid: Buffer.from(kept(path, 'server-guid', /^[0-9a-f]{32}$/, makeGuid), 'hex'),
    machineSid: kept(path, 'machine-sid', /^S-1-5-21(-\d{1,10}){3}$/, makeMachineSid) as MachineSid,
  }));
}

function usable<T>(path: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    if (error instanceof StateError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StateError(`the state folder ${path} cannot be used: ${reason}`, { cause: error });
  }
}

const LOCK = 'lock';

/** The process of the server that uses the folder now, if there is one. */
export const serverProcess = (path: string): number | undefined => lockHolder(join(path, LOCK));

function lockServer(path: string): FileLock {
  try {
    return lockFolder(join(path, LOCK));
  } catch (error) {
    if (!(error instanceof LockedError)) throw error;
    throw new StateError(
      `process ${error.pid} is a server that uses the state folder ${path}; end it, or give this one a state folder of its own`,
      { cause: error },
    );
  }
}

/** One line of text, made once. A damaged one is never replaced unasked: clients and ACLs know it. */
function kept(folder: string, name: string, form: RegExp, make: () => string): string {
  const path = join(folder, name);
  const text = readIfThere(path);
  if (text === undefined) {
    const made = make();
    replaceFile(path, `${made}\n`, { mode: 0o600 });
    return made;
  }
  const value = text.trimEnd();
  if (form.test(value)) return value;
  throw new StateError(`${path} is damaged; restore it, or remove it to have a new one made`);
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

const makeGuid = (): string => randomBytes(16).toString('hex');

export function makeMachineSid(): MachineSid {
  const bytes = randomBytes(12);
  return `S-1-5-21-${bytes.readUInt32LE(0)}-${bytes.readUInt32LE(4)}-${bytes.readUInt32LE(8)}`;
}
