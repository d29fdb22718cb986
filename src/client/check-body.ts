/**
 * What real clients ask of a response's body (MS-SMB2 2.2): StructureSize, buffers inside the message and
 * behind the fixed part, no bytes beyond them. macOS and Linux compute the length and refuse another.
 */
import {
  type NtStatus,
  STATUS_BUFFER_OVERFLOW,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_NOTIFY_ENUM_DIR,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { decodeErrorResponse } from '../smb2/error.ts';
import { Command, commandName, HEADER_SIZE } from '../smb2/header.ts';
import { align8 } from '../wire/tail.ts';
import { ProtocolViolation } from './client-error.ts';

/** How long a body is: a fixed part, then buffers of which each field says where they are. */
interface BodyForm {
  readonly structureSize: number;
  /** Bytes of the fixed part. */
  readonly fixed: number;
  readonly buffers?: readonly BufferField[];
  /** A byte behind an empty buffer may be there. */
  readonly odd?: boolean;
}

interface BufferField {
  readonly offsetAt: number;
  readonly offsetBytes: 1 | 2 | 4;
  readonly lengthAt: number;
  readonly lengthBytes: 2 | 4;
}

const OUTPUT: BufferField = { offsetAt: 2, offsetBytes: 2, lengthAt: 4, lengthBytes: 4 };
const output: BodyForm = { structureSize: 9, fixed: 8, buffers: [OUTPUT], odd: true };
const empty: BodyForm = { structureSize: 4, fixed: 4 };

const FORMS: Readonly<Record<number, BodyForm>> = {
  [Command.SESSION_SETUP]: {
    structureSize: 9,
    fixed: 8,
    buffers: [{ offsetAt: 4, offsetBytes: 2, lengthAt: 6, lengthBytes: 2 }],
    odd: true,
  },
  [Command.LOGOFF]: empty,
  [Command.TREE_CONNECT]: { structureSize: 16, fixed: 16 },
  [Command.TREE_DISCONNECT]: empty,
  [Command.CREATE]: {
    structureSize: 89,
    fixed: 88,
    buffers: [{ offsetAt: 80, offsetBytes: 4, lengthAt: 84, lengthBytes: 4 }],
    odd: true,
  },
  [Command.CLOSE]: { structureSize: 60, fixed: 60 },
  [Command.FLUSH]: empty,
  [Command.READ]: {
    structureSize: 17,
    fixed: 16,
    buffers: [{ offsetAt: 2, offsetBytes: 1, lengthAt: 4, lengthBytes: 4 }],
    odd: true,
  },
  [Command.WRITE]: { structureSize: 17, fixed: 16, odd: true },
  [Command.LOCK]: empty,
  [Command.IOCTL]: {
    structureSize: 49,
    fixed: 48,
    buffers: [
      { offsetAt: 24, offsetBytes: 4, lengthAt: 28, lengthBytes: 4 },
      { offsetAt: 32, offsetBytes: 4, lengthAt: 36, lengthBytes: 4 },
    ],
    odd: true,
  },
  [Command.ECHO]: empty,
  [Command.QUERY_DIRECTORY]: output,
  [Command.CHANGE_NOTIFY]: output,
  [Command.QUERY_INFO]: output,
  [Command.SET_INFO]: { structureSize: 2, fixed: 2 },
  [Command.OPLOCK_BREAK]: { structureSize: 24, fixed: 24 },
};
const LEASE_BREAK: BodyForm = { structureSize: 36, fixed: 36 };

/** 3.3.4.4: statuses that, for these commands, come with the command's own body. */
const WITH_BODY: ReadonlyMap<NtStatus, readonly number[]> = new Map([
  [STATUS_MORE_PROCESSING_REQUIRED, [Command.SESSION_SETUP]],
  [
    STATUS_BUFFER_OVERFLOW,
    [Command.QUERY_INFO, Command.QUERY_DIRECTORY, Command.READ, Command.IOCTL],
  ],
  [STATUS_NOTIFY_ENUM_DIR, [Command.CHANGE_NOTIFY]],
]);

/** Whether an answer with this status carries the command's body, not the ERROR response. */
export function hasOwnBody(command: number, status: NtStatus, message: Buffer): boolean {
  if (status === STATUS_SUCCESS) return true;
  if (WITH_BODY.get(status)?.includes(command)) return true;
  // A refused FSCTL_SRV_COPYCHUNK says what was copied, or what the limits are.
  return (
    command === Command.IOCTL && message.length > HEADER_SIZE + 1 && message[HEADER_SIZE] === 49
  );
}

const unsigned = (b: Buffer, at: number, bytes: 1 | 2 | 4): number => b.readUIntLE(at, bytes);

/**
 * `isLast`: no further answer follows in the same transport message; one that is followed is padded to
 * a multiple of 8.
 */
export function checkBody(
  command: number,
  status: NtStatus,
  message: Buffer,
  isLast: boolean,
): void {
  const fail = (problem: string): never => {
    throw new ProtocolViolation(`${commandName(command)} response: ${problem}`);
  };
  if (command === Command.NEGOTIATE && status === STATUS_SUCCESS) return;
  if (status === STATUS_PENDING || !hasOwnBody(command, status, message)) {
    checkError(message, isLast, fail);
    return;
  }
  const size = message.length >= HEADER_SIZE + 2 ? message.readUInt16LE(HEADER_SIZE) : 0;
  const isLeaseBreak = command === Command.OPLOCK_BREAK && size === LEASE_BREAK.structureSize;
  const form = isLeaseBreak ? LEASE_BREAK : FORMS[command];
  if (form === undefined) {
    fail('no such command');
    return;
  }
  if (size !== form.structureSize) fail(`StructureSize is ${size}`);
  if (message.length < HEADER_SIZE + form.fixed) fail(`${message.length} bytes`);
  let end = HEADER_SIZE + form.fixed;
  for (const field of form.buffers ?? [])
    end = Math.max(end, bufferEnd(message, field, form, fail));
  checkEnd(message.length, end, isLast, form.odd === true, fail);
}

function bufferEnd(
  message: Buffer,
  field: BufferField,
  form: BodyForm,
  fail: (problem: string) => never,
): number {
  const offset = unsigned(message, HEADER_SIZE + field.offsetAt, field.offsetBytes);
  const length = unsigned(message, HEADER_SIZE + field.lengthAt, field.lengthBytes);
  if (length === 0) return 0;
  if (offset < HEADER_SIZE + form.fixed) fail(`a buffer at ${offset}, inside the fixed part`);
  if (offset + length > message.length) fail(`a buffer ${offset}+${length} of ${message.length}`);
  return offset + length;
}

/** 9 bytes at least, and exactly what ByteCount says. */
function checkError(message: Buffer, isLast: boolean, fail: (problem: string) => never): void {
  if (message.length < HEADER_SIZE + 9)
    fail(`an error body of ${message.length - HEADER_SIZE} bytes`);
  const { errorData } = decodeErrorResponse(message);
  const end = HEADER_SIZE + 8 + Math.max(1, errorData.length);
  checkEnd(message.length, end, isLast, false, fail);
}

function checkEnd(
  length: number,
  end: number,
  isLast: boolean,
  odd: boolean,
  fail: (problem: string) => never,
): void {
  const ends = odd ? [end, end + 1] : [end];
  // Samba pads the last one of a compound too; Linux takes it so.
  const right = isLast
    ? ends.includes(length) || length === align8(end)
    : ends.some((one) => length === align8(one));
  if (!right) fail(`${length} bytes, of which ${end} say what they are`);
}
