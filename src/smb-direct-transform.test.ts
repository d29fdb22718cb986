/**
 * MS-SMB2 2.2.43, 3.3.5.12 and 3.3.5.13 over SMB Direct: data by RDMA, signed or encrypted apart from the message, with each
 * cipher and each signing algorithm; and what is refused. The client's half of it is written out here, from 3.2.4.7 and
 * 3.2.5.11, with the session's keys.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { type ConnectInput, connect } from './client/connect.ts';
import { RdmaSocket } from './client/rdma-socket.ts';
import type { ClientTree } from './client/tree.ts';
import { createServer } from './create-server.ts';
import { CipherId } from './crypto/cipher.ts';
import { SigningAlgorithm } from './crypto/signing.ts';
import {
  STATUS_AUTH_TAG_MISMATCH,
  STATUS_INVALID_PARAMETER,
  STATUS_INVALID_SIGNATURE,
  STATUS_SUCCESS,
} from './dtyp/ntstatus.ts';
import { described, readBy, writeBy } from './smb-direct.support.test.ts';
import {
  SMB2_CHANNEL_NONE,
  SMB2_CHANNEL_RDMA_TRANSFORM,
  SMB2_CHANNEL_RDMA_V1,
  SMB2_CHANNEL_RDMA_V1_INVALIDATE,
} from './smb2/channel.ts';
import { FILE_OPEN_IF } from './smb2/create-options.ts';
import { Dialect } from './smb2/dialect.ts';
import { NegotiateContextType } from './smb2/negotiate-contexts.ts';
import {
  decodeRdmaTransform,
  encodeRdmaTransform,
  type RdmaTransform,
  SMB2_RDMA_TRANSFORM_ENCRYPTION,
  SMB2_RDMA_TRANSFORM_SIGNING,
} from './smb2/rdma-transform.ts';
import { decodeReadResponse, SMB2_READFLAG_RESPONSE_RDMA_TRANSFORM } from './smb2/read.ts';
import { decodeWriteResponse } from './smb2/write.ts';
import { createMemoryVfs } from './vfs/memory/memory.ts';

const identity = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };
const serverOf = async (over: object) => {
  const server = createServer({
    shares: [{ name: 'files', vfs: createMemoryVfs() }],
    users: [{ name: 'ann', password: 'tiger', identity }],
    global: { smbDirect: true, smbDirectPort: 0, signing: 'auto', ...over },
  });
  ends.push(() => server.close());
  return server.listen({ port: 0, address: '127.0.0.1' });
};
const ends: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});
const { port: tcpPort, smbDirectPort } = await serverOf({});

const BOTH = [SMB2_RDMA_TRANSFORM_ENCRYPTION, SMB2_RDMA_TRANSFORM_SIGNING];

interface Over extends Partial<ConnectInput> {
  /** What protects the messages. */
  readonly by?: 'encryption' | 'signing' | 'nothing';
}

async function join({ by = 'encryption', ...over }: Over = {}) {
  let socket: RdmaSocket | undefined;
  const connection = await connect({
    ...{ host: '127.0.0.1', port: smbDirectPort!, timeoutMs: 10_000, rdmaTransforms: BOTH },
    open: async (options) => {
      socket = await RdmaSocket.open(options);
      return socket;
    },
    ...over,
  });
  ends.push(() => connection.close());
  const session = await connection.login({
    ...{ user: 'ann', secret: 'tiger', sign: by === 'signing' },
  });
  const tree = await session.treeConnect('files', { encrypt: by === 'encryption' });
  const file = await tree.open('file', { disposition: FILE_OPEN_IF, access: 3 });
  return { socket: socket!, connection, tree, fileId: file.fileId };
}

