/**
 * Compression where it is switched on (3.3.5.2.1.2, 3.3.4.1.5, 3.3.5.12), by clients as Windows Server 2022 is (chains, every
 * algorithm) and as Linux is (in one, LZ77 alone): messages as they are on the wire, over every protection.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { ConnectionEnded } from '../../src/client/client-error.ts';
import type { Answer } from '../../src/client/exchange.ts';
import type { ClientFile } from '../../src/client/file.ts';
import {
  closeRequest,
  createRequest,
  echoRequest,
  readRequest,
  writeRequest,
} from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import { STATUS_END_OF_FILE, STATUS_SUCCESS } from '../../src/dtyp/ntstatus.ts';
import { compressionTally } from '../../src/server/compression.ts';
import {
  type CompressionTerms,
  encodeCompressionTransformHeader,
} from '../../src/smb2/compression.ts';
import { FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { Dialect } from '../../src/smb2/dialect.ts';
import { Command, HEADER_SIZE, protocolOf } from '../../src/smb2/header.ts';
import { CompressionAlgorithm } from '../../src/smb2/negotiate-contexts.ts';
import { decodeReadResponse, SMB2_READFLAG_REQUEST_COMPRESSED } from '../../src/smb2/read.ts';
import { encodeSessionSetupRequest } from '../../src/smb2/session-setup.ts';
import { SMB2_SHAREFLAG_COMPRESS_DATA } from '../../src/smb2/share-flags.ts';
import { PROTECTIONS, type Protection } from './personas.ts';
import { assertStatus, assertStatuses, LENIENT, openStage, record } from './stage.ts';

const { LZNT1, LZ77, LZ77_HUFFMAN, PATTERN_V1 } = CompressionAlgorithm;
const stage = await openStage({
  global: { ...LENIENT, compression: true },
  share: { compressData: true },
});

const MIB = 1 << 20;
const TEXT = Buffer.from(
  Array.from({ length: 40_000 }, (_, i) => `${i} lines of text, of which no two are alike\n`).join(
    '',
  ),
).subarray(0, MIB);
const WINDOWS: CompressionTerms = {
  algorithms: [PATTERN_V1, LZ77, LZ77_HUFFMAN, LZNT1],
  chained: true,
};
const LINUX: CompressionTerms = { algorithms: [LZ77, LZ77_HUFFMAN, LZNT1], chained: false };
/** Behind WRITE's header and fixed part: as Linux divides it. */
const WRITE_HEAD = { head: HEADER_SIZE + 48 };
const READ_FLAGS_AT = 3;

const isSmb311 = ({ connect }: Protection): boolean =>
  connect?.dialects === undefined || connect.dialects.includes(Dialect.SMB3_11);

async function enter(compression: CompressionTerms, protection?: Protection): Promise<ClientTree> {
  const persona = { connect: { compression }, login: {} } as Parameters<typeof stage.enter>[0];
  return protection === undefined ? stage.enter(persona) : stage.enter(persona, protection);
}

const open = (tree: ClientTree, name: string): Promise<ClientFile> =>
  tree.open(name, { access: FILE_ALL_ACCESS, disposition: FILE_OPEN_IF });

function compressedRead(fileId: Buffer, offset: number, length: number) {
  const request = readRequest(fileId, offset, length);
  request.body[READ_FLAGS_AT] = SMB2_READFLAG_REQUEST_COMPRESSED;
  return request;
}

const dataOf = (answer: Answer): Buffer => {
  assertStatus(answer, STATUS_SUCCESS);
  return decodeReadResponse(answer.message).data;
};
const bytesOf = (tape: readonly Buffer[]): number =>
  tape.reduce((sum, frame) => sum + frame.length, 0);

