/**
 * MS-SMB2 3.3.4.17, 3.3.5.6, 3.3.5.8, 3.3.5.10, 3.3.7.1: everything that can end (open, tree connect,
 * session, connection) ends while each kind of operation hangs in the file system. Whatever the order,
 * nothing is used after its close (the memory file system asserts that), nothing is closed twice,
 * nothing stays open, and every request whose connection lives is answered.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STATUS_PENDING } from '../dtyp/ntstatus.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { encodeRenameInformation, FileDispositionInformation } from '../fscc/rename-information.ts';
import { SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB } from '../smb2/close.ts';
import {
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OVERWRITE_IF,
  FILE_SUPERSEDE,
} from '../smb2/create-options.ts';
import { encodeFlushRequest } from '../smb2/flush.ts';
import { Command } from '../smb2/header.ts';
import { encodeLogoffRequest } from '../smb2/logoff.ts';
import { encodeQueryDirectoryRequest } from '../smb2/query-directory.ts';
import { encodeQueryInfoRequest } from '../smb2/query-info.ts';
import { encodeReadRequest } from '../smb2/read.ts';
import { encodeSetInfoRequest } from '../smb2/set-info.ts';
import { encodeTreeDisconnectRequest } from '../smb2/tree-disconnect.ts';
import { encodeWriteRequest, SMB2_WRITEFLAG_WRITE_THROUGH } from '../smb2/write.ts';
import {
  type ClientSession,
  close,
  connected,
  create,
  type Draft,
  type FileId,
  TestClient,
} from './test-client.support.test.ts';
import { turns, World } from './test-world.support.test.ts';

interface Scene {
  readonly world: World;
  readonly client: TestClient;
  readonly session: ClientSession;
  readonly treeId: number;
  readonly file: FileId;
  readonly directory: FileId;
}

const setInfo = (id: FileId, fileInfoClass: number, buffer: Buffer): Draft => ({
  command: Command.SET_INFO,
  body: encodeSetInfoRequest({
    infoType: 1,
    fileInfoClass,
    additionalInformation: 0,
    ...id,
    buffer,
  }),
});

const rename = (id: FileId): Draft =>
  setInfo(
    id,
    FileInformationClass.FileRenameInformation,
    encodeRenameInformation({ replaceIfExists: true, rootDirectory: 0, fileName: 'other' }),
  );

const dispose = (id: FileId): Draft =>
  setInfo(
    id,
    FileInformationClass.FileDispositionInformation,
    FileDispositionInformation.encode({ deletePending: true }),
  );

const list = (id: FileId, fileName = '*'): Draft => ({
  command: Command.QUERY_DIRECTORY,
  body: encodeQueryDirectoryRequest({
    fileInformationClass: FileInformationClass.FileIdBothDirectoryInformation,
    flags: 0,
    fileIndex: 0,
    ...id,
    outputBufferLength: 65_536,
    fileName,
  }),
});

const query = (id: FileId): Draft => ({
  command: Command.QUERY_INFO,
  body: encodeQueryInfoRequest({
    infoType: 1,
    fileInfoClass: FileInformationClass.FileAllInformation,
    outputBufferLength: 4096,
    additionalInformation: 0,
    flags: 0,
    ...id,
    inputBuffer: Buffer.alloc(0),
  }),
});

const read = (id: FileId): Draft => ({
  command: Command.READ,
  body: encodeReadRequest({
    padding: 0x50,
    flags: 0,
    length: 100,
    offset: 0,
    ...id,
    minimumCount: 0,
    channel: 0,
    remainingBytes: 0,
    readChannelInfo: Buffer.alloc(0),
  }),
});

const write = (id: FileId, flags = 0): Draft => ({
  command: Command.WRITE,
  body: encodeWriteRequest({
    offset: 0,
    ...id,
    channel: 0,
    remainingBytes: 0,
    flags,
    data: Buffer.from('later'),
    writeChannelInfo: Buffer.alloc(0),
  }),
});

/** An operation and the call of the file system that it hangs in. */
const OPERATIONS: readonly (readonly [
  name: string,
  gates: readonly string[],
  draft: (scene: Scene) => Draft,
])[] = [
  ['CREATE of a new file', ['lookup', 'create', 'stat'], () => create({ name: 'dir\\fresh' })],
  [
    'CREATE of a new file, delete on close',
    ['lookup', 'create', 'stat', 'remove'],
    () => create({ name: 'fresh', createOptions: FILE_DELETE_ON_CLOSE }),
  ],
  [
    'CREATE of an existing file',
    ['lookup', 'stat', 'permissions', 'removable', 'open'],
    () => create({ name: 'other' }),
  ],
  [
    'CREATE that overwrites',
    ['open', 'truncate', 'set'],
    () => create({ name: 'other', createDisposition: FILE_OVERWRITE_IF }),
  ],
  [
    'CREATE that supersedes',
    ['truncate'],
    () => create({ name: 'other', createDisposition: FILE_SUPERSEDE }),
  ],
  [
    'CREATE of a directory',
    ['create', 'stat'],
    () => create({ name: 'new directory', createOptions: FILE_DIRECTORY_FILE }),
  ],
  ['READ', ['read'], ({ file }) => read(file)],
  ['WRITE', ['write'], ({ file }) => write(file)],
  ['WRITE through', ['write', 'flush'], ({ file }) => write(file, SMB2_WRITEFLAG_WRITE_THROUGH)],
  [
    'FLUSH',
    ['flush'],
    ({ file }) => ({ command: Command.FLUSH, body: encodeFlushRequest({ reserved1: 0, ...file }) }),
  ],
  [
    'QUERY_DIRECTORY',
    ['cursor', 'cursor.next', 'cursor.stat', 'stat', 'lookup'],
    ({ directory }) => list(directory),
  ],
  ['QUERY_DIRECTORY of one name', ['child'], ({ directory }) => list(directory, 'inner')],
  ['QUERY_INFO', ['stat'], ({ file }) => query(file)],
  ['rename', ['lookup', 'stat', 'rename'], ({ file }) => rename(file)],
  ['disposition', ['stat', 'removable'], ({ file }) => dispose(file)],
  ['disposition of a directory', ['stat', 'isEmpty'], ({ directory }) => dispose(directory)],
  ['CLOSE', ['stat'], ({ file }) => close(file, SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB)],
];