/** 3.2.4.7: a WRITE of these data, whose transform the test may change. */
function write(
  tree: ClientTree,
  socket: RdmaSocket,
  fileId: Buffer,
  plain: Buffer,
  change: (transform: RdmaTransform) => RdmaTransform = (same) => same,
) {
  const { tokens, pieces, info } = described(socket, [plain.length]);
  const isEncrypted = tree.encrypt;
  const sealed = isEncrypted ? tree.session.cipher!.sealData(Buffer.from(plain)) : undefined;
  const signed = isEncrypted ? undefined : tree.session.signer!.signData(plain);
  (sealed?.data ?? plain).copy(pieces[0]!);
  const transform = encodeRdmaTransform(
    change({
      channel: SMB2_CHANNEL_RDMA_V1_INVALIDATE,
      transformType: isEncrypted ? SMB2_RDMA_TRANSFORM_ENCRYPTION : SMB2_RDMA_TRANSFORM_SIGNING,
      signature: (sealed?.tag ?? signed?.signature)!,
      nonce: (sealed?.nonce ?? signed?.nonce)!,
      descriptors: info,
    }),
  );
  const channel = SMB2_CHANNEL_RDMA_TRANSFORM;
  const answer = writeBy(tree, { fileId, length: plain.length, channel, info: transform });
  return { answer, token: tokens[0]! };
}

/** 3.2.5.11: what a READ has put into the client's memory, as it was. */
async function read(tree: ClientTree, socket: RdmaSocket, fileId: Buffer, length: number) {
  const { pieces, tokens, info } = described(socket, [length]);
  const answer = await readBy(tree, { fileId, length, info });
  assert.equal(answer.status, STATUS_SUCCESS);
  assert.equal(socket.memory.has(tokens[0]!), false, 'it is released');
  const { data, dataRemaining, flags } = decodeReadResponse(answer.message);
  const arrived = pieces[0]!.subarray(0, dataRemaining);
  if (flags !== SMB2_READFLAG_RESPONSE_RDMA_TRANSFORM) {
    assert.deepEqual([flags, data.length], [0, 0]);
    return { transform: undefined, arrived, plain: arrived };
  }
  const transform = decodeRdmaTransform(data);
  assert.equal(transform.channel, SMB2_CHANNEL_NONE);
  const { signature, nonce, transformType } = transform;
  const { session } = tree;
  if (transformType === SMB2_RDMA_TRANSFORM_ENCRYPTION) {
    const sealed = { data: Buffer.from(arrived), nonce, tag: signature };
    return { transform, arrived, plain: session.cipher!.openData(sealed) };
  }
  const isTheirs = session.signer!.verifyData(arrived, { signature, nonce });
  return { transform, arrived, plain: isTheirs ? arrived : undefined };
}

const content = randomBytes(1_500_000);

for (const [name, cipher] of Object.entries(CipherId)) {
  test(`${name}: what is written and read by RDMA is encrypted on its way`, async () => {
    const { tree, socket, fileId } = await join({ ciphers: [cipher] });
    const { answer, token } = write(tree, socket, fileId, content);
    const written = await answer;
    assert.equal(written.status, STATUS_SUCCESS);
    assert.equal(decodeWriteResponse(written.message).count, content.length);
    assert.equal(socket.memory.has(token), false, 'the token of the inner channel is released');
    for (const length of [content.length, 100]) {
      const got = await read(tree, socket, fileId, length);
      assert.equal(got.transform?.transformType, SMB2_RDMA_TRANSFORM_ENCRYPTION);
      assert.ok(!got.arrived.equals(content.subarray(0, length)), 'not in plain');
      assert.ok(got.plain?.equals(content.subarray(0, length)));
    }
  });
}

for (const [name, algorithm] of Object.entries(SigningAlgorithm)) {
  test(`${name}: what is written and read by RDMA is signed`, async () => {
    const { tree, socket, fileId } = await join({
      by: 'signing',
      signingAlgorithms: [algorithm],
    });
    assert.equal((await write(tree, socket, fileId, content).answer).status, STATUS_SUCCESS);
    const got = await read(tree, socket, fileId, content.length);
    assert.equal(got.transform?.transformType, SMB2_RDMA_TRANSFORM_SIGNING);
    assert.ok(got.plain?.equals(content));
  });
}

