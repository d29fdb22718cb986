/**
 * One file and its clients, twice: Oplocks with its opens, and the naive model of MS-FSA beside it. Every break that
 * is sent is what the client then believes. No tests of its own.
 */

import assert from 'node:assert/strict';
import { SILENT_LOGGER } from '../base/log.ts';
import { FILE_READ_ATTRIBUTES } from '../dtyp/access-mask.ts';
import { HEADER_SIZE } from '../smb2/header.ts';
import { decodeOplockBreakNotification } from '../smb2/oplock-break.ts';
import type { VfsHandle } from '../vfs/vfs.ts';
import { type Caching, H, R, W } from './caching.ts';
import type { Connection } from './connection.ts';
import { type FsaOpen, FsaStream, type Granular, type Level } from './fsa-oplock.support.test.ts';
import { leaseId } from './lease.ts';
import { Open } from './open.ts';
import { levelOf, Oplocks } from './oplocks.ts';
import type { Session } from './session.ts';
import { SharedFile } from './shared-file.ts';
import type { TreeConnect } from './tree-connect.ts';

export const CLIENTS = ['a', 'b', 'c', 'd'] as const;
export type Name = (typeof CLIENTS)[number];

export type Kind = 'lease' | 'oplock' | 'nothing';

export interface Wish {
  readonly kind: Kind;
  readonly state: Caching;
}

export const flagsOf = (state: Caching): Granular =>
  `${(state & R) !== 0 ? 'R' : ''}${(state & W) !== 0 ? 'W' : ''}${(state & H) !== 0 ? 'H' : ''}` as Granular;

export const LEVELS: Record<Level, Caching> = {
  LEVEL_NONE: 0,
  LEVEL_TWO: R,
  LEVEL_ONE: R | W,
  LEVEL_BATCH: R | W | H,
  '': 0,
  R,
  RH: R | H,
  RW: R | W,
  RWH: R | W | H,
};

const legacyLevel = (state: Caching): Level =>
  state === (R | W | H)
    ? 'LEVEL_BATCH'
    : state === (R | W)
      ? 'LEVEL_ONE'
      : state === R
        ? 'LEVEL_TWO'
        : 'LEVEL_NONE';

/** What is asked for after a refusal, one after the other. */
export function wishes({ kind, state }: Wish): Level[] {
  if (kind === 'nothing' || state === 0) return [];
  if (kind === 'oplock') return [...new Set<Level>([legacyLevel(state), 'LEVEL_TWO'])];
  return [...new Set([state, state & ~W, R].map(flagsOf))];
}

/** What a client has open, and what the server told it. */
export interface Client {
  readonly name: Name;
  readonly kind: Kind;
  readonly open: Open;
  readonly fsa: FsaOpen;
  /** As the client believes. */
  state: Caching;
  epoch: number;
  /** What it was told to keep and has not answered. */
  breakingTo: Caching | undefined;
  /** Its acknowledgment is being worked on. */
  answering: boolean;
}

export type Told = readonly [name: string, to: Caching, acknowledged: boolean];

/** An operation under way. */
export interface Waiting {
  readonly fsa: FsaOpen;
  readonly before: () => Promise<void> | undefined;
  readonly check: () => boolean;
  readonly done: () => void;
  waitsHere: boolean;
  waitsThere: boolean;
}

export class Race {
  readonly isDirectory: boolean;
  readonly file = new SharedFile('1:1', undefined, { locks: 0 }, new Set());
  readonly connections: Connection[] = [];
  readonly oplocks = new Oplocks(this.connections, () => undefined);
  readonly stream: FsaStream;
  readonly clients = new Map<Name, Client>();
  readonly waiting: Waiting[] = [];
  readonly #sessions = new Map<Name, Session>();
  /** Breaks that came over the wire since the last look. */
  #told: Told[] = [];
  #nextId = 1;

  constructor(isDirectory: boolean) {
    this.isDirectory = isDirectory;
    this.stream = new FsaStream(isDirectory);
    for (const name of CLIENTS) this.#connect(name);
  }

  guidOf(name: Name): Buffer {
    return Buffer.alloc(16, name);
  }

