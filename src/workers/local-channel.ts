/** Both ends of a channel in one process, for tests: a message arrives at once, or behind the one that made it. */
import { bufferPool } from '../base/buffer-pool.ts';
import type { Channel, ChannelEvents } from './channel.ts';

class LocalEnd implements Channel {
  other: LocalEnd | undefined;
  #events: ChannelEvents | undefined;
  #waiting: Buffer[] = [];
  #telling = false;
  #closed = false;
  readonly congested = false;

  send(parts: readonly Buffer[]): void {
    if (this.#closed) return;
    const message = Buffer.concat(parts);
    for (const part of parts) bufferPool.give(part);
    this.other!.#take(message);
  }

  #take(message: Buffer): void {
    this.#waiting.push(message);
    this.#tell();
  }

  #tell(): void {
    const events = this.#events;
    if (this.#telling || events === undefined) return;
    this.#telling = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (!this.#closed) events.message(next);
    }
    this.#telling = false;
  }

  listen(events: ChannelEvents): void {
    this.#events = events;
    this.#tell();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { other } = this;
    process.nextTick(() => {
      if (other!.#closed) return;
      other!.#closed = true;
      other!.#events?.closed('the other end is closed');
    });
  }
}

export function localChannel(): readonly [Channel, Channel] {
  const [one, other] = [new LocalEnd(), new LocalEnd()];
  one.other = other;
  other.other = one;
  return [one, other];
}
