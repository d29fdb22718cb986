/** NEGOTIATE and its contexts (MS-SMB2 3.3.5.3, 3.3.5.4). */
import assert from 'node:assert/strict';
import { connectOnly } from '../../src/client/connect.ts';
import { echoRequest } from '../../src/client/requests.ts';
import {
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP,
} from '../../src/dtyp/ntstatus.ts';
import { Command } from '../../src/smb2/header.ts';
import { encodeNegotiateRequest, type NegotiateRequest } from '../../src/smb2/negotiate.ts';
import {
  encodeCompressionCapabilities,
  encodeEncryptionCapabilities,
  encodePreauthIntegrityCapabilities,
  type NegotiateContext,
} from '../../src/smb2/negotiate-contexts.ts';
import { encodeSmb1NegotiateRequest } from '../../src/smb2/smb1-negotiate.ts';
import { hostileSuite, isDropped, isRefused, type Kit, message, patch } from './kit.ts';

const hostile = await hostileSuite();

const preauth = (hashAlgorithms: number[] = [1], saltBytes = 32): NegotiateContext => ({
  type: 1,
  data: encodePreauthIntegrityCapabilities({ hashAlgorithms, salt: Buffer.alloc(saltBytes, 5) }),
});
const ciphers = (...ids: number[]): NegotiateContext => ({
  type: 2,
  data: encodeEncryptionCapabilities(ids),
});
const request = (negotiateContexts: NegotiateContext[], dialects = [0x0311]): NegotiateRequest => ({
  securityMode: 1,
  capabilities: 0,
  clientGuid: Buffer.alloc(16, 9),
  dialects,
  negotiateContexts,
});

/** The answer to a NEGOTIATE with these contents, changed by `craft`. */
async function answer(
  { server, address }: Kit,
  body: NegotiateRequest,
  craft: (m: Buffer) => Buffer = (m) => m,
) {
  const { host, port } = server;
  const connection = await connectOnly({ host, port, localAddress: address, timeoutMs: 2_000 });
  const encoded = encodeNegotiateRequest(body);
  return connection.request({ command: Command.NEGOTIATE, body: encoded, craft });
}

const COUNT = 64 + 2;
const CONTEXT_OFFSET = 64 + 28;
const CONTEXT_COUNT = 64 + 32;

const good = request([preauth(), ciphers(2)]);
const crafted: readonly [string, (m: Buffer) => unknown][] = [
  ['DialectCount 0', (m) => m.writeUInt16LE(0, COUNT)],
  ['DialectCount 65535', (m) => m.writeUInt16LE(0xffff, COUNT)],
  ['DialectCount beyond the message', (m) => m.writeUInt16LE(60, COUNT)],
  ['NegotiateContextCount 65535', (m) => m.writeUInt16LE(0xffff, CONTEXT_COUNT)],
  ['NegotiateContextCount 0', (m) => m.writeUInt16LE(0, CONTEXT_COUNT)],
  ['NegotiateContextCount one too many', (m) => m.writeUInt16LE(3, CONTEXT_COUNT)],
  ['NegotiateContextOffset beyond', (m) => m.writeUInt32LE(m.length, CONTEXT_OFFSET)],
  ['NegotiateContextOffset 0xFFFFFFFF', (m) => m.writeUInt32LE(0xffffffff, CONTEXT_OFFSET)],
  ['NegotiateContextOffset in the header', (m) => m.writeUInt32LE(8, CONTEXT_OFFSET)],
  ['NegotiateContextOffset not aligned', (m) => m.writeUInt32LE(105, CONTEXT_OFFSET)],
  ['DataLength beyond the message', (m) => m.writeUInt16LE(0xffff, 104 + 2)],
  ['DataLength less than its content', (m) => m.writeUInt16LE(2, 104 + 2)],
  ['HashAlgorithmCount 0', (m) => m.writeUInt16LE(0, 104 + 8)],
  ['HashAlgorithmCount 65535', (m) => m.writeUInt16LE(0xffff, 104 + 8)],
  ['SaltLength 65535', (m) => m.writeUInt16LE(0xffff, 104 + 10)],
  ['CipherCount 0', (m) => m.writeUInt16LE(0, m.length - 4)],
  ['CipherCount 65535', (m) => m.writeUInt16LE(0xffff, m.length - 4)],
  ['StructureSize 35', (m) => m.writeUInt16LE(35, 64)],
];
for (const [name, change] of crafted) {
  hostile(name, async (kit) => {
    assert.equal((await answer(kit, good)).status, 0);
    await isRefused(
      answer(kit, good, patch(change)),
      STATUS_INVALID_PARAMETER,
      STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP,
    );
  });
}

const refused: readonly [string, NegotiateRequest, number][] = [
  ['no contexts', request([]), STATUS_INVALID_PARAMETER],
  ['no preauthentication context', request([ciphers(2)]), STATUS_INVALID_PARAMETER],
  ['two of them', request([preauth(), preauth()]), STATUS_INVALID_PARAMETER],
  [
    'two encryption contexts',
    request([preauth(), ciphers(2), ciphers(1)]),
    STATUS_INVALID_PARAMETER,
  ],
  ['no hash', request([preauth([])]), STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP],
  [
    'unknown hashes',
    request([preauth([2, 3, 0xffff])]),
    STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP,
  ],
  ['no ciphers', request([preauth(), ciphers()]), STATUS_INVALID_PARAMETER],
  [
    'an empty signing context',
    request([preauth(), { type: 8, data: Buffer.alloc(2) }]),
    STATUS_INVALID_PARAMETER,
  ],
  [
    'a cut signing context',
    request([preauth(), { type: 8, data: Buffer.alloc(1) }]),
    STATUS_INVALID_PARAMETER,
  ],
  [
    'a cut preauthentication context',
    request([{ type: 1, data: Buffer.alloc(3) }]),
    STATUS_INVALID_PARAMETER,
  ],
  ['unknown dialects', request([], [0x0312, 0x0200, 0xffff, 0]), STATUS_NOT_SUPPORTED],
  ['the wildcard only', request([], [0x02ff]), STATUS_NOT_SUPPORTED],
];
for (const [name, body, status] of refused) {
  hostile(name, async (kit) => {
    // "no hash" may also be called malformed.
    await isRefused(
      answer(kit, body),
      status,
      ...(name === 'no hash' ? [STATUS_INVALID_PARAMETER] : []),
    );
  });
}

