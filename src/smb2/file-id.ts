/**
 * MS-SMB2 2.2.14.1 SMB2_FILEID: where it sits in requests and CREATE responses. The decoders give its
 * halves as numbers, which is exact for every id that this server hands out. Ids of other servers may
 * use all 64 bits; a client keeps those as the 16 raw bytes and puts them in here.
 */
import { ALL_ONES } from '../wire/struct.ts';
import { Command } from './header.ts';

export const FILE_ID_SIZE = 16;

export interface FileId {
  readonly persistentId: number;
  readonly volatileId: number;
}

/** The FileId of a related request: "the one that the CREATE before opened" (3.3.5.2.7.2). */
export const RELATED_FILE_ID: FileId = { persistentId: ALL_ONES, volatileId: ALL_ONES };

/** 3.3.5.2.7.2: only all ones in both halves stand for the FileId of the previous operation. */
export const isRelatedFileId = (id: FileId): boolean =>
  id.persistentId === ALL_ONES && id.volatileId === ALL_ONES;

/** Offset of the FileId in the body of a request; OPLOCK_BREAK has it at 8 when it is not for a lease. */
const FILE_ID_AT: ReadonlyMap<number, number> = new Map([
  [Command.CLOSE, 8],
  [Command.FLUSH, 8],
  [Command.READ, 16],
  [Command.WRITE, 16],
  [Command.LOCK, 8],
  [Command.IOCTL, 8],
  [Command.QUERY_DIRECTORY, 8],
  [Command.CHANGE_NOTIFY, 8],
  [Command.QUERY_INFO, 24],
  [Command.SET_INFO, 16],
  [Command.OPLOCK_BREAK, 8],
]);

/** Where the body of a request of this command carries a FileId, if it does. */
export const fileIdOffset = (command: number): number | undefined => FILE_ID_AT.get(command);

/** Offset of the FileId in the body of a CREATE response. */
export const CREATE_RESPONSE_FILE_ID_AT = 64;

/** Puts 16 raw bytes into an encoded request body. */
export function setFileId(body: Buffer, command: number, fileId: Uint8Array): void {
  const at = FILE_ID_AT.get(command);
  if (at === undefined) throw new RangeError(`command ${command} has no FileId`);
  body.set(fileId.subarray(0, FILE_ID_SIZE), at);
}
