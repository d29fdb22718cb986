/**
 * RFC 1001 15 and RFC 1002 5.1: the name service on UDP port 137, for discovery by machines of old (`disable netbios =
 * no`). It answers for the server's own names and claims none aloud: names are asked for when they are needed. Who is
 * not on one of this machine's networks gets no answer, so that nobody is answered in another's name from afar.
 */
import { createSocket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import type { Logger } from '../base/log.ts';
import { isOnNetwork, networkOf } from '../base/neighbours.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  decodeNameRequest,
  encodeNameFound,
  encodeNameTaken,
  encodeNodeStatus,
  NameOpcode,
  type NameRequest,
  NameSuffix,
  NameType,
  NETBIOS_NAME_BYTES,
  type OwnName,
} from './name-packet.ts';

/** How long who has asked may remember; nmbd's are for days, and addresses change. */
const TTL_SECONDS = 3600;

export interface NameServiceOptions {
  readonly name: string;
  readonly workgroup: string;
  readonly port: number;
  /** Undefined: all. */
  readonly address: string | undefined;
  readonly log: Logger;
}

export interface NameService {
  readonly port: number;
  close(): Promise<void>;
}

const asName = (text: string): string => text.toUpperCase().slice(0, NETBIOS_NAME_BYTES);

export function ownNames(name: string, workgroup: string): readonly OwnName[] {
  const { WORKSTATION, MESSENGER, SERVER, BROWSERS } = NameSuffix;
  const own = [WORKSTATION, MESSENGER, SERVER].map((suffix) => ({
    name: asName(name),
    suffix,
    isGroup: false,
  }));
  const group = [WORKSTATION, BROWSERS].map((suffix) => ({
    name: asName(workgroup),
    suffix,
    isGroup: true,
  }));
  return [...own, ...group];
}

/** Of the interfaces with IPv4 that `address` is a neighbour on. */
export function neighbourOf(
  address: string,
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
): NetworkInterfaceInfo | undefined {
  for (const infos of Object.values(interfaces)) {
    for (const info of infos ?? []) {
      const network = info.family === 'IPv4' ? networkOf(info) : undefined;
      if (network !== undefined && isOnNetwork(network, address)) return info;
    }
  }
  return undefined;
}

/** What is answered to one packet; undefined: nothing. */
export function answerTo(
  request: NameRequest,
  names: readonly OwnName[],
  { address, mac }: Pick<NetworkInterfaceInfo, 'address' | 'mac'>,
): Buffer | undefined {
  const { question, opcode, type } = request;
  const own = names.find((one) => one.name === question.name && one.suffix === question.suffix);
  if (opcode === NameOpcode.QUERY && type === NameType.NBSTAT) {
    if (own === undefined && question.name !== '*') return undefined;
    return encodeNodeStatus(request, names, Buffer.from(mac.replaceAll(':', ''), 'hex'));
  }
  if (type !== NameType.NB) return undefined;
  if (opcode === NameOpcode.QUERY) {
    if (own === undefined && question.name !== '*') return undefined;
    return encodeNameFound(request, own?.isGroup ?? false, [address], TTL_SECONDS);
  }
  const claims = opcode === NameOpcode.REGISTRATION || opcode === NameOpcode.MULTI_HOMED;
  return claims && own?.isGroup === false ? encodeNameTaken(request, address) : undefined;
}

/** Rejects with the system's error, EADDRINUSE for instance. */
export async function serveNames(options: NameServiceOptions): Promise<NameService> {
  const { name, workgroup, log } = options;
  const names = ownNames(name, workgroup);
  const socket = createSocket({ type: 'udp4', reuseAddr: false });
  socket.on('message', (packet, { address, port }) => {
    if (!isIPv4(address)) return;
    const interfaces = networkInterfaces();
    const at = neighbourOf(address, interfaces);
    if (at === undefined) return;
    try {
      const request = decodeNameRequest(packet);
      // Its own claims come back to whoever broadcasts them.
      const reply = request && answerTo(request, names, at);
      if (reply !== undefined) socket.send(reply, port, address, () => undefined);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      log.debug('conn', 'malformed packet', { from: address, problem: error.message });
    }
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ port: options.port, address: options.address ?? '0.0.0.0' }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  socket.on('error', (error) => log.error('the name service has failed', { error: error.message }));
  return {
    port: socket.address().port,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
