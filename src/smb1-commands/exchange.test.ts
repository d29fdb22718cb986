/** MS-CIFS 2.2.3.4: chains whose answers are longer than AndXOffset can say; 3.3.6.2: who is idle. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SHARE, startServer } from '../../test/support/in-process-server.ts';
import { fidOf, ntCreate, readAndX, Smb1Client } from '../../test/support/smb1-client.ts';
import { STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { NO_ANDX, setAndX, writeBlock } from '../smb1/block.ts';
import { STATUS_INVALID_SMB } from '../smb1/dos-errors.ts';
import { SMB1_HEADER_SIZE, Smb1Command } from '../smb1/header.ts';

const COUNT = 0xff00;
const MID = 77;

/** As many READ_ANDX in one message. */
function reads(client: Smb1Client, fid: number, count: number): Buffer {
  const command = Smb1Command.READ_ANDX;
  const parts = [client.encode({ command }, MID).subarray(0, SMB1_HEADER_SIZE)];
  for (let i = 0; i < count; i++) {
    const words = Buffer.alloc(24);
    const end = SMB1_HEADER_SIZE + (i + 1) * (words.length + 3);
    setAndX(words, i < count - 1 ? { command, offset: end } : { command: NO_ANDX, offset: 0 });
    words.writeUInt16LE(fid, 4);
    words.writeUInt16LE(COUNT, 10);
    parts.push(writeBlock(words, Buffer.alloc(0)));
  }
  return Buffer.concat(parts);
}

test('a chain of reads ends where its answer becomes too long, and the connection goes on', async () => {
  const server = await startServer({ global: { minProtocol: 0x0100, signing: 'auto' } });
  try {
    const content = Buffer.alloc(100_000, 7);
    await (await server.mount()).writeFile('file', content);
    const client = await Smb1Client.open(server);
    await client.negotiate();
    await client.login();
    await client.treeConnect(SHARE);
    const fid = fidOf(await ntCreate(client, { name: '\\file', disposition: 1 }));
    for (const count of [1, 2, 3]) {
      const { status, words, message } = await client.ask(reads(client, fid, count), MID);
      assert.equal(status, count === 1 ? STATUS_SUCCESS : STATUS_INVALID_SMB);
      // What was read before is there, and nothing behind it.
      assert.equal(words[0], NO_ANDX);
      assert.equal(words.readUInt16LE(10), COUNT);
      assert.equal(message.length, words.readUInt16LE(12) + COUNT);
    }
    assert.deepEqual(await readAndX(client, fid, 0, 10), content.subarray(0, 10));
    await client.close();
  } finally {
    await server.close();
  }
});

test('who sends ECHO alone is not idle, who sends nothing is', async () => {
  const deadtimeMs = 300;
  const deadtimeMinutes = deadtimeMs / 60_000;
  const global = { minProtocol: 0x0100, signing: 'auto', deadtimeMinutes } as const;
  const server = await startServer({ global });
  try {
    const client = await Smb1Client.open(server);
    await client.negotiate();
    await client.login();
    const begun = performance.now();
    const words = Buffer.from([1, 0]);
    while (performance.now() - begun < 3 * deadtimeMs) {
      const answer = client.request({ command: Smb1Command.ECHO, words, tid: 0xffff });
      const ended = client.ended.then(() => 'ended');
      assert.notEqual(await Promise.race([answer, ended]), 'ended');
      await sleep(deadtimeMs / 6);
    }
    await client.ended;
  } finally {
    await server.close();
  }
});
