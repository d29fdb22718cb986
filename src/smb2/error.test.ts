import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  arbBuffer,
  arbRecord,
  arbText,
  arbU16,
  arbU32,
  fromHex,
  testCodec,
} from '../../test/support/codec.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  decodeBufferTooSmall,
  decodeErrorResponse,
  decodeSymbolicLinkError,
  type ErrorContext,
  encodeBufferTooSmall,
  encodeErrorResponse,
  encodeSymbolicLinkError,
  errorDataOf,
  errorWithData,
} from './error.ts';
import { HEADER_SIZE } from './header.ts';

testCodec('ERROR response, bare', {
  decode: decodeErrorResponse,
  encode: encodeErrorResponse,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'empty: 9 bytes',
      hex: '0900 00 00 00000000 00',
      value: { errorData: Buffer.alloc(0), errorContexts: [] },
      optionalBytes: 1,
    },
    {
      name: 'BUFFER_TOO_SMALL',
      hex: '0900 00 00 04000000 60000000',
      value: { errorData: fromHex('60000000'), errorContexts: [] },
    },
    {
      name: 'in two contexts',
      hex: `0900 02 00 1c000000
            04000000 00000000 60000000 00000000
            04000000 53526472 01020304`,
      value: {
        errorData: fromHex('0400000000000000600000000000000004000000 53526472 01020304'),
        errorContexts: [
          { errorId: 0, errorContextData: fromHex('60000000') },
          { errorId: 0x72645253, errorContextData: fromHex('01020304') },
        ],
      },
    },
  ],
  values: arbRecord({
    errorData: arbBuffer(),
    errorContexts: fc.constant<readonly ErrorContext[]>([]),
  }),
});

test('error contexts: what is encoded is decoded', () => {
  const contexts = fc.array(
    arbRecord<ErrorContext>({ errorId: arbU32, errorContextData: arbBuffer(20) }),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(contexts, (errorContexts) => {
      const body = encodeErrorResponse({ errorContexts });
      const decoded = decodeErrorResponse(Buffer.concat([Buffer.alloc(64), body]));
      assert.deepEqual(decoded.errorContexts, errorContexts);
    }),
  );
});

test('the data of an error arrives in either form', () => {
  for (const inContext of [false, true]) {
    const body = encodeErrorResponse(errorWithData(encodeBufferTooSmall(96), inContext));
    const error = decodeErrorResponse(Buffer.concat([Buffer.alloc(64), body]));
    assert.equal(error.errorContexts.length, inContext ? 1 : 0);
    assert.equal(decodeBufferTooSmall(errorDataOf(error)), 96);
  }
  assert.throws(() => decodeBufferTooSmall(Buffer.alloc(3)), WireError);
});

testCodec('symbolic link error', {
  decode: decodeSymbolicLinkError,
  encode: encodeSymbolicLinkError,
  headerSize: 0,
  golden: [
    {
      name: 'relative',
      hex: `24000000 53594d4c 0c0000a0 1800 0800 0000 0600 0600 0600 01000000
            2e002e005c00 61002e006200`,
      value: {
        unparsedPathLength: 8,
        substituteName: '..\\',
        printName: 'a.b',
        flags: 1,
      },
    },
  ],
  values: arbRecord({
    unparsedPathLength: arbU16,
    substituteName: arbText,
    printName: arbText,
    flags: arbU32,
  }),
});
