/** The management interface that every RPC server has (C706 appendix Q): who is there, and what for. */
import { conformantArray, type NdrType, struct, u32, unique } from './ndr.ts';
import { operation } from './operation.ts';
import { readSyntaxId, type SyntaxId, writeSyntaxId } from './syntax-id.ts';

const syntaxId: NdrType<SyntaxId> = {
  alignment: 4,
  minimumSize: 20,
  write: writeSyntaxId,
  read: (r, assign) => assign(readSyntaxId(r)),
};

export const MGMT = {
  name: 'mgmt',
  syntax: { uuid: 'afa8bd80-7d8a-11c9-bef4-08002b102989', major: 1, minor: 0 },
  operations: {
    rpc__mgmt_inq_if_ids: operation(
      0,
      {},
      {
        vector: unique(struct({ count: u32, ids: conformantArray(unique(syntaxId)) })),
        status: u32,
      },
    ),
    rpc__mgmt_inq_stats: operation(
      1,
      { count: u32 },
      { count: u32, statistics: conformantArray(u32), status: u32 },
    ),
    rpc__mgmt_is_server_listening: operation(2, {}, { status: u32, listening: u32 }),
    rpc__mgmt_stop_server_listening: operation(3, {}, { status: u32 }),
  },
} as const;
