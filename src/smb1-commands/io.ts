/**
 * MS-CIFS 3.3.5.36, 3.3.5.37, MS-SMB 3.3.5.6: READ_ANDX and WRITE_ANDX; MS-CIFS 3.3.5.13 to 3.3.5.24: READ, WRITE,
 * their kin with locks, SEEK. The data go as SMB2's do; locks are those of the process.
 */
import { after } from '../base/after.ts';
import type { Outcome } from '../commands/command.ts';
import { Disconnect } from '../commands/command.ts';
import { MAX_FILE_OFFSET, read } from '../commands/read.ts';
import { write } from '../commands/write.ts';
import { FILE_EXECUTE, FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_END_OF_FILE,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FileEndOfFileInformation } from '../fscc/file-information.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import type { Open } from '../objects/open.ts';
import type { Pipe } from '../objects/pipe.ts';
import {
  findProcess,
  type PosixProcess,
  type ProcessLocks,
  processLocks,
} from '../objects/process-locks.ts';
import { STATUS_INVALID_SMB } from '../smb1/dos-errors.ts';
import { SMB_FLAGS2_PAGING_IO } from '../smb1/header.ts';
import {
  CountAnswer,
  decodeReadAndX,
  decodeWrite,
  decodeWriteAndClose,
  decodeWriteAndX,
  encodeReadAndX,
  encodeWriteAndX,
  READ_ANDX_WORDS_BYTES,
  READ_PAD,
  ReadAnswer,
  ReadWords,
  readDataHead,
  SeekAnswer,
  SeekWords,
  WRITE_MODE_RAW_START,
  WRITE_MODE_THROUGH,
} from '../smb1/io.ts';
import { SMB2_WRITEFLAG_WRITE_THROUGH } from '../smb2/write.ts';
import { isErrno } from '../vfs/errno.ts';
import type { MaybePromise, Smb1Outcome, TreeCall } from './call.ts';
import { closeFile } from './files.ts';
import type { OpenFile } from './link.ts';
import { lockForRead, unlockRange } from './locking.ts';
import { openFor, openOf, openRequest } from './opening.ts';
import { setInformation } from './queries.ts';

const NOTHING = Buffer.alloc(0);
const NO_CHANNEL = { channel: 0, remainingBytes: 0, persistentId: 0, volatileId: 0 };

interface Data {
  readonly payload: Buffer;
  readonly isLent: boolean;
  /** A pipe's message goes on. */
  readonly more: boolean;
}

const openToRead = (call: TreeCall, fid: number) => openFor(call, fid, FILE_READ_DATA);
const openToWrite = (call: TreeCall, fid: number) => openFor(call, fid, FILE_WRITE_DATA);

/** What is read, kept; fewer bytes where the file ends. */
function readData(call: TreeCall, offset: bigint, length: number): MaybePromise<Data | NtStatus> {
  const own = (found: Data | NtStatus): Data | NtStatus => {
    if (typeof found === 'number' || !found.isLent) return found;
    return { ...found, payload: Buffer.from(found.payload) };
  };
  return after(readLent(call, offset, length), own);
}

function readLent(call: TreeCall, offset: bigint, length: number): MaybePromise<Data | NtStatus> {
  const { request } = call;
  const open = request.open!;
  if ((open.access & (FILE_READ_DATA | FILE_EXECUTE)) === 0) return STATUS_ACCESS_DENIED;
  // "Read if execute" is for those who page a program in.
  const executes = (call.header.flags2 & SMB_FLAGS2_PAGING_IO) !== 0;
  if ((open.access & FILE_READ_DATA) === 0 && !executes) return STATUS_ACCESS_DENIED;
  if (open.pipe === undefined && offset > BigInt(MAX_FILE_OFFSET)) return beyond(offset, length);
  request.lockOwner = lockOwner(call, open);
  const body = { ...NO_CHANNEL, padding: 0, flags: 0, length, minimumCount: 0 };
  const outcome = read(
    { ...body, offset: Number(offset), readChannelInfo: NOTHING },
    openRequest(call),
  );
  return after(outcome, dataOf);
}

/** Whose locks are no obstacle: those of the process; undefined, those of the open. */
function lockOwner(
  { request, pid }: TreeCall,
  open: Open,
): ProcessLocks | PosixProcess | undefined {
  if (open.processLocks !== undefined) return processLocks(open, pid);
  return findProcess(open, request.connection, pid);
}

const NO_DATA: Data = { payload: NOTHING, isLent: false, more: false };

