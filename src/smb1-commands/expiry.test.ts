/** MS-SMB 3.3.5.1 and 3.3.5.3: what a session's state lets pass, and who may renew one whose ticket has run out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  STATUS_INVALID_HANDLE,
  STATUS_LOGON_FAILURE,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_NETWORK_SESSION_EXPIRED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { World } from '../server/test-world.support.test.ts';
import { NO_ANDX, readBlock, writeBlock } from '../smb1/block.ts';
import { STATUS_SMB_BAD_UID } from '../smb1/dos-errors.ts';
import { SMB1_HEADER_SIZE, Smb1Command, Smb1Header } from '../smb1/header.ts';
import { encodeSmb1NegotiateRequest, SMB1_DIALECT_NT_LM_012 } from '../smb2/smb1-negotiate.ts';
import { speakSmb1 } from './speak.ts';

const FLAGS2 = 0xc801;
const CAPABILITIES = 0x8000_f2dc;
const CAP_DYNAMIC_REAUTH = 0x2000_0000;
const HOUR_MS = 3_600_000;

const utf16 = (text: string): Buffer => Buffer.from(`${text}\0`, 'utf16le');

/** A client of SMB1 in a world without sockets. */
class Old {
  readonly #world = new World();
  readonly #handler;
  readonly #answers: ((message: Buffer) => void)[] = [];
  uid = 0;
  tid = 0;

