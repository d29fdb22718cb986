/** MS-SMB2 3.3.4.1.5 and 3.3.5.2.1.2 with workers: what a worker has decompressed goes to the owner, and it compresses the answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compressionTally } from '../server/compression.ts';
import { TestClient } from '../server/test-client.support.test.ts';
import { read, write } from '../server/test-requests.support.test.ts';
import { World } from '../server/test-world.support.test.ts';
import {
  type CompressionTerms,
  decompressMessage,
  MessageCompressor,
  readCompressed,
} from '../smb2/compression.ts';
import { protocolOf } from '../smb2/header.ts';
import { CompressionAlgorithm } from '../smb2/negotiate-contexts.ts';
import { decodeReadResponse, SMB2_READFLAG_REQUEST_COMPRESSED } from '../smb2/read.ts';

const TERMS: CompressionTerms = {
  algorithms: [CompressionAlgorithm.LZ77, CompressionAlgorithm.PATTERN_V1],
  chained: true,
};
const LIMITS = { maxSegment: 1 << 20, maxMessage: 1 << 20 };
const BYTES = 60_000;
/** Of READ's body, 2.2.19. */
const READ_FLAGS_AT = 3;

function packed(message: Buffer): Buffer {
  const work = new MessageCompressor(Buffer.alloc(0), message, TERMS, Buffer.alloc(message.length));
  while (!work.go(message.length));
  return work.parts === undefined ? message : Buffer.concat(work.parts);
}

for (const sign of [true, false]) {
  test(`a worker decompresses and compresses, ${sign ? 'signed' : 'unsigned'}; the owner does neither`, async () => {
    const world = new World({ workers: 2 });
    const client = new TestClient(world);
    await client.negotiate();
    client.handler.connection.compression = TERMS;
    const frames: string[] = [];
    const take = client.transport.onFrame;
    client.transport.onFrame = (frame) => {
      frames.push(protocolOf(frame));
      const isCompressed = protocolOf(frame) === 'compression';
      take(isCompressed ? decompressMessage(readCompressed(frame, TERMS, LIMITS)) : frame);
    };
    const session = await client.login();
    session.sign = sign;
    const treeId = await client.tree(session);
    const file = await client.open(session, treeId, 'file');
    const [owners] = [...world.server.connections];
    assert.deepEqual(owners!.compression, TERMS, 'the owner knows, for who asks what is there');

    const { receive } = client.handler;
    client.handler.receive = (message) => receive(packed(message));
    const data = Buffer.alloc(BYTES, 'a line that comes again\n');
    const before = { ...compressionTally };
    const written = await client.call({ ...write(file, data), treeId }, session);
    assert.equal(written.status, 0);
    client.handler.receive = receive;
    assert.equal(compressionTally.received, before.received + 1);

    const plain = await client.call({ ...read(file, { length: BYTES }), treeId }, session);
    assert.deepEqual(decodeReadResponse(plain.message).data, data);
    assert.ok(frames.every((one) => one === 'smb2'));
    const asked = read(file, { length: BYTES });
    asked.body[READ_FLAGS_AT] = SMB2_READFLAG_REQUEST_COMPRESSED;
    const answer = await client.call({ ...asked, treeId }, session);
    assert.deepEqual(decodeReadResponse(answer.message).data, data);
    assert.equal(frames.at(-1), 'compression');
    assert.equal(compressionTally.sent, before.sent + 1, 'once');
    assert.deepEqual(world.errors, []);
  });
}
