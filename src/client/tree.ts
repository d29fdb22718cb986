/** A client's tree connect (MS-SMB2 3.2.1.4), and what is done on a share by name. */

import { DELETE, FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../dtyp/access-mask.ts';
import type { DecodedDirectoryEntry } from '../fscc/directory-information.ts';
import { decodeCreateResponse } from '../smb2/create.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OVERWRITE_IF,
} from '../smb2/create-options.ts';
import { CREATE_RESPONSE_FILE_ID_AT, FILE_ID_SIZE } from '../smb2/file-id.ts';
import { HEADER_SIZE } from '../smb2/header.ts';
import type { TreeConnectResponse } from '../smb2/tree-connect.ts';
import type { SubmitOptions } from './connection.ts';
import { type Answer, type ClientRequest, type Exchange, succeed } from './exchange.ts';
import { ClientFile } from './file.ts';
import { createRequest, type OpenOptions, treeDisconnectRequest } from './requests.ts';
import type { ClientSession } from './session.ts';

export class ClientTree {
  readonly session: ClientSession;
  readonly treeId: number;
  readonly share: string;
  readonly response: TreeConnectResponse;
  /** What goes to this share is encrypted. */
  readonly encrypt: boolean;

  constructor(
    session: ClientSession,
    tree: { treeId: number; share: string; response: TreeConnectResponse; encrypt: boolean },
  ) {
    this.session = session;
    this.treeId = tree.treeId;
    this.share = tree.share;
    this.response = tree.response;
    this.encrypt = tree.encrypt;
  }

  /** The same tree connect on another channel of its session. */
  on(channel: ClientSession): ClientTree {
    return new ClientTree(channel, this);
  }

  /** One request, or several in a compound; related ones if the options say so. */
  submit(requests: readonly ClientRequest[], options: SubmitOptions = {}): Promise<Exchange[]> {
    const { session, treeId, encrypt } = this;
    const sender = { security: session, treeId };
    return session.connection.submit(requests, sender, { encrypt, ...options });
  }

  /** The answer whatever its status. */
  async request(request: ClientRequest, options: SubmitOptions = {}): Promise<Answer> {
    const [exchange] = await this.submit([request], options);
    return this.session.connection.answerOf(exchange!);
  }

  /** The answers of a compound, in order, whatever their statuses. */
  async compound(
    requests: readonly ClientRequest[],
    options: SubmitOptions = { related: true },
  ): Promise<Answer[]> {
    const exchanges = await this.submit(requests, options);
    return Promise.all(exchanges.map((one) => this.session.connection.answerOf(one)));
  }

  async open(name: string, how: OpenOptions = {}): Promise<ClientFile> {
    return this.fileOf(succeed(await this.request(createRequest(name, how))), name);
  }

  /** The file that the answer to a CREATE opened. */
  fileOf({ message }: Answer, name = ''): ClientFile {
    const at = HEADER_SIZE + CREATE_RESPONSE_FILE_ID_AT;
    const fileId = Buffer.from(message.subarray(at, at + FILE_ID_SIZE));
    return new ClientFile(this, name, fileId, decodeCreateResponse(message));
  }

  /** The whole content of a file. */
  async readFile(name: string): Promise<Buffer> {
    return this.#with(name, {}, (file) => file.readAll());
  }

  /** Makes the file, or replaces what it holds. */
  async writeFile(name: string, content: Buffer): Promise<void> {
    const how = {
      access: FILE_GENERIC_READ | FILE_GENERIC_WRITE,
      disposition: FILE_OVERWRITE_IF,
    };
    await this.#with(name, how, (file) => file.writeAll(content));
  }

  async makeDirectory(name: string): Promise<void> {
    const how = { disposition: FILE_CREATE, options: FILE_DIRECTORY_FILE };
    await this.#with(name, how, () => Promise.resolve());
  }

  /** A file, or a directory that is empty. */
  async remove(name: string): Promise<void> {
    const how = { access: DELETE, options: FILE_DELETE_ON_CLOSE };
    await this.#with(name, how, () => Promise.resolve());
  }

  /** The entries of a directory, `.` and `..` among them. */
  async list(name: string, pattern = '*'): Promise<DecodedDirectoryEntry[]> {
    const how = { options: FILE_DIRECTORY_FILE };
    return this.#with(name, how, (directory) => directory.listAll(pattern));
  }

  async disconnect(): Promise<void> {
    succeed(await this.request(treeDisconnectRequest()));
  }

  async #with<T>(
    name: string,
    how: OpenOptions,
    work: (file: ClientFile) => Promise<T>,
  ): Promise<T> {
    const file = await this.open(name, how);
    try {
      return await work(file);
    } finally {
      await file.close();
    }
  }
}
