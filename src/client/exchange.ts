/** One request and what comes back to it: perhaps an interim response, then the answer. */
import { isError, type NtStatus } from '../dtyp/ntstatus.ts';
import type { Header, HeaderFields } from '../smb2/header.ts';
import { StatusError } from './client-error.ts';
import type { SecurityContext } from './security-context.ts';

export interface ClientRequest {
  readonly command: number;
  /** What follows the header. */
  readonly body: Buffer;
  /** Sent or asked for; the credit charge follows from it (3.2.4.1.5). */
  readonly payloadBytes?: number;
  /** CREATE: names of the contexts sent; no others may come back. */
  readonly contextNames?: readonly string[];
  /** Header fields other than they would be. A MessageId given here is not taken from the ledger. */
  readonly header?: Partial<HeaderFields>;
  /** 'auto' signs as the session demands. */
  readonly protection?: 'auto' | 'sign' | 'none';
  /** Changes the message before it is signed; the answer's header is then not compared with it. */
  readonly craft?: (message: Buffer) => Buffer;
  /** Changes the message after it was signed. */
  readonly tamper?: (message: Buffer) => Buffer;
}

export interface Answer {
  readonly header: Header;
  /** Header and body, a buffer of its own. */
  readonly message: Buffer;
  readonly status: NtStatus;
  readonly isSigned: boolean;
  readonly isEncrypted: boolean;
}

/** What the connection keeps of a request until its answer is there. */
export interface Expectation {
  readonly command: number;
  readonly messageId: number;
  readonly header: HeaderFields;
  readonly security: SecurityContext | undefined;
  readonly isSigned: boolean;
  readonly isEncrypted: boolean;
  readonly isCrafted: boolean;
  /** Took its MessageIds from the ledger. */
  readonly isCounted: boolean;
  readonly contextNames: readonly string[] | undefined;
}

export class Exchange {
  readonly expected: Expectation;
  /** The message as it was sent, unencrypted. */
  readonly sent: Buffer;
  /** The interim response; undefined when the answer came without one. */
  readonly interim: Promise<Header | undefined>;
  readonly answer: Promise<Answer>;
  #asyncId = 0;
  #interim!: (header: Header | undefined) => void;
  #resolve!: (answer: Answer) => void;
  #reject!: (error: Error) => void;

  constructor(expected: Expectation, sent: Buffer) {
    this.expected = expected;
    this.sent = sent;
    this.interim = new Promise((resolve) => {
      this.#interim = resolve;
    });
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever gives up waiting is not to end the process.
    this.answer.catch(() => undefined);
  }

  get messageId(): number {
    return this.expected.messageId;
  }

  /** From the interim response; 0 before. */
  get asyncId(): number {
    return this.#asyncId;
  }

  pended(header: Header): void {
    this.#asyncId = header.asyncId;
    this.#interim(header);
  }

  answered(answer: Answer): void {
    this.#interim(undefined);
    this.#resolve(answer);
  }

  failed(error: Error): void {
    this.#interim(undefined);
    this.#reject(error);
  }
}

/** The answer, unless its status is an error. */
export function succeed(answer: Answer): Answer {
  if (isError(answer.status)) throw new StatusError(answer.header.command, answer.status);
  return answer;
}
