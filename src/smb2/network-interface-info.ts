/** MS-SMB2 2.2.32.5: the answer to FSCTL_QUERY_NETWORK_INTERFACE_INFO, a list of addresses to bind to. */
import { MAX_NETWORK_INTERFACES } from '../base/limits.ts';
import { bytes, id64, pad, struct, u16, u32 } from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';

export const RSS_CAPABLE = 0x00000001;
export const RDMA_CAPABLE = 0x00000002;

/** SOCKADDR_STORAGE Family; the numbers are Windows' own. */
const INTER_NETWORK = 0x0002;
const INTER_NETWORK_V6 = 0x0017;

export interface NetworkInterfaceInfo {
  readonly ifIndex: number;
  /** RSS_CAPABLE, RDMA_CAPABLE */
  readonly capability: number;
  /** Bits per second. */
  readonly linkSpeed: number;
  /** 4 bytes for IPv4, 16 for IPv6, in network order. */
  readonly address: Buffer;
}

const STORAGE_SIZE = 128;

const Entry = struct('NETWORK_INTERFACE_INFO', '2.2.32.5', {
  next: u32,
  ifIndex: u32,
  capability: u32,
  reserved: pad(4),
  linkSpeed: id64,
  family: u16,
  sockAddr: bytes(STORAGE_SIZE - 2),
});

/** Behind the port, for IPv6 behind FlowInfo too. */
const IPV4_AT = 2;
const IPV6_AT = 6;

function addressOf(family: number, sockAddr: Buffer): Buffer {
  if (family === INTER_NETWORK) return sockAddr.subarray(IPV4_AT, IPV4_AT + 4);
  if (family === INTER_NETWORK_V6) return sockAddr.subarray(IPV6_AT, IPV6_AT + 16);
  throw new WireError(Entry.name, `family is ${family}`);
}

export function decodeNetworkInterfaceInfos(output: Buffer): NetworkInterfaceInfo[] {
  const infos: NetworkInterfaceInfo[] = [];
  let at = 0;
  while (at < output.length) {
    if (infos.length === MAX_NETWORK_INTERFACES) {
      throw new WireError(Entry.name, `more than ${MAX_NETWORK_INTERFACES} interfaces`);
    }
    const { next, family, sockAddr, ...rest } = Entry.read(output, at);
    infos.push({ ...rest, address: addressOf(family, sockAddr) });
    if (next === 0) break;
    if (next % 8 !== 0 || next < Entry.size || next >= output.length - at) {
      throw new WireError(Entry.name, `next is ${next} at ${at} of ${output.length}`);
    }
    at += next;
  }
  return infos;
}

/** 152 bytes an interface, which is a multiple of 8. */
export function encodeNetworkInterfaceInfos(infos: readonly NetworkInterfaceInfo[]): Buffer {
  const parts = infos.map((info, i) => {
    const isV4 = info.address.length === 4;
    const sockAddr = Buffer.alloc(STORAGE_SIZE - 2);
    sockAddr.set(info.address, isV4 ? IPV4_AT : IPV6_AT);
    return Entry.encode({
      next: i === infos.length - 1 ? 0 : Entry.size,
      ifIndex: info.ifIndex,
      capability: info.capability,
      linkSpeed: info.linkSpeed,
      family: isV4 ? INTER_NETWORK : INTER_NETWORK_V6,
      sockAddr,
    });
  });
  return Buffer.concat(parts);
}