const beyond = (offset: bigint, length: number): Data | NtStatus =>
  offset + BigInt(length) > 0x7fff_ffff_ffff_ffffn ? STATUS_INVALID_PARAMETER : NO_DATA;

function dataOf(outcome: Outcome): Data | NtStatus {
  if (outcome === STATUS_END_OF_FILE) return NO_DATA;
  if (typeof outcome === 'number') return outcome;
  if (outcome instanceof Disconnect) return STATUS_INVALID_DEVICE_REQUEST;
  const { payload = NOTHING, isLent = false, status } = outcome;
  return { payload, isLent, more: status === STATUS_BUFFER_OVERFLOW };
}

export function readAndX(call: TreeCall): MaybePromise<Smb1Outcome> {
  const body = decodeReadAndX(call.block, true);
  const file = openToRead(call, body.fid);
  if (typeof file === 'number') return file;
  const bytesAt = call.answerAt(READ_ANDX_WORDS_BYTES);
  // 3.3.5.36: of a pipe "MUST NOT read a number of bytes" beyond what a message may hold, also with CAP_LARGE_READX.
  const room = Math.max(0, call.link.clientBufferBytes - bytesAt - READ_PAD.length);
  const isPipe = file.open.pipe !== undefined;
  const count = isPipe ? Math.min(body.pipeCount, room) : body.count;
  const data = readLent(call, body.offset, count);
  return after(data, (found): Smb1Outcome => {
    if (typeof found === 'number') return found;
    const { payload, isLent } = found;
    file.seekPosition = Number(body.offset) + payload.length;
    const { pipe } = file.open;
    const words = encodeReadAndX(payload.length, bytesAt, pipe && leftIn(pipe));
    return { status: statusOf(found), words, bytes: READ_PAD, payload, isLent };
  });
}

/** 3.3.5.36: of a message that is longer than what was asked for, what was asked for. */
const statusOf = ({ more }: Data): NtStatus => (more ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS);
const leftIn = (pipe: Pipe): number => pipe.peek()?.bytes.length ?? 0;

/** The count that was written. */
function writeData(
  call: TreeCall,
  offset: bigint,
  data: Buffer,
  through: boolean,
): MaybePromise<number | { status: NtStatus }> {
  const { request } = call;
  const open = request.open!;
  if (open.pipe === undefined && offset > BigInt(MAX_FILE_OFFSET)) {
    return { status: STATUS_INVALID_PARAMETER };
  }
  request.lockOwner = lockOwner(call, open);
  const outcome = write(
    {
      ...NO_CHANNEL,
      offset: Number(offset),
      data,
      flags: through ? SMB2_WRITEFLAG_WRITE_THROUGH : 0,
      writeChannelInfo: NOTHING,
    },
    openRequest(call),
  );
  const counted = (found: Outcome): number | { status: NtStatus } => {
    if (typeof found === 'number') return { status: found };
    return found instanceof Disconnect ? { status: STATUS_INVALID_DEVICE_REQUEST } : data.length;
  };
  return outcome instanceof Promise ? outcome.then(counted) : counted(outcome);
}

const MESSAGE_LENGTH_BYTES = 2;

export function writeAndX(call: TreeCall): MaybePromise<Smb1Outcome> {
  const body = decodeWriteAndX(call.block, call.message);
  const file = openToWrite(call, body.fid);
  if (typeof file === 'number') return file;
  const { data } = body;
  if (data === undefined) return STATUS_INVALID_SMB;
  const through = (body.writeMode & WRITE_MODE_THROUGH) !== 0;
  const { pipe } = file.open;
  // 3.3.5.37: what counts is written as well, though the pipe never sees it.
  const starts = (body.writeMode & WRITE_MODE_RAW_START) === WRITE_MODE_RAW_START;
  const head = pipe !== undefined && starts ? MESSAGE_LENGTH_BYTES : 0;
  if (data.length < head) return STATUS_INVALID_PARAMETER;
  const written = writeData(call, body.offset, data.subarray(head), through);
  const answer = (count: number | { status: NtStatus }): Smb1Outcome => {
    if (typeof count !== 'number') return count.status;
    file.seekPosition = Number(body.offset) + count;
    return { words: encodeWriteAndX(head + count, pipe && leftIn(pipe)) };
  };
  return written instanceof Promise ? written.then(answer) : answer(written);
}

