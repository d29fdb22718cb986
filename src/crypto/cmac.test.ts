import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCmac } from './cmac.ts';

/** RFC 4493 section 4 */
const KEY = Buffer.from('2b7e151628aed2a6abf7158809cf4f3c', 'hex');
const MESSAGE = Buffer.from(
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51' +
    '30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
  'hex',
);
const VECTORS = [
  [0, 'bb1d6929e95937287fa37d129b756746'],
  [16, '070a16b46b4d4144f79bdd9dd04a287c'],
  [40, 'dfa66747de9ae63030ca32611497c827'],
  [64, '51f0bebf7e3b9d92fc49741779363cfe'],
] as const;

for (const [length, mac] of VECTORS) {
  test(`the CMAC of ${length} bytes, however they are cut`, () => {
    const message = MESSAGE.subarray(0, length);
    const cmac = createCmac(KEY);
    assert.equal(cmac.compute([message]).toString('hex'), mac);
    for (let cut = 0; cut <= length; cut++) {
      const parts = [message.subarray(0, cut), message.subarray(cut)];
      assert.equal(cmac.compute(parts).toString('hex'), mac);
    }
  });
}

test('parts are only read, and where they are cut does not matter', () => {
  const cmac = createCmac(KEY);
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 6 }), (arrays) => {
      const parts = arrays.map((array) => Buffer.from(array));
      const whole = Buffer.concat(parts);
      assert.deepEqual(cmac.compute(parts), cmac.compute([whole]));
      assert.deepEqual(Buffer.concat(parts), whole);
    }),
  );
});
