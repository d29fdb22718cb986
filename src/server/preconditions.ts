/**
 * MS-SMB2 3.3.5.2.4 to 3.3.5.2.11: what must hold before a command's handler runs. Each check is a
 * function that answers the status to refuse with, or undefined.
 */
import type { CommandRow } from '../commands/command.ts';
import { namedElsewhere } from '../commands/session-binding.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_FILE_CLOSED,
  STATUS_FILE_NOT_AVAILABLE,
  STATUS_INVALID_PARAMETER,
  STATUS_NETWORK_NAME_DELETED,
  STATUS_NETWORK_SESSION_EXPIRED,
  STATUS_NOT_SUPPORTED,
  STATUS_USER_SESSION_DELETED,
} from '../dtyp/ntstatus.ts';
import type { Request } from '../objects/request.ts';
import type { Session } from '../objects/session.ts';
import {
  Command,
  channelSequenceOf,
  isSigned,
  SMB2_FLAGS_REPLAY_OPERATION,
} from '../smb2/header.ts';

/** Bytes that one credit pays for, 3.1.5.2. */
const CREDIT_BYTES = 65_536;

type Refusal = NtStatus | undefined;

/** 3.3.5.2.4. `named` is the session that the header names on this connection, if there is one. */
export function verifySignature(request: Request, named: Session | undefined): Refusal {
  const { header } = request;
  if (header.command === Command.NEGOTIATE) {
    return isSigned(header) ? STATUS_INVALID_PARAMETER : undefined;
  }
  if (request.encrypted) return undefined;
  if (isSigned(header)) {
    if (named === undefined) {
      const refused = verifyElsewhere(request);
      return header.command === Command.SESSION_SETUP ? refused : STATUS_USER_SESSION_DELETED;
    }
    const signer = named.signerOn(request.connection);
    // Guest sessions have no key; what they sign cannot be verified and is not.
    if (signer === undefined) {
      return named.account === undefined || named.account.kind === 'user'
        ? STATUS_NOT_SUPPORTED
        : undefined;
    }
    return signer.verify(request.message) ? undefined : STATUS_ACCESS_DENIED;
  }
  return named?.signingRequired ? STATUS_ACCESS_DENIED : undefined;
}

/**
 * A session of other connections: the login that binds it to this one is signed with Session.SigningKey. So
 * is the answer to whoever knows that key, also that there is no such session here (smb2.session.bind2).
 */
function verifyElsewhere(request: Request): Refusal {
  const { signer } = namedElsewhere(request) ?? {};
  if (signer === undefined) return undefined;
  if (!signer.verify(request.message)) return STATUS_ACCESS_DENIED;
  request.signer = signer;
  return undefined;
}

/** 3.3.5.2.9 */
export function verifySession(
  request: Request,
  row: CommandRow,
  session: Session | undefined,
): Refusal {
  if (session === undefined || session.state === 'gone') return STATUS_USER_SESSION_DELETED;
  if (!session.channels.has(request.connection)) return STATUS_USER_SESSION_DELETED;
  if (session.account === undefined) return STATUS_USER_SESSION_DELETED;
  // While the user authenticates anew, too; any other error would cost the client its session.
  if (session.state !== 'valid' && !row.whileExpired) return STATUS_NETWORK_SESSION_EXPIRED;
  if (session.encryptData && !request.encrypted) return STATUS_ACCESS_DENIED;
  return undefined;
}

/** 3.3.5.2.11 */
export function verifyTree(request: Request, session: Session, treeId: number): Refusal {
  const tree = session.trees.get(treeId);
  if (tree === undefined) return STATUS_NETWORK_NAME_DELETED;
  request.tree = tree;
  return tree.encryptData && !request.encrypted ? STATUS_ACCESS_DENIED : undefined;
}

export function verifyOpen(
  request: Request,
  session: Session,
  id: { persistentId: number; volatileId: number },
): Refusal {
  const open = session.opens.get(id.volatileId);
  if (open === undefined || open.persistentId !== id.persistentId) return STATUS_FILE_CLOSED;
  if (open.tree !== request.tree) return STATUS_FILE_CLOSED;
  request.open = open;
  return undefined;
}

/** 3.3.5.2.10; whatever is done with an open, its CREATE is not to be sent again after it. */
export function verifySequence(request: Request, row: CommandRow): Refusal {
  const { open, header, server } = request;
  if (open === undefined) return undefined;
  server.replays.withdraw(open);
  const { sequence } = open;
  if (sequence === undefined) return undefined;
  const isReplay = (header.flags & SMB2_FLAGS_REPLAY_OPERATION) !== 0;
  const admitted = sequence.admit(channelSequenceOf(header), isReplay);
  if (admitted === undefined) return row.ordered ? STATUS_FILE_NOT_AVAILABLE : undefined;
  request.countedBy = sequence;
  request.admitted = admitted;
  return undefined;
}

/** 3.3.5.2.5 */
export function verifyCharge(request: Request, payloadBytes: number): Refusal {
  const { connection, header } = request;
  if (connection.dialect?.multiCredit !== true || payloadBytes <= CREDIT_BYTES) return undefined;
  const expected = 1 + Math.floor((payloadBytes - 1) / CREDIT_BYTES);
  return header.creditCharge < expected ? STATUS_INVALID_PARAMETER : undefined;
}
