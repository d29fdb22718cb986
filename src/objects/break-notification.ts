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
import type { Untried } from './break-delivery.ts';
import type { Connection } from './connection.ts';
import type { Open } from './open.ts';
import type { Session } from './session.ts';

/** To the session of the open, on the oldest of its channels; on which one, if there is one. */
export function notifyOpen(
  open: Open,
  notification: OplockBreakNotification,
  untried: Untried,
): Connection | undefined {
  const { session, tree } = open;
  if (session === undefined) return undefined;
  for (const connection of session.channels.keys()) {
    if (!untried(connection)) continue;
    if (connection.smb1 !== undefined) {
      const told = notification.kind === 'oplock' ? notification.oplockLevel : 0;
      if (!connection.smb1.breakOplock(open, told)) continue;
      tellBreak(connection, notification);
      return connection;
    } else if (send(connection, session, tree?.encryptData === true, notification))
      return connection;
  }
  return undefined;
}

/**
 * To the client whose lease it is, on the oldest of its connections: leases belong to the client, not to
 * a session. Undefined when the client has no connection.
 */
export function notifyClient(
  connections: Iterable<Connection>,
  clientGuid: Buffer,
  notification: OplockBreakNotification,
  untried: Untried,
): Connection | undefined {
  for (const connection of connections) {
    if (!connection.clientGuid.equals(clientGuid) || !untried(connection)) continue;
    for (const session of connection.sessions.values()) {
      // An expired session, too: its client authenticates anew and then acknowledges.
      if (session.account === undefined) continue;
      if (send(connection, session, false, notification)) return connection;
    }
  }
  return undefined;
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
  tellBreak(connection, notification);
  const header = encodeHeader({
    command: Command.OPLOCK_BREAK,
    flags: SMB2_FLAGS_SERVER_TO_REDIR,
    messageId: UNSOLICITED_MESSAGE_ID,
  });
  const message = Buffer.concat([header, encodeOplockBreakNotification(notification)]);
  const { worker } = connection.transport;
  if (worker !== undefined) {
    worker.notify(session.sessionId, encrypts, message);
    return true;
  }
  const parts = [message];
  const { cipher } = session;
  const sealed = cipher !== undefined && (session.encryptData || encrypts);
  connection.transport.send(sealed ? cipher.seal(session.sessionId, parts) : parts);
  return true;
}

function tellBreak({ log }: Connection, notification: OplockBreakNotification): void {
  if (!log.debugs('oplock')) return;
  if (notification.kind === 'oplock') {
    const { persistentId, oplockLevel } = notification;
    log.debug('oplock', 'oplock break', { open: persistentId.toString(16), to: oplockLevel });
    return;
  }
  const { leaseKey, currentLeaseState, newLeaseState, newEpoch } = notification;
  const lease = leaseKey.toString('hex');
  log.debug('oplock', 'lease break', {
    lease,
    from: currentLeaseState,
    to: newLeaseState,
    epoch: newEpoch,
  });
}
