/** The requests of MS-SMB2 2.2, ready to be sent one by one or in a compound. */
import { FILE_GENERIC_READ } from '../dtyp/access-mask.ts';
import { encodeChangeNotifyRequest } from '../smb2/change-notify.ts';
import { encodeCloseRequest, SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB } from '../smb2/close.ts';
import { encodeCreateRequest } from '../smb2/create.ts';
import type { CreateContext } from '../smb2/create-contexts.ts';
import {
  FILE_OPEN,
  FILE_SHARE_DELETE,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
  ImpersonationLevel,
} from '../smb2/create-options.ts';
import { encodeEchoRequest } from '../smb2/echo.ts';
import { FILE_ID_SIZE, setFileId } from '../smb2/file-id.ts';
import { encodeFlushRequest } from '../smb2/flush.ts';
import { Command } from '../smb2/header.ts';
import { encodeIoctlRequest, SMB2_0_IOCTL_IS_FSCTL } from '../smb2/ioctl.ts';
import { encodeLockRequest, type LockElement } from '../smb2/lock.ts';
import { encodeQueryDirectoryRequest } from '../smb2/query-directory.ts';
import { encodeQueryInfoRequest } from '../smb2/query-info.ts';
import { encodeReadRequest } from '../smb2/read.ts';
import { encodeSetInfoRequest } from '../smb2/set-info.ts';
import { encodeTreeConnectRequest } from '../smb2/tree-connect.ts';
import { encodeTreeDisconnectRequest } from '../smb2/tree-disconnect.ts';
import { encodeWriteRequest } from '../smb2/write.ts';
import type { ClientRequest } from './exchange.ts';

/** A FileId as the server gave it: servers of others use all its bits. */
export type RawFileId = Buffer;

/** The one of the CREATE before, in a related compound. */
export const RELATED: RawFileId = Buffer.alloc(FILE_ID_SIZE, 0xff);

const NO_ID = { persistentId: 0, volatileId: 0 };
const NOTHING = Buffer.alloc(0);

function withFileId(
  command: number,
  fileId: RawFileId,
  body: Buffer,
  payloadBytes = 0,
): ClientRequest {
  setFileId(body, command, fileId);
  return { command, body, payloadBytes };
}

export const echoRequest = (): ClientRequest => ({
  command: Command.ECHO,
  body: encodeEchoRequest(),
});

export const treeConnectRequest = (path: string, flags = 0): ClientRequest => ({
  command: Command.TREE_CONNECT,
  body: encodeTreeConnectRequest({ flags, path }),
});

export const treeDisconnectRequest = (): ClientRequest => ({
  command: Command.TREE_DISCONNECT,
  body: encodeTreeDisconnectRequest(),
});

export interface OpenOptions {
  /** FILE_GENERIC_READ if absent. */
  readonly access?: number;
  /** FILE_OPEN if absent. */
  readonly disposition?: number;
  readonly options?: number;
  readonly attributes?: number;
  /** All three if absent. */
  readonly share?: number;
  readonly oplockLevel?: number;
  readonly impersonationLevel?: number;
  readonly contexts?: readonly CreateContext[];
}

export function createRequest(name: string, how: OpenOptions = {}): ClientRequest {
  const createContexts = how.contexts ?? [];
  return {
    command: Command.CREATE,
    contextNames: createContexts.map((context) => context.name),
    body: encodeCreateRequest({
      requestedOplockLevel: how.oplockLevel ?? 0,
      impersonationLevel: how.impersonationLevel ?? ImpersonationLevel.Impersonation,
      desiredAccess: how.access ?? FILE_GENERIC_READ,
      fileAttributes: how.attributes ?? 0,
      shareAccess: how.share ?? FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
      createDisposition: how.disposition ?? FILE_OPEN,
      createOptions: how.options ?? 0,
      name,
      createContexts,
    }),
  };
}

export const closeRequest = (fileId: RawFileId, postQuery = false): ClientRequest =>
  withFileId(
    Command.CLOSE,
    fileId,
    encodeCloseRequest({ flags: postQuery ? SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB : 0, ...NO_ID }),
  );

export const flushRequest = (fileId: RawFileId): ClientRequest =>
  withFileId(Command.FLUSH, fileId, encodeFlushRequest({ reserved1: 0, ...NO_ID }));

export const readRequest = (
  fileId: RawFileId,
  offset: number,
  length: number,
  minimumCount = 0,
): ClientRequest =>
  withFileId(
    Command.READ,
    fileId,
    encodeReadRequest({
      padding: 0x50,
      flags: 0,
      length,
      offset,
      ...NO_ID,
      minimumCount,
      channel: 0,
      remainingBytes: 0,
      readChannelInfo: NOTHING,
    }),
    length,
  );

