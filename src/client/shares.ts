/** The shares of a server: NetrShareEnum (MS-SRVS 3.1.4.8) over the pipe srvsvc. */
import { MAX_PREFERRED_LENGTH, SRVSVC } from '../rpc/srvsvc.ts';
import { ProtocolViolation } from './client-error.ts';
import { RpcPipe } from './rpc-pipe.ts';
import type { ClientSession } from './session.ts';

export interface ListedShare {
  readonly name: string;
  /** STYPE_DISKTREE and so on. */
  readonly type: number;
  readonly comment: string;
}

export async function listShares(session: ClientSession): Promise<ListedShare[]> {
  const pipe = await RpcPipe.open(session, SRVSVC);
  try {
    const { infoStruct } = await pipe.call(SRVSVC.operations.NetrShareEnum, {
      serverName: null,
      infoStruct: { tag: 1, value: { entries: null } },
      preferedMaximumLength: MAX_PREFERRED_LENGTH,
      resumeHandle: null,
    });
    if (infoStruct.tag !== 1) throw new ProtocolViolation('NetrShareEnum: another level');
    return (infoStruct.value?.entries ?? []).map(({ netname, type, remark }) => ({
      name: netname ?? '',
      type,
      comment: remark ?? '',
    }));
  } finally {
    await pipe.close();
  }
}
