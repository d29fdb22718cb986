/** MS-CIFS 3.3.5.2: one command of an SMB1 message, as its handler gets it, and what a handler gives. */
import type { Disconnect } from '../commands/command.ts';
import type { NtStatus } from '../dtyp/ntstatus.ts';
import type { Request } from '../objects/request.ts';
import type { Session } from '../objects/session.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import type { Block } from '../smb1/block.ts';
import type { Smb1Header } from '../smb1/header.ts';
import type { Link, OpenFile } from './link.ts';

export type MaybePromise<T> = T | Promise<T>;

export interface Call {
  readonly link: Link;
  readonly header: Smb1Header;
  readonly message: Buffer;
  /** The parameters and data of this command. */
  readonly block: Block;
  /** Strings are UTF-16. */
  readonly unicode: boolean;
  readonly pid: number;
  /** What the commands of SMB2 take; session, tree and open are there as far as `needs` says. */
  readonly request: Request;
  /** MS-CIFS 3.3.5.2.3: the file that a command before in the chain has opened. */
  readonly chained: OpenFile | undefined;
  /** Opened by this command, for those behind it. */
  opened: OpenFile | undefined;
  /** Where the answer's data bytes will begin in its message. */
  answerAt(wordsBytes: number): number;
}

export interface Smb1Reply {
  /** STATUS_SUCCESS if absent. */
  readonly status?: NtStatus;
  readonly words: Buffer;
  readonly bytes?: Buffer;
  /** Follows the bytes, and counts as them: READ's data. */
  readonly payload?: Buffer;
  /** The payload is a small one that the next READ overwrites: to be copied at once. */
  readonly isLent?: boolean | undefined;
  /** WordCount on the wire, where it is another than that of the words. */
  readonly shownWords?: number;
  /** The command of the answer, where it is another than the request's. */
  readonly answersAs?: number;
  /** The UID or TID of the answer, where it is new. */
  readonly uid?: number;
  readonly tid?: number;
  /** Signing begins with it: its request had number 0. */
  readonly beginsSigning?: boolean;
  /** Called behind this answer: the transport has it, or is gone. */
  readonly onSent?: (() => void) | undefined;
}

/** Blocks of their own messages, in place of one answer: transactions and ECHO. */
export interface Smb1Messages {
  readonly status?: NtStatus;
  readonly blocks: readonly Buffer[];
  readonly onSent?: (() => void) | undefined;
}

/** Nothing is answered, now or later. */
export const SILENT = Symbol('no answer');

export type Smb1Outcome = NtStatus | Smb1Reply | Smb1Messages | Disconnect | typeof SILENT;

export type SessionCall = Call & { readonly request: Request & { readonly session: Session } };
export type TreeCall = Call & {
  readonly request: Request & { readonly session: Session; readonly tree: TreeConnect };
};

export type Smb1Needs = 'nothing' | 'session' | 'tree';

export interface Smb1Row {
  readonly name: string;
  readonly handle: (call: never) => MaybePromise<Smb1Outcome>;
  readonly needs: Smb1Needs;
  /** Others may follow it in one message. */
  readonly andX: boolean;
  /** MS-SMB 3.3.5.1: performed for a session whose ticket has run out, too. */
  readonly whileExpired: boolean;
}

export const row = <C extends Call>(
  name: string,
  needs: Smb1Needs,
  handle: (call: C) => MaybePromise<Smb1Outcome>,
  andX = false,
  whileExpired = false,
): Smb1Row => ({ name, needs, handle, andX, whileExpired });

const NO_WORDS = Buffer.alloc(0);

/** An answer without parameters and data. */
export const EMPTY: Smb1Reply = { words: NO_WORDS };
/** The same of an AndX command. */
export const emptyAndX = (): Smb1Reply => ({ words: Buffer.alloc(4) });
