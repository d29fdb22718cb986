/**
 * MS-CIFS 3.3.1.3: what SMB1 knows of a connection: UIDs, TIDs and FIDs are 16-bit numbers of the connection.
 * They lead to the sessions, tree connects and opens that SMB2 has, too.
 *
 *     NEGOTIATE ──▶ negotiated ── first login of a user, signing wanted ──▶ signing, for good
 */
import type { Smb1Signing } from '../crypto/smb1-signing.ts';
import type { Connection, Smb1Peer } from '../objects/connection.ts';
import type { Open } from '../objects/open.ts';
import type { ServerState } from '../objects/server-state.ts';
import type { Session } from '../objects/session.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import { encodeOplockBreak } from '../smb1/locking.ts';
import { CAP_LEVEL_II_OPLOCKS } from '../smb1/negotiate.ts';
import type { Assembly } from '../smb1/transaction.ts';
import { SMB2_OPLOCK_LEVEL_II } from '../smb2/oplock-levels.ts';
import type { Call } from './call.ts';
import type { Search } from './search-state.ts';

/** 0 and all ones mean none. */
const LAST_ID = 0xfffe;
/** What the client says it takes at least: MS-CIFS 2.2.4.53.1. */
const MIN_CLIENT_BUFFER_BYTES = 1024;
/** 3.3.5.43: whoever has one request under way at a time could not give up an oplock that it breaks itself. */
const MIN_MPX_FOR_OPLOCKS = 2;

/** Of SESSION_SETUP_ANDX. */
interface ClientTerms {
  readonly capabilities: number;
  readonly maxBufferSize: number;
  readonly maxMpxCount: number;
}

export interface OpenFile {
  readonly fid: number;
  readonly open: Open;
  readonly uid: number;
  readonly tid: number;
  /** PROCESS_EXIT closes what the process has opened. */
  readonly pid: number;
  /** AccessMode of the old opens: DENY_DOS and its like, for those that come after. */
  readonly compatible?: number | undefined;
  /** What this FID was asked for with, where its open has more; undefined: what the open has. */
  readonly rights?: number | undefined;
  /** SEEK counts from here; it is not FilePositionInformation. */
  seekPosition?: number;
}

class Numbered<T> {
  readonly #things = new Map<number, T>();
  #next = 1;

  /** Undefined where all numbers are taken. */
  add(make: (id: number) => T): T | undefined {
    for (let tried = 0; tried < LAST_ID; tried++) {
      const id = this.#next;
      this.#next = id === LAST_ID ? 1 : id + 1;
      if (this.#things.has(id)) continue;
      const thing = make(id);
      this.#things.set(id, thing);
      return thing;
    }
    return undefined;
  }

  get(id: number): T | undefined {
    return this.#things.get(id);
  }

  delete(id: number): void {
    this.#things.delete(id);
  }

  values(): IterableIterator<T> {
    return this.#things.values();
  }

  get size(): number {
    return this.#things.size;
  }
}

/** MS-CIFS 3.3.1.6: a TID belongs to the connection; what a user may do there is that user's. */
export interface ShareConnect {
  readonly id: number;
  /** As the client named it. */
  readonly path: string;
  readonly trees: Map<Session, TreeConnect>;
}

export interface Numbering<T> {
  readonly id: number;
  readonly thing: T;
}

export class Link implements Smb1Peer {
  readonly server: ServerState;
  readonly connection: Connection;
  readonly uids = new Numbered<Numbering<Session>>();
  readonly tids = new Numbered<ShareConnect>();
  readonly files = new Numbered<OpenFile>();
  readonly searches = new Numbered<Search>();
  /** Transactions whose parts are still coming, by PID and MID. */
  readonly assemblies = new Map<string, Assembly>();
  /** Commands that wait, for NT_CANCEL. */
  readonly waiting = new Set<Call>();
  /** The challenge of the NEGOTIATE response, for logins without extended security. */
  challenge: Buffer = Buffer.alloc(8);
  extendedSecurity = false;
  clientCapabilities = 0;
  /** Paths are as POSIX has them: the client has said so by TRANS2_SET_FS_INFORMATION. */
  posixNames = false;
  /** The client has said which of the Unix extensions it uses: it may open and delete by their levels. */
  speaksUnix = false;
  clientBufferBytes = MIN_CLIENT_BUFFER_BYTES;
  /** The client can have a request under way and answer a break. */
  grantsOplocks = true;
  #isKnown = false;
  signing: Smb1Signing | undefined;
  readonly #receive: (message: Buffer) => void;
  #fileOf = new WeakMap<Open, OpenFile>();
  /** Opens that have more than one FID. */
  readonly #shared = new WeakSet<Open>();
  #messageId = 0;

  constructor(server: ServerState, connection: Connection, receive: (message: Buffer) => void) {
    this.server = server;
    this.connection = connection;
    this.#receive = receive;
  }

  receive(message: Buffer): void {
    this.#receive(message);
  }

  newMessageId(): number {
    this.#messageId += 1;
    return this.#messageId;
  }

  /** MS-CIFS 3.3.5.43: what the client says of itself when it first logs in stays; later ones are not heard. */
  learn({ capabilities, maxBufferSize, maxMpxCount }: ClientTerms): void {
    if (this.#isKnown) return;
    this.#isKnown = true;
    this.clientCapabilities = capabilities;
    this.clientBufferBytes = Math.max(MIN_CLIENT_BUFFER_BYTES, maxBufferSize);
    this.grantsOplocks = maxMpxCount >= MIN_MPX_FOR_OPLOCKS;
  }

  addFile(open: Open, of: Omit<OpenFile, 'fid' | 'open'>): OpenFile | undefined {
    if (this.files.size >= LAST_ID) this.#forgetClosed();
    const file = this.files.add((fid) => ({ ...of, fid, open }));
    if (file !== undefined) this.#fileOf.set(open, file);
    return file;
  }

  /** An open that is closed has no FID any more, however it was closed. */
  file(fid: number): OpenFile | undefined {
    const file = this.files.get(fid);
    if (file?.open.closed !== true) return file;
    this.files.delete(fid);
    return undefined;
  }

  /** Takes the FID away; false where the open has another, which keeps it. */
  removeFile({ fid, open }: OpenFile): boolean {
    this.files.delete(fid);
    if (!this.#shared.has(open)) return true;
    for (const other of this.files.values()) if (other.open === open) return false;
    return true;
  }

  /** A further FID of an open: MS-CIFS 2.2.4.3.1, compatibility mode. */
  shareFile(file: OpenFile, of: Pick<OpenFile, 'compatible' | 'rights'>): OpenFile | undefined {
    this.#shared.add(file.open);
    return this.files.add((fid) => ({ ...file, ...of, fid }));
  }

  #forgetClosed(): void {
    for (const { fid, open } of [...this.files.values()]) if (open.closed) this.files.delete(fid);
  }

  get knowsLevelII(): boolean {
    return (this.clientCapabilities & CAP_LEVEL_II_OPLOCKS) !== 0;
  }

  /** 3.3.4.2: neither signed nor answered; the client acknowledges with a LOCKING_ANDX of its own. */
  breakOplock(open: Open, oplockLevel: number): boolean {
    const file = this.#fileOf.get(open);
    if (file === undefined || this.connection.state === 'closed') return false;
    const level = oplockLevel === SMB2_OPLOCK_LEVEL_II && this.knowsLevelII ? 1 : 0;
    this.connection.transport.send([encodeOplockBreak(file.fid, file.tid, level)]);
    return true;
  }
}