test('neither signed nor encrypted: the data go as they are', async () => {
  const { tree, socket, fileId } = await join({ by: 'nothing' });
  const { info, pieces } = described(socket, [1000]);
  content.copy(pieces[0]!, 0, 0, 1000);
  const plain = { fileId, length: 1000, info, channel: SMB2_CHANNEL_RDMA_V1 };
  assert.equal((await writeBy(tree, plain)).status, STATUS_SUCCESS);
  const got = await read(tree, socket, fileId, 1000);
  assert.equal(got.transform, undefined);
  assert.ok(got.plain?.equals(content.subarray(0, 1000)));
  const signed = await write(tree, socket, fileId, content.subarray(0, 10)).answer;
  assert.equal(signed.status, STATUS_INVALID_PARAMETER, 'a signature needs a signed request');
});

test('only what was negotiated is used', async () => {
  const only = { rdmaTransforms: [SMB2_RDMA_TRANSFORM_SIGNING] };
  const encrypted = await join(only);
  const refused = write(encrypted.tree, encrypted.socket, encrypted.fileId, content);
  assert.equal((await refused.answer).status, STATUS_INVALID_PARAMETER);
  assert.equal(encrypted.socket.memory.has(refused.token), false, 'released all the same');
  const { transform } = await readPlain(encrypted);
  assert.equal(transform, undefined);
  const none = await join({ by: 'signing', rdmaTransforms: [] });
  const { answer } = write(none.tree, none.socket, none.fileId, content);
  assert.equal((await answer).status, STATUS_INVALID_PARAMETER);
});

async function readPlain({ tree, socket, fileId }: Awaited<ReturnType<typeof join>>) {
  const { info, pieces } = described(socket, [10]);
  pieces[0]!.fill(1);
  await writeBy(tree, { fileId, length: 10, info });
  return read(tree, socket, fileId, 10);
}

describe('a WRITE whose data are not what they should be', () => {
  const turned = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte, i) => (i ? byte : ~byte)));
  const cases: [string, Over, (one: RdmaTransform) => RdmaTransform, number][] = [
    [
      'another tag',
      {},
      (one) => ({ ...one, signature: turned(one.signature) }),
      STATUS_AUTH_TAG_MISMATCH,
    ],
    [
      'another nonce',
      {},
      (one) => ({ ...one, nonce: turned(one.nonce) }),
      STATUS_AUTH_TAG_MISMATCH,
    ],
    [
      'a nonce of CCM with GCM',
      {},
      (one) => ({ ...one, nonce: one.nonce.subarray(0, 11) }),
      STATUS_AUTH_TAG_MISMATCH,
    ],
    [
      'a tag of 17 bytes',
      {},
      (one) => ({ ...one, signature: Buffer.concat([one.signature, Buffer.alloc(1)]) }),
      STATUS_AUTH_TAG_MISMATCH,
    ],
    [
      'a tag of 4 bytes',
      {},
      (one) => ({ ...one, signature: one.signature.subarray(0, 4) }),
      STATUS_AUTH_TAG_MISMATCH,
    ],
    [
      'another signature',
      { by: 'signing' },
      (one) => ({ ...one, signature: turned(one.signature) }),
      STATUS_INVALID_SIGNATURE,
    ],
    [
      'no signature',
      { by: 'signing' },
      (one) => ({ ...one, signature: Buffer.alloc(0) }),
      STATUS_INVALID_SIGNATURE,
    ],
    [
      'encryption said of a signed one',
      { by: 'signing' },
      (one) => ({ ...one, transformType: SMB2_RDMA_TRANSFORM_ENCRYPTION }),
      STATUS_INVALID_PARAMETER,
    ],
    [
      'signing said of an encrypted one',
      {},
      (one) => ({ ...one, transformType: SMB2_RDMA_TRANSFORM_SIGNING }),
      STATUS_INVALID_PARAMETER,
    ],
    ['no channel', {}, (one) => ({ ...one, channel: SMB2_CHANNEL_NONE }), STATUS_INVALID_PARAMETER],
    [
      'a transform within a transform',
      {},
      (one) => ({ ...one, channel: SMB2_CHANNEL_RDMA_TRANSFORM }),
      STATUS_INVALID_PARAMETER,
    ],
    [
      'no descriptors',
      {},
      (one) => ({ ...one, descriptors: Buffer.alloc(0) }),
      STATUS_INVALID_PARAMETER,
    ],
  ];
  for (const [name, over, change, status] of cases) {
    test(name, async () => {
      const { tree, socket, fileId } = await join(over);
      const kept = content.subarray(0, 70_000);
      assert.equal((await write(tree, socket, fileId, kept).answer).status, STATUS_SUCCESS);
      const wrong = write(tree, socket, fileId, randomBytes(70_000), change);
      assert.equal((await wrong.answer).status, status);
      const got = await read(tree, socket, fileId, kept.length);
      assert.ok(got.plain?.equals(kept), 'nothing was written');
    });
  }
});

