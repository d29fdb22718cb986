/** Ports and names of NetBIOS, RFC 1001: what `smb ports` and `disable netbios = no` of smb.conf switch on. */
import type { Logger } from './base/log.ts';
import { SetupError } from './base/setup-error.ts';
import type { Configuration } from './config/configuration.ts';
import type { NameService } from './netbios/name-service.ts';

/** MS-SMB2 2.1; sessions over NetBIOS: RFC 1002 4.3. */
const SMB_PORT = 445;
const SESSION_PORT = 139;

type Global = Configuration['global'];

/** The first is the one that is told of. `chosen`, of the command line, stands for all that smb.conf names. */
export function portsOf(
  global: Global,
  chosen: number | undefined,
): readonly [number, ...number[]] {
  if (chosen !== undefined) return [chosen];
  const [first, ...rest] = global.smbPorts ?? [];
  if (first !== undefined) return [first, ...rest];
  const port = global.tcpPort ?? SMB_PORT;
  return global.disableNetbios || port === SESSION_PORT ? [port] : [port, SESSION_PORT];
}

/** Those that smb.conf names, or means where it wants NetBIOS. */
export const configuredPorts = (global: Global): readonly number[] =>
  global.smbPorts !== undefined || global.tcpPort !== undefined || !global.disableNetbios
    ? portsOf(global, undefined)
    : [];

/** Undefined where nobody asked for it; nothing of it is loaded then. */
export async function serveNetbiosNames(
  { disableNetbios, netbiosName, workgroup, nbtPort: port }: Global,
  address: string | undefined,
  log: Logger,
): Promise<NameService | undefined> {
  if (disableNetbios) return undefined;
  const { serveNames } = await import('./netbios/name-service.ts');
  try {
    const names = await serveNames({ name: netbiosName, workgroup, port, address, log });
    log.info('NetBIOS names are told', { name: netbiosName, workgroup, port: names.port });
    return names;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SetupError(
      `NetBIOS names cannot have UDP port ${port} (${reason}): end the other server (nmbd?), take another with "nbt port", or leave "disable netbios = no" out`,
      { cause: error },
    );
  }
}
