/**
 * A conversation of the two planes on one socket: both sides ask, many questions at once, and answers come in any
 * order. Frames are those of events.ts under a version of their own. An answer bears its question's
 * number and event, with ANSWER set, or FAILURE; number 0 is a notice that nobody answers.
 *
 * Nothing here has a time limit of its own: a login may be held for long. Whether the other side lives
 * is asked by heartbeats; when it does not, the link ends, and all that waits for an answer rejects.
 */
import type { Socket } from 'node:net';
import { MAX_LINK_FRAME_BYTES, MAX_LINK_QUESTIONS } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { WireError } from '../wire/wire-error.ts';
import type { MaybePromise } from './control-plane.ts';
import {
  type ControlEvent,
  encodeFrame,
  FAILURE,
  type FailureReason,
  type Frame,
  FrameBuffer,
  failure,
} from './events.ts';
import { decode, type Field } from './fields.ts';
import { Refused } from './listings.ts';

const ANSWER = 0x8000;

/** What is told without an answer. */
export interface Notice<T> {
  readonly number: number;
  readonly request: Field<T>;
}

export type LinkProblem = 'lost' | 'version' | FailureReason;

export class LinkError extends Error {
  readonly problem: LinkProblem;

  constructor(problem: LinkProblem, options?: ErrorOptions) {
    super(`between the planes: ${problem}`, options);
    this.name = 'LinkError';
    this.problem = problem;
  }
}

interface Question {
  readonly event: number;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: Error) => void;
}

type Handler = (frame: Frame) => MaybePromise<Buffer | undefined>;

export interface LinkOptions {
  readonly version: number;
  readonly log: Logger;
  /** What an event is called in debug output. */
  readonly nameOf?: (event: number) => string;
}

export class Link {
  /** Settles when the link has ended; says why, where it was not by `end`. */
  readonly ended: Promise<LinkError | undefined>;
  readonly #socket: Socket;
  readonly #options: LinkOptions;
  readonly #frames = new FrameBuffer(MAX_LINK_FRAME_BYTES);
  readonly #handlers = new Map<number, Handler>();
  readonly #questions = new Map<number, Question>();
  /** Questions of the other side that are worked on. */
  #working = 0;
  #sequence = 0;
  #over = false;
  #tellEnd: (why: LinkError | undefined) => void = () => {};

