/**
 * What the client refuses because real clients do. Somebody in between changes the server's answers;
 * where they are not signed, nothing but the check in question can find it.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startProxy } from '../../test/support/answer-proxy.ts';
import { PASSWORD, SHARE, startServer, USER } from '../../test/support/in-process-server.ts';
import { Dialect } from '../smb2/dialect.ts';
import {
  Command,
  getCommand,
  getMessageId,
  getStatus,
  setAsyncId,
  setCredits,
  setFlags,
  setMessageId,
  setSessionId,
  setTreeId,
} from '../smb2/header.ts';
import { ProtocolViolation } from './client-error.ts';
import type { ConnectInput, NegotiatedConnection } from './connect.ts';
import type { LoginOptions } from './login.ts';
import {
  changeNotifyRequest,
  createRequest,
  queryInfoRequest,
  RELATED,
  readRequest,
} from './requests.ts';
import type { ClientTree } from './tree.ts';

const server = await startServer({ global: { signing: 'auto' } });
const proxy = await startProxy(server.port);
after(async () => {
  await proxy.close();
  await server.close();
});

async function connect(input: Partial<ConnectInput> = {}): Promise<NegotiatedConnection> {
  proxy.change = (message) => message;
  return server.connect({ port: proxy.port, ...input });
}

/** Nothing signed, unless told. */
async function mount(
  input: Partial<ConnectInput> = { dialects: [Dialect.SMB2_10] },
  login: Partial<LoginOptions> = { sign: false },
): Promise<ClientTree> {
  const connection = await connect(input);
  const session = await connection.login({ user: USER, secret: PASSWORD, ...login });
  return session.treeConnect(SHARE);
}

/** Changes answers to this command only. */
function whenAnswering(command: number, change: (message: Buffer) => Buffer | undefined): void {
  proxy.change = (message) => (getCommand(message) === command ? change(message) : message);
}

const violation = (about: RegExp) => (error: Error) => {
  assert.match(error.message, about);
  return error instanceof ProtocolViolation;
};

const edit = (change: (message: Buffer) => unknown) => (message: Buffer) => {
  change(message);
  return message;
};
const lengthen = (bytes: number) => (message: Buffer) =>
  Buffer.concat([message, Buffer.alloc(bytes)]);
const shorten = (bytes: number) => (message: Buffer) => message.subarray(0, message.length - bytes);

const headers: readonly [string, RegExp, (message: Buffer) => Buffer | undefined][] = [
  ['no SERVER_TO_REDIR', /SERVER_TO_REDIR/, edit((m) => setFlags(m, 0))],
  ['another command', /it is a READ/, edit((m) => m.writeUInt16LE(Command.READ, 12))],
  ['another MessageId', /waits for none/, edit((m) => setMessageId(m, getMessageId(m) + 1))],
  ['another SessionId', /SessionId/, edit((m) => setSessionId(m, 7))],
  ['another TreeId', /TreeId/, edit((m) => setTreeId(m, 7777))],
  ['async without interim', /without an interim/, edit((m) => [setFlags(m, 3), setAsyncId(m, 5)])],
  ['signed without a key to', /wrong signature/, edit((m) => setFlags(m, 9))],
  ['pending, not async', /STATUS_PENDING/, edit((m) => m.writeUInt32LE(0x103, 8))],
  ['related, and the first', /related/, edit((m) => setFlags(m, 5))],
  ['header of 65 bytes', /structureSize/, edit((m) => m.writeUInt16LE(65, 4))],
  ['another CreditCharge', /CreditCharge/, edit((m) => m.writeUInt16LE(9, 6))],
  ['chain beyond the end', /NextCommand/, edit((m) => m.writeUInt32LE(8000, 20))],
  ['chain not aligned', /NextCommand/, edit((m) => m.writeUInt32LE(68, 20))],
  ['cut header', /bytes for a header/, (m) => m.subarray(0, 63)],
  ['an SMB1 answer', /ProtocolId/, edit((m) => m.writeUInt32LE(0x424d53ff, 0))],
];
for (const [name, about, change] of headers) {
  test(`header: ${name}`, async () => {
    const tree = await mount();
    whenAnswering(Command.CREATE, change);
    await assert.rejects(tree.request(createRequest('')), violation(about));
    assert.ok(tree.session.connection.problem instanceof ProtocolViolation);
    await tree.session.connection.ended;
  });
}

