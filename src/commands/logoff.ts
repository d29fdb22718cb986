/** MS-SMB2 3.3.5.6: LOGOFF. */
import { endSession } from '../objects/teardown.ts';
import { encodeLogoffResponse } from '../smb2/logoff.ts';
import type { Outcome, SessionRequest } from './command.ts';

const reply = { body: encodeLogoffResponse() };

export async function logoff(_body: unknown, request: SessionRequest): Promise<Outcome> {
  await endSession(request.server, request.session, 'loggedOff');
  return reply;
}
