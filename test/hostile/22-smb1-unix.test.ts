/**
 * The CIFS Unix extensions of SMB1 under changed messages, on a folder of this machine: every level of files, of listings
 * and of file systems, by a client that has said it uses them. The server stays up, serves others, and says no
 * "internal error"; nothing outside of the share changes.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../src/base/log.ts';
import { nativeSupport } from '../../src/native/support.ts';
import { SMB1_HEADER_SIZE, Smb1Command } from '../../src/smb1/header.ts';
import { Trans2 } from '../../src/smb1/transaction.ts';
import {
  CIFS_UNIX_POSIX_PATH_OPERATIONS_CAP,
  CIFS_UNIX_POSIX_PATHNAMES_CAP,
  CifsUnixInfo,
  UnixFindLevel,
  UnixFsLevel,
  UnixLevel,
} from '../../src/smb1/unix.ts';
import { SHARE, startServer, type TestServer } from '../support/in-process-server.ts';
import { fidOf, ntCreate, Smb1Client, transact2, utf16 } from '../support/smb1-client.ts';
import { mutate } from './fuzz/mutate.ts';
import { createRandom, type Random } from './fuzz/random.ts';

const skip = nativeSupport().unavailable ?? false;
const MESSAGES = 3_000;
const SEED = 20_261_129;
const MESSAGES_PER_CONNECTION = 100;

const LEVELS = [...Object.values(UnixLevel), ...Object.values(UnixFindLevel)];
const NAMES = ['/f', '/d/e', '/', '/../../x', '/l', '/a:b', '/d', '*', '/*', '/\u0001', 'f'];

const u16 = (...values: readonly number[]): Buffer => {
  const b = Buffer.alloc(2 * values.length);
  for (const [i, value] of values.entries()) b.writeUInt16LE(value, 2 * i);
  return b;
};

interface Part {
  readonly subcommand: number;
  readonly parameters: Buffer;
}

function part(random: Random, fid: number): Part {
  const level = random.pick(LEVELS);
  const name = utf16(random.pick(NAMES));
  switch (random.below(6)) {
    case 0:
      return { subcommand: Trans2.QUERY_FILE_INFORMATION, parameters: u16(fid, level) };
    case 1:
      return { subcommand: Trans2.SET_FILE_INFORMATION, parameters: u16(fid, level, 0) };
    case 2: {
      const fsLevel = random.pick(Object.values(UnixFsLevel));
      return { subcommand: Trans2.QUERY_FS_INFORMATION, parameters: u16(fsLevel) };
    }
    case 3: {
      const head = u16(0x16, 100, 2, random.pick(Object.values(UnixFindLevel)), 0, 0);
      return { subcommand: Trans2.FIND_FIRST2, parameters: Buffer.concat([head, name]) };
    }
    case 4: {
      const head = u16(level, 0, 0);
      return { subcommand: Trans2.QUERY_PATH_INFORMATION, parameters: Buffer.concat([head, name]) };
    }
    default: {
      const head = u16(level, 0, 0);
      return { subcommand: Trans2.SET_PATH_INFORMATION, parameters: Buffer.concat([head, name]) };
    }
  }
}

/** TRANSACTION2 whose counts fit, with data that are near to what a level wants. */
function draft(client: Smb1Client, random: Random, fid: number): Buffer {
  const { subcommand, parameters } = part(random, fid);
  const data = random.bytes(random.pick([0, 2, 8, 18, 100, 116, 140]));
  if (random.chance(0.5)) data.fill(random.pick([0, 0xff]));
  if (random.chance(0.3)) utf16(random.pick(NAMES)).copy(data);
  const words = Buffer.alloc(30);
  const at = SMB1_HEADER_SIZE + 1 + words.length + 2;
  words.set(u16(parameters.length, data.length, 100, 0xf000));
  words.set(u16(parameters.length, at, data.length, at + parameters.length), 18);
  words[26] = 1;
  words.writeUInt16LE(subcommand, 28);
  const bytes = Buffer.concat([parameters, data]);
  const mid = 1 + random.below(0xfff0);
  return client.encode({ command: Smb1Command.TRANSACTION2, words, bytes }, mid);
}

async function converse(server: TestServer, random: Random, count: number): Promise<number> {
  const client = await Smb1Client.open(server, { signs: false });
  await client.negotiate();
  await client.login();
  await client.treeConnect(SHARE);
  const fid = fidOf(await ntCreate(client, { name: `own${random.below(0x7fff_ffff)}` }));
  const capabilities = CIFS_UNIX_POSIX_PATH_OPERATIONS_CAP | CIFS_UNIX_POSIX_PATHNAMES_CAP;
  const said = await transact2(
    client,
    Trans2.SET_FS_INFORMATION,
    u16(0, UnixFsLevel.CIFS_UNIX),
    CifsUnixInfo.encode({ majorVersion: 1, minorVersion: 0, capabilities: BigInt(capabilities) }),
  );
  assert.equal(said.status, 0);
  let ended = false;
  void client.ended.then(() => {
    ended = true;
  });
  let sent = 0;
  let other = draft(client, random, fid);
  for (; sent < count && !ended; sent++) {
    const message = draft(client, random, fid);
    client.sendRaw(random.chance(0.5) ? mutate(random, message, SMB1_HEADER_SIZE, other) : message);
    other = message;
    if (sent % 20 === 0) await sleep(1);
  }
  await sleep(5);
  await client.close();
  return sent;
}

test(`${MESSAGES} changed messages of the Unix extensions leave the server up, and what is outside the share alone`, {
  skip,
}, async () => {
  const outside = mkdtempSync(join(tmpdir(), 'usmbd-hostile-'));
  const folder = join(outside, 'share');
  mkdirSync(folder);
  chmodSync(outside, 0o755);
  chmodSync(folder, 0o777);
  const errors: string[] = [];
  const log: Logger = {
    part: () => log,
    debug: () => undefined,
    debugs: () => true,
    info: () => undefined,
    warn: () => undefined,
    error: (text, more) => void errors.push(`${text} ${JSON.stringify(more)}`),
  };
  const server = await startServer({
    log,
    shares: [{ name: SHARE, path: folder }],
    global: { minProtocol: 0x0100, signing: 'auto' },
  });
  try {
    const random = createRandom(SEED);
    const witness = await server.mount();
    for (let sent = 0; sent < MESSAGES; ) {
      sent += await converse(server, random, MESSAGES_PER_CONNECTION);
      await witness.writeFile('witness', Buffer.from(String(sent)));
      assert.deepEqual(errors, []);
    }
    assert.deepEqual(readdirSync(outside), ['share']);
    // Links and directories were made, so the messages have reached what they are for.
    assert.ok(readdirSync(folder).length > 2);
  } finally {
    await server.close();
    rmSync(outside, { recursive: true, force: true });
  }
});
