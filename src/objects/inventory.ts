/**
 * The tables of MS-SMB2 3.3.1, shown in pages. A listing walks the live table: what is there from its
 * beginning to its end is shown once, what comes or goes meanwhile perhaps.
 */
import { bufferPool } from '../base/buffer-pool.ts';
import { MAX_PAGE_RECORDS, PAGE_TEXT_BYTES } from '../base/limits.ts';
import type {
  ConnectionRecord,
  DataPlane,
  Filter,
  Listing,
  OpenQuery,
  OpenRecord,
  ServerSummary,
  SessionRecord,
} from '../ipc/data-plane.ts';
import type { Open } from './open.ts';
import { connectionRecord, openRecord, sessionRecord, userOf } from './records.ts';
import type { ServerState } from './server-state.ts';
import { closeOpen, endSession } from './teardown.ts';

export class Inventory implements DataPlane {
  readonly #server: ServerState;

  constructor(server: ServerState) {
    this.#server = server;
  }

  summary(): ServerSummary {
    const { options, connections, sessions, opens, durables, files, startedAtMs } = this.#server;
    let treeConnects = 0;
    for (const session of sessions.values()) treeConnects += session.trees.size;
    let waitingRequests = 0;
    for (const connection of connections) waitingRequests += connection.asyncRequests.size;
    return {
      serverName: options.serverName,
      processId: process.pid,
      startedAtMs,
      connections: connections.size,
      sessions: sessions.size,
      treeConnects,
      opens: opens.size,
      disconnectedOpens: durables.size,
      files: files.size,
      locks: files.lockTally.locks,
      waitingRequests,
      bufferBytes: bufferPool.usedBytes,
      ...this.#server.traffic.statistics,
    };
  }

  connections(): Listing<ConnectionRecord> {
    return paged(this.#server.connections.values(), connectionRecord, () => 64);
  }

  sessions(filter: Filter): Listing<SessionRecord> {
    const matches = matcher(filter);
    return paged(
      this.#server.sessions.values(),
      (session) =>
        matches(session.account?.name, () =>
          [...session.trees.values()].map(({ share }) => share.name),
        )
          ? sessionRecord(session)
          : undefined,
      ({ trees, channels }) => 64 * channels.length + sum(trees.map(({ share }) => share.length)),
    );
  }

  opens({ filter, ranges }: OpenQuery): Listing<OpenRecord> {
    const matches = matcher(filter);
    return paged(
      this.#server.opens.values(),
      (open: Open) =>
        matches(userOf(open), () => [open.home.name]) ? openRecord(open, ranges) : undefined,
      ({ user, share, path = '' }) => user.length + share.length + path.length,
    );
  }

  async closeOpen(openId: number): Promise<boolean> {
    const open = this.#server.opens.get(openId);
    if (open === undefined) return false;
    await closeOpen(this.#server, open);
    return true;
  }

  async closeSession(sessionId: number): Promise<boolean> {
    const session = this.#server.sessions.get(sessionId);
    if (session === undefined) return false;
    await endSession(this.#server, session, 'closed');
    return true;
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

function matcher({ user, share }: Filter) {
  const wantedUser = user?.toLowerCase();
  const wantedShare = share?.toLowerCase();
  return (name: string | undefined, shares: () => readonly string[]): boolean => {
    if (wantedUser !== undefined && name?.toLowerCase() !== wantedUser) return false;
    return wantedShare === undefined || shares().some((name) => name.toLowerCase() === wantedShare);
  };
}

/** `weigh`: about how much text a record bears. */
function paged<Thing, T>(
  things: Iterator<Thing>,
  describe: (thing: Thing) => T | undefined,
  weigh: (record: T) => number,
): Listing<T> {
  let ended = false;
  return {
    next() {
      if (ended) return undefined;
      const records: T[] = [];
      let textBytes = 0;
      for (let n = 0; n < MAX_PAGE_RECORDS && textBytes < PAGE_TEXT_BYTES; n++) {
        const { done, value } = things.next();
        if (done === true) {
          ended = true;
          break;
        }
        const record = describe(value);
        if (record === undefined) continue;
        records.push(record);
        textBytes += weigh(record);
      }
      return records;
    },
  };
}
