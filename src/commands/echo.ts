/** MS-SMB2 3.3.5.17: ECHO. */
import { encodeEchoResponse } from '../smb2/echo.ts';
import type { Outcome } from './command.ts';

const reply = { body: encodeEchoResponse() };

export const echo = (): Outcome => reply;
