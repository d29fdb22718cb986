/**
 * MS-SMB2 3.3.4.6, 3.3.4.7 and 3.3.2.1: notifications whose acknowledgment is waited for. "If the server fails
 * to send the notification to the client, the server MUST retry the send using an alternate connection."
 *
 *     told on one ── lost, or its peer's system does not take it ──▶ told on another, once on each
 *        │ acknowledged, closed: cancelled              │ none is left
 *        └── 35 s ──────────────────▶ given up ◀────────┘
 */
import { BREAK_RETRY_MS, OPLOCK_BREAK_TIMEOUT_MS } from '../base/limits.ts';
import type { Connection } from './connection.ts';

/** Connections that a notification has not been sent on yet. */
export type Untried = (connection: Connection) => boolean;

/** Sends it on the first of them that is there, and says on which. */
export type Send = (untried: Untried) => Connection | undefined;

interface Delivery {
  readonly send: Send;
  readonly giveUp: () => void;
  readonly timer: NodeJS.Timeout;
  readonly tried: Set<Connection>;
  retry: NodeJS.Timeout | undefined;
}

export class BreakDeliveries {
  readonly #underWay = new Set<Delivery>();

  /** What it returns ends the wait. */
  deliver(send: Send, giveUp: () => void): () => void {
    const told = send(() => true);
    // Who has no connection acknowledges nothing.
    const delay = told === undefined ? 0 : OPLOCK_BREAK_TIMEOUT_MS;
    const timer = setTimeout(giveUp, delay).unref();
    const delivery: Delivery = { send, giveUp, timer, tried: new Set(), retry: undefined };
    this.#underWay.add(delivery);
    if (told !== undefined) this.#told(delivery, told);
    return () => {
      clearTimeout(timer);
      clearTimeout(delivery.retry);
      this.#underWay.delete(delivery);
    };
  }

  connectionLost(connection: Connection): void {
    for (const delivery of [...this.#underWay]) {
      if (delivery.tried.has(connection)) this.#again(delivery);
    }
  }

  #told(delivery: Delivery, connection: Connection): void {
    delivery.tried.add(connection);
    const look = (): void => {
      if (connection.transport.unacknowledged?.() === true) this.#again(delivery);
    };
    clearTimeout(delivery.retry);
    delivery.retry = setTimeout(look, BREAK_RETRY_MS).unref();
  }

  #again(delivery: Delivery): void {
    const { send, giveUp, tried } = delivery;
    const told = send((connection) => !tried.has(connection));
    if (told !== undefined) this.#told(delivery, told);
    else if ([...tried].every(({ state }) => state === 'closed')) giveUp();
  }
}
