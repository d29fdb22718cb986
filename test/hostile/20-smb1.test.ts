/**
 * What strangers and users may send in SMB1, where it is switched on: changed messages of every command, AndX chains
 * that lead nowhere, transactions in parts. The server stays up, says no "internal error" and serves others meanwhile.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../src/base/log.ts';
import { FrameSocket } from '../../src/client/frame-socket.ts';
import { SMB1_HEADER_SIZE, Smb1Command } from '../../src/smb1/header.ts';
import { SHARE, startServer, type TestServer } from '../support/in-process-server.ts';
import { fidOf, ntCreate, Smb1Client, utf16, writeAndX } from '../support/smb1-client.ts';
import { mutate } from './fuzz/mutate.ts';
import { createRandom, type Random } from './fuzz/random.ts';

const MESSAGES = 12_000;
const SEED = 20_261_128;
const MESSAGES_PER_CONNECTION = 150;

/** Parameters of every command, zero but for what leads further than the first check. */
function wordsFor(command: number, random: Random, fid: number): Buffer {
  const words = Buffer.alloc(2 * random.pick([0, 1, 2, 3, 5, 8, 10, 12, 14, 15, 19, 24]));
  if (random.chance(0.5)) random.bytes(words.length).copy(words);
  const isAndX = [0x24, 0x2d, 0x2e, 0x2f, 0x73, 0x74, 0x75, 0xa2].includes(command);
  if (isAndX && words.length >= 6) {
    words[0] = random.chance(0.7) ? 0xff : random.below(256);
    words.writeUInt16LE(fid, 4);
  } else if (words.length >= 2) words.writeUInt16LE(fid, 0);
  return words;
}

/** TRANSACTION2 and NT_TRANSACT with counts that fit, around arbitrary parameters. */
function transaction(
  random: Random,
  fid: number,
): { command: number; words: Buffer; bytes: Buffer } {
  const parameters = random.bytes(random.below(60));
  const data = random.bytes(random.below(120));
  if (parameters.length >= 4 && random.chance(0.7)) parameters.writeUInt16LE(fid, 0);
  if (parameters.length >= 4 && random.chance(0.7)) {
    parameters.writeUInt16LE(
      random.pick([1, 2, 3, 4, 0x101, 0x102, 0x104, 0x107, 1004, 1010, 1015]),
      random.chance(0.5) ? 0 : 2,
    );
  }
  const nt = random.chance(0.4);
  const words = Buffer.alloc(nt ? 46 : 30);
  const at = SMB1_HEADER_SIZE + 1 + words.length + 2;
  const counts = [parameters.length, at, data.length, at + parameters.length];
  if (nt) {
    words.writeUInt32LE(parameters.length + (random.chance(0.1) ? 50 : 0), 3);
    words.writeUInt32LE(data.length, 7);
    words.writeUInt32LE(65_536, 11);
    words.writeUInt32LE(65_536, 15);
    for (const [i, value] of counts.entries()) words.writeUInt32LE(value, 19 + 4 * i);
    words[35] = 4;
    words.writeUInt16LE(random.below(9), 36);
    words.writeUInt16LE(fid, 42);
  } else {
    words.writeUInt16LE(parameters.length + (random.chance(0.1) ? 50 : 0), 0);
    words.writeUInt16LE(data.length, 2);
    words.writeUInt16LE(1024, 4);
    words.writeUInt16LE(0xffff, 6);
    for (const [i, value] of counts.entries()) words.writeUInt16LE(value, 18 + 2 * i);
    words[26] = 1;
    words.writeUInt16LE(random.below(18), 28);
  }
  const command = nt ? Smb1Command.NT_TRANSACT : Smb1Command.TRANSACTION2;
  return { command, words, bytes: Buffer.concat([parameters, data]) };
}

const NAMES = ['\\f', '\\', '\\d\\e', '\\*', '\\f:s', '', '\\..\\..', '\\a\u0001b'];