const END_TREE = { command: Command.TREE_DISCONNECT, body: encodeTreeDisconnectRequest() };
const LOGOFF = { command: Command.LOGOFF, body: encodeLogoffRequest() };

/** What ends meanwhile; resolves when the client has its answer. */
const ENDS: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  CLOSE: async ({ client, session, treeId, file, directory }) => {
    const ids = [file, directory].map((id) => client.send([{ ...close(id), treeId }], session)[0]!);
    await Promise.all(ids.map((id) => client.final(id)));
  },
  TREE_DISCONNECT: ({ client, session, treeId }) => client.call({ ...END_TREE, treeId }, session),
  LOGOFF: ({ client, session }) => client.call(LOGOFF, session),
  'loss of the connection': ({ client }) => client.handler.closed(),
  'a login with PreviousSessionId': async ({ world, session }) => {
    const other = new TestClient(world);
    await other.negotiate();
    await other.login('ann', { previous: session.sessionId });
    await other.lost();
  },
};

async function scene(): Promise<Scene> {
  const world = new World();
  const { client, session, treeId } = await connected(world);
  const directory = await client.open(session, treeId, 'dir', {
    createOptions: FILE_DIRECTORY_FILE,
  });
  for (const name of ['dir\\inner', 'other']) {
    const id = await client.open(session, treeId, name);
    await client.call({ ...write(id), treeId }, session);
    await client.close(session, treeId, id);
  }
  const file = await client.open(session, treeId, 'file');
  return { world, client, session, treeId, file, directory };
}

for (const [name, gates, draft] of OPERATIONS) {
  for (const gate of gates) {
    for (const [end, perform] of Object.entries(ENDS)) {
      test(`${end} while ${name} hangs in ${gate}()`, async () => {
        const here = await scene();
        const { world, client, session, treeId } = here;
        world.gates.shut(gate);
        const [id] = client.send([{ ...draft(here), treeId }], session);
        await turns();
        assert.ok(world.gates.waiting.length > 0 || gate === 'remove', 'the operation hangs');
        const ending = perform(here);
        await turns();
        world.gates.open(gate);
        await ending;
        await turns();
        if (end !== 'loss of the connection') {
          const reply = client.finalNow(id!);
          assert.ok(reply !== undefined && reply.status !== STATUS_PENDING, 'it is answered');
          await client.lost();
        }
        world.assertEmpty();
      });
    }
  }
}
