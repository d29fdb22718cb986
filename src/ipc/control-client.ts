/** The other end of the control socket: the data plane of a running server, as if it were here. */
import { connect, type Socket } from 'node:net';
import { MAX_CONTROL_RESPONSE_BYTES } from '../base/limits.ts';
import { WireError } from '../wire/wire-error.ts';
import { AskedAdministration } from './administration.ts';
import { socketAddress } from './control-socket.ts';
import {
  CONTROL_VERSION,
  type ControlEvent,
  encodeFrame,
  FAILURE,
  type FailureReason,
  type Frame,
  FrameBuffer,
  failure,
} from './events.ts';
import { decode } from './fields.ts';
import { AskedDataPlane } from './listings.ts';

export type ControlProblem =
  /** No server has this state folder. */
  | 'no-server'
  /** The folder is another user's. */
  | 'forbidden'
  /** Nothing came in time. */
  | 'silent'
  /** It ended while it was asked. */
  | 'lost'
  | FailureReason;

export class ControlError extends Error {
  readonly problem: ControlProblem;
  /** Of the server, for 'version'. */
  readonly version: number | undefined;

  constructor(problem: ControlProblem, options?: ErrorOptions & { readonly version?: number }) {
    super(`the server's control socket: ${problem}`, options);
    this.name = 'ControlError';
    this.problem = problem;
    this.version = options?.version;
  }
}

/** How long the server may take for one answer: it may be busy, but it is never busy for so long. */
const ANSWER_LIMIT_MS = 10_000;

interface Question {
  readonly sequence: number;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: Error) => void;
}

/** Rejects with ControlError, as all calls of what it gives do. */
export async function connectControl(statePath: string): Promise<ControlClient> {
  return new ControlClient(await connected(statePath));
}

const PROBLEMS: Readonly<Record<string, ControlProblem>> = {
  ENOENT: 'no-server',
  ENOTDIR: 'no-server',
  ECONNREFUSED: 'no-server',
  EACCES: 'forbidden',
  EPERM: 'forbidden',
};

async function connected(statePath: string): Promise<Socket> {
  try {
    const address = socketAddress(statePath);
    return await new Promise<Socket>((resolve, reject) => {
      const socket = connect(address.path, () => resolve(socket));
      socket.once('error', reject);
    }).finally(() => address.release());
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw new ControlError(PROBLEMS[code] ?? 'lost', { cause: error });
  }
}

export class ControlClient extends AskedDataPlane {
  readonly administration = new AskedAdministration((event, request) => this.#ask(event, request));
  readonly #socket: Socket;
  readonly #frames = new FrameBuffer(MAX_CONTROL_RESPONSE_BYTES);
  #question: Question | undefined;
  #sequence = 0;
  #ended: ControlError | undefined;

  constructor(socket: Socket) {
    super((event, request) => this.#ask(event, request));
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => {});
    socket.on('close', () => this.#end(new ControlError('lost')));
  }

  close(): void {
    this.#socket.destroy();
  }

  /** One at a time. */
  async #ask<Q, A>(event: ControlEvent<Q, A>, value: Q): Promise<A> {
    if (this.#ended !== undefined) throw this.#ended;
    if (this.#question !== undefined) throw new Error('the answer before is still to come');
    const sequence = ++this.#sequence;
    const timer = setTimeout(() => this.#end(new ControlError('silent')), ANSWER_LIMIT_MS);
    const frame = await new Promise<Frame>((resolve, reject) => {
      this.#question = { sequence, resolve, reject };
      this.#socket.write(encodeFrame(event.number, sequence, event.request, value));
    }).finally(() => clearTimeout(timer));
    if (frame.version !== CONTROL_VERSION) {
      throw new ControlError('version', { version: frame.version });
    }
    try {
      if (frame.event === event.number) return decode(event.response, frame.body, 'answer');
      if (frame.event !== FAILURE) throw new WireError('answer', `event ${frame.event}`);
      throw new ControlError(decode(failure, frame.body, 'failure').reason);
    } catch (error) {
      if (error instanceof WireError) throw new ControlError('malformed', { cause: error });
      throw error;
    }
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#frames.push(chunk)) {
        const question = this.#question;
        if (question?.sequence !== frame.sequence) throw new WireError('answer', 'not asked for');
        this.#question = undefined;
        question.resolve(frame);
      }
    } catch (error) {
      this.#end(new ControlError('malformed', { cause: error }));
    }
  }

  #end(error: ControlError): void {
    this.#ended ??= error;
    this.#question?.reject(this.#ended);
    this.#question = undefined;
    this.#socket.destroy();
  }
}
