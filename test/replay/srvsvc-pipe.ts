/** The pipe srvsvc as clients use it to ask about one share. */
import type { ClientSession } from '../../src/client/session.ts';
import { u32 } from '../../src/rpc/ndr.ts';
import { operation } from '../../src/rpc/operation.ts';
import { SRVSVC } from '../../src/rpc/srvsvc.ts';
import { RpcPipe } from './rpc-pipe.ts';

export class SrvsvcPipe {
  readonly #pipe: RpcPipe;

  private constructor(pipe: RpcPipe) {
    this.#pipe = pipe;
  }

  static async open(session: ClientSession, transceives = true): Promise<SrvsvcPipe> {
    return new SrvsvcPipe(await RpcPipe.open(session, 'srvsvc', SRVSVC, transceives));
  }

  shareInfo(netName: string, level: number) {
    const input = { serverName: '\\\\SERVER', netName, level };
    return this.#pipe.call(SRVSVC.operations.NetrShareGetInfo, input);
  }

  /** The answer to a call without arguments, a fault too. */
  ask(opnum: number) {
    const none = operation(opnum, { nothing: u32 }, { status: u32 });
    return this.#pipe.ask(none, { nothing: 0 });
  }

  close(): Promise<void> {
    return this.#pipe.close();
  }
}
