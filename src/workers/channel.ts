/** Messages between the owner and one worker, whole and in order, both ways. */
export interface ChannelEvents {
  /** One message, which is the receiver's from now on. */
  message(payload: Buffer): void;
  /** What was congested is not any more. */
  drained(): void;
  /** The other end is gone, or has sent what is no message. */
  closed(reason: string): void;
}

export interface Channel {
  /** One message made of these buffers, which are the channel's from now on. */
  send(parts: readonly Buffer[]): void;
  /** More is unsent than should be. */
  readonly congested: boolean;
  /** From now on; what came before waits. */
  listen(events: ChannelEvents): void;
  /** Nothing more is sent or told. */
  close(): void;
}
