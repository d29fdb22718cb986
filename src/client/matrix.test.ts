/** The client against the server, at every dialect with every signing algorithm and cipher. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startServer } from '../../test/support/in-process-server.ts';
import { CipherId } from '../crypto/cipher.ts';
import { SigningAlgorithm } from '../crypto/signing.ts';
import { FILE_GENERIC_WRITE } from '../dtyp/access-mask.ts';
import { STATUS_OBJECT_NAME_NOT_FOUND } from '../dtyp/ntstatus.ts';
import { FILE_CREATE } from '../smb2/create-options.ts';
import { Dialect } from '../smb2/dialect.ts';
import type { ConnectInput, NegotiatedConnection } from './connect.ts';
import { createRequest } from './requests.ts';
import { listShares } from './shares.ts';
import type { ClientTree } from './tree.ts';

const server = await startServer();
after(() => server.close());

const { HMAC_SHA256, AES_CMAC, AES_GMAC } = SigningAlgorithm;
const { AES_128_CCM, AES_128_GCM, AES_256_CCM, AES_256_GCM } = CipherId;

let files = 0;

/** What every combination must be able to do. */
async function work(tree: ClientTree, protection: 'isSigned' | 'isEncrypted'): Promise<void> {
  const name = `file ${files++}`;
  const content = Buffer.from(`content of ${name}`);
  await tree.writeFile(name, content);
  assert.deepEqual(await tree.readFile(name), content);
  assert.ok((await tree.list('')).some((entry) => entry.name === name));
  const refused = await tree.request(createRequest('nowhere'));
  assert.equal(refused.status, STATUS_OBJECT_NAME_NOT_FOUND);
  assert.equal(refused[protection], true);
  await tree.remove(name);
}

async function share(connection: NegotiatedConnection, encrypt: boolean): Promise<ClientTree> {
  const session = await connection.login({ user: 'tester', secret: 'Passw0rd!', encrypt });
  return session.treeConnect('files');
}

const signed: readonly [string, Partial<ConnectInput>, Dialect, SigningAlgorithm][] = [
  ['2.0.2', { dialects: [Dialect.SMB2_02] }, Dialect.SMB2_02, HMAC_SHA256],
  ['2.1', { dialects: [Dialect.SMB2_02, Dialect.SMB2_10] }, Dialect.SMB2_10, HMAC_SHA256],
  ['3.0', { dialects: [Dialect.SMB2_10, Dialect.SMB3_00] }, Dialect.SMB3_00, AES_CMAC],
  ['3.0.2', { dialects: [Dialect.SMB3_00, Dialect.SMB3_02] }, Dialect.SMB3_02, AES_CMAC],
  ['3.1.1, no signing context', { signingAlgorithms: [] }, Dialect.SMB3_11, AES_CMAC],
  ['3.1.1 HMAC', { signingAlgorithms: [HMAC_SHA256] }, Dialect.SMB3_11, HMAC_SHA256],
  ['3.1.1 CMAC', { signingAlgorithms: [AES_CMAC] }, Dialect.SMB3_11, AES_CMAC],
  ['3.1.1 GMAC', { signingAlgorithms: [AES_GMAC] }, Dialect.SMB3_11, AES_GMAC],
  ['SMB1 first, 2.0.2', { multiProtocol: true, dialects: [0x0202] }, Dialect.SMB2_02, HMAC_SHA256],
  ['SMB1 first, all', { multiProtocol: true }, Dialect.SMB3_11, AES_GMAC],
];
for (const [name, input, dialect, algorithm] of signed) {
  test(`signed, ${name}`, async () => {
    const connection = await server.connect(input);
    assert.equal(connection.negotiated.dialect, dialect);
    assert.equal(connection.negotiated.signingAlgorithm, algorithm);
    await work(await share(connection, false), 'isSigned');
  });
}

const encrypted: readonly [string, Partial<ConnectInput>, CipherId][] = [
  ['3.0', { dialects: [Dialect.SMB3_00] }, AES_128_CCM],
  ['3.0.2', { dialects: [Dialect.SMB3_02] }, AES_128_CCM],
  ['3.1.1 128 CCM', { ciphers: [AES_128_CCM] }, AES_128_CCM],
  ['3.1.1 128 GCM', { ciphers: [AES_128_GCM] }, AES_128_GCM],
  ['3.1.1 256 CCM', { ciphers: [AES_256_CCM] }, AES_256_CCM],
  ['3.1.1 256 GCM', { ciphers: [AES_256_GCM] }, AES_256_GCM],
];
for (const [name, input, cipher] of encrypted) {
  test(`encrypted, ${name}`, async () => {
    const connection = await server.connect(input);
    assert.equal(connection.negotiated.cipher, cipher);
    await work(await share(connection, true), 'isEncrypted');
  });
}

for (const [name, input] of [
  ['2.0.2', { dialects: [Dialect.SMB2_02] }],
  ['2.1', { dialects: [Dialect.SMB2_10] }],
  ['3.1.1 without ciphers', { ciphers: [] }],
] as const) {
  test(`no encryption, ${name}`, async () => {
    const connection = await server.connect(input as Partial<ConnectInput>);
    assert.equal(connection.negotiated.cipher, undefined);
    const login = connection.login({ user: 'tester', secret: 'Passw0rd!', encrypt: true });
    await assert.rejects(login, /encryption without a cipher/);
  });
}

for (const dialect of [Dialect.SMB2_10, Dialect.SMB3_11]) {
  test(`8 MiB in one request, 0x${dialect.toString(16)}`, async () => {
    const tree = await server.mount({ dialects: [dialect], creditTarget: 256 });
    const { credits, negotiated } = tree.session.connection;
    assert.equal(negotiated?.maxReadSize, 8 << 20);
    const content = Buffer.alloc(8 << 20, 'abcdefg');
    const how = { access: FILE_GENERIC_WRITE | 1, disposition: FILE_CREATE };
    const file = await tree.open('large', how);
    assert.equal(await file.write(0, content), content.length);
    assert.ok(content.equals(await file.read(0, content.length)));
    assert.ok(credits.available >= 128, `${credits.available} credits`);
    await file.close();
    await tree.remove('large');
  });
}

test('64 KiB is all that 2.0.2 takes', async () => {
  const tree = await server.mount({ dialects: [Dialect.SMB2_02] });
  assert.equal(tree.session.connection.negotiated?.maxReadSize, 65_536);
  const content = Buffer.alloc(200_000, 'abcdefg');
  await tree.writeFile('pieces', content);
  assert.ok(content.equals(await tree.readFile('pieces')));
});

test('many requests at once keep to the credits', async () => {
  const tree = await server.mount({ creditTarget: 8 });
  await tree.writeFile('busy', Buffer.alloc(100_000, 'x'));
  const file = await tree.open('busy');
  const reads = Array.from({ length: 200 }, (_, i) => file.read(i * 100, 100_000 - i * 100));
  assert.deepEqual(
    (await Promise.all(reads)).map(({ length }) => length),
    Array.from({ length: 200 }, (_, i) => 100_000 - i * 100),
  );
});

test('the shares of the server', async () => {
  const tree = await server.mount();
  const shares = await listShares(tree.session);
  assert.deepEqual(
    shares.map(({ name, type }) => [name, type]),
    [
      ['files', 0],
      ['IPC$', 0x80000003],
    ],
  );
});