function draft(client: Smb1Client, random: Random, fid: number): Buffer {
  const mid = 1 + random.below(0xfff0);
  if (random.chance(0.35)) return client.encode(transaction(random, fid), mid);
  const command = random.pick(Object.values(Smb1Command));
  const words = wordsFor(command, random, fid);
  const bytes = Buffer.concat([
    Buffer.from([random.chance(0.7) ? 4 : random.below(6)]),
    utf16(random.pick(NAMES)),
    Buffer.from([4]),
    utf16(random.pick(NAMES)),
    random.bytes(random.below(40)),
  ]);
  return client.encode({ command, words, bytes }, mid);
}

/** Messages of one connection of a user, until it ends. */
async function converse(server: TestServer, random: Random, count: number): Promise<number> {
  const client = await Smb1Client.open(server, { signs: false });
  await client.negotiate();
  await client.login();
  await client.treeConnect(SHARE);
  // A file of its own: messages of earlier connections may have given the others descriptors that deny all.
  const fid = fidOf(await ntCreate(client, { name: `\\own${random.below(0x7fff_ffff)}` }));
  let ended = false;
  void client.ended.then(() => {
    ended = true;
  });
  let sent = 0;
  let other: Buffer = client.encode({ command: Smb1Command.ECHO, words: Buffer.from([1, 0]) }, 9);
  for (; sent < count && !ended; sent++) {
    const message = draft(client, random, fid);
    const from = random.chance(0.2) ? 4 : SMB1_HEADER_SIZE;
    client.sendRaw(random.chance(0.6) ? mutate(random, message, from, other) : message);
    other = message;
    if (sent % 20 === 0) await sleep(1);
  }
  await sleep(5);
  await client.close();
  return sent;
}

/** The first messages of somebody who has no session. */
async function stranger({ host, port }: TestServer, random: Random): Promise<void> {
  const socket = await FrameSocket.open({ host, port, timeoutMs: 2_000 });
  const client = await Smb1Client.open({ host, port }, { signs: false });
  const negotiate = Buffer.concat([
    client.encode({ command: Smb1Command.NEGOTIATE, bytes: Buffer.from('\x02NT LM 0.12\0') }, 1),
  ]);
  await client.close();
  socket.send([random.chance(0.5) ? negotiate : mutate(random, negotiate, 4, negotiate)]);
  const setup = client.encode(
    {
      command: Smb1Command.SESSION_SETUP_ANDX,
      words: random.bytes(random.pick([24, 26])),
      bytes: random.bytes(80),
    },
    2,
  );
  for (let i = 0; i < 3; i++) socket.send([mutate(random, setup, 4, negotiate)]);
  await sleep(2);
  socket.destroy();
}

test(`${MESSAGES} changed messages of SMB1 leave the server up and its other clients served`, async () => {
  const errors: string[] = [];
  const log: Logger = {
    part: () => log,
    debug: () => undefined,
    debugs: () => true,
    info: () => undefined,
    warn: () => undefined,
    error: (text, more) => void errors.push(`${text} ${JSON.stringify(more)}`),
  };
  const server = await startServer({ log, global: { minProtocol: 0x0100, signing: 'auto' } });
  try {
    const random = createRandom(SEED);
    const witness = await server.mount();
    let sent = 0;
    while (sent < MESSAGES) {
      sent += await converse(server, random, MESSAGES_PER_CONNECTION);
      if (random.chance(0.3)) await stranger(server, random);
      const startedMs = performance.now();
      await witness.writeFile('witness', Buffer.from(String(sent)));
      assert.ok(performance.now() - startedMs < 2_000, 'the witness waited');
      assert.deepEqual(errors, []);
    }
    const client = await Smb1Client.open(server);
    await client.negotiate();
    await client.login();
    await client.treeConnect(SHARE);
    const made = await ntCreate(client, { name: '\\after' });
    assert.equal(made.status, 0);
    assert.equal((await writeAndX(client, fidOf(made), 0, Buffer.from('x'))).status, 0);
    await client.close();
  } finally {
    await server.close();
  }
});
