/**
 * MS-SMBD 3.1: messages of any length over RDMA Sends of a few, with credits both ways; apart from sockets and
 * from SMB. Both ends are the same once they have negotiated.
 *
 *     SendCredits      Sends that this end may make; the peer grants them in its messages.
 *     ReceiveCredits   Sends that the peer may make: receives that are posted, and told of.
 */
import { bufferPool } from '../../base/buffer-pool.ts';
import { SEND_HIGH_WATER_BYTES, SEND_TIMEOUT_MS } from '../../base/limits.ts';
import { WireError } from '../../wire/wire-error.ts';
import { ByteParts } from '../byte-parts.ts';
import type { RdmaConnection } from '../rdma.ts';
import {
  DATA_AT,
  decodeDataTransfer,
  encodeDataTransferHeader,
  SMB_DIRECT_RESPONSE_REQUESTED,
} from './messages.ts';

/** MS-SMBD 3.1.6.2: idle seconds after which the peer is asked whether it is there, and its time to answer. */
const KEEPALIVE_MS = 120_000;
/** How often that is looked at: no timer is set anew with each message. */
const KEEPALIVE_LOOK_MS = 30_000;
const KEEPALIVE_ANSWER_MS = 5_000;
/** CreditsGranted has 16 bits; a peer that hands out more has lost count. */
const MAX_SEND_CREDITS = 0xffff;

/** What the two ends have agreed on. */
export interface ChannelSettings {
  /** Connection.ReceiveCreditMax. */
  readonly receiveCreditMax: number;
  /** Connection.ReceiveCreditTarget: what the peer has asked for. */
  readonly receiveCreditTarget: number;
  /** Connection.SendCreditTarget: what is asked for. */
  readonly sendCreditTarget: number;
  /** Receives that are posted, and that the peer knows of. */
  readonly receiveCredits: number;
  readonly sendCredits: number;
  /** Bytes of one Send of ours. */
  readonly maxSendSize: number;
  readonly maxFragmentedReceiveSize: number;
  readonly maxFragmentedSendSize: number;
}

export interface ChannelEvents {
  /** One whole upper message, the receiver's own. */
  message(payload: Buffer): void;
  /** What an upper message may have now; a longer one ends the connection. */
  maxMessageBytes(): number;
  /** More is waiting than the peer may have waiting: it gets few credits until answers have left. */
  isBehind(): boolean;
}

interface Outgoing {
  readonly bytes: ByteParts;
  readonly parts: readonly Buffer[];
  readonly invalidate: number | undefined;
  isFirst: boolean;
}

