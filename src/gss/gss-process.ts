/**
 * Kerberos by a process of its own, which is tried at the start and started again when it ends.
 *
 *   starting ──ready──▶ ready ◀──▶ busy ──crash, or no answer in time──▶ starting
 *       └──failed, or ended──▶ resting ──after a while──▶ starting
 *
 * Orders go one at a time, so that an end of the process costs the one login that was in it; the others
 * wait for the next process. While none works, Kerberos is not offered.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Kerberos, KerberosExchange } from '../auth/kerberos.ts';
import type { Logger } from '../base/log.ts';
import { GssExchange } from './exchange.ts';
import {
  FRAME_HEAD_BYTES,
  frameOfOrder,
  type GssAnswer,
  type GssOrder,
  type GssSetup,
  MAXIMUM_FRAME_BYTES,
  readAnswer,
} from './messages.ts';

/** Starting Node.js takes 0.1 s, on a busy machine some seconds. */
const START_LIMIT_MS = 15_000;
/** A call takes a millisecond, and a slow disk some of them; clients give up after 30 s. */
const ORDER_LIMIT_MS = 10_000;
/** Until what was missing (a keytab, a library) is looked for again. */
const RETRY_MS = 30_000;
/** Logins that wait; each holds a token of 64 KiB at most. More are refused. */
const MAXIMUM_WAITING = 256;
/** Of what the process says on its standard error, for the log. */
const MAXIMUM_SAID_BYTES = 2048;
const MAXIMUM_CONTEXT = 0xffff_ffff;

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const PROGRAM = fileURLToPath(new URL(`./program.${extension}`, import.meta.url));

export interface GssProcessOptions extends GssSetup {
  readonly log: Logger;
  /** Seams for tests. */
  readonly program?: string;
  readonly orderLimitMs?: number;
  readonly retryMs?: number;
}

interface Waiting {
  readonly order: GssOrder;
  readonly settle: (answer: GssAnswer | undefined) => void;
}

export class GssProcess implements Kerberos {
  readonly #options: GssProcessOptions;
  readonly #log: Logger;
  readonly #waiting: Waiting[] = [];
  /** When the first process has shown whether it works. */
  readonly tried: Promise<void>;
  #settleTried: () => void = () => undefined;
  #state: 'starting' | 'ready' | 'busy' | 'resting' | 'closed' = 'starting';
  #child: ChildProcess | undefined;
  #inOrder: Waiting | undefined;
  #received: Buffer = Buffer.alloc(0);
  #timer: NodeJS.Timeout | undefined;
  #nextContext = 1;
  /** The last process that was started did. */
  #hasWorked = false;
  /** What was said last, so that the same is not said every half minute. */
  #lastProblem = '';

  constructor(options: GssProcessOptions) {
    this.#options = options;
    this.#log = options.log;
    this.tried = new Promise((resolve) => {
      this.#settleTried = resolve;
    });
    this.#start();
  }

