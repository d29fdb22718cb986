/** A named pipe whose other end is in another process. What it answers is fetched as it comes, and read here. */
import { MAX_LINK_PIPE_BYTES } from '../base/limits.ts';
import type { PipeEndpoint } from './control-plane.ts';
import type { Value } from './fields.ts';
import { type Link, LinkError } from './link.ts';
import type { MountdClient } from './mountd-client.ts';
import { MOUNTD_EVENTS, MOUNTD_NOTICES } from './mountd-events.ts';

type Opening = NonNullable<Value<(typeof MOUNTD_EVENTS)['writePipe']['request']>['open']>;
type PipeAnswers = Value<(typeof MOUNTD_EVENTS)['writePipe']['response']>;

export class RemotePipe implements PipeEndpoint {
  readonly #client: MountdClient;
  readonly #pipeId: number;
  readonly #open: Opening;
  /** The link at whose other end the pipe is open, once it is. */
  #link: Link | undefined;
  #answers: Buffer[] = [];
  #last: Promise<boolean> = Promise.resolve(true);
  #closed = false;

  constructor(client: MountdClient, pipeId: number, open: Opening) {
    this.#client = client;
    this.#pipeId = pipeId;
    this.#open = open;
  }

  /** One after the other. */
  write(message: Buffer): Promise<boolean> {
    // A copy: the message's memory belongs to the caller.
    const bytes = Buffer.from(message);
    this.#last = this.#last.then((taken) => taken && this.#write(bytes));
    return this.#last;
  }

  read(limit: number): { readonly bytes: Buffer; readonly more: boolean } | undefined {
    const head = this.#answers[0];
    if (head === undefined) return undefined;
    const bytes = head.subarray(0, limit);
    const more = bytes.length < head.length;
    if (more) this.#answers[0] = head.subarray(limit);
    else this.#answers.shift();
    return { bytes, more };
  }

  close(): void {
    this.#closed = true;
    this.#answers = [];
    this.#link?.tell(MOUNTD_NOTICES.closePipe, { pipeId: this.#pipeId });
  }

  async #write(message: Buffer): Promise<boolean> {
    for (let at = 0; at < message.length; at += MAX_LINK_PIPE_BYTES) {
      if (!(await this.#piece(message.subarray(at, at + MAX_LINK_PIPE_BYTES)))) return false;
    }
    return true;
  }

  async #piece(message: Buffer): Promise<boolean> {
    const opens = this.#link === undefined;
    this.#link ??= await this.#client.linked();
    const link = this.#link;
    if (link === undefined || this.#closed) return false;
    const pipeId = this.#pipeId;
    const open = opens ? this.#open : undefined;
    try {
      let got: PipeAnswers = await link.ask(MOUNTD_EVENTS.writePipe, { pipeId, open, message });
      const { taken } = got;
      this.#answers.push(...got.answers);
      while (got.left && !this.#closed) {
        got = await link.ask(MOUNTD_EVENTS.fetchPipe, { pipeId });
        this.#answers.push(...got.answers);
      }
      if (!this.#closed) return taken;
      link.tell(MOUNTD_NOTICES.closePipe, { pipeId });
      return false;
    } catch (error) {
      if (error instanceof LinkError) return false;
      throw error;
    }
  }
}
