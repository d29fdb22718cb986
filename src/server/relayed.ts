/**
 * The owner's half of the pipeline, MS-SMB2 3.3.5.2 (objects/owner.ts): what a worker has received, decrypted and verified
 * goes through the same chain as anything else; the answers leave in plain, for the worker to protect.
 */
import type { Connection } from '../objects/connection.ts';
import type { ServerState } from '../objects/server-state.ts';
import { splitCompound } from '../smb2/compound.ts';
import { Command, readHeader } from '../smb2/header.ts';
import { WireError } from '../wire/wire-error.ts';
import { Chain } from './chain.ts';
import { reuse } from './receive.ts';

/** `verdicts`: one for each member of the message, see Request.verdict. Throws WireError at what no worker sends. */
export function receiveRelayed(
  server: ServerState,
  connection: Connection,
  message: Buffer,
  { encrypted, verdicts }: { encrypted: boolean; verdicts: readonly number[] },
): void {
  if (connection.state === 'closed') return;
  if (connection.state !== 'negotiated') throw new WireError('2.2.1', 'a request out of place');
  const members = splitCompound(message).map((one, i) => {
    const header = readHeader(one);
    // They make sessions, which is not for a worker to do by itself.
    if (header.command === Command.NEGOTIATE || header.command === Command.SESSION_SETUP) {
      throw new WireError('2.2.1', 'a request that workers answer');
    }
    return { header, message: one, verdict: verdicts[i] };
  });
  if (members.length !== verdicts.length) throw new WireError('2.2.1', 'verdicts on no request');
  const session = encrypted ? connection.sessions.get(members[0]!.header.sessionId) : undefined;
  const unwrapped = { members, encryptedBy: session };
  new Chain(server, connection, unwrapped, reuse(unwrapped, message)).run();
}