const bodies: readonly [string, RegExp, (message: Buffer) => Buffer | undefined][] = [
  ['StructureSize', /StructureSize/, edit((m) => m.writeUInt16LE(88, 64))],
  ['too long', /bytes, of which/, lengthen(8)],
  ['too short', /152 bytes|150 bytes/, shorten(2)],
  [
    'contexts outside',
    /a buffer/,
    edit((m) => [m.writeUInt32LE(400, 144), m.writeUInt32LE(8, 148)]),
  ],
  ['contexts inside', /a buffer/, edit((m) => [m.writeUInt32LE(64, 144), m.writeUInt32LE(8, 148)])],
];
for (const [name, about, change] of bodies) {
  test(`CREATE: ${name}`, async () => {
    const tree = await mount();
    whenAnswering(Command.CREATE, change);
    await assert.rejects(tree.request(createRequest('')), violation(about));
  });
}

test('CREATE: a context that nobody asked for', async () => {
  const tree = await mount();
  whenAnswering(Command.CREATE, (message) => {
    const entry = Buffer.from(
      '000000001000040000001800080000004d784163000000000000000000000000',
      'hex',
    );
    message.writeUInt32LE(152, 144);
    message.writeUInt32LE(entry.length, 148);
    return Buffer.concat([message, entry]);
  });
  await assert.rejects(tree.request(createRequest('')), violation(/nobody asked/));
});

test('an error of 8 bytes, as some servers send it', async () => {
  const tree = await mount();
  whenAnswering(Command.CREATE, shorten(1));
  await assert.rejects(tree.request(createRequest('not there')), violation(/error body of 8/));
});

test('READ: data where the header is', async () => {
  const tree = await mount();
  await tree.writeFile('readable', Buffer.from('some text'));
  const file = await tree.open('readable');
  whenAnswering(
    Command.READ,
    edit((m) => m.writeUInt8(0x40, 66)),
  );
  await assert.rejects(tree.request(readRequest(file.fileId, 0, 9)), violation(/fixed part/));
});

for (const [name, about, change] of [
  ['without its signature', /unsigned/, edit((m) => setFlags(m, 1))],
  ['with a wrong one', /wrong signature/, edit((m) => m.writeUInt8(m[48]! ^ 1, 48))],
  ['changed behind it', /wrong signature/, edit((m) => m.writeUInt8(m[20]! ^ 8, m.length - 4))],
] as const) {
  for (const path of ['', 'not there']) {
    test(`a signed session: ${path === '' ? 'success' : 'error'} ${name}`, async () => {
      const tree = await mount({}, {});
      whenAnswering(Command.CREATE, change);
      await assert.rejects(tree.request(createRequest(path)), violation(about));
    });
  }
}

test('a signed session: an interim response unsigned, or two', async () => {
  for (const [login, about, change] of [
    [{}, /unsigned/, edit((m) => setFlags(m, 3))],
    [{ sign: false }, /second interim/, edit((m) => m.writeUInt32LE(0x103, 8))],
    [{ sign: false }, /without credits|no credit/, edit((m) => setCredits(m, 0))],
  ] as const) {
    const tree = await mount({ dialects: [Dialect.SMB2_10] }, login);
    const directory = await tree.open('', { options: 1 });
    whenAnswering(Command.CHANGE_NOTIFY, change);
    const [exchange] = await tree.submit([changeNotifyRequest(directory.fileId, 1)]);
    await exchange!.interim;
    await tree.session.connection.cancel(exchange!).catch(() => undefined);
    await assert.rejects(exchange!.answer, violation(about));
  }
});

test('an encrypted session: answers in plain, and those that do not decrypt', async () => {
  const tree = await mount({}, { encrypt: true });
  proxy.change = edit((m) => m.writeUInt8(m[60]! ^ 1, 60));
  await assert.rejects(tree.request(createRequest('')), violation(/does not decrypt/));
});

