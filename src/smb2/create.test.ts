import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  arbBuffer,
  arbFileId,
  arbId,
  arbRecord,
  arbText,
  arbU8,
  arbU32,
  arbU64,
  fromHex,
  testCodec,
} from '../../test/support/codec.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  decodeCreateRequest,
  decodeCreateResponse,
  encodeCreateRequest,
  encodeCreateResponse,
} from './create.ts';
import {
  type CreateContext,
  CreateContextName,
  decodeCreateContexts,
  encodeCreateContexts,
  findCreateContext,
  MAX_CREATE_CONTEXTS,
} from './create-contexts.ts';
import { HEADER_SIZE } from './header.ts';

const arbContexts: fc.Arbitrary<CreateContext[]> = fc.array(
  arbRecord<CreateContext>({
    name: fc.oneof(
      fc.constantFrom(...Object.values(CreateContextName)),
      fc.uint8Array({ minLength: 5, maxLength: 20 }).map((b) => Buffer.from(b).toString('hex')),
    ),
    data: arbBuffer(40),
  }),
  { maxLength: 5 },
);

testCodec('CREATE request', {
  decode: decodeCreateRequest,
  encode: encodeCreateRequest,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'the root, from smbclient',
      hex: `3900 00 00 02000000 0000000000000000 0000000000000000 80000000 10000000 07000000
            01000000 01000000 7800 0000 00000000 00000000 00`,
      value: {
        requestedOplockLevel: 0,
        impersonationLevel: 2,
        desiredAccess: 0x80,
        fileAttributes: 0x10,
        shareAccess: 7,
        createDisposition: 1,
        createOptions: 1,
        name: '',
        createContexts: [],
      },
      optionalBytes: 1,
    },
    {
      name: 'with a lease, from smbtorture',
      hex: `3900 00 ff 02000000 0000000000000000 0000000000000000 ff011f00 80000000 07000000
            03000000 64002000 7800 1e00 98000000 38000000
            6c0065006100730065005f0062007200650061006b002e00640061007400 0000
            00000000 1000 0400 0000 1800 20000000 52714c73 00000000
            0df0dde0fe0fdcbaf20f221f01f0234501000000000000000000000000000000`,
      value: {
        requestedOplockLevel: 0xff,
        impersonationLevel: 2,
        desiredAccess: 0x1f01ff,
        fileAttributes: 0x80,
        shareAccess: 7,
        createDisposition: 3,
        createOptions: 0x200064,
        name: 'lease_break.dat',
        createContexts: [
          {
            name: 'RqLs',
            data: fromHex('0df0dde0fe0fdcbaf20f221f01f0234501000000000000000000000000000000'),
          },
        ],
      },
    },
  ],
  values: arbRecord({
    requestedOplockLevel: arbU8,
    impersonationLevel: arbU32,
    desiredAccess: arbU32,
    fileAttributes: arbU32,
    shareAccess: arbU32,
    createDisposition: arbU32,
    createOptions: arbU32,
    name: arbText,
    createContexts: arbContexts,
  }),
});

testCodec('CREATE response', {
  decode: decodeCreateResponse,
  encode: encodeCreateResponse,
  headerSize: HEADER_SIZE,
  golden: [
    {
      name: 'durable, from Samba',
      hex: `5900 09 00 02000000 f9deca77f078dd01 f9deca77f078dd02 f9deca77f078dd03
            f9deca77f078dd04 0010000000000000 0000000000000000 20000000 00000000
            87f9904400000000 b4e1494d00000000 98000000 20000000
            00000000 1000 0400 0000 1800 08000000 44483251 00000000 60ea000000000000`,
      value: {
        oplockLevel: 9,
        flags: 0,
        createAction: 2,
        creationTime: 0x01dd78f077cadef9n,
        lastAccessTime: 0x02dd78f077cadef9n,
        lastWriteTime: 0x03dd78f077cadef9n,
        changeTime: 0x04dd78f077cadef9n,
        allocationSize: 4096,
        endOfFile: 0,
        fileAttributes: 0x20,
        persistentId: 0x4490f987,
        volatileId: 0x4d49e1b4,
        createContexts: [{ name: 'DH2Q', data: fromHex('60ea000000000000') }],
      },
    },
    {
      name: 'without contexts: 88 bytes',
      hex: `5900 00 00 01000000 0000000000000000 0000000000000000 0000000000000000
            0000000000000000 0000000000000000 0000000000000000 10000000 00000000
            0100000000000000 0200000000000000 00000000 00000000`,
      value: {
        oplockLevel: 0,
        flags: 0,
        createAction: 1,
        creationTime: 0n,
        lastAccessTime: 0n,
        lastWriteTime: 0n,
        changeTime: 0n,
        allocationSize: 0,
        endOfFile: 0,
        fileAttributes: 0x10,
        persistentId: 1,
        volatileId: 2,
        createContexts: [],
      },
    },
  ],
  values: arbRecord({
    oplockLevel: arbU8,
    flags: arbU8,
    createAction: arbU32,
    creationTime: arbU64,
    lastAccessTime: arbU64,
    lastWriteTime: arbU64,
    changeTime: arbU64,
    allocationSize: arbId,
    endOfFile: arbId,
    fileAttributes: arbU32,
    ...arbFileId,
    createContexts: arbContexts,
  }),
});

