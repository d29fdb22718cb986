import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_COMPOUND_MESSAGES } from '../base/limits.ts';
import { WireError } from '../wire/wire-error.ts';
import { joinCompound, splitCompound } from './compound.ts';
import { Command, encodeHeader, HEADER_SIZE, setNextCommand } from './header.ts';

const message = (bodyLength: number): Buffer =>
  Buffer.concat([encodeHeader({ command: Command.ECHO }), Buffer.alloc(bodyLength, 0xab)]);
const join = (...messages: Buffer[]): Buffer =>
  Buffer.concat(joinCompound(messages.map((one) => [one])).flat());

test('one message is a chain of one', () => {
  const one = message(4);
  assert.deepEqual(splitCompound(one), [one]);
});

test('three messages: padded to 8, the last not', () => {
  const [first, second, third] = [message(4), message(8), message(5)];
  const joined = join(first, second, third);
  assert.equal(joined.length, 72 + 72 + 69);
  const split = splitCompound(joined);
  assert.deepEqual(
    split.map((part) => [part.length, part.readUInt32LE(20)]),
    [
      [72, 72],
      [72, 72],
      [69, 0],
    ],
  );
  assert.deepEqual(split[0]!.subarray(64), Buffer.from('abababab00000000', 'hex'));
  assert.equal(split[0]!.buffer, joined.buffer);
});

test('parts stay apart, the padding is one more', () => {
  const head = encodeHeader({ command: Command.READ });
  const data = Buffer.alloc(5);
  const [first, last] = joinCompound([[head, data], [message(3)]]);
  assert.deepEqual(
    first!.map((part) => part.length),
    [64, 5, 3],
  );
  assert.equal(first![1], data);
  assert.deepEqual(
    last!.map((part) => part.length),
    [67],
  );
});

test('any messages joined are split again', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(40), { minLength: 1, maxLength: MAX_COMPOUND_MESSAGES }),
      (lengths) => {
        const split = splitCompound(join(...lengths.map(message)));
        assert.equal(split.length, lengths.length);
        split.forEach((part, i) => {
          const length = HEADER_SIZE + lengths[i]!;
          assert.deepEqual(part.subarray(24, length), message(lengths[i]!).subarray(24));
          assert.ok(part.length - length < 8);
        });
      },
    ),
  );
});

test('the last one may be a bare header', () => {
  assert.equal(splitCompound(join(message(4), message(0))).length, 2);
});

test('chains that are none', () => {
  const two = join(message(4), message(4));
  for (const next of [1, 4, 8, 56, 60, 63, 65, 70, 73, 80, 136, 144, 0x7fffffff, 0xfffffff8]) {
    const bad = Buffer.from(two);
    setNextCommand(bad, next);
    assert.throws(() => splitCompound(bad), WireError, `NextCommand ${next}`);
  }
  const other = Buffer.from(two);
  other[72] = 0xff;
  assert.throws(() => splitCompound(other), WireError);
  for (let n = 0; n < 72 + 64; n++) {
    assert.throws(() => splitCompound(two.subarray(0, n)), WireError, `${n} bytes`);
  }
});

test('a chain is bounded', () => {
  const messages = (count: number) => new Array<Buffer>(count).fill(message(0)).map(Buffer.from);
  assert.equal(splitCompound(join(...messages(64))).length, MAX_COMPOUND_MESSAGES);
  assert.throws(() => splitCompound(join(...messages(65))), WireError);
});

test('arbitrary chains are split or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(500), (bytes, next) => {
      const b = Buffer.concat([message(0), Buffer.from(bytes)]);
      setNextCommand(b, next);
      try {
        assert.ok(splitCompound(b).length >= 1);
      } catch (error) {
        assert.ok(error instanceof WireError);
      }
    }),
  );
});
