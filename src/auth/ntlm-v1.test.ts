import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ntHash } from './ntlm-crypto.ts';
import { ntlmV1Response, ntlmV1SessionKey } from './ntlm-v1.ts';

test("MS-NLMP 4.2.2: NTLMv1's response and session key for the document's values", () => {
  const hash = ntHash('Password');
  const challenge = Buffer.from('0123456789abcdef', 'hex');
  const response = '67c43011f30298a2ad35ece64f16331c44bdbed927841f94';
  assert.equal(ntlmV1Response(hash, challenge).toString('hex'), response);
  assert.equal(ntlmV1SessionKey(hash).toString('hex'), 'd87262b0cde4b1cb7499becccdf10784');
});
