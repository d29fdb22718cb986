/**
 * What every codec of messages is held to: golden bytes both ways, a WireError for each truncation,
 * nothing but WireErrors for mutated and arbitrary bytes, and any value back from its own bytes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WireError } from '../../src/wire/wire-error.ts';

export interface Codec<T> {
  readonly decode: (input: Buffer) => T;
  readonly encode: (value: T) => Buffer;
  /** Bytes before what is encoded; 64 for bodies, whose offsets count from the header. */
  readonly headerSize: number;
  /** Values with their bytes, in hexadecimal; blanks are for the reader. */
  readonly golden: readonly Golden<T>[];
  readonly values: fc.Arbitrary<T>;
}

export interface Golden<T> {
  readonly name: string;
  readonly hex: string;
  readonly value: T;
  /** Bytes at the end that may be missing: padding, or the one byte of an empty buffer. */
  readonly optionalBytes?: number;
  /** These bytes are read like this, but written in another way. */
  readonly decodeOnly?: boolean;
}

const RUNS = 200;

export const fromHex = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');

export function testCodec<T>(name: string, codec: Codec<T>): void {
  const message = (body: Buffer) => Buffer.concat([Buffer.alloc(codec.headerSize), body]);
  const decodes = (input: Buffer): T | undefined => {
    try {
      return codec.decode(input);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return undefined;
    }
  };

  for (const { name: which, hex, value, optionalBytes = 0, decodeOnly } of codec.golden) {
    const bytes = fromHex(hex);

    test(`${name}, ${which}: golden`, () => {
      assert.deepEqual(codec.decode(message(bytes)), value);
      if (decodeOnly !== true) {
        assert.equal(codec.encode(value).toString('hex'), bytes.toString('hex'));
      }
    });

    test(`${name}, ${which}: truncated`, () => {
      const whole = message(bytes);
      for (let length = 0; length < whole.length - optionalBytes; length++) {
        assert.throws(() => codec.decode(whole.subarray(0, length)), WireError, `at ${length}`);
      }
      if (optionalBytes > 0) {
        assert.deepEqual(codec.decode(whole.subarray(0, whole.length - optionalBytes)), value);
      }
    });

    test(`${name}, ${which}: mutated bytes are decoded or refused`, () => {
      const whole = message(bytes);
      const mutation = fc.record({
        at: fc.nat(whole.length - 1),
        byte: fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255)),
      });
      fc.assert(
        fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
          const mutated = Buffer.from(whole);
          for (const { at, byte } of mutations) mutated[at] = byte;
          decodes(mutated);
        }),
        { numRuns: RUNS },
      );
    });
  }

  test(`${name}: arbitrary bytes are decoded or refused`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        decodes(message(Buffer.from(bytes)));
        decodes(Buffer.from(bytes));
      }),
      { numRuns: RUNS },
    );
  });

  test(`${name}: what is encoded is decoded`, () => {
    fc.assert(
      fc.property(codec.values, (value) => {
        assert.deepEqual(codec.decode(message(codec.encode(value))), value);
      }),
      { numRuns: RUNS },
    );
  });
}

// Arbitraries of the wire's types.

/** Objects as decoders make them; fast-check would mix in ones without a prototype. */
export const arbRecord = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;

export const arbU8 = fc.nat(0xff);
export const arbU16 = fc.nat(0xffff);
export const arbU32 = fc.nat(0xffffffff);
export const arbU64 = fc.bigInt(0n, 0xffff_ffff_ffff_ffffn);
export const arbId = fc.oneof(
  fc.nat(Number.MAX_SAFE_INTEGER),
  fc.nat(0xffffffff),
  fc.constant(2 ** 64),
);
export const arbBytes = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((b) => Buffer.from(b));
export const arbBuffer = (maxLength = 64): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((b) => Buffer.from(b));
export const arbFileId = { persistentId: arbId, volatileId: arbId };
/** Text of UTF-16 units, unpaired surrogates too. */
export const arbText = fc
  .array(fc.nat(0xffff), { maxLength: 20 })
  .map((units) => String.fromCharCode(...units));