const accepted: readonly [string, NegotiateContext[]][] = [
  [
    'unknown contexts',
    [preauth(), { type: 0x7777, data: Buffer.alloc(9) }, { type: 0, data: Buffer.alloc(0) }],
  ],
  ['an empty salt', [preauth([1], 0)]],
  ['unknown ciphers', [preauth(), ciphers(9, 0xffff, 0)]],
  ['a cipher in thousands', [preauth(), ciphers(...Array.from({ length: 2000 }, () => 2))]],
  [
    'compression, which is not there',
    [
      preauth(),
      {
        type: 3,
        data: encodeCompressionCapabilities({ flags: 1, compressionAlgorithms: [1, 2, 3, 4] }),
      },
    ],
  ],
  [
    'transport, RDMA and POSIX contexts',
    [
      preauth(),
      { type: 6, data: Buffer.alloc(4) },
      { type: 7, data: Buffer.alloc(8) },
      { type: 0x100, data: Buffer.alloc(16) },
    ],
  ],
  ['a server name of 20,000 units', [preauth(), { type: 5, data: Buffer.alloc(40_000, 'a\0') }]],
];
for (const [name, contexts] of accepted) {
  hostile(`ignored: ${name}`, async (kit) => {
    assert.equal((await answer(kit, request(contexts))).status, 0);
  });
}

hostile('every byte of a NEGOTIATE changed, one at a time', async ({ raw }) => {
  const whole = message({ command: Command.NEGOTIATE }, encodeNegotiateRequest(good));
  for (let at = 64; at < whole.length; at++) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 0xff;
    const peer = await raw();
    peer.socket.send([changed]);
    await peer.next();
    peer.socket.destroy();
  }
});

hostile('a NEGOTIATE that is signed', async (kit) => {
  const signed = patch((m) => m.writeUInt32LE(8, 16));
  await isRefused(answer(kit, good, signed), STATUS_INVALID_PARAMETER);
});

hostile('a second NEGOTIATE', async ({ connect, mount }) => {
  const again = { command: Command.NEGOTIATE, body: encodeNegotiateRequest(good) };
  await isDropped((await connect()).request(again));
  await isDropped((await mount()).session.connection.request(again));
});

hostile('a NEGOTIATE inside a chain', async ({ connect }) => {
  const connection = await connect();
  const again = { command: Command.NEGOTIATE, body: encodeNegotiateRequest(good) };
  const [exchange] = await connection.submit([echoRequest(), again]);
  await isDropped(connection.answerOf(exchange!));
});

const smb1 = encodeSmb1NegotiateRequest({
  flags: 0x18,
  flags2: 0xc853,
  tid: 0,
  pidLow: 1,
  uid: 0,
  mid: 0,
  dialects: ['NT LM 0.12', 'SMB 2.002', 'SMB 2.???'],
});

hostile('SMB1 NEGOTIATE, then SMB1', async ({ raw }) => {
  for (const command of [0x72, 0x73, 0x75, 0x25, 0xff]) {
    const peer = await raw();
    peer.socket.send([smb1]);
    assert.equal((await peer.next())?.readUInt16LE(68), 0x02ff);
    const next = Buffer.from(smb1);
    next[4] = command;
    peer.socket.send([next]);
    await peer.isDropped();
  }
});

hostile('SMB1 after SMB2', async ({ connect }) => {
  const connection = await connect();
  connection.socket.send([smb1]);
  await connection.ended;
});

hostile('SMB1 that offers no SMB2, or nothing', async ({ raw }) => {
  for (const dialects of [['NT LM 0.12'], []]) {
    const peer = await raw();
    peer.socket.send([
      encodeSmb1NegotiateRequest({
        flags: 0,
        flags2: 0,
        tid: 0,
        pidLow: 0,
        uid: 0,
        mid: 0,
        dialects,
      }),
    ]);
    await peer.isDropped();
  }
});

hostile('SMB1 NEGOTIATE cut at every byte, and each changed', async ({ raw }) => {
  for (let at = 4; at < smb1.length; at++) {
    const changed = Buffer.from(smb1);
    changed[at]! ^= 0xff;
    for (const wrong of [smb1.subarray(0, at), changed]) {
      const peer = await raw();
      peer.socket.send([wrong]);
      await peer.next();
      peer.socket.destroy();
    }
  }
});

hostile('SESSION_SETUP between the SMB1 and the SMB2 NEGOTIATE', async ({ raw }) => {
  const peer = await raw();
  peer.socket.send([smb1]);
  await peer.next();
  peer.socket.send([message({ command: Command.SESSION_SETUP, messageId: 1 }, Buffer.alloc(25))]);
  await peer.isDropped();
});