test('a compound whose answers are not padded to 8', async () => {
  const tree = await mount();
  // The first answer is 73 bytes of error and 7 of padding.
  proxy.change = (message) => {
    assert.notEqual(getStatus(message), 0);
    const next = message.readUInt32LE(20);
    return Buffer.concat([
      message.subarray(0, 20),
      Buffer.from([next + 8, 0, 0, 0]),
      message.subarray(24, next),
      Buffer.alloc(8),
      message.subarray(next),
    ]);
  };
  const requests = [createRequest('not there'), queryInfoRequest(RELATED, 1, 5)];
  await assert.rejects(tree.compound(requests), violation(/bytes, of which/));
});

test('no credits left, and none to come', async () => {
  const tree = await mount();
  proxy.change = edit((m) => setCredits(m, 0));
  const many = async () => {
    for (;;) await tree.request(createRequest('not there'));
  };
  await assert.rejects(many(), violation(/without a credit/));
});

test('the end of a login that is not signed at 3.1.1, or signed wrongly', async () => {
  for (const [about, change] of [
    [/not signed/, edit((m: Buffer) => setFlags(m, 1))],
    [/wrong signature/, edit((m: Buffer) => m.writeUInt8(m[48]! ^ 1, 48))],
    // The signature covers the flags, too.
    [/made a guest/, edit((m: Buffer) => m.writeUInt16LE(1, 66))],
    [/made nobody/, edit((m: Buffer) => m.writeUInt16LE(2, 66))],
    [/encryption|wrong signature/, edit((m: Buffer) => m.writeUInt16LE(4, 66))],
    [/last token/, edit((m: Buffer) => m.writeUInt8(m[m.length - 1]! ^ 1, m.length - 1))],
  ] as const) {
    const connection = await connect();
    proxy.change = (message) => (getStatus(message) === 0 ? change(message) : message);
    const login = connection.login({ user: USER, secret: PASSWORD });
    await assert.rejects(login, violation(about));
  }
});

test('a NEGOTIATE that was meddled with', async () => {
  // At 3.1.1 the keys depend on every byte of it.
  const connection = connect({ serverName: 'x' });
  const changed = await connection;
  assert.equal(changed.negotiated.dialect, Dialect.SMB3_11);
  const meddle = async (input: Partial<ConnectInput>, change: (message: Buffer) => Buffer) => {
    proxy.change = (message) => (getCommand(message) === 0 ? change(message) : message);
    const between = await server.connect({ port: proxy.port, ...input });
    const session = await between.login({ user: USER, secret: PASSWORD });
    await session.treeConnect(SHARE);
  };
  const time = edit((m) => m.writeUInt8(m[104]! ^ 1, 104));
  await assert.rejects(meddle({}, time), violation(/wrong signature/));
  // Below, VALIDATE_NEGOTIATE_INFO tells.
  const capabilities = edit((m) => m.writeUInt32LE(0, 88));
  const dialects = [Dialect.SMB3_00];
  await assert.rejects(meddle({ dialects }, capabilities), violation(/meddled/));
});

for (const [name, about, change] of [
  ['a dialect that was not offered', /not offered/, edit((m) => m.writeUInt16LE(0x0210, 68))],
  ['no token', /no security token/, edit((m) => m.writeUInt16LE(0, 122))],
  ['tiny buffers', /tiny/, edit((m) => m.writeUInt32LE(1024, 92))],
  ['no signing', /signing is not enabled/, edit((m) => m.writeUInt16LE(0, 66))],
  ['a cipher that was not offered', /cipher 9/, edit((m) => m.writeUInt16LE(9, cipherAt(m)))],
  [
    'contexts not aligned',
    /list starts|context/,
    edit((m) => m.writeUInt32LE(m.readUInt32LE(124) + 4, 124)),
  ],
] as const) {
  test(`NEGOTIATE: ${name}`, async () => {
    proxy.change = change;
    const dialects = [Dialect.SMB3_11];
    await assert.rejects(server.connect({ port: proxy.port, dialects }), violation(about));
  });
}

/** Where the encryption context of a response has its cipher. */
function cipherAt(message: Buffer): number {
  let at = message.readUInt32LE(124);
  while (message.readUInt16LE(at) !== 2) at = (at + 8 + message.readUInt16LE(at + 2) + 7) & ~7;
  return at + 10;
}
