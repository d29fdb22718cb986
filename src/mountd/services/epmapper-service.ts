/**
 * The endpoint mapper (C706 appendix O): which interfaces this server has, on which pipes, and on which
 * port of TCP. Nothing is registered by
 * clients.
 */
import {
  decodeTower,
  EPMAPPER,
  encodeTower,
  type Floor,
  PROTOCOL,
  syntaxFloor,
} from '../../rpc/epmapper.ts';
import { NO_HANDLE } from '../../rpc/security-types.ts';
import { NDR32, NO_SYNTAX, type SyntaxId, serves } from '../../rpc/syntax-id.ts';
import { ContextHandles } from './context-handles.ts';
import { type RpcService, serveInterface } from './rpc-service.ts';

export interface OfferedInterface {
  readonly syntax: SyntaxId;
  readonly annotation: string;
  readonly pipe: string;
}

const OK = 0;
/** C706 appendix E: "There are no more endpoints"; in what Windows and Samba make of it. */
const EPT_S_NOT_REGISTERED = 0x16c9_a0d6;
const EPT_S_CANT_PERFORM_OP = 0x16c9_a0d8;
/** rpc_c_ep_match_by_if. */
const MATCH_BY_INTERFACE = 1;
/** An entry has some 200 octets; a client asks for up to 500. */
const MAX_ENTRIES = 500;

const floorsOf = ({ syntax, pipe }: OfferedInterface, host: string): Floor[] => [
  syntaxFloor(syntax),
  syntaxFloor(NDR32),
  { protocol: PROTOCOL.NCACN, left: Buffer.alloc(0), right: Buffer.alloc(2) },
  {
    protocol: PROTOCOL.SMB,
    left: Buffer.alloc(0),
    right: Buffer.from(`\\PIPE\\${pipe}\0`, 'latin1'),
  },
  {
    protocol: PROTOCOL.NETBIOS,
    left: Buffer.alloc(0),
    right: Buffer.from(`\\\\${host}\0`, 'latin1'),
  },
];

/** Clients keep to the address that they have reached the mapper by where this one is 0.0.0.0. */
const tcpFloorsOf = ({ syntax }: OfferedInterface, port: number): Floor[] => {
  const number = Buffer.alloc(2);
  number.writeUInt16BE(port);
  return [
    syntaxFloor(syntax),
    syntaxFloor(NDR32),
    { protocol: PROTOCOL.NCACN, left: Buffer.alloc(0), right: Buffer.alloc(2) },
    { protocol: PROTOCOL.TCP, left: Buffer.alloc(0), right: number },
    { protocol: PROTOCOL.IP, left: Buffer.alloc(0), right: Buffer.alloc(4) },
  ];
};

interface Entry {
  readonly tower: readonly Floor[];
  readonly annotation: string;
}

export interface MapperFacts {
  /** NetBIOS's name. */
  readonly host: string;
  /** Where all interfaces are by TCP, too; undefined: nowhere. */
  readonly tcp: number | undefined;
  offered(): readonly OfferedInterface[];
}

export function createEpmapperService({ host, tcp, offered }: MapperFacts): RpcService {
  const towersOf = (one: OfferedInterface): Floor[][] => [
    floorsOf(one, host),
    ...(tcp === undefined ? [] : [tcpFloorsOf(one, tcp)]),
  ];
  /** What is left to be told. */
  const lookups = new ContextHandles<readonly Entry[]>();
  const restOf = (handle: Buffer): readonly Entry[] | undefined =>
    handle.equals(NO_HANDLE) ? undefined : lookups.get(handle);
  const forget = (handle: Buffer): void => {
    if (!handle.equals(NO_HANDLE)) lookups.close(handle);
  };
  return serveInterface(EPMAPPER, {
    ept_lookup: ({ inquiryType, interfaceId, handle, maxEntries }) => {
      const room = Math.min(maxEntries, MAX_ENTRIES);
      const failed = (status: number) => ({
        ...{ handle: NO_HANDLE, count: 0, entries: { room, elements: [] }, status },
      });
      const rest =
        restOf(handle) ??
        offered()
          .filter(
            ({ syntax }) =>
              (inquiryType & MATCH_BY_INTERFACE) === 0 ||
              (interfaceId !== null && serves(syntax, interfaceId)),
          )
          .flatMap((one) => towersOf(one).map((tower) => ({ tower, annotation: one.annotation })));
      forget(handle);
      const part = rest.slice(0, room);
      if (part.length === 0) return failed(EPT_S_NOT_REGISTERED);
      // Clients go on while they have a handle and as many as they asked for.
      const left = rest.slice(part.length);
      const next = part.length < room ? NO_HANDLE : lookups.open(left);
      if (next === undefined) return failed(EPT_S_CANT_PERFORM_OP);
      const elements = part.map((one) => ({
        object: NO_SYNTAX.uuid,
        tower: encodeTower(one.tower),
        annotation: one.annotation,
      }));
      return { handle: next, count: part.length, entries: { room, elements }, status: OK };
    },
    ept_map: ({ mapTower, maxTowers }) => {
      const room = Math.min(maxTowers, MAX_ENTRIES);
      const failed = (status: number) => ({
        ...{ handle: NO_HANDLE, count: 0, towers: { room, elements: [] }, status },
      });
      const floors = mapTower === null ? undefined : decodeTower(mapTower);
      if (floors === undefined || floors.length < 4) return failed(EPT_S_CANT_PERFORM_OP);
      const wanted = floors[0]!;
      const found = offered()
        .filter(({ syntax }) => syntaxFloor(syntax).left.equals(wanted.left))
        .flatMap(towersOf)
        .filter((tower) => tower[3]!.protocol === floors[3]!.protocol);
      if (found.length === 0) return failed(EPT_S_NOT_REGISTERED);
      const elements = found.slice(0, room).map(encodeTower);
      return {
        ...{ handle: NO_HANDLE, count: elements.length, towers: { room, elements }, status: OK },
      };
    },
    ept_lookup_handle_free: ({ handle }) => ({ handle: lookups.close(handle), status: OK }),
  });
}
