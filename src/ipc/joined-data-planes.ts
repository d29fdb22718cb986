/** Several processes of the data plane, as if they were one: ids are unique among them. */
import type { DataPlane, Filter, Listing, OpenQuery, ServerSummary } from './data-plane.ts';

const SUMS = [
  'connections',
  'sessions',
  'treeConnects',
  'opens',
  'disconnectedOpens',
  'files',
  'locks',
  'waitingRequests',
  'bufferBytes',
  'opensCreated',
  'sessionsEstablished',
  'loginFailures',
  'accessesDenied',
  'readBytes',
  'writtenBytes',
] as const satisfies readonly (keyof ServerSummary)[];

/** `planes` is not empty. */
export function joinDataPlanes(planes: readonly [DataPlane, ...DataPlane[]]): DataPlane {
  const [first, ...others] = planes;
  return others.length === 0 ? first : new JoinedDataPlanes(planes);
}

class JoinedDataPlanes implements DataPlane {
  readonly #planes: readonly [DataPlane, ...DataPlane[]];

  constructor(planes: readonly [DataPlane, ...DataPlane[]]) {
    this.#planes = planes;
  }

  /** The process and the start are the first one's. */
  async summary(): Promise<ServerSummary> {
    const [first, ...others] = this.#planes;
    const summary = { ...(await first.summary()) };
    for (const plane of others) {
      const more = await plane.summary();
      for (const name of SUMS) summary[name] += more[name];
    }
    return summary;
  }

  connections() {
    return this.#all((plane) => plane.connections());
  }

  sessions(filter: Filter) {
    return this.#all((plane) => plane.sessions(filter));
  }

  opens(query: OpenQuery) {
    return this.#all((plane) => plane.opens(query));
  }

  closeOpen(openId: number): Promise<boolean> {
    return this.#first((plane) => plane.closeOpen(openId));
  }

  closeSession(sessionId: number): Promise<boolean> {
    return this.#first((plane) => plane.closeSession(sessionId));
  }

  #all<T>(begin: (plane: DataPlane) => Listing<T>): Listing<T> {
    const left = [...this.#planes];
    let current: Listing<T> | undefined;
    return {
      async next() {
        for (;;) {
          if (current === undefined) {
            const plane = left.shift();
            if (plane === undefined) return undefined;
            current = begin(plane);
          }
          const page = await current.next();
          if (page !== undefined) return page;
          current = undefined;
        }
      },
    };
  }

  async #first(close: (plane: DataPlane) => boolean | Promise<boolean>): Promise<boolean> {
    for (const plane of this.#planes) if (await close(plane)) return true;
    return false;
  }
}
