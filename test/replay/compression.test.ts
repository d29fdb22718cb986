/**
 * Windows offers to compress what it sends and reads. A server that says yes and does it wrong shows "an unexpected
 * network error" in large folders; this one says no, and nothing that a client asks for later changes that.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionEnded } from '../../src/client/client-error.ts';
import { queryDirectoryRequest, readRequest } from '../../src/client/requests.ts';
import { STATUS_SUCCESS } from '../../src/dtyp/ntstatus.ts';
import { decodeDirectory } from '../../src/fscc/directory-information.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import {
  encodeCompressionTransformHeader,
  SMB2_COMPRESSION_FLAG_CHAINED,
  SMB2_COMPRESSION_FLAG_NONE,
} from '../../src/smb2/compression.ts';
import { FILE_DIRECTORY_FILE } from '../../src/smb2/create-options.ts';
import { HEADER_SIZE, protocolOf } from '../../src/smb2/header.ts';
import {
  CompressionAlgorithm,
  NegotiateContextType,
  negotiateContextsOf,
} from '../../src/smb2/negotiate-contexts.ts';
import { decodeQueryDirectoryResponse } from '../../src/smb2/query-directory.ts';
import { decodeReadResponse, SMB2_READFLAG_REQUEST_COMPRESSED } from '../../src/smb2/read.ts';
import { SMB2_SHAREFLAG_COMPRESS_DATA } from '../../src/smb2/share-flags.ts';
import { PROTECTIONS, win11 } from './personas.ts';
import { assertStatus, openStage, record } from './stage.ts';

const stage = await openStage();
const MEGABYTE = 1 << 20;
/** What every algorithm makes almost nothing of. */
const ZEROS = Buffer.alloc(MEGABYTE);
/** Of READ's request, behind StructureSize and Padding. */
const READ_FLAGS_AT = HEADER_SIZE + 3;
const ENTRIES = 600;

for (const protection of PROTECTIONS) {
  test(`B43 compression is offered, not agreed upon, and never used (${protection.name})`, async () => {
    const tree = await stage.enter(win11, protection);
    const negotiated = tree.session.connection.negotiated!;
    if (negotiated.request.negotiateContexts.length > 0) {
      const asked = NegotiateContextType.COMPRESSION_CAPABILITIES;
      assert.equal(negotiateContextsOf(negotiated.request.negotiateContexts, asked).length, 1);
      assert.deepEqual(negotiateContextsOf(negotiated.response.negotiateContexts, asked), []);
    }
    // Robocopy /compress asks where the share says so.
    assert.equal(tree.response.shareFlags & SMB2_SHAREFLAG_COMPRESS_DATA, 0);

    const name = `zeros ${protection.name}`;
    await tree.writeFile(name, ZEROS);
    const tape = record(tree.session.connection);
    const file = await tree.open(name);
    const read = readRequest(file.fileId, 0, MEGABYTE);
    read.body[READ_FLAGS_AT - HEADER_SIZE] = SMB2_READFLAG_REQUEST_COMPRESSED;
    const answer = await tree.request(read);
    assertStatus(answer, STATUS_SUCCESS);
    assert.ok(decodeReadResponse(answer.message).data.equals(ZEROS));
    await file.close();
    assert.ok(tape.reduce((sum, frame) => sum + frame.length, 0) > MEGABYTE);
    for (const frame of tape) assert.notEqual(protocolOf(frame), 'compression');
  });
}

test('B43 a large folder comes as it is, in whole entries', async () => {
  const tree = await stage.enter();
  await tree.makeDirectory('large');
  const names = Array.from(
    { length: ENTRIES },
    (_, i) => `photograph ${i} of the same holiday.jpeg`,
  );
  for (const name of names) await tree.writeFile(`large\\${name}`, Buffer.alloc(0));
  const tape = record(tree.session.connection);
  const folder = await tree.open('large', { options: FILE_DIRECTORY_FILE });
  const answer = await tree.request(
    queryDirectoryRequest(folder.fileId, Class.FileIdBothDirectoryInformation, {
      pattern: '*',
      outputBytes: MEGABYTE,
    }),
  );
  assertStatus(answer, STATUS_SUCCESS);
  const { outputBuffer } = decodeQueryDirectoryResponse(answer.message);
  const listed = decodeDirectory(Class.FileIdBothDirectoryInformation, outputBuffer);
  assert.deepEqual(new Set(listed.map(({ name }) => name)), new Set([...names, '.', '..']));
  for (const frame of tape) assert.notEqual(protocolOf(frame), 'compression');
});

/** 3.3.5.2.1.2: where no compression was negotiated the connection ends; others go on. */
for (const [title, flags, algorithm] of [
  ['in one', SMB2_COMPRESSION_FLAG_NONE, CompressionAlgorithm.LZ77],
  ['chained', SMB2_COMPRESSION_FLAG_CHAINED, CompressionAlgorithm.LZNT1],
] as const) {
  test(`B43 who compresses all the same is disconnected, and nobody else (${title})`, async () => {
    const [tree, other] = [await stage.enter(), await stage.enter()];
    const compressed = Buffer.concat([
      encodeCompressionTransformHeader({
        originalCompressedSegmentSize: 0x7fff_ffff,
        compressionAlgorithm: algorithm,
        flags,
        offset: 0,
      }),
      Buffer.alloc(64, 0xff),
    ]);
    const { connection } = tree.session;
    connection.socket.send([compressed]);
    await assert.rejects(tree.open(''), ConnectionEnded);
    await other.writeFile(`beside ${title}`, Buffer.from('served'));
    assert.equal((await other.readFile(`beside ${title}`)).toString(), 'served');
  });
}