for (const [client, terms, agreed] of [
  ['chains', WINDOWS, [LZ77, LZ77_HUFFMAN, LZNT1, PATTERN_V1]],
  ['in one', LINUX, [LZ77]],
  ['LZNT1', { algorithms: [LZNT1], chained: true }, [LZNT1]],
  ['LZ77+Huffman', { algorithms: [LZ77_HUFFMAN], chained: false }, [LZ77_HUFFMAN]],
] as const) {
  for (const protection of PROTECTIONS.filter(isSmb311)) {
    test(`${client}, ${protection.name}: what is written and read compressed is the same`, async () => {
      const tree = await enter(terms, protection);
      const { connection } = tree.session;
      assert.deepEqual(connection.negotiated!.compression?.algorithms, agreed);
      assert.notEqual(tree.response.shareFlags & SMB2_SHAREFLAG_COMPRESS_DATA, 0);
      const name = `${client} ${protection.name}`;
      const file = await open(tree, name);
      const before = { ...compressionTally };
      for (const [at, data] of [
        [0, TEXT],
        [TEXT.length, Buffer.alloc(MIB)],
        [2 * MIB, TEXT.subarray(0, 5000)],
      ] as const) {
        const answer = await tree.request(writeRequest(file.fileId, at, data), {
          compress: WRITE_HEAD,
        });
        assertStatus(answer, STATUS_SUCCESS);
      }
      assert.equal(compressionTally.received, before.received + 3);
      assert.ok((await file.read(0, MIB)).equals(TEXT), 'read in plain');

      const tape = record(connection);
      assert.ok(dataOf(await tree.request(compressedRead(file.fileId, 0, MIB))).equals(TEXT));
      assert.ok(bytesOf(tape) < MIB / 2, `${bytesOf(tape)} bytes`);
      assert.equal(
        protocolOf(tape[0]!),
        tree.encrypt || tree.session.encrypts ? 'transform' : 'compression',
      );
      const zeros = dataOf(await tree.request(compressedRead(file.fileId, MIB, MIB)));
      assert.ok(zeros.equals(Buffer.alloc(MIB)));
      const odd = dataOf(await tree.request(compressedRead(file.fileId, 2 * MIB, 8192)));
      assert.ok(odd.equals(TEXT.subarray(0, 5000)));
      assert.equal(compressionTally.sent, before.sent + 3);
      await file.close();
    });
  }
}

test('answers that are small, gain nothing, are errors or were not asked for are as they always were', async () => {
  const tree = await enter(WINDOWS);
  const file = await open(tree, 'plain');
  const noise = randomBytes(MIB);
  await file.write(0, noise);
  await file.write(MIB, TEXT);
  const tape = record(tree.session.connection);
  assert.ok(dataOf(await tree.request(compressedRead(file.fileId, 0, MIB))).equals(noise));
  assert.ok(
    dataOf(await tree.request(compressedRead(file.fileId, MIB, 4000))).equals(
      TEXT.subarray(0, 4000),
    ),
  );
  assert.ok((await file.read(MIB, MIB)).equals(TEXT));
  assertStatus(await tree.request(compressedRead(file.fileId, 9 * MIB, MIB)), STATUS_END_OF_FILE);
  assert.equal(tape.length, 4);
  for (const frame of tape) assert.equal(protocolOf(frame), 'smb2');
  await file.close();
});

test('C22 where nothing was agreed upon the flag of READ means nothing', async () => {
  const tree = await stage.enter({ connect: {}, login: {} } as Parameters<typeof stage.enter>[0]);
  assert.equal(tree.response.shareFlags & SMB2_SHAREFLAG_COMPRESS_DATA, 0);
  await tree.writeFile('ignored', TEXT);
  const file = await tree.open('ignored');
  const tape = record(tree.session.connection);
  assert.ok(dataOf(await tree.request(compressedRead(file.fileId, 0, MIB))).equals(TEXT));
  assert.equal(protocolOf(tape[0]!), 'smb2');
  await file.close();
});

test('a compound with such a READ comes as one compressed message', async () => {
  const tree = await enter(WINDOWS);
  await tree.writeFile('together', TEXT);
  const any = Buffer.alloc(16, 0xff);
  const tape = record(tree.session.connection);
  const answers = await tree.compound([
    createRequest('together'),
    compressedRead(any, 0, 60_000),
    closeRequest(any),
  ]);
  assertStatuses(answers, [STATUS_SUCCESS, STATUS_SUCCESS, STATUS_SUCCESS]);
  assert.ok(dataOf(answers[1]!).equals(TEXT.subarray(0, 60_000)));
  assert.equal(tape.length, 1);
  assert.equal(protocolOf(tape[0]!), 'compression');
});