  constructor() {
    this.#world.expiresAtMs = Date.now() + HOUR_MS;
    speakSmb1(this.#world.server);
    const { transport, handler } = this.#world.accept();
    this.#handler = handler;
    transport.onFrame = (message) => this.#answers.shift()?.(message);
    const dialects = [SMB1_DIALECT_NT_LM_012];
    const flags = { flags: 0x18, flags2: FLAGS2, tid: 0xffff, pidLow: 1, uid: 0, mid: 1 };
    handler.receive(encodeSmb1NegotiateRequest({ ...flags, dialects }));
  }

  async ask(command: number, words: Buffer, bytes: Buffer = Buffer.alloc(0), uid = this.uid) {
    const { tid } = this;
    const rest = { status: 0, flags: 0x18, flags2: FLAGS2, pidHigh: 0, pidLow: 1, mid: 2 };
    const header = Smb1Header.encode({ command, ...rest, tid, uid });
    const message = await new Promise<Buffer>((resolve) => {
      this.#answers.push(resolve);
      this.#handler.receive(Buffer.concat([header, writeBlock(words, bytes)]));
    });
    const answer = Smb1Header.read(message);
    return { ...answer, words: readBlock(message, SMB1_HEADER_SIZE).words };
  }

  async setup(token: string, capabilities = CAPABILITIES + CAP_DYNAMIC_REAUTH): Promise<number> {
    const words = Buffer.alloc(24);
    words[0] = NO_ANDX;
    words.writeUInt16LE(0xffff, 4);
    words.writeUInt16LE(token.length, 14);
    words.writeUInt32LE(capabilities, 20);
    const bytes = Buffer.concat([Buffer.from(token), utf16('test'), utf16('test')]);
    const answer = await this.ask(Smb1Command.SESSION_SETUP_ANDX, words, bytes);
    this.uid = answer.uid;
    return answer.status;
  }

  async login(token: string, capabilities?: number): Promise<number> {
    assert.equal(await this.setup('hello', capabilities), STATUS_MORE_PROCESSING_REQUIRED);
    return this.setup(token, capabilities);
  }

  async connect(): Promise<void> {
    const words = Buffer.alloc(8);
    words[0] = NO_ANDX;
    words.writeUInt16LE(1, 6);
    const path = Buffer.concat([Buffer.alloc(1), utf16('\\\\server\\share')]);
    const bytes = Buffer.concat([path, Buffer.from('?????\0')]);
    this.tid = (await this.ask(Smb1Command.TREE_CONNECT_ANDX, words, bytes)).tid;
  }

  async open(): Promise<number> {
    const words = Buffer.alloc(48);
    const name = Buffer.concat([Buffer.alloc(1), utf16('\\file')]);
    words[0] = NO_ANDX;
    words.writeUInt16LE(name.length - 1, 5);
    words.writeUInt32LE(0x0012_019f, 15);
    words.writeUInt32LE(7, 31);
    words.writeUInt32LE(3, 35);
    const answer = await this.ask(Smb1Command.NT_CREATE_ANDX, words, name);
    assert.equal(answer.status, STATUS_SUCCESS);
    return answer.words.readUInt16LE(5);
  }

  /** The ticket runs out now. */
  expire(): void {
    for (const session of this.#world.server.sessions.values()) session.expiresAtMs = Date.now();
  }

  get expires(): boolean {
    return [...this.#world.server.sessions.values()].some(
      ({ expiresAtMs }) => expiresAtMs !== Number.POSITIVE_INFINITY,
    );
  }

  async end(): Promise<void> {
    await this.#handler.closed();
    this.#world.assertEmpty();
  }
}

/** Parameters of an AndX command, whose FID is at 4; of CLOSE and FLUSH, whose is at 0. */
function andX(length: number, fid = 0): Buffer {
  const words = Buffer.alloc(length);
  words[0] = NO_ANDX;
  if (length > 4) words.writeUInt16LE(fid, 4);
  return words;
}
function withFid(length: number, fid: number): Buffer {
  const words = Buffer.alloc(length);
  words.writeUInt16LE(fid);
  return words;
}

const read = (client: Old, fid: number) => client.ask(Smb1Command.READ_ANDX, andX(24, fid));

test('an expired session closes, flushes, lets locks go, and does nothing else until it is renewed', async () => {
  const client = new Old();
  assert.equal(await client.login('ann:right'), STATUS_SUCCESS);
  await client.connect();
  const fid = await client.open();
  const other = await client.open();
  assert.equal((await read(client, fid)).status, STATUS_SUCCESS);
  client.expire();
  assert.equal((await read(client, fid)).status, STATUS_NETWORK_SESSION_EXPIRED);
  const { status } = await client.ask(Smb1Command.FLUSH, withFid(2, fid));
  assert.equal(status, STATUS_SUCCESS);
  const unlocked = await client.ask(Smb1Command.LOCKING_ANDX, andX(16, fid));
  assert.equal(unlocked.status, STATUS_SUCCESS);
  assert.equal((await client.ask(Smb1Command.CLOSE, withFid(6, other))).status, STATUS_SUCCESS);
  // Nor while the user logs in anew.
  assert.equal(await client.setup('hello'), STATUS_MORE_PROCESSING_REQUIRED);
  assert.equal((await read(client, fid)).status, STATUS_NETWORK_SESSION_EXPIRED);
  assert.equal(await client.setup('ann:right'), STATUS_SUCCESS);
  assert.equal((await read(client, fid)).status, STATUS_SUCCESS);
  client.expire();
  const gone = await client.ask(Smb1Command.LOGOFF_ANDX, andX(4));
  assert.equal(gone.status, STATUS_SUCCESS);
  assert.equal((await read(client, fid)).status, STATUS_SMB_BAD_UID);
  await client.end();
});

test('nobody else renews an expired session, least of all nobody', async () => {
  for (const token of ['bob:right', ':']) {
    const client = new Old();
    assert.equal(await client.login('ann:right'), STATUS_SUCCESS);
    await client.connect();
    const fid = await client.open();
    client.expire();
    assert.equal(await client.login(token), STATUS_LOGON_FAILURE);
    assert.equal((await read(client, fid)).status, STATUS_SMB_BAD_UID);
    await client.end();
  }
});

test('an anonymous login on a session that is valid leaves it as it is, its end too', async () => {
  const client = new Old();
  assert.equal(await client.login('ann:right'), STATUS_SUCCESS);
  await client.connect();
  const fid = await client.open();
  assert.equal(await client.login(':'), STATUS_SUCCESS);
  assert.equal((await read(client, fid)).status, STATUS_SUCCESS);
  assert.ok(client.expires);
  await client.end();
});

test('the session of a client that cannot log in anew (CAP_DYNAMIC_REAUTH) does not expire', async () => {
  const client = new Old();
  assert.equal(await client.login('ann:right', CAPABILITIES), STATUS_SUCCESS);
  assert.ok(!client.expires);
  await client.end();
});

test('whose first login is under way has no handles; a UID of nobody is a bad one', async () => {
  const client = new Old();
  assert.equal(await client.setup('hello'), STATUS_MORE_PROCESSING_REQUIRED);
  assert.equal((await read(client, 1)).status, STATUS_INVALID_HANDLE);
  const { status } = await client.ask(Smb1Command.READ_ANDX, andX(24, 1), undefined, 999);
  assert.equal(status, STATUS_SMB_BAD_UID);
  await client.end();
});
