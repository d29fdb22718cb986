/** Requests with the fields that a test seldom cares about filled in. No tests of its own. */
import { FileInformationClass } from '../fscc/information-class.ts';
import {
  encodeRenameInformation,
  encodeRenameInformationEx,
  FileDispositionInformation,
  FileDispositionInformationEx,
} from '../fscc/rename-information.ts';
import { encodeChangeNotifyRequest } from '../smb2/change-notify.ts';
import { encodeFlushRequest } from '../smb2/flush.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { Command } from '../smb2/header.ts';
import { encodeIoctlRequest, SMB2_0_IOCTL_IS_FSCTL } from '../smb2/ioctl.ts';
import { encodeLockRequest, type LockElement } from '../smb2/lock.ts';
import { encodeLogoffRequest } from '../smb2/logoff.ts';
import { encodeQueryDirectoryRequest } from '../smb2/query-directory.ts';
import { encodeQueryInfoRequest } from '../smb2/query-info.ts';
import { encodeReadRequest } from '../smb2/read.ts';
import { encodeSetInfoRequest } from '../smb2/set-info.ts';
import { encodeTreeDisconnectRequest } from '../smb2/tree-disconnect.ts';
import { encodeWriteRequest } from '../smb2/write.ts';
import type { Draft, FileId } from './test-client.support.test.ts';

const SMB2_0_INFO_FILE = 1;

export const setInfo = (id: FileId, fileInfoClass: number, buffer: Buffer): Draft => ({
  command: Command.SET_INFO,
  body: encodeSetInfoRequest({
    infoType: SMB2_0_INFO_FILE,
    fileInfoClass,
    additionalInformation: 0,
    persistentId: id.persistentId,
    volatileId: id.volatileId,
    buffer,
  }),
});

export const rename = (id: FileId, fileName: string, replaceIfExists = false): Draft =>
  setInfo(
    id,
    FileInformationClass.FileRenameInformation,
    encodeRenameInformation({ replaceIfExists, rootDirectory: 0, fileName }),
  );

export const renameEx = (id: FileId, fileName: string, flags: number): Draft =>
  setInfo(
    id,
    FileInformationClass.FileRenameInformationEx,
    encodeRenameInformationEx({ flags, rootDirectory: 0, fileName }),
  );

export const link = (id: FileId, fileName: string, replaceIfExists = false): Draft =>
  setInfo(
    id,
    FileInformationClass.FileLinkInformation,
    encodeRenameInformation({ replaceIfExists, rootDirectory: 0, fileName }),
  );

export const dispose = (id: FileId, deletePending = true): Draft =>
  setInfo(
    id,
    FileInformationClass.FileDispositionInformation,
    FileDispositionInformation.encode({ deletePending }),
  );

export const disposeEx = (id: FileId, flags: number): Draft =>
  setInfo(
    id,
    FileInformationClass.FileDispositionInformationEx,
    FileDispositionInformationEx.encode({ flags }),
  );

export const list = (
  { persistentId, volatileId }: FileId,
  fileName = '*',
  over: { flags?: number; outputBufferLength?: number; fileInformationClass?: number } = {},
): Draft => ({
  command: Command.QUERY_DIRECTORY,
  body: encodeQueryDirectoryRequest({
    fileInformationClass: FileInformationClass.FileIdBothDirectoryInformation,
    flags: 0,
    fileIndex: 0,
    persistentId,
    volatileId,
    outputBufferLength: 65_536,
    fileName,
    ...over,
  }),
});

export const query = (
  { persistentId, volatileId }: FileId,
  fileInfoClass: number = FileInformationClass.FileAllInformation,
  over: { infoType?: number; outputBufferLength?: number; additionalInformation?: number } = {},
): Draft => ({
  command: Command.QUERY_INFO,
  body: encodeQueryInfoRequest({
    infoType: SMB2_0_INFO_FILE,
    fileInfoClass,
    outputBufferLength: 4096,
    additionalInformation: 0,
    flags: 0,
    persistentId,
    volatileId,
    inputBuffer: Buffer.alloc(0),
    ...over,
  }),
});

export const read = (
  { persistentId, volatileId }: FileId,
  over: { offset?: number; length?: number; minimumCount?: number } = {},
): Draft => ({
  command: Command.READ,
  body: encodeReadRequest({
    padding: 0x50,
    flags: 0,
    length: 100,
    offset: 0,
    persistentId,
    volatileId,
    minimumCount: 0,
    channel: 0,
    remainingBytes: 0,
    readChannelInfo: Buffer.alloc(0),
    ...over,
  }),
});

export const write = (
  { persistentId, volatileId }: FileId,
  data: string | Buffer = 'later',
  over: { offset?: number; flags?: number } = {},
): Draft => ({
  command: Command.WRITE,
  body: encodeWriteRequest({
    offset: 0,
    persistentId,
    volatileId,
    channel: 0,
    remainingBytes: 0,
    flags: 0,
    data: Buffer.from(data),
    writeChannelInfo: Buffer.alloc(0),
    ...over,
  }),
});

export const flush = ({ persistentId, volatileId }: FileId): Draft => ({
  command: Command.FLUSH,
  body: encodeFlushRequest({ reserved1: 0, persistentId, volatileId }),
});

export const lock = ({ persistentId, volatileId }: FileId, ...locks: LockElement[]): Draft => ({
  command: Command.LOCK,
  body: encodeLockRequest({
    lockSequenceNumber: 0,
    lockSequenceIndex: 0,
    persistentId,
    volatileId,
    locks,
  }),
});

export const notify = ({ persistentId, volatileId }: FileId, flags = 0): Draft => ({
  command: Command.CHANGE_NOTIFY,
  body: encodeChangeNotifyRequest({
    flags,
    outputBufferLength: 1000,
    persistentId,
    volatileId,
    completionFilter: 0x17f,
  }),
});

export const transceive = ({ persistentId, volatileId }: FileId, input: string): Draft => ({
  command: Command.IOCTL,
  body: encodeIoctlRequest({
    ctlCode: Fsctl.FSCTL_PIPE_TRANSCEIVE,
    persistentId,
    volatileId,
    maxInputResponse: 0,
    maxOutputResponse: 1000,
    flags: SMB2_0_IOCTL_IS_FSCTL,
    input: Buffer.from(input),
    output: Buffer.alloc(0),
  }),
});

export const fsctl = (
  { persistentId, volatileId }: FileId,
  ctlCode: number,
  input: Buffer = Buffer.alloc(0),
  maxOutputResponse = 4096,
): Draft => ({
  command: Command.IOCTL,
  body: encodeIoctlRequest({
    ctlCode,
    persistentId,
    volatileId,
    maxInputResponse: 0,
    maxOutputResponse,
    flags: SMB2_0_IOCTL_IS_FSCTL,
    input,
    output: Buffer.alloc(0),
  }),
});

export const TREE_DISCONNECT: Draft = {
  command: Command.TREE_DISCONNECT,
  body: encodeTreeDisconnectRequest(),
};

export const LOGOFF: Draft = { command: Command.LOGOFF, body: encodeLogoffRequest() };
