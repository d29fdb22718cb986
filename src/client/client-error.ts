/** What can go wrong for a client, each kind a class of its own. */
import type { NtStatus } from '../dtyp/ntstatus.ts';
import { commandName } from '../smb2/header.ts';
import { WireError } from '../wire/wire-error.ts';

/** The server did what real clients refuse; the connection has been given up. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
}

/** Bytes that a decoder refuses are the server's fault; other errors stay what they are. */
export const asViolation = (error: unknown): unknown =>
  error instanceof WireError ? new ProtocolViolation(error.message) : error;

/** The server answered, as it may, with an error. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly status: NtStatus;
  readonly command: number;

  constructor(command: number, status: NtStatus) {
    super(`${commandName(command)}: 0x${status.toString(16).padStart(8, '0')}`);
    this.status = status;
    this.command = command;
  }
}

/** There is no connection any more; requests that waited for an answer get this. */
export class ConnectionEnded extends Error {
  override readonly name = 'ConnectionEnded';
}

/** No answer within the client's own time limit. */
export class AnswerTimeout extends Error {
  override readonly name = 'AnswerTimeout';
}
