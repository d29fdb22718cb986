import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ntHash } from './ntlm-crypto.ts';
import {
  ntlm2SessionChallenge,
  ntlm2SessionKey,
  ntlmV1Response,
  ntlmV1SessionKey,
} from './ntlm-v1.ts';

test("MS-NLMP 4.2.2: NTLMv1's response and session key for the document's values", () => {
  const hash = ntHash('Password');
  const challenge = Buffer.from('0123456789abcdef', 'hex');
  const response = '67c43011f30298a2ad35ece64f16331c44bdbed927841f94';
  assert.equal(ntlmV1Response(hash, challenge).toString('hex'), response);
  assert.equal(ntlmV1SessionKey(hash).toString('hex'), 'd87262b0cde4b1cb7499becccdf10784');
});

test("MS-NLMP 4.2.3: the same with the client's challenge", () => {
  const hash = ntHash('Password');
  const challenge = Buffer.from('0123456789abcdef', 'hex');
  const lmResponse = Buffer.concat([Buffer.alloc(8, 0xaa), Buffer.alloc(16)]);
  const response = ntlmV1Response(hash, ntlm2SessionChallenge(challenge, lmResponse));
  assert.equal(response.toString('hex'), '7537f803ae367128ca458204bde7caf81e97ed2683267232');
  const key = ntlm2SessionKey(hash, challenge, lmResponse);
  assert.equal(key.toString('hex'), 'eb93429a8bd952f8b89c55b87f475edc');
});
