/**
 * Downgrades (MS-SMB2 3.3.5.2.1.1, 3.3.5.2.4, 3.3.5.2.9, 3.3.5.15.12), compression that was not
 * negotiated (3.3.5.2.1.2), strangers and guests.
 */
import assert from 'node:assert/strict';
import type { ConnectInput } from '../../src/client/connect.ts';
import { createRequest, echoRequest, treeConnectRequest } from '../../src/client/requests.ts';
import { listShares } from '../../src/client/shares.ts';
import { validateNegotiateRequest } from '../../src/client/validate-negotiate.ts';
import { configure } from '../../src/config/configuration.ts';
import { CipherId, createMessageCipher } from '../../src/crypto/cipher.ts';
import { FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_LOGON_FAILURE,
  STATUS_USER_SESSION_DELETED,
} from '../../src/dtyp/ntstatus.ts';
import { encodeCompressionTransformHeader } from '../../src/smb2/compression.ts';
import { FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { Dialect } from '../../src/smb2/dialect.ts';
import { createMemoryVfs } from '../../src/vfs/memory/memory.ts';
import { SHARE } from '../support/in-process-server.ts';
import { fails, hostileSuite, isDropped, isRefused, patch } from './kit.ts';

const tester = {
  name: 'tester',
  password: 'Passw0rd!',
  identity: { uid: 1001, gid: 1001, groups: [] },
};
const withEncryption = (encryption: 'auto' | 'required') => ({
  configuration: configure({
    global: { encryption },
    shares: [
      { name: SHARE, path: '/', readOnly: false },
      { name: 'secret', path: '/', readOnly: false, encryption: 'required' as const },
    ],
  }),
  shares: [SHARE, 'secret'].map((name) => ({ name, vfs: createMemoryVfs() })),
  users: [tester],
});
const hostile = await hostileSuite(withEncryption('auto'));

/** VALIDATE_NEGOTIATE_INFO: Capabilities, Guid, SecurityMode, DialectCount, Dialects from 120 on. */
for (const [name, at] of [
  ['Capabilities', 120],
  ['Guid', 124],
  ['SecurityMode', 140],
  ['DialectCount', 142],
  ['Dialects', 144],
] as const) {
  for (const dialect of [Dialect.SMB2_10, Dialect.SMB3_00, Dialect.SMB3_02]) {
    hostile(
      `VALIDATE_NEGOTIATE_INFO, 0x${dialect.toString(16)}: another ${name}`,
      async ({ mount }) => {
        const tree = await mount({ dialects: [dialect] });
        const craft = patch((m) => (m[at]! ^= 1));
        await isDropped(tree.request({ ...validateNegotiateRequest(tree), craft }));
      },
    );
  }
}

hostile('VALIDATE_NEGOTIATE_INFO at 3.1.1 always ends the connection', async ({ mount }) => {
  const tree = await mount();
  await isDropped(tree.request(validateNegotiateRequest(tree)));
});

hostile('a dialect that a man in between struck off is missed', async ({ mount }) => {
  const tree = await mount({ dialects: [Dialect.SMB2_10, Dialect.SMB3_00] });
  const { negotiated } = tree.session.connection;
  Object.assign(negotiated!.request, { dialects: [0x0210, 0x0300, 0x0302, 0x0311] });
  await isDropped(tree.request(validateNegotiateRequest(tree)));
});

const dialects: readonly [string, Partial<ConnectInput>][] = [
  ['2.0.2', { dialects: [Dialect.SMB2_02] }],
  ['3.0', { dialects: [Dialect.SMB3_00] }],
  ['3.1.1', {}],
];
for (const [name, input] of dialects) {
  hostile(`${name}: requests unsigned, or signed wrongly`, async ({ mount }) => {
    const tree = await mount(input);
    const unsigned = { ...createRequest(''), protection: 'none' as const };
    await isRefused(tree.request(unsigned), STATUS_ACCESS_DENIED);
    for (const tamper of [
      patch((m) => m.fill(0, 48, 64)),
      patch((m) => (m[63]! ^= 1)),
      patch((m) => (m[70]! ^= 1)),
      patch((m) => (m[16]! |= 0x40)),
      (m: Buffer) => Buffer.concat([m, Buffer.alloc(1)]),
    ]) {
      await isRefused(tree.request({ ...createRequest(''), tamper }), STATUS_ACCESS_DENIED);
    }
    assert.equal((await tree.request(createRequest(''))).status, 0);
  });
}

hostile('the key of another session', async ({ mount }) => {
  const [one, two] = await Promise.all([mount(), mount()]);
  const tamper = patch((m) => two.session.signer!.sign([m]));
  await isRefused(one.request({ ...createRequest(''), tamper }), STATUS_ACCESS_DENIED);
});

hostile('a session of another connection, signed with its right key', async ({ mount }) => {
  const [one, two] = await Promise.all([mount(), mount()]);
  const { connection } = one.session;
  const request = { ...treeConnectRequest('\\\\x\\files') };
  const answer = connection.request(request, { security: two.session });
  await isRefused(answer, STATUS_USER_SESSION_DELETED);
});

hostile('in plain, on an encrypted share', async ({ mount }) => {
  const open = await mount();
  const tree = await open.session.treeConnect('secret');
  assert.equal(tree.encrypt, true);
  assert.equal((await tree.list('')).length, 2);
  await isRefused(tree.request(createRequest(''), { encrypt: false }), STATUS_ACCESS_DENIED);
  // The refusal costs nothing but the request.
  assert.equal((await tree.list('')).length, 2);
});

for (const [name, input] of [
  ['2.1', { dialects: [Dialect.SMB2_10] }],
  ['3.1.1 without ciphers', { ciphers: [] }],
  ['3.0 without the capability', { dialects: [Dialect.SMB3_00], capabilities: 4 }],
] as const) {
  hostile(`an encrypted share for a client that cannot, ${name}`, async ({ mount }) => {
    const open = await mount(input as Partial<ConnectInput>);
    await fails(open.session.treeConnect('secret'), STATUS_ACCESS_DENIED);
  });
}

const transforms: readonly [string, (m: Buffer) => Buffer][] = [
  ['a wrong tag', patch((m) => (m[4]! ^= 1))],
  ['another nonce', patch((m) => (m[20]! ^= 1))],
  ['OriginalMessageSize less', patch((m) => m.writeUInt32LE(m.readUInt32LE(36) - 1, 36))],
  ['OriginalMessageSize 0xFFFFFFFF', patch((m) => m.writeUInt32LE(0xffffffff, 36))],
  ['Flags 0', patch((m) => m.writeUInt16LE(0, 42))],
  ['Flags 2', patch((m) => m.writeUInt16LE(2, 42))],
  ['SessionId of nobody', patch((m) => m.writeUInt32LE(4711, 44))],
  ['the ciphertext changed', patch((m) => (m[60]! ^= 1))],
  ['cut in the header', (m) => m.subarray(0, 51)],
  ['the header alone', (m) => m.subarray(0, 52)],
  ['one byte of ciphertext', (m) => m.subarray(0, 53)],
  ['cut at its end', (m) => m.subarray(0, m.length - 1)],
  ['a byte too many', (m) => Buffer.concat([m, Buffer.alloc(1)])],
];
for (const [name, frame] of transforms) {
  for (const cipher of [CipherId.AES_128_GCM, CipherId.AES_256_CCM]) {
    hostile(`transform header, cipher ${cipher}: ${name}`, async ({ mount }) => {
      const tree = await mount({ ciphers: [cipher] }, { encrypt: true });
      await isDropped(tree.request(createRequest(''), { frame }));
    });
  }
}

hostile('an encrypted message of another connection’s session', async ({ mount }) => {
  const [one, two] = await Promise.all([
    mount({}, { encrypt: true }),
    mount({}, { encrypt: true }),
  ]);
  const { connection } = one.session;
  await isDropped(connection.request(echoRequest(), { security: two.session }));
  assert.equal((await two.request(echoRequest())).status, 0);
});

hostile('an encrypted message inside another', async ({ mount }) => {
  const tree = await mount({}, { encrypt: true });
  const { session } = tree;
  const seal = (m: Buffer) => Buffer.concat(session.cipher!.seal(session.sessionId, [m]));
  await isDropped(tree.request(createRequest(''), { frame: seal }));
});

hostile('an encrypted message with rubbish in it', async ({ mount }) => {
  for (const inner of [
    Buffer.from('x'),
    Buffer.alloc(63),
    Buffer.alloc(64),
    Buffer.alloc(5000, 1),
  ]) {
    const tree = await mount({}, { encrypt: true });
    const { session } = tree;
    const frame = () => Buffer.concat(session.cipher!.seal(session.sessionId, [inner]));
    await isDropped(tree.request(createRequest(''), { frame }));
  }
});

hostile('the same encrypted message twice', async ({ mount }) => {
  const tree = await mount({}, { encrypt: true });
  let sent: Buffer | undefined;
  const frame = (m: Buffer) => {
    sent = Buffer.from(m);
    return m;
  };
  assert.equal((await tree.request(createRequest(''), { frame })).status, 0);
  // Its MessageId is used up.
  tree.session.connection.socket.send([sent!]);
  await tree.session.connection.ended;
});

hostile('encrypted where nothing was negotiated', async ({ mount, connect }) => {
  const cipher = createMessageCipher({
    cipher: CipherId.AES_128_CCM,
    encryptionKey: Buffer.alloc(16),
    decryptionKey: Buffer.alloc(16),
  });
  for (const tree of [await mount({ dialects: [Dialect.SMB2_10] }), await mount({ ciphers: [] })]) {
    const frame = (m: Buffer) => Buffer.concat(cipher.seal(tree.session.sessionId, [m]));
    await isDropped(tree.request(echoRequest(), { frame }));
  }
  const stranger = await connect();
  const frame = (m: Buffer) => Buffer.concat(cipher.seal(0, [m]));
  await isDropped(stranger.request(echoRequest(), {}, { frame }));
});

hostile('no nonce comes twice in the server’s answers', async ({ mount }) => {
  const tree = await mount({}, { encrypt: true });
  const { socket } = tree.session.connection;
  const nonces = new Set<string>();
  const receive = socket.onFrame!;
  let frames = 0;
  socket.onFrame = (m) => {
    frames += 1;
    nonces.add(m.toString('hex', 20, 36));
    receive(m);
  };
  for (let i = 0; i < 200; i++) await tree.request(echoRequest());
  assert.equal(frames, 200);
  assert.equal(nonces.size, 200);
});

const compressed = (flags: number, size: number): Buffer =>
  Buffer.concat([
    encodeCompressionTransformHeader({
      originalCompressedSegmentSize: size,
      compressionAlgorithm: flags === 1 ? 4 : 1,
      flags,
      offset: flags === 1 ? 8 : 0,
    }),
    Buffer.from('ffffffffffffffff', 'hex'),
    Buffer.alloc(100),
  ]);
for (const [name, bomb] of [
  ['plain', compressed(0, 0xffffffff)],
  ['chained, Pattern_V1', compressed(1, 0xffffffff)],
  ['of nothing', compressed(0, 0)],
  ['cut', compressed(0, 64).subarray(0, 10)],
] as const) {
  hostile(`a compressed message, ${name}: before NEGOTIATE, login, and after`, async (kit) => {
    const peer = await kit.raw();
    peer.socket.send([bomb]);
    await peer.isDropped();
    await isDropped((await kit.connect()).request(echoRequest(), {}, { frame: () => bomb }));
    await isDropped((await kit.mount()).request(echoRequest(), { frame: () => bomb }));
    const tree = await kit.mount({}, { encrypt: true });
    const { session } = tree;
    const frame = () => Buffer.concat(session.cipher!.seal(session.sessionId, [bomb]));
    await isDropped(tree.request(echoRequest(), { frame }));
  });
}

hostile('nobody may log in where guests may not', async ({ connect }) => {
  await fails((await connect({ timeoutMs: 5_000 })).login({}), STATUS_LOGON_FAILURE);
});

const required = await hostileSuite(withEncryption('required'));

required(
  'encryption required: logins that cannot, and requests that do not',
  async ({ connect, server }) => {
    for (const input of [{ dialects: [Dialect.SMB2_10] }, { ciphers: [] }] as const) {
      const connection = await connect(input as Partial<ConnectInput>);
      const { user, secret } = { user: 'tester', secret: 'Passw0rd!' };
      await fails(connection.login({ user, secret }), STATUS_ACCESS_DENIED);
    }
    const tree = await server.mount();
    assert.equal(tree.session.encrypts, true);
    await isRefused(tree.request(createRequest(''), { encrypt: false }), STATUS_ACCESS_DENIED);
  },
);

const open = await hostileSuite({
  configuration: configure({
    global: { mapToGuest: 'bad user', signing: 'auto', restrictAnonymous: 2 },
    shares: [
      { name: SHARE, path: '/', readOnly: false },
      { name: 'everyone', path: '/', readOnly: true, guestOk: true },
    ],
  }),
  shares: [SHARE, 'everyone'].map((name) => ({ name, vfs: createMemoryVfs() })),
  users: [tester],
});

open('a guest: what is not for guests, and what may only be read', async ({ connect }) => {
  const connection = await connect();
  const session = await connection.login({ user: 'passer-by', secret: 'x', guest: 'accept' });
  await fails(session.treeConnect(SHARE), STATUS_ACCESS_DENIED);
  const tree = await session.treeConnect('everyone');
  assert.equal((await tree.list('')).length, 2);
  for (const how of [
    { access: FILE_GENERIC_WRITE },
    { access: 1, disposition: FILE_OPEN_IF },
    { access: 0x10000 },
    { access: 0x40000000 },
  ]) {
    await fails(tree.open('made', how), STATUS_ACCESS_DENIED, 0xc0000034, 0xc00000a2);
  }
});

open('nobody: lists what guests may see, at most', async ({ connect }) => {
  const session = await (await connect()).login({});
  await fails(session.treeConnect(SHARE), STATUS_ACCESS_DENIED);
  const shares = await listShares(session).catch(() => []);
  assert.ok(!shares.some(({ name }) => name === SHARE));
});
