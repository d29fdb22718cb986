/**
 * Durable opens, MS-SMB2 3.3.5.9.6, .7, .10, .12 and 3.3.7.1: what was promised to outlive its connection is there
 * for its owner, and for nobody else, with its locks and its lease, as long as nobody else wanted the file.
 */
import { STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS } from '../../../src/dtyp/ntstatus.ts';
import type { Answer, AskOf } from '../history.ts';
import { H, W } from './caching.ts';
import type { Model } from './model.ts';
import type { OpenModel } from './state.ts';

/** How long an open is kept at least: what Windows grants to both versions that ask for no time. */
const KEPT_MS = 60_000;

export class Durables {
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
  }

  /** Its session has ended; the open is kept if it caches its handle and its locks agree. */
  lost(open: OpenModel): void {
    if (!open.isDurable) return;
    const { state, isBreaking } = this.#model.caching.heldBy(open);
    const locks = this.#model.locks.perhapsHeldBy(open);
    const isKept = (state & H) !== 0 && !isBreaking && (locks === 0 || (state & W) !== 0);
    open.lost = { at: this.#model.moment, atMs: this.#model.nowMs, isKept };
  }

  answered(ask: AskOf<'reclaim'>, answer: Answer): void {
    const open = this.#model.openOf(ask.wish.of)!;
    if (answer.status === STATUS_SUCCESS) this.#reclaimed(ask, open, answer);
    else this.#refused(ask, open, answer.status);
  }

  #isOwners({ wish, wire }: AskOf<'reclaim'>, { ask }: OpenModel): boolean {
    if (wire.user !== ask.wire.user) return false;
    const isClients = wire.clientGuid.equals(ask.wire.clientGuid);
    const isHis = wish.lease === undefined || isClients;
    return isHis && wish.lease?.key === ask.wish.lease?.key;
  }

  #reclaimed(ask: AskOf<'reclaim'>, open: OpenModel, answer: Answer): void {
    if (!this.#isOwners(ask, open)) {
      const text = `${ask.number} of ${ask.wire.user}: open ${open.opened.number}`;
      this.#model.fail('an open is reclaimed by its owner', text);
    }
    if (open.closedAt !== undefined || open.lost === undefined) {
      this.#model.fail('what is closed is not reclaimed', `${ask.number}`);
      return;
    }
    this.#model.reclaimed(ask.opened!, open, ask.wire);
    this.#model.caching.reclaimed(open, answer.caching!);
    this.#model.locks.reclaimed(open);
  }

  #refused(ask: AskOf<'reclaim'>, open: OpenModel, status: number): void {
    const { lost, file } = open;
    const isMine =
      this.#isOwners(ask, open) && ask.wire.clientGuid.equals(open.ask.wire.clientGuid);
    if (lost === undefined || !isMine || this.#model.isEnding(ask.wire)) return;
    // Its own client's end of another open may have marked the file.
    if ([...file.opens].some((other) => other.deletesOnClose)) return;
    const isInTime = this.#model.nowMs < lost.atMs + KEPT_MS;
    if (lost.isKept && isInTime && !this.#model.wasTouched(file, open.wire, lost.at)) {
      const text = `${ask.number}: open ${open.opened.number}, ${status.toString(16)}`;
      this.#model.fail('a durable open is kept for its owner', text);
    }
    if (status === STATUS_OBJECT_NAME_NOT_FOUND) this.#model.gone(open);
  }
}
