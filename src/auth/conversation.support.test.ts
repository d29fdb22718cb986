/** Both sides of an exchange, for the tests of either; no tests of its own (MS-NLMP 3.1.5, 3.2.5). */
import assert from 'node:assert/strict';
import { type Acceptor, type AcceptorStep, createAcceptor } from './acceptor.ts';
import { createInitiator, type InitiatorOptions } from './initiator.ts';
import type { AccountLookup } from './ntlm-acceptor.ts';
import { ntHash } from './ntlm-crypto.ts';
import { DEFAULT_NEGOTIATE_FLAGS } from './ntlm-initiator.ts';
import { encodeAuthenticate, encodeNegotiate } from './ntlm-messages.ts';
import { decodeSpnego, type NegTokenResp } from './spnego.ts';

export const USER = 'Alice';
export const PASSWORD = 'correct horse 😀';
export const names = { netbiosName: 'SERVER' };
export const account = { ntHash: ntHash(PASSWORD) };
export const lookup: AccountLookup = (user) =>
  user.toLowerCase() === USER.toLowerCase() ? account : undefined;
export const credentials = { user: USER, domain: 'DOM', secret: PASSWORD };

export const acceptor = (find: AccountLookup = lookup): Acceptor =>
  createAcceptor({ names, lookup: find });
export const resp = (token: Buffer): NegTokenResp => {
  const decoded = decodeSpnego(token);
  return decoded.kind === 'resp' ? decoded : assert.fail('no NegTokenResp');
};

export interface Outcome {
  readonly server: AcceptorStep;
  readonly client: string;
  readonly clientKey: Buffer | undefined;
  readonly steps: number;
}

/** Both sides until one ends; `touch` may change what the client sends. */
export async function converse(
  options: Partial<InitiatorOptions> = {},
  find: AccountLookup = lookup,
  touch: (token: Buffer, step: number) => Buffer = (token) => token,
): Promise<Outcome> {
  const server = acceptor(find);
  const client = createInitiator({ credentials, ...options });
  let token = client.start();
  for (let steps = 1; ; steps++) {
    const sent = Buffer.from(touch(token, steps));
    const answer = await server.step(sent);
    // The server must have kept copies of what it needs later.
    sent.fill(0xee);
    if (answer.kind === 'refused') {
      return { server: answer, client: 'waiting', clientKey: undefined, steps };
    }
    const step = client.step(answer.token);
    if (step.kind !== 'continue') {
      return { server: answer, client: step.kind, clientKey: client.sessionKey, steps };
    }
    token = step.token;
  }
}

export async function assertAccepted(outcome: Promise<Outcome>, steps: number): Promise<void> {
  const { server, client, clientKey, steps: taken } = await outcome;
  assert.equal(server.kind, 'done');
  assert.equal(client, 'done');
  assert.equal(taken, steps);
  if (server.kind !== 'done') return;
  assert.equal(clientKey?.length, 16);
  assert.deepEqual(server.sessionKey, clientKey);
  assert.deepEqual(server.identityName, {
    user: USER,
    domain: 'DOM',
    anonymous: false,
    guest: false,
  });
}

export async function assertRefused(outcome: Promise<Outcome>, reason: string): Promise<void> {
  const { server } = await outcome;
  assert.equal(server.kind, 'refused');
  if (server.kind === 'refused') assert.equal(server.reason, reason);
}

export const authenticateWith = (
  change: Partial<Parameters<typeof encodeAuthenticate>[0]>,
): Buffer =>
  encodeAuthenticate({
    negotiateFlags: DEFAULT_NEGOTIATE_FLAGS,
    lmChallengeResponse: Buffer.alloc(24),
    ntChallengeResponse: Buffer.alloc(24),
    domainName: 'DOM',
    userName: USER,
    workstation: '',
    encryptedRandomSessionKey: Buffer.alloc(16),
    mic: undefined,
    ...change,
  });

export async function afterChallenge(token: Buffer, find: AccountLookup = lookup): Promise<string> {
  const server = acceptor(find);
  const challenge = await server.step(encodeNegotiate(DEFAULT_NEGOTIATE_FLAGS));
  assert.equal(challenge.kind, 'continue');
  const step = await server.step(token);
  return step.kind === 'refused' ? step.reason : step.kind;
}