describe('NEGOTIATE', () => {
  const answered = async (over: Partial<ConnectInput>) => {
    const connection = await connect({ host: '127.0.0.1', port: tcpPort, ...over });
    await connection.close();
    return connection.negotiated;
  };

  test('what both have is answered, on TCP too: a client offers it then on its RDMA connections', async () => {
    const both = await answered({ rdmaTransforms: [2, 77, 1] });
    assert.deepEqual(both.rdmaTransforms, BOTH);
    assert.deepEqual((await answered({ rdmaTransforms: [2] })).rdmaTransforms, [2]);
  });

  test('without a cipher there is no encryption of data either', async () => {
    const { rdmaTransforms } = await answered({ rdmaTransforms: BOTH, ciphers: [] });
    assert.deepEqual(rdmaTransforms, [SMB2_RDMA_TRANSFORM_SIGNING]);
  });

  test('nothing in common: SMB2_RDMA_TRANSFORM_NONE', async () => {
    const { response } = await answered({ rdmaTransforms: [5] });
    const type = NegotiateContextType.RDMA_TRANSFORM_CAPABILITIES;
    const data = response.negotiateContexts.find((one) => one.type === type)?.data;
    assert.equal(data?.toString('hex'), '01000000000000000000');
  });

  test('none offered, or fewer bytes than there have to be: STATUS_INVALID_PARAMETER', async () => {
    for (const data of [
      Buffer.alloc(8),
      Buffer.alloc(7),
      Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 1, 0]),
    ]) {
      const type = NegotiateContextType.RDMA_TRANSFORM_CAPABILITIES;
      const asking = answered({
        craftNegotiate: (request) => ({
          ...request,
          negotiateContexts: [...request.negotiateContexts, { type, data }],
        }),
      });
      await assert.rejects(asking, { status: STATUS_INVALID_PARAMETER });
    }
  });

  test('it is left out below 3.1.1 and without SMB Direct', async () => {
    const older = await answered({ rdmaTransforms: BOTH, dialects: [Dialect.SMB3_02] });
    assert.deepEqual(older.rdmaTransforms, []);
    const { port } = await serverOf({ smbDirect: false });
    assert.deepEqual((await answered({ port, rdmaTransforms: BOTH })).rdmaTransforms, []);
  });

  test('on TCP no data go by RDMA', async () => {
    const connection = await connect({ host: '127.0.0.1', port: tcpPort, rdmaTransforms: BOTH });
    ends.push(() => connection.close());
    const session = await connection.login({ user: 'ann', secret: 'tiger' });
    const tree = await session.treeConnect('files', { encrypt: true });
    const { fileId } = await tree.open('tcp', { disposition: FILE_OPEN_IF, access: 3 });
    const { data, nonce, tag } = session.cipher!.sealData(Buffer.alloc(16));
    const info = encodeRdmaTransform({
      channel: SMB2_CHANNEL_RDMA_V1,
      transformType: SMB2_RDMA_TRANSFORM_ENCRYPTION,
      signature: tag,
      nonce,
      descriptors: data,
    });
    const channel = SMB2_CHANNEL_RDMA_TRANSFORM;
    const { status } = await writeBy(tree, { fileId, length: 16, channel, info });
    assert.equal(status, STATUS_INVALID_PARAMETER);
  });
});
