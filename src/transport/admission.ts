/** Who may connect: the limits on connections. */
import { MAX_UNAUTHENTICATED_CONNECTIONS } from '../base/limits.ts';
import type { Connection } from '../objects/connection.ts';
import type { ServerState } from '../objects/server-state.ts';

/** A listener on `::` names IPv4 addresses in a way of its own; they are the same. */
export const plainAddress = (address = ''): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

/** MS-SMB2 3.3.5.1 with the server's limits: why a connection from there is not taken. */
export function refuse(server: ServerState, address: string): string | undefined {
  const { maxConnections, maxConnectionsPerAddress } = server.options;
  if (server.connections.size >= maxConnections) return 'too many connections';
  let fromThere = 0;
  let strangers = 0;
  let oldest: Connection | undefined;
  for (const connection of server.connections) {
    if (connection.transport.remoteAddress === address) fromThere += 1;
    if (connection.authenticated) continue;
    strangers += 1;
    oldest ??= connection;
  }
  if (fromThere >= maxConnectionsPerAddress) return 'too many connections from one address';
  // Sockets that nobody speaks on must not keep others out: the oldest gives way.
  if (strangers >= MAX_UNAUTHENTICATED_CONNECTIONS) {
    oldest?.transport.close('a newer connection takes the place of one without a session');
  }
  return undefined;
}
