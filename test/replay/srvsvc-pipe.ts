/** The pipe srvsvc as clients use it to ask about one share. */
import assert from 'node:assert/strict';
import type { ClientFile } from '../../src/client/file.ts';
import { ioctlRequest } from '../../src/client/requests.ts';
import type { ClientSession } from '../../src/client/session.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { STATUS_BUFFER_OVERFLOW } from '../../src/dtyp/ntstatus.ts';
import { ClientAssociation } from '../../src/rpc/client-association.ts';
import { u32 } from '../../src/rpc/ndr.ts';
import { operation } from '../../src/rpc/operation.ts';
import { SRVSVC } from '../../src/rpc/srvsvc.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { decodeIoctlResponse } from '../../src/smb2/ioctl.ts';

const FRAGMENT_BYTES = 4280;

/** The pipe, bound to srvsvc; calls by FSCTL_PIPE_TRANSCEIVE or by WRITE and READ. */
export class SrvsvcPipe {
  readonly #pipe: ClientFile;
  readonly #association = new ClientAssociation(SRVSVC);
  readonly #transceives: boolean;

  private constructor(pipe: ClientFile, transceives: boolean) {
    this.#pipe = pipe;
    this.#transceives = transceives;
  }

  static async open(session: ClientSession, transceives = true): Promise<SrvsvcPipe> {
    const tree = await session.treeConnect('IPC$');
    const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
    const srvsvc = new SrvsvcPipe(await tree.open('srvsvc', { access }), transceives);
    assert.equal(srvsvc.#association.bound(await srvsvc.#say(srvsvc.#association.bind())), true);
    return srvsvc;
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

  async shareInfo(netName: string, level: number) {
    const { NetrShareGetInfo } = SRVSVC.operations;
    const serverName = '\\\\SERVER';
    const input = { serverName, netName, level };
    const [fragment] = this.#association.request(NetrShareGetInfo, input);
    const answer = this.#association.answer(NetrShareGetInfo, await this.#say(fragment!));
    if (answer.kind !== 'result') assert.fail(`level ${level}: ${answer.kind}`);
    return answer.output;
  }

  async close(): Promise<void> {
    await this.#pipe.close();
  }

  async call(opnum: number) {
    const none = operation(opnum, { nothing: u32 }, { status: u32 });
    const [fragment] = this.#association.request(none, { nothing: 0 });
    return this.#association.answer(none, await this.#say(fragment!));
  }
}
