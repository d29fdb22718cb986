/**
 * What real clients ask of a response's header and signature (MS-SMB2 3.2.5.1): Windows drops an answer
 * that is not signed as it should be and waits for another, others end the connection.
 */
import { STATUS_PENDING, STATUS_SUCCESS, STATUS_USER_SESSION_DELETED } from '../dtyp/ntstatus.ts';
import {
  Command,
  commandName,
  type Header,
  isAsync,
  isRelated,
  isResponse,
  isSigned,
} from '../smb2/header.ts';
import { ALL_ONES } from '../wire/struct.ts';
import { ProtocolViolation } from './client-error.ts';
import type { Exchange } from './exchange.ts';

/** Where in its transport message an answer stood. */
export interface Placement {
  readonly isEncrypted: boolean;
  readonly isFirst: boolean;
  readonly isLast: boolean;
  /** Interim responses may be unsigned and bear no CreditCharge. */
  readonly lenientInterim: boolean;
}

const isExcused = (header: Header, { lenientInterim }: Placement): boolean =>
  lenientInterim && header.status === STATUS_PENDING && isAsync(header);

const ALL_ONES_32 = 0xffffffff;

export function checkHeader(exchange: Exchange, header: Header, place: Placement): void {
  const { expected } = exchange;
  const fail = (problem: string): never => {
    throw new ProtocolViolation(`answer to ${commandName(expected.command)}: ${problem}`);
  };
  if (!isResponse(header)) fail('SMB2_FLAGS_SERVER_TO_REDIR is not set');
  if (expected.isCrafted) return;
  if (header.command !== expected.command) fail(`it is a ${commandName(header.command)}`);
  if (place.isFirst && isRelated(header)) fail('the first of a message is related');
  if (header.creditCharge !== expected.header.creditCharge && !isExcused(header, place)) {
    fail(`CreditCharge ${header.creditCharge}, ${expected.header.creditCharge} was sent`);
  }
  checkSession(exchange, header, fail);
  if (isAsync(header)) checkAsync(exchange, header, fail);
  else checkSync(exchange, header, fail);
}

function checkSession(
  { expected }: Exchange,
  header: Header,
  fail: (problem: string) => never,
): void {
  const sent = expected.header.sessionId;
  const own = expected.security?.sessionId ?? 0;
  const related = sent === ALL_ONES && header.sessionId === own;
  const login = sent === 0 && expected.command === Command.SESSION_SETUP;
  if (header.sessionId !== sent && !related && !login) fail(`SessionId ${header.sessionId}`);
}

function checkAsync(exchange: Exchange, header: Header, fail: (problem: string) => never): void {
  if (header.asyncId === 0) fail('AsyncId is 0');
  if (header.status === STATUS_PENDING) {
    if (exchange.asyncId !== 0) fail('a second interim response');
    if (header.creditRequest === 0) fail('an interim response without credits');
    return;
  }
  if (exchange.asyncId === 0) fail('asynchronous, without an interim response');
  if (header.asyncId !== exchange.asyncId) fail('AsyncId is not that of the interim response');
}

function checkSync(exchange: Exchange, header: Header, fail: (problem: string) => never): void {
  if (header.status === STATUS_PENDING) fail('STATUS_PENDING without SMB2_FLAGS_ASYNC_COMMAND');
  if (exchange.asyncId !== 0) fail('synchronous, behind an interim response');
  const { command, header: sent } = exchange.expected;
  // TREE_CONNECT gets its TreeId, and a related request names that of the one before.
  if (command === Command.TREE_CONNECT || sent.treeId === ALL_ONES_32) return;
  if (header.treeId !== sent.treeId) fail(`TreeId ${header.treeId}, ${sent.treeId} was sent`);
}

/** 3.2.5.1.3. An encrypted answer has been verified by being decrypted. */
export function checkSignature(
  { expected }: Exchange,
  header: Header,
  message: Buffer,
  place: Placement,
): void {
  const fail = (problem: string): never => {
    throw new ProtocolViolation(
      `answer to ${commandName(expected.command)}, status 0x${header.status.toString(16)}: ${problem}`,
    );
  };
  if (place.isEncrypted) {
    if (!expected.isEncrypted) fail('encrypted, though the request was not');
    return;
  }
  if (expected.isEncrypted) fail('in plain, to an encrypted request');
  const signer = expected.security?.signer;
  // The login that makes the key verifies the signature itself.
  const makesKey =
    signer === undefined || (expected.security?.binds === true && header.status === STATUS_SUCCESS);
  const isLogin = expected.command === Command.SESSION_SETUP && makesKey;
  // NEGOTIATE belongs to no session.
  if (isLogin || expected.command === Command.NEGOTIATE) return;
  // A server that has lost the session has lost its key.
  if (header.status === STATUS_USER_SESSION_DELETED) return;
  if (isSigned(header)) {
    if (signer === undefined) fail('signed, and there is no key');
    else if (!signer.verify(message)) fail('a wrong signature');
    return;
  }
  if (expected.isSigned && !isExcused(header, place)) fail('unsigned, to a signed request');
}
