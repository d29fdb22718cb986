/** A named pipe of IPC$, bound to one interface: calls by FSCTL_PIPE_TRANSCEIVE (MS-SMB2 3.3.5.15.3). */
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../dtyp/access-mask.ts';
import { STATUS_BUFFER_OVERFLOW } from '../dtyp/ntstatus.ts';
import { ClientAssociation } from '../rpc/client-association.ts';
import type { InputOf, Operation, OutputOf, RpcInterface } from '../rpc/operation.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { decodeIoctlResponse } from '../smb2/ioctl.ts';
import { ProtocolViolation } from './client-error.ts';
import { succeed } from './exchange.ts';
import type { ClientFile } from './file.ts';
import { ioctlRequest } from './requests.ts';
import type { ClientSession } from './session.ts';

/** What fits into one fragment of an answer. */
const ANSWER_BYTES = 4280;

export class RpcPipe {
  readonly #pipe: ClientFile;
  readonly #association: ClientAssociation;

  private constructor(pipe: ClientFile, association: ClientAssociation) {
    this.#pipe = pipe;
    this.#association = association;
  }

  /** Throws ProtocolViolation where the pipe does not serve the interface. */
  static async open(session: ClientSession, rpc: RpcInterface): Promise<RpcPipe> {
    const tree = await session.treeConnect('IPC$');
    const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
    const pipe = await tree.open(rpc.name, { access });
    const association = new ClientAssociation(rpc);
    if (!association.bound(await transceive(pipe, association.bind()))) {
      throw new ProtocolViolation(`${rpc.name} is not served`);
    }
    return new RpcPipe(pipe, association);
  }

  /** Throws ProtocolViolation for a fault. */
  async call<O extends Operation>(operation: O, input: InputOf<O>): Promise<OutputOf<O>> {
    const fragments = this.#association.request(operation, input);
    for (const fragment of fragments.slice(0, -1)) await this.#pipe.write(0, fragment);
    const first = await transceive(this.#pipe, fragments.at(-1)!);
    let answer = this.#association.answer(operation, first);
    while (answer.kind === 'partial') {
      answer = this.#association.answer(operation, await this.#pipe.read(0, ANSWER_BYTES));
    }
    if (answer.kind === 'result') return answer.output;
    throw new ProtocolViolation(`a fault: 0x${answer.status.toString(16)}`);
  }

  async close(): Promise<void> {
    await this.#pipe.close();
    await this.#pipe.tree.disconnect();
  }
}

/** Writes, and reads one fragment; what did not fit is read behind. */
async function transceive(pipe: ClientFile, fragment: Buffer): Promise<Buffer> {
  const request = ioctlRequest(pipe.fileId, Fsctl.FSCTL_PIPE_TRANSCEIVE, {
    input: fragment,
    maxOutput: ANSWER_BYTES,
  });
  const answer = succeed(await pipe.tree.request(request));
  const first = decodeIoctlResponse(answer.message).output;
  if (answer.status !== STATUS_BUFFER_OVERFLOW) return first;
  return Buffer.concat([first, await pipe.read(0, ANSWER_BYTES)]);
}