testCodec<readonly CreateContext[]>('create contexts', {
  decode: (list) => {
    // No bytes are no contexts, which would be no truncation.
    if (list.length === 0) throw new WireError('create contexts', 'empty');
    return decodeCreateContexts(list);
  },
  encode: encodeCreateContexts,
  headerSize: 0,
  golden: [
    {
      name: 'three: empty, named by a GUID, the last one unpadded',
      hex: `18000000 1000 0400 0000 0000 00000000 51466964 00000000
            38000000 1000 1000 0000 2000 14000000 45bca66aefa7f74a9008fa462e144d74
              1400000000112233445566778899aabbccddeeff 00000000
            00000000 1000 0400 0000 1800 01000000 4d784163 00000000 07`,
      value: [
        { name: 'QFid', data: Buffer.alloc(0) },
        {
          name: CreateContextName.APP_INSTANCE_ID,
          data: fromHex('1400000000112233445566778899aabbccddeeff'),
        },
        { name: 'MxAc', data: fromHex('07') },
      ],
    },
  ],
  values: arbContexts.filter((contexts) => contexts.length > 0),
});

test('no contexts are no bytes', () => {
  assert.deepEqual(decodeCreateContexts(Buffer.alloc(0)), []);
  assert.equal(encodeCreateContexts([]).length, 0);
});

test('a list of contexts is bounded and cannot run in circles', () => {
  const one = { name: 'QFid', data: Buffer.alloc(0) };
  const many = encodeCreateContexts(new Array<CreateContext>(MAX_CREATE_CONTEXTS + 1).fill(one));
  assert.throws(() => decodeCreateContexts(many), WireError);
  const two = encodeCreateContexts([one, one]);
  for (const next of [8, 12, 16, 20, 28, 0x30, 0x1000, 0xfffffff8, 0xffffffff]) {
    two.writeUInt32LE(next, 0);
    assert.throws(() => decodeCreateContexts(two), WireError, `next ${next}`);
  }
});

test('names shorter than 4, and names and data outside their entry, are refused', () => {
  const list = () =>
    encodeCreateContexts([
      { name: 'MxAc', data: Buffer.alloc(8) },
      { name: 'QFid', data: Buffer.alloc(0) },
    ]);
  for (const [at, value] of [
    [6, 3],
    [6, 0],
    [4, 15],
    [4, 0xffff],
    [10, 0],
    [10, 25],
    [12, 9],
  ]) {
    const bad = list();
    bad.writeUInt16LE(value!, at!);
    assert.throws(() => decodeCreateContexts(bad), WireError, `${value} at ${at}`);
  }
});

test('of contexts with one name the first is found', () => {
  const contexts = [
    { name: 'MxAc', data: Buffer.from('1') },
    { name: 'MxAc', data: Buffer.from('2') },
  ];
  assert.deepEqual(
    findCreateContext(contexts, CreateContextName.QUERY_MAXIMAL_ACCESS),
    Buffer.from('1'),
  );
  assert.equal(findCreateContext(contexts, CreateContextName.LEASE), undefined);
});

test('a name that does not lie in the message is refused wherever it points', () => {
  const body = encodeCreateRequest({
    requestedOplockLevel: 0,
    impersonationLevel: 2,
    desiredAccess: 1,
    fileAttributes: 0,
    shareAccess: 0,
    createDisposition: 1,
    createOptions: 0,
    name: 'name',
    createContexts: [],
  });
  fc.assert(
    fc.property(fc.nat(0xffff), fc.nat(0xffff), (offset, length) => {
      const message = Buffer.concat([Buffer.alloc(64), body]);
      message.writeUInt16LE(offset, 64 + 44);
      message.writeUInt16LE(length, 64 + 46);
      const legal =
        length === 0 || (offset >= 120 && offset + length <= message.length && length % 2 === 0);
      if (legal) assert.equal(decodeCreateRequest(message).name.length * 2, length);
      else assert.throws(() => decodeCreateRequest(message), WireError);
    }),
  );
});