export function oldRead(call: TreeCall): MaybePromise<Smb1Outcome> {
  const body = ReadWords.read(call.block.words);
  const file = openToRead(call, body.fid);
  if (typeof file === 'number') return file;
  const data = readData(call, BigInt(body.offset), body.count);
  return after(data, (found) => answerOldRead(found, file, body.offset));
}

function answerOldRead(found: Data | NtStatus, file: OpenFile, offset: number): Smb1Outcome {
  if (typeof found === 'number') return found;
  const { length } = found.payload;
  file.seekPosition = offset + length;
  const bytes = Buffer.concat([readDataHead(length), found.payload]);
  return { status: statusOf(found), words: ReadAnswer.encode({ count: length }), bytes };
}

/** 2.2.4.20: the range is locked exclusively, then read. */
export async function lockAndRead(call: TreeCall): Promise<Smb1Outcome> {
  const { fid, offset, count } = ReadWords.read(call.block.words);
  const file = openToRead(call, fid);
  if (typeof file === 'number') return file;
  const range = { offset: BigInt(offset), length: BigInt(count) };
  const status = await lockForRead(call, file, range);
  if (status !== STATUS_SUCCESS) return status;
  return answerOldRead(await readData(call, range.offset, count), file, offset);
}

/** 2.2.4.12: writing nothing sets the end of the file. */
async function writeOrCut(call: TreeCall, offset: number, data: Buffer, count: number) {
  if (count === 0 && call.request.open!.pipe === undefined) {
    const size = FileEndOfFileInformation.encode({ endOfFile: offset });
    const status = await setInformation(
      openRequest(call),
      FileInformationClass.FileEndOfFileInformation,
      size,
    );
    return status === STATUS_SUCCESS ? 0 : { status };
  }
  return writeData(call, BigInt(offset), data, false);
}

const answerCount = (written: number | { status: NtStatus }): Smb1Outcome =>
  typeof written === 'number' ? { words: CountAnswer.encode({ count: written }) } : written.status;

export async function oldWrite(call: TreeCall): Promise<Smb1Outcome> {
  const { fid, offset, count, data } = decodeWrite(call.block);
  const file = openToWrite(call, fid);
  if (typeof file === 'number') return file;
  const written = await writeOrCut(call, offset, data, count);
  if (typeof written === 'number') file.seekPosition = offset + written;
  return answerCount(written);
}

export async function writeAndUnlock(call: TreeCall): Promise<Smb1Outcome> {
  const { fid, offset, count, data } = decodeWrite(call.block);
  const file = openToWrite(call, fid);
  if (typeof file === 'number') return file;
  const written = count === 0 ? 0 : await writeData(call, BigInt(offset), data, false);
  if (typeof written !== 'number') return written.status;
  const range = { offset: BigInt(offset), length: BigInt(count) };
  const status = count === 0 ? STATUS_SUCCESS : unlockRange(call, range);
  return status === STATUS_SUCCESS ? answerCount(written) : status;
}

export async function writeAndClose(call: TreeCall): Promise<Smb1Outcome> {
  const { fid, offset, data, lastWriteTime } = decodeWriteAndClose(call.block);
  const file = openToWrite(call, fid);
  if (typeof file === 'number') return file;
  const written = data.length === 0 ? 0 : await writeData(call, BigInt(offset), data, false);
  if (typeof written !== 'number') return written.status;
  // "does not close the file" where nothing is written, as Windows and Samba have it.
  if (data.length > 0) await closeFile(call, file, lastWriteTime);
  return answerCount(written);
}

const SEEK_FROM_START = 0;
const SEEK_FROM_POSITION = 1;
const SEEK_FROM_END = 2;

/** The position is the client's affair; the server counts for it. */
export async function seek(call: TreeCall): Promise<Smb1Outcome> {
  const { fid, mode, offset } = SeekWords.read(call.block.words);
  const file = openOf(call, fid);
  if (typeof file === 'number') return file;
  const { open } = file;
  if (open.handle === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  let from = 0;
  if (mode === SEEK_FROM_POSITION) from = file.seekPosition ?? 0;
  else if (mode === SEEK_FROM_END) {
    const stat = await open.handle.stat();
    from = isErrno(stat) ? 0 : stat.size;
  } else if (mode !== SEEK_FROM_START) return STATUS_INVALID_PARAMETER;
  const to = mode === SEEK_FROM_START ? offset >>> 0 : Math.max(0, from + offset);
  file.seekPosition = to;
  return { words: SeekAnswer.encode({ offset: to >>> 0 }) };
}
