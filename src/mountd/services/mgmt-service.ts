/** C706 appendix Q: what interfaces a pipe has. Nobody stops the server by it. */
import { MGMT } from '../../rpc/mgmt.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import { type RpcService, serveInterface } from './rpc-service.ts';

/** Calls in and out, packets in and out: not counted for an interface. */
const STATISTICS = 4;

export function createMgmtService(beside: readonly RpcService[]): RpcService {
  return serveInterface(MGMT, {
    rpc__mgmt_inq_if_ids: () => {
      const ids = [...beside.map(({ syntax }) => syntax), MGMT.syntax];
      return { vector: { count: ids.length, ids }, status: WIN32_ERROR.NERR_Success };
    },
    rpc__mgmt_inq_stats: ({ count }) => {
      const statistics = new Array<number>(Math.min(count, STATISTICS)).fill(0);
      return { count: statistics.length, statistics, status: WIN32_ERROR.NERR_Success };
    },
    rpc__mgmt_is_server_listening: () => ({ status: WIN32_ERROR.NERR_Success, listening: 1 }),
    rpc__mgmt_stop_server_listening: () => ({ status: WIN32_ERROR.ERROR_ACCESS_DENIED }),
  });
}