  /** A process that is started again after its end counts: whoever comes meanwhile waits for it. */
  get available(): boolean {
    const state = this.#state;
    return state === 'ready' || state === 'busy' || (state === 'starting' && this.#hasWorked);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  begin(): KerberosExchange {
    const context = this.#nextContext;
    this.#nextContext = context === MAXIMUM_CONTEXT ? 1 : context + 1;
    return new GssExchange(context, (order) => this.#ask(order), this.#log);
  }

  close(): void {
    this.#state = 'closed';
    clearTimeout(this.#timer);
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
    this.#giveUp();
    this.#settleTried();
  }

  #ask(order: GssOrder): Promise<GssAnswer | undefined> {
    if (!this.available || this.#waiting.length >= MAXIMUM_WAITING)
      return Promise.resolve(undefined);
    return new Promise((settle) => {
      this.#waiting.push({ order, settle });
      this.#next();
    });
  }

  #start(): void {
    this.#state = 'starting';
    this.#received = Buffer.alloc(0);
    const { program = PROGRAM, library, keytab, service } = this.#options;
    const setup: GssSetup = { library, keytab, service };
    const child = spawn(process.execPath, [program, JSON.stringify(setup)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: environment(),
    });
    this.#child = child;
    let said = '';
    child.stderr.on('data', (piece: Buffer) => {
      said = (said + piece.toString()).slice(-MAXIMUM_SAID_BYTES);
    });
    child.stdout.on('data', (piece: Buffer) => {
      if (this.#child === child) this.#receive(piece);
    });
    // The end says it all.
    child.stdin.on('error', () => undefined);
    child.once('error', (error) => this.#ended(child, error.message));
    child.once('exit', (code, signal) => {
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
      this.#ended(child, how, said.trim());
    });
    this.#limit(START_LIMIT_MS);
  }

  #limit(ms: number): void {
    clearTimeout(this.#timer);
    const child = this.#child;
    this.#timer = setTimeout(() => {
      this.#log.error('the GSS process does not answer: it is ended', { limitMs: ms });
      child?.kill('SIGKILL');
    }, ms);
    this.#timer.unref();
  }

  #next(): void {
    if (this.#state !== 'ready') return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#state = 'busy';
    this.#inOrder = next;
    this.#limit(this.#options.orderLimitMs ?? ORDER_LIMIT_MS);
    this.#child?.stdin?.write(frameOfOrder(next.order));
  }

  #receive(piece: Buffer): void {
    this.#received = Buffer.concat([this.#received, piece]);
    if (this.#received.length < FRAME_HEAD_BYTES) return;
    const end = FRAME_HEAD_BYTES + this.#received.readUInt32LE();
    if (end > MAXIMUM_FRAME_BYTES || this.#received.length > end) {
      this.#garbled();
      return;
    }
    if (this.#received.length < end) return;
    const body = this.#received.subarray(FRAME_HEAD_BYTES);
    this.#received = Buffer.alloc(0);
    try {
      this.#hear(readAnswer(body));
    } catch {
      this.#garbled();
    }
  }

  /** Whoever says what is no answer is not believed any more. */
  #garbled(): void {
    this.#log.error('the GSS process says what is no answer: it is ended');
    this.#received = Buffer.alloc(0);
    this.#child?.kill('SIGKILL');
  }

  #hear(answer: GssAnswer): void {
    const settled = this.#inOrder;
    if (this.#state === 'starting' || settled === undefined) {
      this.#hearFirst(answer);
      return;
    }
    clearTimeout(this.#timer);
    this.#inOrder = undefined;
    this.#state = 'ready';
    settled.settle(answer);
    this.#next();
  }

  #hearFirst(answer: GssAnswer): void {
    if (this.#state !== 'starting' || !['ready', 'failed'].includes(answer.kind)) {
      this.#garbled();
      return;
    }
    if (answer.kind === 'failed') {
      this.#rest(answer.message);
      return;
    }
    clearTimeout(this.#timer);
    this.#state = 'ready';
    if (!this.#hasWorked) this.#log.info('Kerberos is offered');
    this.#hasWorked = true;
    this.#lastProblem = '';
    this.#settleTried();
    this.#next();
  }

  #ended(child: ChildProcess, how: string, said = ''): void {
    if (this.#child !== child || this.#state === 'closed') return;
    clearTimeout(this.#timer);
    this.#child = undefined;
    const worked = this.#state === 'ready' || this.#state === 'busy';
    if (!worked) {
      this.#rest(`the GSS process ended at its start, by ${how}`, said);
      return;
    }
    this.#log.error('the GSS process has ended and is started again', {
      how,
      said,
      loginsLost: this.#inOrder === undefined ? 0 : 1,
    });
    this.#inOrder?.settle(undefined);
    this.#inOrder = undefined;
    this.#start();
  }

  /** It does not work now; it may later. */
  #rest(problem: string, said = ''): void {
    this.#state = 'resting';
    this.#hasWorked = false;
    clearTimeout(this.#timer);
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
    this.#giveUp();
    if (problem !== this.#lastProblem) {
      this.#log.error('Kerberos is not offered, NTLM is', {
        reason: problem,
        ...(said !== '' && { said }),
        keytab: this.#options.keytab ?? 'the default of krb5.conf',
        triedAgainMs: this.#options.retryMs ?? RETRY_MS,
      });
    }
    this.#lastProblem = problem;
    this.#settleTried();
    this.#timer = setTimeout(() => this.#start(), this.#options.retryMs ?? RETRY_MS);
    this.#timer.unref();
  }

  #giveUp(): void {
    this.#inOrder?.settle(undefined);
    this.#inOrder = undefined;
    for (const { settle } of this.#waiting.splice(0)) settle(undefined);
  }
}

/** A replay cache there is, whatever the server's own environment says. */
function environment(): NodeJS.ProcessEnv {
  const { KRB5RCACHETYPE: _, KRB5RCACHENAME: name, NODE_OPTIONS: __, ...rest } = process.env;
  return name === undefined || name.startsWith('none') ? rest : { ...rest, KRB5RCACHENAME: name };
}
