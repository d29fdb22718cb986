/**
 * The first word of a Windows client that does not know the server yet: an SMB1 NEGOTIATE that offers SMB2. What it makes
 * of the answer it shows as "the network path was not found".
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { connect } from '../../src/client/connect.ts';
import { FrameSocket } from '../../src/client/frame-socket.ts';
import { DIALECT_WILDCARD, DIALECTS, Dialect } from '../../src/smb2/dialect.ts';
import {
  Command,
  protocolOf,
  readHeader,
  SMB2_FLAGS_SERVER_TO_REDIR,
} from '../../src/smb2/header.ts';
import { decodeNegotiateResponse, encodeNegotiateRequest } from '../../src/smb2/negotiate.ts';
import {
  encodeSmb1NegotiateRequest,
  SMB1_DIALECT_NT_LM_012,
  SMB1_DIALECT_SMB2_002,
  SMB1_DIALECT_SMB2_WILDCARD,
} from '../../src/smb2/smb1-negotiate.ts';
import { message, RawPeer } from '../hostile/kit.ts';
import {
  credentials,
  PATIENCE_MS,
  SHARE,
  startServer,
  type TestServer,
} from '../support/in-process-server.ts';
import { win11 } from './personas.ts';
import { LENIENT, openStage } from './stage.ts';

const stage = await openStage();

async function arrive({ host, port }: TestServer = stage.server): Promise<RawPeer> {
  const peer = new RawPeer(await FrameSocket.open({ host, port, timeoutMs: PATIENCE_MS }));
  after(() => peer.socket.destroy());
  return peer;
}

/** As Windows words it; old dialects first, which no server of today speaks. */
const askInSmb1 = (peer: RawPeer, ...dialects: readonly string[]): void =>
  peer.socket.send([
    encodeSmb1NegotiateRequest({
      flags: 0x18,
      flags2: 0xc853,
      tid: 0xffff,
      pidLow: 0xfeff,
      uid: 0,
      mid: 0,
      dialects: ['PC NETWORK PROGRAM 1.0', 'LANMAN1.0', SMB1_DIALECT_NT_LM_012, ...dialects],
    }),
  ]);

/** An answer to what had no MessageId: it has 0, and a credit for the first request that has one. */
async function answered(peer: RawPeer, messageId: number) {
  const frame = await peer.next();
  assert.ok(frame !== undefined, 'the server ended the connection');
  assert.equal(protocolOf(frame), 'smb2');
  const header = readHeader(frame);
  assert.equal(header.command, Command.NEGOTIATE);
  assert.equal(header.status, 0);
  assert.equal(header.messageId, messageId);
  assert.equal(header.flags, SMB2_FLAGS_SERVER_TO_REDIR);
  assert.equal(header.sessionId, 0);
  assert.equal(header.treeId, 0);
  assert.ok(header.creditRequest >= 1, 'no credit');
  return decodeNegotiateResponse(frame);
}

const askInSmb2 = (peer: RawPeer, messageId: number, dialects: readonly Dialect[]): void =>
  peer.socket.send([
    message(
      { command: Command.NEGOTIATE, messageId, creditRequest: 0 },
      encodeNegotiateRequest({
        securityMode: 1,
        capabilities: 0,
        clientGuid: Buffer.alloc(16, 3),
        dialects,
        negotiateContexts: [],
      }),
    ),
  ]);

const OLD_SMB2 = DIALECTS.filter((dialect) => dialect < Dialect.SMB3_11);

test('B41 "SMB 2.???" is answered with the wildcard, and then asked again with MessageId 1', async () => {
  const peer = await arrive();
  askInSmb1(peer, SMB1_DIALECT_SMB2_002, SMB1_DIALECT_SMB2_WILDCARD);
  const first = await answered(peer, 0);
  assert.equal(first.dialectRevision, DIALECT_WILDCARD);
  askInSmb2(peer, 1, OLD_SMB2);
  const second = await answered(peer, 1);
  assert.equal(second.dialectRevision, Dialect.SMB3_02);
  // A client compares: another server in between would have another.
  assert.deepEqual(second.serverGuid, first.serverGuid);
  assert.ok(second.securityBuffer.length > 0);
});

test('B41 "SMB 2.002" alone is answered with 2.0.2, which is the end of it', async () => {
  const peer = await arrive();
  askInSmb1(peer, SMB1_DIALECT_SMB2_002);
  assert.equal((await answered(peer, 0)).dialectRevision, Dialect.SMB2_02);
  // 3.3.5.4: "If the Connection.NegotiateDialect is not 0xFFFF … MUST disconnect".
  askInSmb2(peer, 1, OLD_SMB2);
  await peer.isDropped();
});

test('B41 the MessageId after the wildcard is 1: 0 has been answered', async () => {
  const peer = await arrive();
  askInSmb1(peer, SMB1_DIALECT_SMB2_002, SMB1_DIALECT_SMB2_WILDCARD);
  await answered(peer, 0);
  askInSmb2(peer, 0, OLD_SMB2);
  await peer.isDropped();
});

test('B41 who speaks nothing but SMB1 is shown the door at once, not left waiting', async () => {
  const peer = await arrive();
  askInSmb1(peer);
  await peer.isDropped();
});

test('B41 a server of 2.0.2 only never answers the wildcard', async () => {
  const old = await startServer({
    shares: [{ name: SHARE, path: '/' }],
    global: { ...LENIENT, maxProtocol: Dialect.SMB2_02 },
  });
  after(() => old.close());
  const peer = await arrive(old);
  askInSmb1(peer, SMB1_DIALECT_SMB2_002, SMB1_DIALECT_SMB2_WILDCARD);
  assert.equal((await answered(peer, 0)).dialectRevision, Dialect.SMB2_02);
});

test('B41 a server from 3.0 on answers "SMB 2.002" alone by ending the connection', async () => {
  const modern = await startServer({
    shares: [{ name: SHARE, path: '/' }],
    global: { ...LENIENT, minProtocol: Dialect.SMB3_00 },
  });
  after(() => modern.close());
  const peer = await arrive(modern);
  askInSmb1(peer, SMB1_DIALECT_SMB2_002);
  await peer.isDropped();
});

for (const dialect of DIALECTS.filter((one) => one > Dialect.SMB2_02)) {
  test(`B41 what began in SMB1 ends in a session that works (0x${dialect.toString(16)})`, async () => {
    const { host, port } = stage.server;
    const connection = await connect({
      ...win11.connect,
      host,
      port,
      dialects: [Dialect.SMB2_02, dialect],
      timeoutMs: PATIENCE_MS,
    });
    after(() => connection.close());
    assert.equal(connection.negotiated.dialect, dialect);
    // 3.1.1 hashes NEGOTIATE from the SMB2 one on; signed answers show that both sides have the same hash.
    const tree = await (await connection.login(credentials)).treeConnect(SHARE);
    const name = `first ${dialect}`;
    await tree.writeFile(name, Buffer.from('contact'));
    assert.equal((await tree.readFile(name)).toString(), 'contact');
  });
}
