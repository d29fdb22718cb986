/** A client's open (MS-SMB2 3.2.1.5): a file, a directory or a pipe, by its FileId. */
import {
  isError,
  STATUS_END_OF_FILE,
  STATUS_NO_MORE_FILES,
  STATUS_NO_SUCH_FILE,
} from '../dtyp/ntstatus.ts';
import { type DecodedDirectoryEntry, decodeDirectory } from '../fscc/directory-information.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { type CloseResponse, decodeCloseResponse } from '../smb2/close.ts';
import type { CreateResponse } from '../smb2/create.ts';
import { SMB2_0_INFO_FILE, SMB2_0_INFO_FILESYSTEM } from '../smb2/info-types.ts';
import { decodeIoctlResponse } from '../smb2/ioctl.ts';
import type { LockElement } from '../smb2/lock.ts';
import { decodeQueryDirectoryResponse, SMB2_RESTART_SCANS } from '../smb2/query-directory.ts';
import { decodeQueryInfoResponse } from '../smb2/query-info.ts';
import { decodeReadResponse } from '../smb2/read.ts';
import { decodeWriteResponse } from '../smb2/write.ts';
import { StatusError } from './client-error.ts';
import { type Answer, type ClientRequest, succeed } from './exchange.ts';
import {
  closeRequest,
  flushRequest,
  type IoctlOptions,
  ioctlRequest,
  lockRequest,
  type QueryDirectoryOptions,
  type QueryInfoOptions,
  queryDirectoryRequest,
  queryInfoRequest,
  type RawFileId,
  readRequest,
  setInfoRequest,
  writeRequest,
} from './requests.ts';
import type { ClientTree } from './tree.ts';

/** Bytes that one credit pays for, 3.1.5.2. */
const CREDIT_BYTES = 65_536;

export class ClientFile {
  readonly tree: ClientTree;
  readonly name: string;
  readonly fileId: RawFileId;
  readonly created: CreateResponse;

  constructor(tree: ClientTree, name: string, fileId: RawFileId, created: CreateResponse) {
    this.tree = tree;
    this.name = name;
    this.fileId = fileId;
    this.created = created;
  }

  /** At most `length` bytes; StatusError with STATUS_END_OF_FILE where there are none. */
  async read(offset: number, length: number, minimumCount = 0): Promise<Buffer> {
    const request = readRequest(this.fileId, offset, length, minimumCount);
    return decodeReadResponse((await this.#ask(request)).message).data;
  }

  async readAll(): Promise<Buffer> {
    const length = this.#payloadBytes('maxReadSize');
    const pieces: Buffer[] = [];
    for (let at = 0; ; ) {
      const answer = await this.tree.request(readRequest(this.fileId, at, length));
      if (answer.status === STATUS_END_OF_FILE) return Buffer.concat(pieces);
      const { data } = decodeReadResponse(succeed(answer).message);
      pieces.push(data);
      at += data.length;
    }
  }

  /** How many bytes the server took. */
  async write(offset: number, data: Buffer, flags = 0): Promise<number> {
    const request = writeRequest(this.fileId, offset, data, flags);
    return decodeWriteResponse((await this.#ask(request)).message).count;
  }

  async writeAll(content: Buffer): Promise<void> {
    const length = this.#payloadBytes('maxWriteSize');
    for (let at = 0; at < content.length; ) {
      at += await this.write(at, content.subarray(at, at + length));
    }
  }

  async flush(): Promise<void> {
    await this.#ask(flushRequest(this.fileId));
  }

  async lock(locks: readonly LockElement[]): Promise<void> {
    await this.#ask(lockRequest(this.fileId, locks));
  }

  /** A buffer of MS-FSCC 2.4. */
  async queryInfo(fileInfoClass: number, how: QueryInfoOptions = {}): Promise<Buffer> {
    const request = queryInfoRequest(this.fileId, SMB2_0_INFO_FILE, fileInfoClass, how);
    return decodeQueryInfoResponse((await this.#ask(request)).message).outputBuffer;
  }

  /** A buffer of MS-FSCC 2.5. */
  async queryFsInfo(fsInfoClass: number, how: QueryInfoOptions = {}): Promise<Buffer> {
    const request = queryInfoRequest(this.fileId, SMB2_0_INFO_FILESYSTEM, fsInfoClass, how);
    return decodeQueryInfoResponse((await this.#ask(request)).message).outputBuffer;
  }

  async setInfo(fileInfoClass: number, buffer: Buffer): Promise<void> {
    await this.#ask(setInfoRequest(this.fileId, SMB2_0_INFO_FILE, fileInfoClass, buffer));
  }

  /** The output of an FSCTL. */
  async ioctl(ctlCode: number, how: IoctlOptions = {}): Promise<Buffer> {
    const request = ioctlRequest(this.fileId, ctlCode, how);
    return decodeIoctlResponse((await this.#ask(request)).message).output;
  }

  /** One piece of a listing; undefined at its end. */
  async list(
    informationClass: number = FileInformationClass.FileIdBothDirectoryInformation,
    how: QueryDirectoryOptions = {},
  ): Promise<DecodedDirectoryEntry[] | undefined> {
    const request = queryDirectoryRequest(this.fileId, informationClass, how);
    const { status, message } = await this.tree.request(request);
    if (status === STATUS_NO_MORE_FILES || status === STATUS_NO_SUCH_FILE) return undefined;
    if (isError(status)) throw new StatusError(request.command, status);
    return decodeDirectory(informationClass, decodeQueryDirectoryResponse(message).outputBuffer);
  }

  async listAll(pattern = '*', informationClass?: number): Promise<DecodedDirectoryEntry[]> {
    const entries: DecodedDirectoryEntry[] = [];
    for (let flags = SMB2_RESTART_SCANS; ; flags = 0) {
      const more = await this.list(informationClass, { pattern, flags });
      if (more === undefined) return entries;
      entries.push(...more);
    }
  }

  async close(postQuery = false): Promise<CloseResponse> {
    return decodeCloseResponse((await this.#ask(closeRequest(this.fileId, postQuery))).message);
  }

  /** What the server takes, as far as the client means to have credits for it. */
  #payloadBytes(limit: 'maxReadSize' | 'maxWriteSize'): number {
    const { negotiated, options } = this.tree.session.connection;
    return Math.min(negotiated![limit], options.creditTarget * CREDIT_BYTES);
  }

  async #ask(request: ClientRequest): Promise<Answer> {
    return succeed(await this.tree.request(request));
  }
}
