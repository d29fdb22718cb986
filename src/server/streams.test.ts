/** MS-FSA 2.1.5.1, 2.1.5.12.29 and 2.1.4.1: named streams made, opened, told of, on files in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DELETE, FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_CANNOT_DELETE,
  STATUS_DELETE_PENDING,
  STATUS_FILE_IS_A_DIRECTORY,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_A_DIRECTORY,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_READONLY,
} from '../fscc/attributes.ts';
import {
  FileBasicInformation,
  FileEndOfFileInformation,
  FileInternalInformation,
  FileStandardInformation,
} from '../fscc/file-information.ts';
import { FILE_NAMED_STREAMS } from '../fscc/fs-attributes.ts';
import { FileInformationClass as Class, FsInformationClass } from '../fscc/information-class.ts';
import { decodeNotifyInformation } from '../fscc/notify-information.ts';
import {
  decodeChangeNotifyResponse,
  encodeChangeNotifyRequest,
  FILE_NOTIFY_CHANGE_LAST_WRITE,
  FILE_NOTIFY_CHANGE_STREAM_NAME,
  FILE_NOTIFY_CHANGE_STREAM_SIZE,
  FILE_NOTIFY_CHANGE_STREAM_WRITE,
} from '../smb2/change-notify.ts';
import {
  FILE_CREATE,
  FILE_CREATED,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPENED,
  FILE_OVERWRITE,
  FILE_OVERWRITE_IF,
  FILE_OVERWRITTEN,
  FILE_SUPERSEDE,
} from '../smb2/create-options.ts';
import { Command } from '../smb2/header.ts';
import { connected } from './test-client.support.test.ts';
import { flush, link, read, setInfo, write } from './test-requests.support.test.ts';
import { Scene, scenario } from './test-streams.support.test.ts';
import { World } from './test-world.support.test.ts';

scenario('making one makes its file, and only data that is its own', async (scene) => {
  const made = await scene.open('f:One', { createDisposition: FILE_CREATE });
  assert.equal(made.createAction, FILE_CREATED);
  assert.equal(made.fileAttributes, FILE_ATTRIBUTE_ARCHIVE);
  await scene.done(write(made, 'first'));
  await scene.done(flush(made));
  await scene.close(made);
  assert.deepEqual(await scene.streams('f'), ['::$DATA 0', ':One:$DATA 5']);
  await scene.put('f', 'content');
  const more = await scene.open('f:two:$dAtA', { createDisposition: FILE_CREATE });
  assert.equal(more.createAction, FILE_CREATED);
  await scene.close(more);
  assert.deepEqual(await scene.streams('f'), ['::$DATA 7', ':One:$DATA 5', ':two:$DATA 0']);
  assert.equal(await scene.content('f:ONE'), 'first');
  assert.equal(await scene.content('f'), 'content');
  const again = await scene.open('f:one');
  assert.equal(again.createAction, FILE_OPENED);
  assert.equal(again.endOfFile, 5);
  await scene.close(again);
});

scenario('directories and the root have streams, too', async (scene) => {
  await scene.close(await scene.open('d', { createOptions: FILE_DIRECTORY_FILE }));
  await scene.put('d:s', 'of d');
  await scene.put(':s', 'of the root');
  assert.deepEqual(await scene.streams('d'), [':s:$DATA 4']);
  assert.deepEqual(await scene.streams(''), [':s:$DATA 11']);
  assert.equal(await scene.content(':S:$DATA'), 'of the root');
  const id = await scene.open(':s', { createOptions: FILE_DELETE_ON_CLOSE });
  await scene.close(id);
  assert.deepEqual(await scene.streams(''), []);
  const stream = await scene.open('d:s');
  assert.equal(FileStandardInformation.read(await scene.info(stream, 5)).directory, false);
  await scene.close(stream);
});

scenario('names, each with its status', async (scene) => {
  await scene.put('f', '');
  await scene.close(await scene.open('d', { createOptions: FILE_DIRECTORY_FILE }));
  const open = { createDisposition: FILE_OPEN };
  for (const [name, status] of [
    ['f:s', STATUS_OBJECT_NAME_NOT_FOUND],
    ['missing:s', STATUS_OBJECT_NAME_NOT_FOUND],
    ['f::$DATA', STATUS_SUCCESS],
    ['f::$data', STATUS_SUCCESS],
    ['d::$DATA', STATUS_FILE_IS_A_DIRECTORY],
    ['d::$INDEX_ALLOCATION', STATUS_SUCCESS],
    ['d:$I30:$INDEX_ALLOCATION', STATUS_SUCCESS],
    ['d:other:$INDEX_ALLOCATION', STATUS_INVALID_PARAMETER],
    ['f:$I30:$INDEX_ALLOCATION', STATUS_NOT_A_DIRECTORY],
    ['f:$I30', STATUS_OBJECT_NAME_NOT_FOUND],
    ['f:', STATUS_OBJECT_NAME_INVALID],
    ['f:s:', STATUS_OBJECT_NAME_INVALID],
    ['f:s:$EA', STATUS_OBJECT_NAME_INVALID],
    ['f:s:?D*a', STATUS_OBJECT_NAME_INVALID],
    ['f:a:b:c', STATUS_OBJECT_NAME_INVALID],
    ['f*:s', STATUS_OBJECT_NAME_INVALID],
    ['f:a/b', STATUS_OBJECT_NAME_INVALID],
    ['f:?*"<>|\u0001', STATUS_OBJECT_NAME_NOT_FOUND],
    ['f:s\\', STATUS_OBJECT_NAME_INVALID],
    ['f:s\\x', STATUS_OBJECT_NAME_INVALID],
  ] as const) {
    const made = await scene.make(name, open);
    assert.equal(made.status.toString(16), status.toString(16), name);
    if (made.status === STATUS_SUCCESS) await scene.close(made.open);
  }
  const directory = { ...open, createOptions: FILE_DIRECTORY_FILE };
  await scene.refused('f:s', STATUS_NOT_A_DIRECTORY, directory);
  await scene.refused('d::$DATA', STATUS_NOT_A_DIRECTORY, directory);
});

scenario(
  'without them on the disk no name has one',
  async (scene) => {
    await scene.put('f', 'x');
    for (const name of ['f::$DATA', 'f:s', ':s', 'f:s:$DATA']) {
      await scene.refused(name, STATUS_OBJECT_NAME_INVALID);
    }
    assert.deepEqual(await scene.streams('f'), ['::$DATA 1']);
    const id = await scene.open('f');
    const attributes = await scene.info(id, FsInformationClass.FileFsAttributeInformation, 2);
    assert.equal(attributes.readUInt32LE(0) & FILE_NAMED_STREAMS, 0);
    await scene.close(id);
  },
  { features: { namedStreams: false } },
);

scenario('dispositions: an overwritten stream leaves the file alone', async (scene) => {
  await scene.close(await scene.open('f', { fileAttributes: FILE_ATTRIBUTE_HIDDEN }));
  await scene.put('f', 'data');
  await scene.put('f:s', 'stream');
  await scene.refused('f:s', STATUS_OBJECT_NAME_COLLISION, { createDisposition: FILE_CREATE });
  await scene.refused('f:t', STATUS_OBJECT_NAME_NOT_FOUND, { createDisposition: FILE_OVERWRITE });
  // HIDDEN guards the file's own data only.
  const over = await scene.open('f:s', { createDisposition: FILE_OVERWRITE_IF });
  assert.equal(over.createAction, FILE_OVERWRITTEN);
  assert.equal(over.endOfFile, 0);
  assert.equal(over.fileAttributes, FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_ARCHIVE);
  await scene.close(over);
  const made = await scene.open('f:u', { createDisposition: FILE_SUPERSEDE });
  assert.equal(made.createAction, FILE_CREATED);
  await scene.close(made);
  assert.deepEqual(await scene.streams('f'), ['::$DATA 4', ':s:$DATA 0', ':u:$DATA 0']);
});

scenario(
  'an overwritten file keeps no streams; what is open goes with its close',
  async (scene) => {
    for (const createDisposition of [FILE_OVERWRITE, FILE_OVERWRITE_IF, FILE_SUPERSEDE]) {
      await scene.put('f', 'data');
      await scene.put('f:s', 'stream');
      const held = await scene.open('f:t', { desiredAccess: FILE_READ_DATA | FILE_WRITE_DATA });
      await scene.done(write(held, 'held'));
      await scene.close(await scene.open('f', { createDisposition }));
      await scene.refused('f:t', STATUS_DELETE_PENDING);
      await scene.done(read(held));
      await scene.close(held);
      assert.deepEqual(await scene.streams('f'), ['::$DATA 0']);
    }
  },
);

scenario('what is asked of a stream, and what of its file', async (scene) => {
  await scene.put('f', 'data');
  const id = await scene.open('F:Stream');
  await scene.done(write(id, 'stream'));
  assert.equal(await scene.nameOf(id, Class.FileNameInformation), '\\f:Stream');
  assert.equal(await scene.nameOf(id, Class.FileNormalizedNameInformation), 'f:Stream');
  const standard = FileStandardInformation.read(
    await scene.info(id, Class.FileStandardInformation),
  );
  assert.deepEqual(
    [standard.endOfFile, standard.numberOfLinks, standard.directory, standard.deletePending],
    [6, 1, false, false],
  );
  const file = await scene.open('f');
  const [of, and] = [
    await scene.info(id, Class.FileInternalInformation),
    await scene.info(file, Class.FileInternalInformation),
  ];
  assert.deepEqual(FileInternalInformation.read(of), FileInternalInformation.read(and));
  const basic = {
    creationTime: 10n ** 17n,
    lastAccessTime: 0n,
    lastWriteTime: 11n * 10n ** 16n,
    changeTime: 0n,
    fileAttributes: FILE_ATTRIBUTE_HIDDEN,
  };
  await scene.done(setInfo(id, Class.FileBasicInformation, FileBasicInformation.encode(basic)));
  const seen = FileBasicInformation.read(await scene.info(file, Class.FileBasicInformation));
  assert.deepEqual(
    [seen.creationTime, seen.lastWriteTime, seen.fileAttributes],
    [basic.creationTime, basic.lastWriteTime, FILE_ATTRIBUTE_HIDDEN],
  );
  const end = FileEndOfFileInformation.encode({ endOfFile: 2 });
  await scene.done(setInfo(id, Class.FileEndOfFileInformation, end));
  assert.deepEqual(await scene.streams('f'), ['::$DATA 4', ':Stream:$DATA 2']);
  await scene.gives(link(id, 'g'), STATUS_INVALID_PARAMETER);
  await scene.close(id);
  await scene.close(file);
});

scenario('FILE_NAMED_STREAMS is told', async (scene) => {
  const id = await scene.open('f');
  const attributes = await scene.info(id, FsInformationClass.FileFsAttributeInformation, 2);
  assert.notEqual(attributes.readUInt32LE(0) & FILE_NAMED_STREAMS, 0);
  await scene.close(id);
});

scenario('rights are those of the file', async (scene) => {
  const readonly = { fileAttributes: FILE_ATTRIBUTE_READONLY };
  await scene.put('r:s', 'x');
  const id = await scene.open('r');
  const basic = { creationTime: 0n, lastAccessTime: 0n, lastWriteTime: 0n, changeTime: 0n };
  const marked = FileBasicInformation.encode({ ...basic, ...readonly });
  await scene.done(setInfo(id, Class.FileBasicInformation, marked));
  await scene.close(id);
  await scene.refused('r:s', STATUS_ACCESS_DENIED, { desiredAccess: FILE_WRITE_DATA });
  await scene.refused('r:new', STATUS_ACCESS_DENIED, { desiredAccess: FILE_READ_DATA });
  await scene.close(await scene.open('r:s', { desiredAccess: FILE_READ_DATA }));
  const made = await scene.make('q:s', { ...readonly, createOptions: FILE_DELETE_ON_CLOSE });
  assert.equal(made.status, STATUS_CANNOT_DELETE);
  const doc = { desiredAccess: DELETE, createOptions: FILE_DELETE_ON_CLOSE };
  await scene.refused('r:s', STATUS_CANNOT_DELETE, doc);
  // A read-only directory is no read-only data.
  const directory = { ...readonly, createOptions: FILE_DIRECTORY_FILE };
  await scene.close(await scene.open('d', directory));
  await scene.put('d:s', 'x');
});

scenario(
  'a read-only share makes none',
  async (scene) => {
    scene.world.memory.plant.file(['f']);
    await scene.refused('f:t', STATUS_ACCESS_DENIED, { desiredAccess: FILE_READ_DATA });
  },
  { on: 'fixed' },
);

scenario('changes of streams are told to who asks for them', async (scene) => {
  const STREAMS =
    FILE_NOTIFY_CHANGE_STREAM_NAME |
    FILE_NOTIFY_CHANGE_STREAM_SIZE |
    FILE_NOTIFY_CHANGE_STREAM_WRITE;
  const watch = async (filter: number) => {
    const id = await scene.open('', { desiredAccess: 0x81, createOptions: FILE_DIRECTORY_FILE });
    const next = async (): Promise<string[]> => {
      const [message] = scene.client.send(
        [
          {
            command: Command.CHANGE_NOTIFY,
            treeId: scene.treeId,
            body: encodeChangeNotifyRequest({
              flags: 0,
              outputBufferLength: 4096,
              persistentId: id.persistentId,
              volatileId: id.volatileId,
              completionFilter: filter,
            }),
          },
        ],
        scene.session,
      );
      const reply = await scene.client.final(message!);
      const { outputBuffer } = decodeChangeNotifyResponse(reply.message);
      return decodeNotifyInformation(outputBuffer).map((one) => `${one.action} ${one.fileName}`);
    };
    return { id, next };
  };
  const streams = await watch(STREAMS);
  const files = await watch(FILE_NOTIFY_CHANGE_LAST_WRITE);
  const first = streams.next();
  const plain = files.next();
  const id = await scene.open('f:s');
  assert.deepEqual(await first, ['6 f:s']);
  await scene.done(write(id, 'x'));
  const second = streams.next();
  await scene.close(id);
  assert.deepEqual(await second, ['8 f:s']);
  const third = streams.next();
  await scene.close(await scene.open('f:s', { createDisposition: FILE_OVERWRITE }));
  assert.deepEqual(await third, ['8 f:s']);
  const fourth = streams.next();
  await scene.close(await scene.open('f:s', { createOptions: FILE_DELETE_ON_CLOSE }));
  assert.deepEqual(await fourth, ['7 f:s']);
  const stamped = await scene.open('f:t');
  const basic = {
    creationTime: 0n,
    lastAccessTime: 0n,
    lastWriteTime: 11n * 10n ** 16n,
    changeTime: 0n,
    fileAttributes: 0,
  };
  await scene.done(
    setInfo(stamped, Class.FileBasicInformation, FileBasicInformation.encode(basic)),
  );
  await scene.close(stamped);
  assert.deepEqual(await plain, ['3 f']);
  await scene.close(streams.id);
  await scene.close(files.id);
});

test('streams: a file that cannot have the stream it was made for is not made', async () => {
  const world = new World({
    fail: ({ method, path }) => (method === 'createStream' && path[0] === 'full' ? -28 : 0),
  });
  const scene = new Scene(world, await connected(world));
  await scene.refused('full:s', 0xc000007f);
  await scene.refused('full', STATUS_OBJECT_NAME_NOT_FOUND, { createDisposition: FILE_OPEN });
  await scene.client.lost();
  world.assertEmpty();
});
