/** Credits: a client that loses them stops, and one whose ids are refused is cut off. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionEnded } from '../../src/client/client-error.ts';
import type { ClientRequest } from '../../src/client/exchange.ts';
import {
  changeNotifyRequest,
  closeRequest,
  createRequest,
  echoRequest,
  queryInfoRequest,
  RELATED,
  readRequest,
} from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { SMB2_0_INFO_FILE } from '../../src/smb2/info-types.ts';
import { decodeReadResponse } from '../../src/smb2/read.ts';
import { cifs, macos15, PERSONAS, scanner, win11 } from './personas.ts';
import { assertStatus, openStage, timed } from './stage.ts';

const stage = await openStage();

const READ_WRITE = FILE_GENERIC_READ | FILE_GENERIC_WRITE;

/** Asks for what it costs, so that the balance tells whether all of it came back. */
const atCost = (request: ClientRequest, cost = 1): ClientRequest => ({
  ...request,
  header: { ...request.header, creditRequest: cost },
});

const available = ({ session }: ClientTree): number => session.connection.credits.available;

/** So many that every id of the first window is long used up. */
const ROUNDS = 1000;

for (const persona of [macos15, cifs, win11]) {
  test(`A09 a thousand compounds of CREATE, QUERY_INFO and CLOSE leak no credit (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    await tree.writeFile('counted', Buffer.from('x'));
    const requests = [
      createRequest('counted'),
      queryInfoRequest(RELATED, SMB2_0_INFO_FILE, Class.FileAllInformation),
      closeRequest(RELATED),
    ].map((request) => atCost(request));
    const before = available(tree);
    for (let round = 0; round < ROUNDS; round++) {
      const answers = await tree.compound(requests);
      for (const answer of answers) assert.equal(answer.header.creditRequest, 1);
    }
    assert.equal(available(tree), before);
  });
}

test('A09 a thousand compounds that fail leak none either', async () => {
  const tree = await stage.enter(macos15);
  const requests = [
    createRequest('missing'),
    queryInfoRequest(RELATED, SMB2_0_INFO_FILE, Class.FileAllInformation),
    closeRequest(RELATED),
  ].map((request) => atCost(request));
  const before = available(tree);
  for (let round = 0; round < ROUNDS; round++) await tree.compound(requests);
  assert.equal(available(tree), before);
});

test('A09 what waits gets its credits with the interim response, and not a second time', async () => {
  const tree = await stage.enter(macos15);
  const { connection } = tree.session;
  const ipc = await tree.session.treeConnect('IPC$');
  const pipe = await ipc.open('srvsvc', { access: READ_WRITE });
  const directory = await tree.open('', { options: FILE_DIRECTORY_FILE });
  const before = available(tree);
  const waiting = [
    () => ipc.submit([atCost(readRequest(pipe.fileId, 0, 1024))]),
    () => tree.submit([atCost(changeNotifyRequest(directory.fileId, 0x17))]),
  ];
  for (let round = 0; round < 100; round++) {
    const [exchange] = await waiting[round % 2]!();
    assert.equal((await exchange!.interim)?.creditRequest, 1);
    assert.equal(available(tree), before);
    await connection.cancel(exchange!);
    assert.equal((await connection.answerOf(exchange!)).header.creditRequest, 0);
  }
  assert.equal(available(tree), before);
});

test('A09 a large request gives back what it cost', async () => {
  const tree = await stage.enter(cifs);
  await tree.writeFile('large', Buffer.alloc(1 << 20, 'x'));
  const file = await tree.open('large');
  const before = available(tree);
  for (let round = 0; round < 50; round++) {
    await tree.request(atCost(readRequest(file.fileId, 0, 1 << 20), 16));
  }
  assert.equal(available(tree), before);
});

for (const persona of PERSONAS) {
  test(`A09 what a client asks for it gets, and never nothing (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    const { creditTarget } = persona.connect;
    for (let i = 0; i < 5; i++) await tree.session.request(echoRequest());
    assert.ok(available(tree) >= Math.min(creditTarget!, 512), `${available(tree)}`);
  });
}

for (const persona of [win11, macos15, cifs]) {
  test(`A08 a small request overtakes a large one whose ids are lower (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    const { connection } = tree.session;
    const content = Buffer.alloc(1 << 20, 'abc');
    await tree.writeFile('overtaken', content);
    const file = await tree.open('overtaken', { access: READ_WRITE, disposition: FILE_OPEN_IF });
    const messageId = connection.credits.skip(16);
    assert.equal(connection.credits.next, messageId + 16);
    const { ms } = await timed(async () => {
      // The tail, of one credit, comes first.
      assertStatus(await tree.request(readRequest(file.fileId, 0, 10)), 0);
      const body = readRequest(file.fileId, 0, 1 << 20);
      const header = { messageId, creditCharge: 16, creditRequest: 16 };
      const answer = await tree.request({ ...body, header });
      assert.ok(decodeReadResponse(answer.message).data.equals(content));
    });
    assert.ok(ms < 500, `${ms} ms`);
    await assert.rejects(
      tree.session.request({ ...echoRequest(), header: { messageId: messageId + 3 } }),
      ConnectionEnded,
    );
  });
}

test('A08 ids of one credit each, in reverse', async () => {
  const tree = await stage.enter();
  const { connection } = tree.session;
  const first = connection.credits.skip(32);
  for (let i = 31; i >= 0; i--) {
    const header = { messageId: first + i, creditRequest: 1 };
    assertStatus(await tree.session.request({ ...echoRequest(), header }), 0);
  }
});

test('A08 an id beyond the window, and one that was used, end the connection', async () => {
  for (const at of [1_000_000, 1]) {
    const tree = await stage.enter(scanner);
    const request = { ...echoRequest(), header: { messageId: at } };
    await assert.rejects(tree.session.request(request), ConnectionEnded);
  }
});
