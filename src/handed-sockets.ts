/**
 * Sockets that a service manager listens on and hands over: what each is for, by its name (FileDescriptorName= of systemd)
 * or by its port. One that nobody would serve is an error: its clients would wait for ever.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { SetupError } from './base/setup-error.ts';
import type { Configuration } from './config/configuration.ts';
import { listeningAddress, type SocketFault } from './native/listen-socket.ts';
import { nativeSupport } from './native/support.ts';
import type { ServedSocket, SocketUse } from './server-interface.ts';

/** As systemd tells of it. */
export interface HandedSocket {
  readonly fd: number;
  readonly name: string;
}

export interface SortedSockets {
  /** For `listen` of a server. */
  readonly served: readonly ServedSocket[];
  /** RPC over TCP, which is the control plane's: descriptors. */
  readonly mapper: readonly number[];
  readonly rpc: readonly number[];
}

type Global = Configuration['global'];
type Use = SocketUse | 'epmap' | 'rpc';

const USES: readonly Use[] = ['smb', 'smb-direct', 'metrics', 'epmap', 'rpc'];

/** What has to be in the configuration. */
const NEEDED: Readonly<Record<Use, string>> = {
  smb: '',
  'smb-direct': 'smb direct = yes',
  metrics: 'metrics port',
  epmap: 'rpc over tcp = yes',
  rpc: 'rpc over tcp = yes',
};

const FAULTS: Readonly<Record<SocketFault, string>> = {
  'no socket': 'is no socket',
  'no TCP socket': 'is no TCP socket',
  'not listening': 'does not listen',
};

const ADVICE = 'in the .socket unit take ListenStream= with a port, and Accept=no';

/** Throws SetupError. */
export function sortSockets(global: Global, handed: readonly HandedSocket[]): SortedSockets {
  const served: ServedSocket[] = [];
  const mapper: number[] = [];
  const rpc: number[] = [];
  for (const { fd, name } of handed) {
    const port = listeningPort(fd);
    if (typeof port === 'string') {
      throw new SetupError(`descriptor ${fd} ("${name}"), handed over, ${FAULTS[port]}: ${ADVICE}`);
    }
    const use = USES.find((each) => each === name) ?? useOf(port, global);
    if (!isOn(use, global)) {
      const what = `the socket on port ${port} ("${name}"), handed over, is for ${use}`;
      throw new SetupError(
        `${what}, which is off: set "${NEEDED[use]}" under [global], or leave it out of the .socket unit`,
      );
    }
    if (use === 'epmap') mapper.push(fd);
    else if (use === 'rpc') rpc.push(fd);
    else served.push({ fd, use });
  }
  return { served, mapper, rpc };
}

function useOf(port: number, global: Global): Use {
  if (global.smbDirect && port === global.smbDirectPort) return 'smb-direct';
  if (port === global.metricsPort) return 'metrics';
  if (global.rpcOverTcp && port === global.rpcMapperPort) return 'epmap';
  if (global.rpcOverTcp && port === global.rpcServerPort) return 'rpc';
  return 'smb';
}

function isOn(use: Use, global: Global): boolean {
  switch (use) {
    case 'smb':
      return true;
    case 'smb-direct':
      return global.smbDirect;
    case 'metrics':
      return global.metricsPort !== undefined;
    case 'epmap':
    case 'rpc':
      return global.rpcOverTcp;
  }
}

const listeningPort = (fd: number): number | SocketFault => {
  if (nativeSupport().unavailable !== undefined) return portByTables(fd);
  const found = listeningAddress(fd);
  return typeof found === 'string' ? found : found.port;
};

/** TCP_LISTEN in the kernel's tables, proc_net_tcp(5). */
const LISTENING = '0A';

/** The same without native calls. */
export function portByTables(fd: number): number | SocketFault {
  let target: string;
  try {
    target = readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return 'no socket';
  }
  const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
  if (inode === undefined) return 'no socket';
  const row = ['tcp', 'tcp6'].flatMap(rowsOf).find((fields) => fields[9] === inode);
  if (row === undefined) return 'no TCP socket';
  return row[3] === LISTENING ? Number.parseInt(row[1]!.split(':')[1]!, 16) : 'not listening';
}

function rowsOf(table: string): readonly (readonly string[])[] {
  try {
    const lines = readFileSync(`/proc/self/net/${table}`, 'latin1').split('\n').slice(1);
    return lines.map((line) => line.trim().split(/\s+/));
  } catch {
    // A kernel without IPv6.
    return [];
  }
}
