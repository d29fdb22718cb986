/** MS-SMB2 3.3.4.6 and 3.3.4.7: telling a client that it loses an oplock or a lease. */
import {
  Command,
  encodeHeader,
  SMB2_FLAGS_SERVER_TO_REDIR,
  UNSOLICITED_MESSAGE_ID,
} from '../smb2/header.ts';
import {
  encodeOplockBreakNotification,
  type OplockBreakNotification,
} from '../smb2/oplock-break.ts';
import type { Connection } from './connection.ts';
import type { Open } from './open.ts';
import type { Session } from './session.ts';

/** To the session of the open, on the oldest of its channels; false when it has none any more. */
export function notifyOpen(open: Open, notification: OplockBreakNotification): boolean {
  const { session, tree } = open;
  if (session === undefined) return false;
  for (const connection of session.channels.keys()) {
    if (send(connection, session, tree?.encryptData === true, notification)) return true;
  }
  return false;
}

/**
 * To the client whose lease it is, on the oldest of its connections: leases belong to the client, not to
 * a session. False when the client has no connection.
 */
export function notifyClient(
  connections: Iterable<Connection>,
  clientGuid: Buffer,
  notification: OplockBreakNotification,
): boolean {
  for (const connection of connections) {
    if (!connection.clientGuid.equals(clientGuid)) continue;
    for (const session of connection.sessions.values()) {
      if (session.state === 'valid' && send(connection, session, false, notification)) return true;
    }
  }
  return false;
}

/** Whether the client has a connection with a session. */
export function isConnected(connections: Iterable<Connection>, clientGuid: Buffer): boolean {
  for (const connection of connections) {
    if (connection.authenticated && connection.clientGuid.equals(clientGuid)) return true;
  }
  return false;
}

/** Neither signed nor bearing a session or tree; encrypted where the session or the share demands it. */
function send(
  connection: Connection,
  session: Session,
  encrypts: boolean,
  notification: OplockBreakNotification,
): boolean {
  if (session.state === 'gone' || connection.state === 'closed') return false;
  const header = encodeHeader({
    command: Command.OPLOCK_BREAK,
    flags: SMB2_FLAGS_SERVER_TO_REDIR,
    messageId: UNSOLICITED_MESSAGE_ID,
  });
  const parts = [Buffer.concat([header, encodeOplockBreakNotification(notification)])];
  const { cipher } = session;
  const sealed = cipher !== undefined && (session.encryptData || encrypts);
  connection.transport.send(sealed ? cipher.seal(session.sessionId, parts) : parts);
  return true;
}
