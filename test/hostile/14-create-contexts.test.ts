/** Create contexts (MS-SMB2 2.2.13.2, 3.3.5.9). */
import assert from 'node:assert/strict';
import { createRequest, type OpenOptions } from '../../src/client/requests.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_EA_LIST_INCONSISTENT,
  STATUS_INVALID_EA_NAME,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../../src/dtyp/ntstatus.ts';
import { decodeCreateResponse } from '../../src/smb2/create.ts';
import { decodeDurableHandleResponseV2 } from '../../src/smb2/create-context-values.ts';
import {
  type CreateContext,
  CreateContextName,
  encodeCreateContexts,
} from '../../src/smb2/create-contexts.ts';
import { FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { hostileSuite, isRefused, patch } from './kit.ts';

const hostile = await hostileSuite();

const MXAC = { name: CreateContextName.QUERY_MAXIMAL_ACCESS, data: Buffer.alloc(0) };
const QFID = { name: CreateContextName.QUERY_ON_DISK_ID, data: Buffer.alloc(0) };
const how = (contexts: OpenOptions['contexts'] & object): OpenOptions => ({
  access: FILE_GENERIC_READ | FILE_GENERIC_WRITE,
  disposition: FILE_OPEN_IF,
  contexts,
});

/** The list stands at 128 when the name is four units long: 120 + 8. */
const LIST = 128;
const OFFSET = 64 + 48;
const LENGTH = 64 + 52;

for (const [name, change] of [
  ['CreateContextsOffset in the header', (m: Buffer) => m.writeUInt32LE(16, OFFSET)],
  ['CreateContextsOffset beyond', (m: Buffer) => m.writeUInt32LE(0xfffffff0, OFFSET)],
  ['CreateContextsLength beyond', (m: Buffer) => m.writeUInt32LE(0xfffffff0, LENGTH)],
  ['CreateContextsLength cut', (m: Buffer) => m.writeUInt32LE(20, LENGTH)],
  ['Next at itself', (m: Buffer) => m.writeUInt32LE(8, LIST)],
  ['Next not aligned', (m: Buffer) => m.writeUInt32LE(25, LIST)],
  ['Next beyond', (m: Buffer) => m.writeUInt32LE(0x1000, LIST)],
  ['Next backwards', (m: Buffer) => m.writeUInt32LE(0xffffffe8, LIST)],
  ['NameOffset in the fixed part', (m: Buffer) => m.writeUInt16LE(0, LIST + 4)],
  ['NameOffset beyond', (m: Buffer) => m.writeUInt16LE(0xffff, LIST + 4)],
  ['NameLength 0', (m: Buffer) => m.writeUInt16LE(0, LIST + 6)],
  ['NameLength 3', (m: Buffer) => m.writeUInt16LE(3, LIST + 6)],
  ['NameLength 0xFFFF', (m: Buffer) => m.writeUInt16LE(0xffff, LIST + 6)],
  [
    'DataOffset beyond',
    (m: Buffer) => [m.writeUInt16LE(0xffff, LIST + 10), m.writeUInt32LE(8, LIST + 12)],
  ],
  [
    'DataLength 0xFFFFFFFF',
    (m: Buffer) => [m.writeUInt16LE(24, LIST + 10), m.writeUInt32LE(0xffffffff, LIST + 12)],
  ],
] as const) {
  hostile(name, async ({ mount }) => {
    const tree = await mount();
    const request = createRequest('name', how([MXAC, QFID]));
    await isRefused(tree.request({ ...request, craft: patch(change) }), STATUS_INVALID_PARAMETER);
    await isRefused(tree.request(createRequest('name')), STATUS_OBJECT_NAME_NOT_FOUND);
  });
}

hostile('a context twice is answered once; thousands are refused', async ({ mount }) => {
  const tree = await mount();
  const answer = await tree.request(createRequest('name', how([MXAC, MXAC, QFID, QFID])));
  assert.equal(answer.status, 0);
  assert.equal(decodeCreateResponse(answer.message).createContexts.length, 2);
  const many = Array.from({ length: 2000 }, () => MXAC);
  await isRefused(tree.request(createRequest('name', how(many))), STATUS_INVALID_PARAMETER);
});

hostile('unknown contexts are ignored, and not answered', async ({ mount }) => {
  const tree = await mount();
  const contexts = [
    { name: 'XyZ1', data: Buffer.alloc(100) },
    { name: 'ff'.repeat(16), data: Buffer.alloc(0) },
    { name: 'ab'.repeat(300), data: Buffer.alloc(10_000) },
  ];
  const file = await tree.open('name', how(contexts));
  assert.deepEqual(file.created.createContexts, []);
});

const durable = (name: string, bytes: number, fill = 0) => ({
  name,
  data: Buffer.alloc(bytes, fill),
});
hostile(
  'durable requests that contradict each other, of flags and a GUID of nonsense',
  async ({ mount }) => {
    const tree = await mount();
    const batch = (contexts: CreateContext[]) => ({ ...how(contexts), oplockLevel: 0x09 });
    for (const contexts of [
      [durable('DHnQ', 16), durable('DH2Q', 32, 7)],
      [durable('DH2Q', 32, 7), durable('DHnC', 16, 7)],
      [durable('DH2C', 36, 7), durable('DHnQ', 16)],
    ]) {
      await isRefused(
        tree.request(createRequest('name', batch(contexts))),
        STATUS_INVALID_PARAMETER,
      );
    }
    // Every bit of DH2Q's flags is set: no persistent handle comes of it, and the time has its bound.
    const file = await tree.open('lasting', batch([durable('DH2Q', 32, 0xff)]));
    const [granted] = file.created.createContexts;
    assert.deepEqual(decodeDurableHandleResponseV2(granted!.data), { timeout: 300_000, flags: 0 });
    await file.close();
  },
);

hostile(
  'a lease of state bits that do not exist, of no state, of a key of zeros',
  async ({ mount }) => {
    const tree = await mount();
    // 0x07070707 as LeaseState: what of it does not exist is not granted.
    for (const data of [
      Buffer.alloc(32, 7),
      Buffer.alloc(52, 7),
      Buffer.alloc(32),
      Buffer.alloc(52),
    ]) {
      const contexts = [{ name: 'RqLs', data }];
      const file = await tree.open('name', { ...how(contexts), oplockLevel: 0xff });
      for (const { name, data: granted } of file.created.createContexts) {
        assert.equal(name, 'RqLs');
        assert.ok(granted.readUInt32LE(16) <= 7, 'no more than READ, HANDLE and WRITE');
      }
      await file.close();
    }
    // The context alone, without asking for a lease by the oplock level.
    const file = await tree.open('name', how([{ name: 'RqLs', data: Buffer.alloc(52, 7) }]));
    assert.equal(file.created.oplockLevel, 0);
    await file.close();
  },
);

hostile('reconnecting to what was never kept', async ({ mount }) => {
  const tree = await mount();
  for (const contexts of [
    [durable('DHnC', 16, 1)],
    [durable('DH2C', 36, 1)],
    [durable('DH2C', 36, 1), durable('DH2Q', 32, 1)],
    [durable('DHnC', 16, 1), durable('DHnQ', 16, 1)],
  ]) {
    const answer = tree.request(createRequest('name', how(contexts)));
    await isRefused(answer, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_INVALID_PARAMETER);
  }
});

hostile('contexts of wrong lengths', async ({ mount }) => {
  const tree = await mount();
  for (const [name, ...lengths] of [
    ['MxAc', 1, 7, 9, 5000],
    ['AlSi', 0, 7, 9],
    ['TWrp', 0, 7, 9],
    ['DHnC', 0, 15],
    ['RqLs', 0, 31, 33, 51, 53],
  ] as const) {
    for (const length of lengths) {
      const file = `${name} ${length}`;
      const { status } = await tree.request(createRequest(file, how([durable(name, length)])));
      // What is refused has made nothing.
      if (status === 0) await tree.remove(file);
      else await isRefused(tree.request(createRequest(file)), STATUS_OBJECT_NAME_NOT_FOUND);
      const refused: number[] = [STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_NOT_FOUND];
      // What is not served is ignored, whatever is in it.
      if (name === 'RqLs' || name === 'MxAc') refused.push(0);
      assert.ok(refused.includes(status), `${name} ${length}: ${status.toString(16)}`);
    }
  }
});

hostile('AlSi: all of 2^63, and less than nothing', async ({ mount }) => {
  const tree = await mount();
  for (const size of [0xffffffffffffffffn, 0x7fffffffffffffffn, 1n << 53n, 1n << 50n]) {
    const data = Buffer.alloc(8);
    data.writeBigUInt64LE(size);
    const { status } = await tree.request(createRequest('name', how([{ name: 'AlSi', data }])));
    assert.ok(status === 0 || status >= 0xc0000000);
  }
});

const ea = (next: number, flags: number, name: string, nameLength: number, valueLength: number) => {
  const b = Buffer.alloc(8 + name.length + 1 + 8);
  b.writeUInt32LE(next, 0);
  b[4] = flags;
  b[5] = nameLength;
  b.writeUInt16LE(valueLength, 6);
  b.write(name, 8, 'latin1');
  return b;
};
hostile('ExtA: lists that lie', async ({ mount }) => {
  const tree = await mount();
  for (const data of [
    ea(0xffffffff, 0, 'NAME', 4, 1),
    ea(4, 0, 'NAME', 4, 1),
    ea(3, 0, 'NAME', 4, 1),
    ea(0, 0, 'NAME', 255, 1),
    ea(0, 0, 'NAME', 4, 0xffff),
    ea(0, 0, 'NAME', 0, 1),
    ea(0, 0x7f, 'NAME', 4, 1),
    ea(0, 0, 'NA=E', 4, 1),
    Buffer.alloc(7),
  ]) {
    const contexts = [{ name: CreateContextName.EA_BUFFER, data }];
    await isRefused(
      tree.request(createRequest('with ea', how(contexts))),
      STATUS_INVALID_PARAMETER,
      STATUS_EA_LIST_INCONSISTENT,
      STATUS_INVALID_EA_NAME,
    );
    await isRefused(tree.request(createRequest('with ea')), STATUS_OBJECT_NAME_NOT_FOUND);
  }
});

hostile('SecD: descriptors that are none', async ({ mount }) => {
  const tree = await mount();
  for (const data of [
    Buffer.alloc(0),
    Buffer.alloc(19),
    Buffer.from(`0100048${'f'.repeat(33)}`.slice(0, 40), 'hex'),
    Buffer.alloc(20, 0xff),
    Buffer.from('010004801400000000000000000000001c000000ffffffff0200080001000000', 'hex'),
  ]) {
    const contexts = [{ name: CreateContextName.SD_BUFFER, data }];
    const { status } = await tree.request(createRequest('with sd', how(contexts)));
    // As long as descriptors are not kept they may be passed over.
    assert.ok(status === 0 || status >= 0xc0000000);
  }
});

hostile('each field of CREATE with all bits set', async ({ mount }) => {
  const tree = await mount();
  for (const [at, bytes, ...statuses] of [
    [64 + 2, 1, 0],
    [64 + 4, 4, 0xc00000a5],
    [64 + 24, 4, STATUS_ACCESS_DENIED],
    [64 + 28, 4, STATUS_INVALID_PARAMETER],
    [64 + 32, 4, STATUS_INVALID_PARAMETER],
    [64 + 36, 4, STATUS_INVALID_PARAMETER],
    [64 + 40, 4, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED],
  ] as const) {
    const craft = patch((m) => m.fill(0xff, at, at + bytes));
    const { status } = await tree.request({ ...createRequest('fields', how([])), craft });
    assert.ok((statuses as readonly number[]).includes(status), `${at}: ${status.toString(16)}`);
  }
});

hostile('every byte of a CREATE with contexts changed', async ({ mount }) => {
  const tree = await mount();
  const request = createRequest('name', how([MXAC, QFID, durable('AlSi', 8)]));
  const size = 64 + request.body.length;
  for (let at = 64; at < size; at++) {
    const craft = patch((m) => (m[at]! ^= 0x81));
    const { contextNames: _, ...free } = request;
    const { status, message } = await tree.request({ ...free, craft });
    if (status === 0)
      await tree
        .fileOf({ status, message } as never)
        .close()
        .catch(() => undefined);
  }
  assert.ok(encodeCreateContexts([MXAC]).length > 0);
});
