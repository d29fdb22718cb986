/** Credits and MessageIds (MS-SMB2 3.3.1.1, 3.3.5.2.3, 3.3.5.2.5), CANCEL (3.3.5.16). */
import assert from 'node:assert/strict';
import {
  changeNotifyRequest,
  echoRequest,
  queryInfoRequest,
  readRequest,
  writeRequest,
} from '../../src/client/requests.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { STATUS_INVALID_PARAMETER } from '../../src/dtyp/ntstatus.ts';
import { FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { Command } from '../../src/smb2/header.ts';
import { ALL_ONES } from '../../src/wire/struct.ts';
import { hostileSuite, isDropped, isRefused } from './kit.ts';

const hostile = await hostileSuite();
const readWrite = { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE, disposition: FILE_OPEN_IF };

for (const creditCharge of [0, 1, 2]) {
  hostile(`128 KiB and a byte for ${creditCharge} credits`, async ({ mount }) => {
    const tree = await mount();
    const file = await tree.open('charge', readWrite);
    const bytes = 131_073;
    const header = { creditCharge };
    for (const request of [
      readRequest(file.fileId, 0, bytes),
      writeRequest(file.fileId, 0, Buffer.alloc(bytes)),
      queryInfoRequest(file.fileId, 1, 18, { outputBytes: bytes }),
    ]) {
      await isRefused(tree.request({ ...request, header }), STATUS_INVALID_PARAMETER);
    }
    // Nothing of the WRITE has reached the file.
    assert.equal((await file.close(true)).endOfFile, 0);
  });
}

hostile('a charge above the balance', async ({ mount }) => {
  const tree = await mount();
  const { credits } = tree.session.connection;
  const header = { creditCharge: credits.available + 1, messageId: credits.next };
  await isDropped(tree.request({ ...echoRequest(), header }));
});

hostile('a charge of 65,535', async ({ mount }) => {
  const tree = await mount();
  const header = { creditCharge: 0xffff, messageId: tree.session.connection.credits.next };
  await isDropped(tree.request({ ...echoRequest(), header }));
});

for (const [name, id] of [
  ['used already', () => 0],
  ['behind the window', (next: number, available: number) => next + available],
  ['2^53', () => 2 ** 53],
  ['2^63', () => 2 ** 63],
  ['all ones, as notifications have it', () => ALL_ONES],
] as const) {
  hostile(`a MessageId: ${name}`, async ({ mount }) => {
    const tree = await mount();
    const { credits } = tree.session.connection;
    const header = { messageId: id(credits.next, credits.available), creditCharge: 1 };
    await isDropped(tree.request({ ...echoRequest(), header }));
  });
}

hostile(
  'asking for 65,535 credits with each request gives no more than the maximum',
  async ({ mount }) => {
    const tree = await mount({ creditTarget: 0xffff });
    for (let i = 0; i < 50; i++) await tree.request(echoRequest());
    const { available } = tree.session.connection.credits;
    assert.ok(available <= 8192, `${available} credits`);
  },
);

hostile('a hole in the window stops its growth, and the rest of it goes on', async ({ mount }) => {
  const tree = await mount({ creditTarget: 0xffff });
  const { credits } = tree.session.connection;
  const hole = credits.skip(1);
  for (let i = 0; i < 9000 && credits.available > 1; i++) await tree.request(echoRequest());
  assert.ok(credits.next - hole <= 8192);
  // With the hole filled, credits come again.
  await tree.request({ ...echoRequest(), header: { messageId: hole, creditRequest: 100 } });
  await tree.request(echoRequest());
});

hostile('a stranger gets few credits', async ({ connect }) => {
  const connection = await connect({ creditTarget: 0xffff });
  assert.ok(connection.credits.available <= 16);
});

hostile('CANCEL of unknown ids, of others, a thousand of them', async ({ mount }) => {
  const [tree, other] = await Promise.all([mount(), mount()]);
  const directory = await other.open('', { options: 1 });
  const [pending] = await other.submit([changeNotifyRequest(directory.fileId, 1)]);
  const { connection } = tree.session;
  const cancel = { command: Command.CANCEL, body: Buffer.from([4, 0, 0, 0]) };
  for (let i = 0; i < 1000; i++) {
    const header = i % 2 === 0 ? { messageId: i } : { messageId: 0, flags: 2, asyncId: i };
    await connection.submit([{ ...cancel, header }], { security: tree.session });
  }
  assert.equal((await tree.request(echoRequest())).status, 0);
  await connection.submit([{ ...cancel, header: { messageId: pending!.messageId } }]);
});

hostile('CANCEL that races with the answer', async ({ mount }) => {
  const tree = await mount();
  const { connection } = tree.session;
  const file = await tree.open('race', readWrite);
  await file.write(0, Buffer.alloc(1000));
  for (let i = 0; i < 200; i++) {
    const [exchange] = await tree.submit([readRequest(file.fileId, 0, 1000)]);
    await connection.cancel(exchange!);
    assert.equal((await connection.answerOf(exchange!)).status, 0);
  }
});
