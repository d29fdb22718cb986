/** MS-SMB2 3.3.5.2.1.1, 3.3.5.2.4 and 3.3.4.1.1: long messages that threads verify, decrypt, sign and encrypt. */
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import { STATUS_ACCESS_DENIED, STATUS_FILE_CLOSED } from '../dtyp/ntstatus.ts';
import { missing } from '../native/library.ts';
import { decodeReadResponse } from '../smb2/read.ts';
import { decodeWriteResponse } from '../smb2/write.ts';
import { type ClientSession, close, Disconnected, TestClient } from './test-client.support.test.ts';
import { query, read, write } from './test-requests.support.test.ts';
import { World } from './test-world.support.test.ts';

const skip =
  missing ?? (availableParallelism() === 1 ? 'with one processor the loop does it' : false);

const BYTES = 256 * 1024;
/** 3.1.5.2: of a message of so much. */
const charge = BYTES / 65_536;

interface Way {
  readonly signings?: number[];
  readonly ciphers?: number[];
  readonly sealed: boolean;
}

const WAYS = {
  'HMAC-SHA256': { signings: [0], sealed: false },
  'AES-CMAC': { signings: [1], sealed: false },
  'AES-128-CCM': { ciphers: [1], sealed: true },
  'AES-256-CCM': { ciphers: [3], sealed: true },
} satisfies Record<string, Way>;

interface Started {
  readonly world: World;
  readonly client: TestClient;
  readonly session: ClientSession;
  readonly treeId: number;
}

async function start({ sealed, ...offers }: Way): Promise<Started> {
  const world = new World();
  const client = new TestClient(world);
  await client.negotiate([0x311], offers);
  const session = { ...(await client.login()), sign: !sealed, seal: sealed };
  const treeId = await client.tree(session);
  return { world, client, session, treeId };
}

const data = (byte: number): Buffer => Buffer.alloc(BYTES, byte);

for (const [name, way] of Object.entries(WAYS)) {
  test(`${name}: what comes behind a long WRITE is begun behind it`, { skip }, async () => {
    const { world, client, session, treeId } = await start(way);
    const file = await client.open(session, treeId, 'file');
    const [first] = client.send([{ ...write(file, data(1)), treeId, charge }], session);
    const [second] = client.send([{ ...write(file, data(2)), treeId, charge }], session);
    const [closed] = client.send([{ ...close(file), treeId }], session);
    const [late] = client.send([{ ...query(file), treeId }], session);
    for (const id of [first, second, closed, late]) {
      assert.equal(client.finalNow(id!), undefined, 'the loop has not waited for it');
    }
    for (const id of [first, second]) {
      const written = await client.final(id!);
      assert.equal(written.status, 0);
      assert.equal(decodeWriteResponse(written.message).count, BYTES);
    }
    assert.equal((await client.final(closed!)).status, 0);
    assert.equal((await client.final(late!)).status, STATUS_FILE_CLOSED);
    const again = await client.open(session, treeId, 'file');
    const answer = await client.call(
      { ...read(again, { length: BYTES }), treeId, charge },
      session,
    );
    assert.ok(decodeReadResponse(answer.message).data.equals(data(2)));
    await client.lost();
    world.assertEmpty();
  });

  test(`${name}: a long answer keeps no short one behind it`, { skip }, async () => {
    const { world, client, session, treeId } = await start(way);
    const file = await client.open(session, treeId, 'file');
    await client.call({ ...write(file, data(3)), treeId, charge }, session);
    const long = { ...read(file, { length: BYTES }), treeId, charge };
    const ids = [long, long, long].map((draft) => client.send([draft], session)[0]!);
    const [short] = client.send([{ ...read(file, { length: 100 }), treeId }], session);
    const { frame } = await client.final(short!);
    for (const id of ids) {
      const answer = await client.final(id);
      assert.ok(answer.frame > frame);
      assert.ok(decodeReadResponse(answer.message).data.equals(data(3)));
    }
    await client.lost();
    world.assertEmpty();
  });

  test(`${name}: the connection is lost meanwhile`, { skip }, async () => {
    const { world, client, session, treeId } = await start(way);
    const file = await client.open(session, treeId, 'file');
    await client.call({ ...write(file, data(4)), treeId, charge }, session);
    client.send([{ ...read(file, { length: BYTES }), treeId, charge }], session);
    client.send([{ ...write(file, data(5)), treeId, charge }], session);
    client.send([{ ...close(file), treeId }], session);
    await client.lost();
    world.assertEmpty();
  });
}

test('a long WRITE with a wrong signature is refused, and writes nothing', { skip }, async () => {
  const { world, client, session, treeId } = await start(WAYS['AES-CMAC']);
  const file = await client.open(session, treeId, 'file');
  await client.call({ ...write(file, data(6)), treeId, charge }, session);
  const signer = {
    ...session.signer!,
    sign(parts: readonly Buffer[]) {
      session.signer!.sign(parts);
      parts[0]![48]! ^= 1;
    },
    verify: () => assert.fail('not asked'),
  };
  const wrong = { ...write(file, data(7)), treeId, charge };
  assert.equal((await client.call(wrong, { ...session, signer })).status, STATUS_ACCESS_DENIED);
  const answer = await client.call({ ...read(file, { length: BYTES }), treeId, charge }, session);
  assert.ok(decodeReadResponse(answer.message).data.equals(data(6)));
  await client.lost();
  world.assertEmpty();
});

test('a long message that does not decrypt ends the connection', { skip }, async () => {
  const { world, client, session, treeId } = await start(WAYS['AES-128-CCM']);
  const file = await client.open(session, treeId, 'file');
  const cipher = {
    ...session.cipher!,
    seal(id: number, parts: readonly Buffer[]) {
      const sealed = Buffer.concat(session.cipher!.seal(id, parts));
      sealed[sealed.length - 1]! ^= 1;
      return [sealed];
    },
  };
  const wrong = { ...write(file, data(8)), treeId, charge };
  await assert.rejects(client.call(wrong, { ...session, cipher }), Disconnected);
  await client.lost();
  world.assertEmpty();
});