  constructor(socket: Socket, options: LinkOptions) {
    this.#socket = socket;
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#tellEnd = resolve;
    });
    socket.on('error', () => {});
    socket.on('close', () => this.end('lost'));
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** What the other side may ask; to be said before it can ask. */
  serve<Q, A>(event: ControlEvent<Q, A>, answer: (request: Q) => MaybePromise<A>): void {
    this.#handlers.set(event.number, (frame) => {
      const request = decode(event.request, frame.body, 'request');
      const reply = (value: A): Buffer =>
        this.#frame(event.number | ANSWER, frame.sequence, event.response, value);
      const answered = answer(request);
      return answered instanceof Promise ? answered.then(reply) : reply(answered);
    });
  }

  hear<T>(notice: Notice<T>, take: (value: T) => void): void {
    this.#handlers.set(notice.number, (frame) => {
      take(decode(notice.request, frame.body, 'notice'));
      return undefined;
    });
  }

  /** Rejects with LinkError. */
  async ask<Q, A>(event: ControlEvent<Q, A>, value: Q): Promise<A> {
    if (this.#over) throw new LinkError('lost');
    if (this.#questions.size >= MAX_LINK_QUESTIONS) throw new LinkError('busy');
    const sequence = this.#nextSequence();
    const request = this.#frame(event.number, sequence, event.request, value);
    const began = performance.now();
    const frame = await new Promise<Frame>((resolve, reject) => {
      this.#questions.set(sequence, { event: event.number, resolve, reject });
      this.#socket.write(request);
    });
    this.#tellAnswer(event.number, frame.event, performance.now() - began);
    try {
      if (frame.event !== FAILURE) return decode(event.response, frame.body, 'answer');
      throw new LinkError(decode(failure, frame.body, 'failure').reason);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#fail(error);
      throw new LinkError('malformed', { cause: error });
    }
  }

  #tellAnswer(asked: number, answered: number, ms: number): void {
    const { log, nameOf } = this.#options;
    if (!log.debugs('ipc')) return;
    const name = nameOf?.(asked) ?? `event ${asked}`;
    log.debug('ipc', name, { failed: answered === FAILURE, ms: Math.round(ms * 10) / 10 });
  }

  tell<T>(notice: Notice<T>, value: T): void {
    if (!this.#over) this.#socket.write(this.#frame(notice.number, 0, notice.request, value));
  }

  /** What waits for an answer rejects. `why` undefined: as was wanted. */
  end(why?: LinkProblem, cause?: unknown): void {
    if (this.#over) return;
    this.#over = true;
    const error = new LinkError(why ?? 'lost', { cause });
    for (const question of this.#questions.values()) question.reject(error);
    this.#questions.clear();
    this.#socket.destroy();
    this.#tellEnd(why === undefined ? undefined : error);
  }

  #nextSequence(): number {
    do this.#sequence = (this.#sequence + 1) >>> 0;
    while (this.#sequence === 0 || this.#questions.has(this.#sequence));
    return this.#sequence;
  }

  #frame<T>(event: number, sequence: number, field: Field<T>, value: T): Buffer {
    return encodeFrame(event, sequence, field, value, this.#options.version);
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#frames.push(chunk)) {
        if (this.#over) return;
        if (frame.version !== this.#options.version) {
          this.#refuse(frame, 'version');
          this.end('version');
        } else if ((frame.event & ANSWER) !== 0) this.#answered(frame);
        else this.#asked(frame);
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#fail(error);
    }
  }

  #fail(error: WireError): void {
    this.#options.log.error('the other plane is not understood', { problem: error.message });
    this.end('malformed', error);
  }

  #answered(frame: Frame): void {
    const question = this.#questions.get(frame.sequence);
    const isAnswer = frame.event === FAILURE || frame.event === ((question?.event ?? 0) | ANSWER);
    if (question === undefined || !isAnswer) throw new WireError('answer', 'not asked for');
    this.#questions.delete(frame.sequence);
    question.resolve(frame);
  }

  #asked(frame: Frame): void {
    const handler = this.#handlers.get(frame.event);
    if (handler === undefined || this.#working >= MAX_LINK_QUESTIONS) {
      this.#refuse(frame, handler === undefined ? 'unknown-event' : 'busy');
      return;
    }
    let answer: MaybePromise<Buffer | undefined>;
    try {
      answer = handler(frame);
    } catch (error) {
      this.#failed(frame, error);
      return;
    }
    if (answer instanceof Promise) void this.#later(frame, answer);
    else this.#send(answer);
  }

  async #later(frame: Frame, answer: Promise<Buffer | undefined>): Promise<void> {
    this.#working += 1;
    try {
      this.#send(await answer);
    } catch (error) {
      this.#failed(frame, error);
    } finally {
      this.#working -= 1;
    }
  }

  #send(answer: Buffer | undefined): void {
    if (answer !== undefined && !this.#over) this.#socket.write(answer);
  }

  #failed(frame: Frame, error: unknown): void {
    if (error instanceof WireError) this.#refuse(frame, 'malformed');
    else if (error instanceof Refused) this.#refuse(frame, error.reason);
    else {
      const told = error instanceof Error ? error.stack : String(error);
      this.#options.log.error('a question of the other plane failed', { error: told });
      this.#refuse(frame, 'internal-error');
    }
  }

  #refuse(frame: Frame, reason: FailureReason): void {
    if (frame.sequence !== 0) this.#send(this.#frame(FAILURE, frame.sequence, failure, { reason }));
  }
}
