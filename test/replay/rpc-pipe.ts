/** A pipe of IPC$, bound to its interface, as clients call it: by FSCTL_PIPE_TRANSCEIVE, or by WRITE and READ. */
import assert from 'node:assert/strict';
import type { ClientFile } from '../../src/client/file.ts';
import { ioctlRequest } from '../../src/client/requests.ts';
import type { ClientSession } from '../../src/client/session.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { STATUS_BUFFER_OVERFLOW } from '../../src/dtyp/ntstatus.ts';
import { ClientAssociation } from '../../src/rpc/client-association.ts';
import type { InputOf, Operation, OutputOf, RpcInterface } from '../../src/rpc/operation.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { decodeIoctlResponse } from '../../src/smb2/ioctl.ts';

const FRAGMENT_BYTES = 4280;

export class RpcPipe {
  readonly #pipe: ClientFile;
  readonly #association: ClientAssociation;
  readonly #transceives: boolean;

  private constructor(pipe: ClientFile, rpc: RpcInterface, transceives: boolean) {
    this.#pipe = pipe;
    this.#association = new ClientAssociation(rpc);
    this.#transceives = transceives;
  }

  static async open(
    session: ClientSession,
    name: string,
    rpc: RpcInterface,
    transceives = true,
  ): Promise<RpcPipe> {
    const tree = await session.treeConnect('IPC$');
    const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
    const pipe = new RpcPipe(await tree.open(name, { access }), rpc, transceives);
    assert.equal(pipe.#association.bound(await pipe.#say(pipe.#association.bind())), true);
    return pipe;
  }

  async #say(fragment: Buffer): Promise<Buffer> {
    if (!this.#transceives) {
      await this.#pipe.write(0, fragment);
      return this.#pipe.read(0, FRAGMENT_BYTES);
    }
    const request = ioctlRequest(this.#pipe.fileId, Fsctl.FSCTL_PIPE_TRANSCEIVE, {
      input: fragment,
      maxOutput: FRAGMENT_BYTES,
    });
    const answer = await this.#pipe.tree.request(request);
    assert.notEqual(answer.status, STATUS_BUFFER_OVERFLOW);
    return decodeIoctlResponse(answer.message).output;
  }

  /** The answer, a fault too. */
  async ask<O extends Operation>(operation: O, input: InputOf<O>) {
    const [fragment, ...more] = this.#association.request(operation, input);
    assert.equal(more.length, 0);
    return this.#association.answer(operation, await this.#say(fragment!));
  }

  async call<O extends Operation>(operation: O, input: InputOf<O>): Promise<OutputOf<O>> {
    const answer = await this.ask(operation, input);
    if (answer.kind !== 'result') assert.fail(`opnum ${operation.opnum}: ${answer.kind}`);
    return answer.output;
  }

  async close(): Promise<void> {
    await this.#pipe.close();
  }
}
