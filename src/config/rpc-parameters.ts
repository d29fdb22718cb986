/** Parameters of RPC over TCP (MS-RPCE 2.1.1.1), beside the named pipes that are always there. */
import { parameter, type Table } from './parameter.ts';
import { bool, integer, type ValueType } from './value-types.ts';

const port = integer({ minimum: 1, maximum: 65_535 });

export interface PortRange {
  readonly low: number;
  readonly high: number;
}

const portRange: ValueType<PortRange> = {
  expects: 'two numbers of ports, LOW-HIGH, such as 49152-65535',
  parse(raw) {
    const [, from, to] = /^(\d{1,5})\s*-\s*(\d{1,5})$/.exec(raw) ?? [];
    const [low, high] = [Number(from), Number(to)];
    return low >= 1 && low <= high && high <= 65_535 ? { low, high } : undefined;
  },
  print: ({ low, high }) => `${low}-${high}`,
};

export const rpcParameters = {
  /** Samba's file server has it by its endpoints. Off: a port less for strangers. */
  rpcOverTcp: parameter('rpc over tcp', bool, false, { aliases: ['rpc_server:tcpip'] }),
  /** As in Samba, 0: one of the range below. */
  rpcServerPort: parameter('rpc server port', integer({ minimum: 0, maximum: 65_535 }), 0),
  /** IANA's dynamic ones, as in Samba and Windows. */
  rpcDynamicPorts: parameter('rpc server dynamic port range', portRange, {
    low: 49_152,
    high: 65_535,
  }),
  /** Of the endpoint mapper; clients know no other. */
  rpcMapperPort: parameter('rpc endpoint mapper port', port, 135),
} satisfies Table;