export class SmbDirectChannel {
  readonly #rdma: RdmaConnection;
  readonly #settings: ChannelSettings;
  readonly #events: ChannelEvents;
  /** Made and received since the negotiation. */
  sends = 0;
  receives = 0;
  #sendCredits: number;
  #receiveCredits: number;
  #creditTarget: number;
  #queue: Outgoing[] = [];
  #queuedBytes = 0;
  /** An upper message in fragments. */
  #assembly: Buffer | undefined;
  #assembled = 0;
  /** The peer has said something since it was looked at. */
  #heard = false;
  #silentMs = 0;
  #keepalive: NodeJS.Timeout;
  #stalled: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(rdma: RdmaConnection, settings: ChannelSettings, events: ChannelEvents) {
    this.#rdma = rdma;
    this.#settings = settings;
    this.#events = events;
    this.#sendCredits = settings.sendCredits;
    this.#receiveCredits = settings.receiveCredits;
    this.#creditTarget = settings.receiveCreditTarget;
    this.#keepalive = this.#watch();
  }

  /** Sends that may be made now, for a test or a status to see. */
  get sendCredits(): number {
    return this.#sendCredits;
  }

  /** Sends that the peer may make. */
  get receiveCredits(): number {
    return this.#receiveCredits;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /**
   * 3.1.4.2: one upper message. Pooled parts go back when they have left. The peer's memory behind the tokens is
   * released with the first fragment; a Send releases one, so that others need an empty one before it.
   */
  send(parts: readonly Buffer[], [invalidate, ...others]: readonly number[] = []): void {
    const bytes = new ByteParts(parts);
    if (this.#ended || bytes.left > this.#settings.maxFragmentedSendSize) {
      for (const part of parts) bufferPool.give(part);
      if (!this.#ended) this.#rdma.close(`a message of ${bytes.left} bytes is more than it takes`);
      return;
    }
    for (const token of others) {
      this.#queue.push({ bytes: new ByteParts([]), parts: [], invalidate: token, isFirst: true });
    }
    this.#queuedBytes += bytes.left;
    this.#queue.push({ bytes, parts, invalidate, isFirst: true });
    this.#flush();
  }

  /** 3.1.5.8: one Send of the peer's, behind the negotiation. */
  receive(message: Buffer): void {
    if (this.#ended) return;
    try {
      this.#take(message);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#rdma.close(error.message);
    }
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#keepalive);
    clearTimeout(this.#stalled);
    for (const { parts } of this.#queue.splice(0)) for (const part of parts) bufferPool.give(part);
    if (this.#assembly !== undefined) bufferPool.give(this.#assembly);
    this.#assembly = undefined;
  }

  #take(message: Buffer): void {
    const { creditsRequested, creditsGranted, flags, remainingDataLength, data } =
      decodeDataTransfer(message);
    this.#heard = true;
    this.receives += 1;
    this.#receiveCredits -= 1;
    if (creditsRequested === 0)
      throw new WireError('SMB_DIRECT Data Transfer', 'asks for no credit');
    this.#creditTarget = Math.min(creditsRequested, this.#settings.receiveCreditMax);
    this.#sendCredits += creditsGranted;
    if (this.#sendCredits > MAX_SEND_CREDITS) {
      throw new WireError('SMB_DIRECT Data Transfer', `${this.#sendCredits} credits`);
    }
    const whole = this.#assemble(data, remainingDataLength);
    if (whole !== undefined) this.#events.message(whole);
    if (this.#ended) return;
    this.#flush();
    this.#answer((flags & SMB_DIRECT_RESPONSE_REQUESTED) !== 0, data.length === 0);
  }

  /** 3.1.5.8: the upper message that is complete with this fragment. */
  #assemble(data: Buffer, remaining: number): Buffer | undefined {
    const name = 'SMB_DIRECT Data Transfer';
    if (data.length === 0) {
      if (remaining > 0) throw new WireError(name, 'an empty fragment with more to come');
      return undefined;
    }
    const total = this.#assembled + data.length + remaining;
    if (this.#assembly === undefined) {
      const limit = Math.min(
        this.#settings.maxFragmentedReceiveSize,
        this.#events.maxMessageBytes(),
      );
      if (total > limit) throw new WireError(name, `a message of ${total} bytes, ${limit} allowed`);
      if (remaining === 0) return Buffer.from(data);
      this.#assembly = bufferPool.take(total);
    }
    if (total !== this.#assembly.length) {
      throw new WireError(name, `${remaining} bytes remain, ${this.#assembly.length} in all`);
    }
    this.#assembly.set(data, this.#assembled);
    this.#assembled += data.length;
    if (remaining > 0) return undefined;
    const whole = this.#assembly;
    this.#assembly = undefined;
    this.#assembled = 0;
    return whole;
  }

  /**
   * 3.1.5.9: an empty message where the peer asks for one, or where most of its credits are used up and
   * nothing else brings it new ones. Two ends that answered each empty message with another would never stop.
   */
  #answer(isAsked: boolean, toEmpty: boolean): void {
    const isLow = this.#receiveCredits <= (toEmpty ? 0 : this.#creditTarget / 2);
    if (this.#queue.length > 0 || (!isAsked && !isLow)) return;
    if (this.#mayGrant() === 0 && !isAsked) return;
    this.#sendEmpty(0);
  }

  #sendEmpty(flags: number): void {
    if (this.#sendCredits === 0) return;
    const granted = this.#grant();
    // 3.1.5.9: the last credit is kept for a message that brings the peer some.
    if (this.#sendCredits === 1 && granted === 0) return;
    this.#transfer(granted, flags, [], 0, undefined);
  }

  #mayGrant(): number {
    // Who does not take its answers, or waits for many, asks no more; one credit keeps things going.
    const isHeld = this.#queuedBytes > SEND_HIGH_WATER_BYTES || this.#events.isBehind();
    const target = isHeld ? 1 : this.#creditTarget;
    // 3.1.5.9: the last credit goes only with new ones for the peer. Where it has all that it asked for, and both
    // ends have something to say, nobody could: one beyond.
    const limit = this.#sendCredits === 1 ? target + 1 : target;
    return Math.max(0, Math.min(limit, this.#settings.receiveCreditMax) - this.#receiveCredits);
  }

  #grant(): number {
    const granted = this.#mayGrant();
    this.#receiveCredits += granted;
    this.#rdma.post(granted);
    return granted;
  }

  #flush(): void {
    const room = this.#settings.maxSendSize - DATA_AT;
    const credits = this.#sendCredits;
    while (this.#queue.length > 0 && this.#sendCredits > 0) {
      if (this.#sendCredits === 1 && this.#mayGrant() === 0) break;
      const next = this.#queue[0]!;
      const data = next.bytes.take(room);
      const invalidate = next.isFirst ? next.invalidate : undefined;
      next.isFirst = false;
      for (const piece of data) this.#queuedBytes -= piece.length;
      this.#transfer(this.#grant(), 0, data, next.bytes.left, invalidate);
      if (next.bytes.left > 0) continue;
      this.#queue.shift();
      for (const part of next.parts) bufferPool.give(part);
    }
    this.#watchQueue(this.#sendCredits < credits);
  }

  #transfer(
    creditsGranted: number,
    flags: number,
    data: readonly Buffer[],
    remainingDataLength: number,
    invalidate: number | undefined,
  ): void {
    const dataLength = data.reduce((sum, piece) => sum + piece.length, 0);
    const fields = {
      creditsRequested: this.#settings.sendCreditTarget,
      creditsGranted,
      flags,
      remainingDataLength,
    };
    const header = encodeDataTransferHeader(fields, dataLength);
    this.#sendCredits -= 1;
    this.sends += 1;
    // A copy: what it is taken from goes back to the pool before the kernel has it all.
    this.#rdma.send([dataLength === 0 ? header : Buffer.concat([header, ...data])], invalidate);
  }

  /** A peer that grants no credit for what it has asked for; each Send gives it new time. */
  #watchQueue(hasSent: boolean): void {
    if (this.#queue.length === 0 || this.#ended) {
      clearTimeout(this.#stalled);
      this.#stalled = undefined;
    } else if (this.#stalled === undefined) {
      this.#stalled = setTimeout(
        () => this.#rdma.close('the peer grants no credits for its answers'),
        SEND_TIMEOUT_MS,
      ).unref();
    } else if (hasSent) this.#stalled.refresh();
  }

  /** 3.1.6.2 */
  #watch(): NodeJS.Timeout {
    return setTimeout(() => {
      if (this.#ended) return;
      this.#silentMs = this.#heard ? 0 : this.#silentMs + KEEPALIVE_LOOK_MS;
      this.#heard = false;
      if (this.#silentMs < KEEPALIVE_MS) {
        this.#keepalive = this.#watch();
        return;
      }
      this.#sendEmpty(SMB_DIRECT_RESPONSE_REQUESTED);
      this.#keepalive = setTimeout(() => {
        this.#silentMs = 0;
        if (this.#heard) this.#keepalive = this.#watch();
        else this.#rdma.close('no answer to the keepalive');
      }, KEEPALIVE_ANSWER_MS).unref();
    }, KEEPALIVE_LOOK_MS).unref();
  }
}
