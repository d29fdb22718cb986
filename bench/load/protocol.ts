/** What the bench and its load process say to each other: one answer to each order, in turn. */
import type { CipherId } from '../../src/crypto/cipher.ts';
import type { SigningAlgorithm } from '../../src/crypto/signing.ts';
import type { Work } from '../works.ts';
import type { Outcome } from './pipeline.ts';
import type { SessionOptions } from './session.ts';

export type Order =
  /** Makes the files of the works. */
  | { readonly kind: 'prepare'; readonly session: SessionOptions }
  /** Logs on and gets a work ready. */
  | {
      readonly kind: 'open';
      readonly session: SessionOptions;
      readonly work: Work;
      readonly verify: boolean;
    }
  /** Runs what is open; nothing else is answered meanwhile. */
  | { readonly kind: 'run'; readonly seconds: number }
  /** Closes what is open, if anything is. */
  | { readonly kind: 'close' };

/** What the server chose. */
export interface Negotiated {
  readonly signing: SigningAlgorithm;
  readonly cipher: CipherId | undefined;
}

export interface LoadResult extends Outcome {
  readonly clientCpuSeconds: number;
}

export type Answer =
  | { readonly kind: 'done' }
  | { readonly kind: 'opened'; readonly negotiated: Negotiated }
  | { readonly kind: 'result'; readonly result: LoadResult }
  | { readonly kind: 'failed'; readonly message: string };
