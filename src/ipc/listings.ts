/** Listings of one asker that are under way: pages of them, by cursors. */
import { MAX_CONTROL_LISTINGS } from '../base/limits.ts';
import type { DataPlane, Listing } from './data-plane.ts';
import {
  type ControlEvent,
  EVENTS,
  type FailureReason,
  type PageRequest,
  type PageResponse,
} from './events.ts';

interface OpenListing {
  readonly event: number;
  readonly listing: Listing<unknown>;
}

/** A question that has no answer, and what its asker is told. */
export class Refused extends Error {
  readonly reason: FailureReason;

  constructor(reason: FailureReason) {
    super(reason);
    this.reason = reason;
  }
}

export class Listings {
  readonly #open = new Map<number, OpenListing>();
  #nextCursor = 1;

  /** Rejects with Refused. */
  async page<Query, T>(
    event: ControlEvent<PageRequest<Query>, PageResponse<T>>,
    { cursor: asked, query }: PageRequest<Query>,
    begin: (query: Query) => Listing<T>,
  ): Promise<PageResponse<T>> {
    const cursor = asked === 0 ? this.#begin(event.number, begin(query)) : asked;
    const found = this.#open.get(cursor);
    if (found?.event !== event.number) throw new Refused('cursor');
    const records = (await found.listing.next()) as readonly T[] | undefined;
    if (records !== undefined) return { cursor, records };
    this.#open.delete(cursor);
    return { cursor: 0, records: [] };
  }

  #begin(event: number, listing: Listing<unknown>): number {
    if (this.#open.size >= MAX_CONTROL_LISTINGS) {
      const [oldest] = this.#open.keys();
      this.#open.delete(oldest!);
    }
    const cursor = this.#nextCursor++;
    this.#open.set(cursor, { event, listing });
    return cursor;
  }
}

type Take = <Q, A>(event: ControlEvent<Q, A>, answer: (request: Q) => A | Promise<A>) => void;

/** What a data plane answers, to one asker; `take` puts each answer where the questions come in. */
export function serveDataPlane(take: Take, dataPlane: () => DataPlane | undefined): void {
  const listings = new Listings();
  const plane = (): DataPlane => {
    const found = dataPlane();
    if (found === undefined) throw new Refused('not-ready');
    return found;
  };
  take(EVENTS.summary, () => plane().summary());
  take(EVENTS.connections, (page) =>
    listings.page(EVENTS.connections, page, () => plane().connections()),
  );
  take(EVENTS.sessions, (page) =>
    listings.page(EVENTS.sessions, page, (query) => plane().sessions(query)),
  );
  take(EVENTS.opens, (page) => listings.page(EVENTS.opens, page, (query) => plane().opens(query)));
  take(EVENTS.closeOpen, async ({ openId }) => ({ found: await plane().closeOpen(openId) }));
  take(EVENTS.closeSession, async ({ sessionId }) => ({
    found: await plane().closeSession(sessionId),
  }));
}

type Ask = <Q, A>(event: ControlEvent<Q, A>, request: Q) => Promise<A>;

/** A data plane that is asked by events. */
export class AskedDataPlane implements DataPlane {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  summary() {
    return this.#ask(EVENTS.summary, {});
  }

  connections() {
    return this.#list(EVENTS.connections, {});
  }

  sessions(filter: Parameters<DataPlane['sessions']>[0]) {
    return this.#list(EVENTS.sessions, filter);
  }

  opens(query: Parameters<DataPlane['opens']>[0]) {
    return this.#list(EVENTS.opens, query);
  }

  async closeOpen(openId: number): Promise<boolean> {
    return (await this.#ask(EVENTS.closeOpen, { openId })).found;
  }

  async closeSession(sessionId: number): Promise<boolean> {
    return (await this.#ask(EVENTS.closeSession, { sessionId })).found;
  }

  #list<Query, T>(
    event: ControlEvent<PageRequest<Query>, PageResponse<T>>,
    query: Query,
  ): Listing<T> {
    let cursor: number | undefined;
    return {
      next: async () => {
        if (cursor === 0) return undefined;
        const page = await this.#ask(event, { cursor: cursor ?? 0, query });
        cursor = page.cursor;
        return cursor === 0 ? undefined : page.records;
      },
    };
  }
}
