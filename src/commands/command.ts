/** What a command handler gets and gives. */

import type { Signer } from '../crypto/signing.ts';
import type { NtStatus } from '../dtyp/ntstatus.ts';
import type { Open } from '../objects/open.ts';
import type { Request } from '../objects/request.ts';
import type { Session } from '../objects/session.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import type { VfsStat } from '../vfs/vfs.ts';

export type MaybePromise<T> = T | Promise<T>;

/** A handler that needs a session gets one, and so on; the pipeline has checked. */
export type SessionRequest = Request & { readonly session: Session };
export type TreeRequest = SessionRequest & { readonly tree: TreeConnect };
export type OpenRequest = TreeRequest & { readonly open: Open };

/** A payload up to here is copied behind the body: cheaper than a part of its own. */
export const SMALL_PAYLOAD_BYTES = 16 * 1024;

/** What was found of a file, where nothing has been waited for since. */
export interface FoundFile {
  readonly stat: VfsStat;
  readonly path: readonly string[];
}

export interface Reply {
  /** STATUS_SUCCESS if absent. */
  readonly status?: NtStatus;
  /** What follows the header. */
  readonly body: Buffer;
  /** Follows the body: READ's data. The answer's own from now on, to be encrypted in place. */
  readonly payload?: Buffer;
  /** The payload is a small one that the next request overwrites: to be copied at once. */
  readonly isLent?: boolean;
  /** Signs this answer, whatever the request was: the end of a login. */
  readonly signWith?: Signer;
  /** Gets the message as it is about to be sent: the preauthentication hash. */
  readonly onEncoded?: (parts: readonly Buffer[]) => void;
  /** Called behind this answer: the transport has it, or is gone. */
  readonly onSent?: () => void;
  /** Of CREATE: the file as it was found, where nothing has been waited for since; SMB1 tells more of it. */
  readonly found?: FoundFile | undefined;
}

/** The connection has to end without an answer; `reason` is for the log. */
export class Disconnect {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** A number is a status with the empty error body of 2.2.2. */
export type Outcome = NtStatus | Reply | Disconnect;

export type Needs = 'nothing' | 'session' | 'tree' | 'open';

/** One row of the command table; every precondition of a command that the pipeline checks. */
export interface CommandRow {
  readonly name: string;
  /** Throws WireError; whatever it gives goes to `handle`. */
  readonly decode: (message: Buffer) => unknown;
  readonly handle: (body: never, request: never) => MaybePromise<Outcome>;
  /** For 'open' the decoded body holds the FileId's two halves. */
  readonly needs: Needs;
  /** Some bodies are about no open, and the handler looks at their FileId: of all ones, "none" (IOCTL). */
  readonly optionalOpen?: (body: never) => boolean;
  /** Bytes that the credit charge must cover: 3.1.5.2. */
  readonly payloadBytes?: (body: never) => number;
  /** 3.3.5.2: the message may be larger than 68 KiB. */
  readonly large: boolean;
  /** 3.3.5.2.9: goes on while the session is expired or being reauthenticated. */
  readonly whileExpired: boolean;
  /** 3.3.5.2.10: refused where it was sent before its client lost a channel. */
  readonly ordered?: boolean;
  /** The session is verified where the request is signed for one, or names one in plain. */
  readonly sessionIfNamed?: boolean;
  /** No interim response ever: clients fail their login on one, and Windows sends none for SET_INFO. */
  readonly neverPends?: boolean;
}

/** Ties decoder and handler of one row together, so that the types meet. */
export function row<Body, R extends Request>(definition: {
  name: string;
  decode: (message: Buffer) => Body;
  handle: (body: Body, request: R) => MaybePromise<Outcome>;
  needs: Needs;
  optionalOpen?: (body: Body) => boolean;
  payloadBytes?: (body: Body) => number;
  large?: boolean;
  whileExpired?: boolean;
  ordered?: boolean;
  sessionIfNamed?: boolean;
  neverPends?: boolean;
}): CommandRow {
  return { large: false, whileExpired: false, ...definition } as CommandRow;
}