export const writeRequest = (
  fileId: RawFileId,
  offset: number,
  data: Buffer,
  flags = 0,
): ClientRequest =>
  withFileId(
    Command.WRITE,
    fileId,
    encodeWriteRequest({
      offset,
      ...NO_ID,
      channel: 0,
      remainingBytes: 0,
      flags,
      data,
      writeChannelInfo: NOTHING,
    }),
    data.length,
  );

export const lockRequest = (
  fileId: RawFileId,
  locks: readonly LockElement[],
  sequence: { number: number; index: number } = { number: 0, index: 0 },
): ClientRequest =>
  withFileId(
    Command.LOCK,
    fileId,
    encodeLockRequest({
      ...NO_ID,
      lockSequenceNumber: sequence.number,
      lockSequenceIndex: sequence.index,
      locks,
    }),
  );

export interface IoctlOptions {
  readonly input?: Buffer;
  readonly maxOutput?: number;
  readonly flags?: number;
}

export const ioctlRequest = (
  fileId: RawFileId,
  ctlCode: number,
  how: IoctlOptions = {},
): ClientRequest => {
  const { input = NOTHING, maxOutput = 0 } = how;
  return withFileId(
    Command.IOCTL,
    fileId,
    encodeIoctlRequest({
      ctlCode,
      ...NO_ID,
      input,
      output: NOTHING,
      maxInputResponse: 0,
      maxOutputResponse: maxOutput,
      flags: how.flags ?? SMB2_0_IOCTL_IS_FSCTL,
    }),
    Math.max(input.length, maxOutput),
  );
};

export interface QueryDirectoryOptions {
  readonly pattern?: string;
  readonly flags?: number;
  readonly fileIndex?: number;
  readonly outputBytes?: number;
}

/** 64 KiB, which costs one credit. */
export const DEFAULT_OUTPUT_BYTES = 65_536;

export const queryDirectoryRequest = (
  fileId: RawFileId,
  fileInformationClass: number,
  how: QueryDirectoryOptions = {},
): ClientRequest => {
  const outputBufferLength = how.outputBytes ?? DEFAULT_OUTPUT_BYTES;
  return withFileId(
    Command.QUERY_DIRECTORY,
    fileId,
    encodeQueryDirectoryRequest({
      fileInformationClass,
      flags: how.flags ?? 0,
      fileIndex: how.fileIndex ?? 0,
      ...NO_ID,
      outputBufferLength,
      fileName: how.pattern ?? '*',
    }),
    outputBufferLength,
  );
};

export const changeNotifyRequest = (
  fileId: RawFileId,
  completionFilter: number,
  how: { flags?: number; outputBytes?: number } = {},
): ClientRequest => {
  const outputBufferLength = how.outputBytes ?? DEFAULT_OUTPUT_BYTES;
  return withFileId(
    Command.CHANGE_NOTIFY,
    fileId,
    encodeChangeNotifyRequest({
      flags: how.flags ?? 0,
      outputBufferLength,
      ...NO_ID,
      completionFilter,
    }),
    outputBufferLength,
  );
};

export interface QueryInfoOptions {
  readonly outputBytes?: number;
  readonly input?: Buffer;
  readonly additionalInformation?: number;
  readonly flags?: number;
}

export const queryInfoRequest = (
  fileId: RawFileId,
  infoType: number,
  fileInfoClass: number,
  how: QueryInfoOptions = {},
): ClientRequest => {
  const { outputBytes = DEFAULT_OUTPUT_BYTES, input = NOTHING } = how;
  return withFileId(
    Command.QUERY_INFO,
    fileId,
    encodeQueryInfoRequest({
      infoType,
      fileInfoClass,
      outputBufferLength: outputBytes,
      additionalInformation: how.additionalInformation ?? 0,
      flags: how.flags ?? 0,
      ...NO_ID,
      inputBuffer: input,
    }),
    Math.max(outputBytes, input.length),
  );
};

export const setInfoRequest = (
  fileId: RawFileId,
  infoType: number,
  fileInfoClass: number,
  buffer: Buffer,
  additionalInformation = 0,
): ClientRequest =>
  withFileId(
    Command.SET_INFO,
    fileId,
    encodeSetInfoRequest({ infoType, fileInfoClass, additionalInformation, ...NO_ID, buffer }),
    buffer.length,
  );