test('a compound that comes compressed is one', async () => {
  const tree = await enter(WINDOWS);
  const any = Buffer.alloc(16, 0xff);
  const how = { access: FILE_ALL_ACCESS, disposition: FILE_OPEN_IF };
  const before = compressionTally.received;
  const answers = await tree.compound(
    [
      createRequest('packed', how),
      writeRequest(any, 0, TEXT.subarray(0, 50_000)),
      closeRequest(any),
    ],
    { related: true, compress: { head: 0 } },
  );
  assertStatuses(answers, [STATUS_SUCCESS, STATUS_SUCCESS, STATUS_SUCCESS]);
  assert.equal(compressionTally.received, before + 1);
  assert.ok((await tree.readFile('packed')).equals(TEXT.subarray(0, 50_000)));
});

test('8 MiB each way, many at once, in order, while another client is served', async () => {
  const [tree, other] = [await enter(WINDOWS), await enter(LINUX)];
  const file = await open(tree, 'large');
  const large = Buffer.concat(new Array(8).fill(TEXT));
  let busy = true;
  const watch = (async () => {
    while (busy) {
      await other.open('').then((root) => root.close());
    }
  })();
  // Over one another: the last one counts.
  const writes = Array.from({ length: 6 }, (_, i) =>
    tree.request(writeRequest(file.fileId, 0, i === 5 ? large : Buffer.alloc(large.length, i)), {
      compress: WRITE_HEAD,
    }),
  );
  assertStatuses(await Promise.all(writes), new Array(6).fill(STATUS_SUCCESS));
  const reads = await Promise.all(
    Array.from({ length: 4 }, () => tree.request(compressedRead(file.fileId, 0, large.length))),
  );
  for (const answer of reads) assert.ok(dataOf(answer).equals(large));
  busy = false;
  await watch;
  await file.close();
});

test('3.3.5.4: none of the algorithms is known, and a client that offers none', async () => {
  const none = await enter({ algorithms: [CompressionAlgorithm.LZ4], chained: true });
  assert.equal(none.session.connection.negotiated!.compression, undefined);
  assert.equal(none.session.connection.negotiated!.response.negotiateContexts.length > 0, true);
  await assert.rejects(enter({ algorithms: [], chained: true }), /0xc000000d|INVALID_PARAMETER/);
});

/** What is compressed and lies, after login, in plain and encrypted; others go on. */
const lie = (
  flags: number,
  algorithm: number,
  size: number,
  offset: number,
  data: Buffer,
): Buffer =>
  Buffer.concat([
    encodeCompressionTransformHeader({
      originalCompressedSegmentSize: size,
      compressionAlgorithm: algorithm,
      flags,
      offset,
    }),
    data,
  ]);
const nothing = Buffer.from('ffffffff', 'hex');
/** A literal for each byte. */
const literal = (plain: Buffer): Buffer => {
  const parts: Buffer[] = [];
  for (let at = 0; at < plain.length; at += 32) {
    const piece = plain.subarray(at, at + 32);
    const flags = Buffer.alloc(4);
    if (piece.length < 32) flags.writeUInt32LE(0xffffffff >>> piece.length);
    parts.push(flags, piece);
  }
  return Buffer.concat(plain.length % 32 === 0 ? [...parts, nothing] : parts);
};
const honest = (m: Buffer): Buffer => lie(0, LZ77, m.length, 0, literal(m));
const sealed = Buffer.concat([Buffer.from('fd534d42', 'hex'), Buffer.alloc(120)]);
const smb1 = Buffer.concat([Buffer.from('ff534d42', 'hex'), Buffer.alloc(36)]);

test('a message of literals alone, and one that is before its compressed end, are answered', async () => {
  const tree = await enter(LINUX);
  for (const frame of [
    honest,
    (m: Buffer) => lie(0, LZ77, 4, 64, Buffer.concat([m.subarray(0, 64), literal(m.subarray(64))])),
  ]) {
    assertStatus(await tree.request(echoRequest(), { frame, encrypt: false }), STATUS_SUCCESS);
  }
});