  #connect(name: Name): void {
    const send = (parts: readonly Buffer[]): void =>
      this.#received(name, Buffer.concat([...parts]));
    const sessions = new Map<number, Session>();
    const connection = {
      clientGuid: this.guidOf(name),
      sessions,
      state: 'negotiated',
      authenticated: true,
      transport: { send },
      log: SILENT_LOGGER,
    } as unknown as Connection;
    const session = {
      sessionId: 1,
      state: 'valid',
      account: {},
      encryptData: false,
      cipher: undefined,
      channels: new Map([[connection, {}]]),
    } as unknown as Session;
    sessions.set(1, session);
    this.connections.push(connection);
    this.#sessions.set(name, session);
  }

  #received(name: Name, message: Buffer): void {
    const notification = decodeOplockBreakNotification(message);
    const client = this.clients.get(name)!;
    assert.equal(message.length > HEADER_SIZE, true);
    if (notification.kind === 'oplock') {
      const to = notification.oplockLevel === levelOf(R) ? R : 0;
      const acknowledged = (client.state & W) !== 0;
      this.#told.push([name, to, acknowledged]);
      this.#hears(client, to, acknowledged);
      return;
    }
    const acknowledged = notification.flags === 1;
    assert.equal(notification.currentLeaseState, client.state, 'it says what the client has');
    // A break in several steps is one change.
    const step = client.answering ? 0 : 1;
    assert.equal(notification.newEpoch, client.epoch + step, 'epochs count changes');
    client.epoch = notification.newEpoch;
    this.#told.push([name, notification.newLeaseState, acknowledged]);
    this.#hears(client, notification.newLeaseState, acknowledged);
  }

  #hears(client: Client, to: Caching, acknowledged: boolean): void {
    assert.equal(client.breakingTo, undefined, 'told again before it has answered');
    assert.equal(to & ~client.state, 0, 'a break takes, and gives nothing');
    assert.notEqual(to, client.state, 'a break of nothing');
    if (acknowledged) client.breakingTo = to;
    else client.state = to;
  }

  /** The breaks since the last look: here, and there. */
  async takeTold(): Promise<[Told[], Told[]]> {
    await turn();
    const here = this.#told.splice(0);
    const there = this.stream.told
      .splice(0)
      .map(
        ({ open, newLevel, acknowledgeRequired }): Told => [
          open.name,
          LEVELS[newLevel],
          acknowledgeRequired,
        ],
      );
    const byName = (a: Told, b: Told): number => a[0].localeCompare(b[0]);
    return [here.sort(byName), there.sort(byName)];
  }

  newOpen(name: Name, wish: Wish, access: number): { open: Open; fsa: FsaOpen } {
    const key = Buffer.alloc(16, name);
    const id = this.#nextId++;
    const open = new Open(
      {
        persistentId: id,
        volatileId: id,
        session: this.#sessions.get(name)!,
        tree: { encryptData: false } as TreeConnect,
        access,
        share: 7,
        createOptions: 0,
        handle: { kind: this.isDirectory ? 'directory' : 'file' } as VfsHandle,
        file: this.file,
        leaseId: wish.kind === 'lease' ? leaseId(this.guidOf(name), key) : undefined,
      },
      { deleteOnClose: false, mode: 0 },
    );
    open.answered = true;
    return { open, fsa: { name, key: wish.kind === 'lease' ? `lease ${name}` : `open ${id}` } };
  }

  /** Both look whether the operation may go on; it is done when both say so. */
  begin(one: Omit<Waiting, 'waitsHere' | 'waitsThere'>): Waiting {
    const waiting: Waiting = { ...one, waitsHere: true, waitsThere: true };
    this.waiting.push(waiting);
    this.#look(waiting);
    waiting.waitsThere = waiting.check();
    return waiting;
  }

  #look(waiting: Waiting): void {
    const change = waiting.before();
    waiting.waitsHere = change !== undefined;
    // Who waits here and not there (the last of what oplocks.model.test.ts lists) begins again in both at the same time.
    void change?.then(() => {
      if (!waiting.waitsThere) waiting.waitsThere = waiting.check();
      this.#look(waiting);
    });
  }

  released(opens: readonly FsaOpen[]): void {
    for (const fsa of opens) {
      for (const one of this.waiting) if (one.fsa === fsa) one.waitsThere = one.check();
    }
  }

  /** Ends what has been let go on by both. */
  finish(): void {
    for (const one of [...this.waiting]) {
      if (one.waitsHere || one.waitsThere) continue;
      this.waiting.splice(this.waiting.indexOf(one), 1);
      one.done();
    }
  }

  grant(name: Name, { open, fsa }: { open: Open; fsa: FsaOpen }, wish: Wish): void {
    const isStat = open.access === FILE_READ_ATTRIBUTES;
    this.file.opens.add(open);
    if (!isStat) this.stream.openList.push(fsa);
    const isAllowed = !this.isDirectory || wish.kind === 'lease';
    const asked = isAllowed ? wish : { kind: 'nothing' as const, state: 0 };
    const there = wishes(asked).find((level) => this.stream.request(fsa, level)) ?? 'LEVEL_NONE';
    const here = this.#grantHere(name, open, asked);
    assert.equal(here.state, LEVELS[there], `granted to ${name}: ${JSON.stringify(wish)}`);
    this.clients.set(name, {
      name,
      kind: asked.kind,
      open,
      fsa,
      state: here.state,
      epoch: here.epoch,
      breakingTo: undefined,
      answering: false,
    });
  }

  #grantHere(name: Name, open: Open, wish: Wish): { state: Caching; epoch: number } {
    if (wish.kind === 'nothing') return { state: 0, epoch: 0 };
    if (wish.kind === 'oplock') {
      const level = this.oplocks.grantOplock(this.file, open, levelOf(wish.state), 0);
      return { state: [0, R | W | H, R | W, R].find((s) => levelOf(s) === level)!, epoch: 0 };
    }
    const granted = this.grantLease(name, open, wish.state, 7);
    assert.equal(granted.lease.epoch, granted.state === 0 ? 7 : 8);
    return { state: granted.state, epoch: granted.lease.epoch };
  }

  grantLease(name: Name, open: Open, state: Caching, epoch: number) {
    const granted = this.oplocks.grantLease(this.file, open, {
      clientGuid: this.guidOf(name),
      leaseKey: Buffer.alloc(16, name),
      version: 2,
      state,
      epoch,
      bytes: 0,
      parentLeaseKey: undefined,
    });
    assert.ok(granted !== undefined);
    return granted;
  }
}

/** Lets everything run that waits for nothing but its turn. */
export const turn = async (): Promise<void> => {
  // Breaks of directories come behind what caused them.
  await new Promise((resolve) => setImmediate(resolve));
};