for (const [title, liar] of [
  ['a size above all bounds', (m) => lie(0, LZ77, 0xffffffff, 0, literal(m))],
  ['more than it holds', (m) => lie(0, LZ77, m.length + 1, 0, literal(m))],
  ['less than it holds', (m) => lie(0, LZ77, m.length - 1, 0, literal(m))],
  ['nothing', () => lie(0, LZ77, 0, 0, nothing)],
  ['an algorithm that was not agreed upon', (m) => lie(0, LZNT1, m.length, 0, literal(m))],
  ['NONE', (m) => lie(0, 0, m.length, 0, m)],
  ['a chain', (m) => lie(1, 0, m.length, m.length, m)],
  ['unknown flags', (m) => lie(2, LZ77, m.length, 0, literal(m))],
  ['an Offset beyond it', (m) => lie(0, LZ77, m.length, 0x7fffffff, literal(m))],
  ['a compressed message', (m) => honest(honest(m))],
  ['an encrypted message', () => honest(sealed)],
  ['SMB1', () => honest(smb1)],
  ['a header cut off', (m) => honest(m.subarray(0, 40))],
  ['its own header cut off', (m) => honest(m).subarray(0, 12)],
] as readonly (readonly [string, (message: Buffer) => Buffer])[]) {
  for (const encrypt of [false, true]) {
    test(`3.3.5.2.1.2 ${title}${encrypt ? ', encrypted' : ''}: the connection ends, others go on`, async () => {
      const [tree, other] = [await enter(LINUX), await enter(LINUX)];
      const { cipher, sessionId } = tree.session;
      const frame = (m: Buffer): Buffer =>
        encrypt ? Buffer.concat(cipher!.seal(sessionId, [liar(m)])) : liar(m);
      await assert.rejects(tree.request(echoRequest(), { frame, encrypt: false }), ConnectionEnded);
      await other.writeFile('beside', Buffer.from('served'));
    });
  }
}

test('a signature is that of the plain message', async () => {
  const tree = await enter(LINUX);
  const file = await open(tree, 'signed');
  const request = writeRequest(file.fileId, 0, TEXT);
  const tampered = {
    ...request,
    protection: 'sign' as const,
    tamper: (message: Buffer) => {
      message[message.length - 1]! ^= 1;
      return message;
    },
  };
  const right = await tree.request({ ...request, protection: 'sign' }, { compress: WRITE_HEAD });
  assertStatus(right, STATUS_SUCCESS);
  const wrong = await tree.request(tampered, { compress: WRITE_HEAD });
  assert.notEqual(wrong.status, STATUS_SUCCESS);
});

test('before a login a message has its small bound before and after', async () => {
  const setup = await stage.server.connect({ compression: LINUX });
  const frame = (m: Buffer): Buffer => honest(m);
  // Whoever compresses a login is answered: this token is none.
  const answer = await setup.request({ ...sessionSetup, header: { sessionId: 0 } }, {}, { frame });
  assert.notEqual(answer.status, STATUS_SUCCESS);
  const ends = async (change: (m: Buffer) => Buffer, terms = LINUX): Promise<void> => {
    const stranger = await stage.server.connect({ compression: terms });
    const options = { frame: change };
    await assert.rejects(stranger.request(sessionSetup, {}, options), ConnectionEnded);
  };
  // The whole would do after a login.
  const zeros = (m: Buffer, count: number): Buffer =>
    lie(1, 0, m.length + count, m.length, Buffer.concat([m, pattern(count)]));
  const stranger = await stage.server.connect({ compression: WINDOWS });
  const small = { frame: (m: Buffer) => zeros(m, 60_000) };
  assert.notEqual((await stranger.request(sessionSetup, {}, small)).status, STATUS_SUCCESS);
  await ends((m) => zeros(m, 70_000), WINDOWS);
  await ends((m) =>
    lie(0, LZ77, 70_000, m.length, Buffer.concat([m, literal(Buffer.alloc(60_000))])),
  );
  await ends((m) => honest(honest(m)));
  const plain = await stage.server.connect();
  await assert.rejects(plain.request(sessionSetup, {}, { frame: honest }), ConnectionEnded);
});

const sessionSetup = {
  command: Command.SESSION_SETUP,
  body: encodeSessionSetupRequest({
    flags: 0,
    securityMode: 1,
    capabilities: 0,
    previousSessionId: 0,
    securityBuffer: Buffer.from('no token'),
  }),
};

/** A payload of a chain, 2.2.42.2.1 and 2.2.42.2.2: so many zeros. */
function pattern(repetitions: number): Buffer {
  const payload = Buffer.alloc(16);
  payload.writeUInt16LE(PATTERN_V1, 0);
  payload.writeUInt32LE(8, 4);
  payload.writeUInt32LE(repetitions, 12);
  return payload;
}
