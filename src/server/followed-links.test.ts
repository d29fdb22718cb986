/** smb.conf `follow symlinks`: what leads where within a share, for clients that follow nothing themselves. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cifs } from '../../test/replay/personas.ts';
import { PASSWORD, SHARE, startServer, USER } from '../../test/support/in-process-server.ts';
import { closeFid, fidOf, ntCreate, Smb1Client } from '../../test/support/smb1-client.ts';
import { createRequest, type OpenOptions } from '../client/requests.ts';
import type { ClientTree } from '../client/tree.ts';
import { configure } from '../config/configuration.ts';
import { DELETE, FILE_GENERIC_READ, FILE_READ_ATTRIBUTES } from '../dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_STOPPED_ON_SYMLINK,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_REPARSE_POINT } from '../fscc/attributes.ts';
import { FileBasicInformation, FileStandardInformation } from '../fscc/file-information.ts';
import { FileInformationClass as Class } from '../fscc/information-class.ts';
import { encodeRenameInformation } from '../fscc/rename-information.ts';
import { nativeSupport } from '../native/support.ts';
import { decodeCreateResponse } from '../smb2/create.ts';
import { encodePosixCreateRequest } from '../smb2/create-context-values.ts';
import { CreateContextName } from '../smb2/create-contexts.ts';
import {
  FILE_CREATE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN_IF,
  FILE_OPEN_REPARSE_POINT,
} from '../smb2/create-options.ts';

const skip = nativeSupport().unavailable ?? false;

interface Kit {
  readonly folder: string;
  readonly tree: ClientTree;
  readonly server: Awaited<ReturnType<typeof startServer>>;
  at(...names: string[]): string;
  /** What an open is answered. */
  status(name: string, how?: OpenOptions): Promise<number>;
}

function check(name: string, act: (kit: Kit) => Promise<void>, vetoFiles: string[] = []): void {
  test(name, { skip }, async () => {
    const outer = mkdtempSync(join(tmpdir(), 'usmbd-links-'));
    const folder = join(outer, 'share');
    for (const path of [outer, folder, join(folder, 'real'), join(folder, 'real', 'deep')]) {
      if (path !== outer) mkdirSync(path);
      chmodSync(path, 0o777);
    }
    writeFileSync(join(outer, 'outside'), 'secret');
    for (const path of ['real/file', 'real/deep/file', 'hidden']) {
      writeFileSync(join(folder, path), path);
      chmodSync(join(folder, path), 0o666);
    }
    const server = await startServer({
      shares: [],
      configuration: configure({
        global: { minProtocol: 0x0100, signing: 'auto' },
        shares: [{ name: SHARE, path: folder, readOnly: false, followSymlinks: true, vetoFiles }],
      }),
      users: [{ name: USER, password: PASSWORD, identity: { uid: 1001, gid: 1001, groups: [] } }],
    });
    try {
      const tree = await server.mount();
      const status = async (path: string, how: OpenOptions = {}): Promise<number> => {
        const answer = await tree.request(createRequest(path, how));
        if (answer.status === STATUS_SUCCESS) await tree.fileOf(answer, path).close();
        return answer.status;
      };
      await act({ folder, tree, server, at: (...names) => join(folder, ...names), status });
    } finally {
      await server.close();
      rmSync(outer, { recursive: true });
    }
  });
}

const text = async (tree: ClientTree, name: string) => (await tree.readFile(name)).toString();

check('links to files and folders, at the end and on the way, one behind another', async (kit) => {
  const { tree, at, folder, status } = kit;
  symlinkSync('real/file', at('file'));
  symlinkSync('real', at('folder'));
  symlinkSync('../../real', at('real', 'deep', 'up'));
  symlinkSync(join(folder, 'real', 'deep'), at('absolute'));
  symlinkSync('folder', at('second'));
  symlinkSync('.', at('self'));
  for (const name of ['file', 'FILE', 'folder\\file', 'Second\\File', 'self\\self\\file']) {
    assert.equal(await text(tree, name), 'real/file', name);
  }
  assert.equal(await text(tree, 'second\\deep\\up\\deep\\file'), 'real/deep/file');
  assert.equal(await text(tree, 'absolute\\file'), 'real/deep/file');
  const names = (await tree.list('second')).map(({ name }) => name).sort();
  assert.deepEqual(names, ['.', '..', 'deep', 'file']);
  await tree.writeFile('second\\new', Buffer.from('new'));
  assert.equal(readFileSync(at('real', 'new'), 'utf8'), 'new');
  await tree.writeFile('file', Buffer.from('written'));
  assert.equal(readFileSync(at('real', 'file'), 'utf8'), 'written');
  assert.equal(readlinkSync(at('file')), 'real/file');
  assert.equal(await status('folder\\none'), STATUS_OBJECT_NAME_NOT_FOUND);
  assert.equal(await status('folder\\none\\none'), STATUS_OBJECT_PATH_NOT_FOUND);
  assert.equal(await status('file\\none'), STATUS_OBJECT_PATH_NOT_FOUND);
});

check('a chain of links has an end, or is not followed to it', async ({ tree, at, status }) => {
  for (let i = 0; i < 45; i++) symlinkSync(`chain${i + 1}`, at(`chain${i}`));
  symlinkSync('real/file', at('chain45'));
  assert.equal(await text(tree, 'chain6'), 'real/file');
  assert.equal(await status('chain5'), STATUS_ACCESS_DENIED);
  assert.equal(await status('chain0'), STATUS_ACCESS_DENIED);
  // Of 256 names.
  symlinkSync(`${'self/'.repeat(253)}real/file`, at('long'));
  symlinkSync('.', at('self'));
  assert.equal(await status('long'), STATUS_ACCESS_DENIED);
  symlinkSync(`${'self/'.repeat(10)}real/file`, at('short'));
  assert.equal(await text(tree, 'short'), 'real/file');
});

check('a link that leads nowhere has its target made', async ({ tree, at, status }) => {
  symlinkSync('real/later', at('dangling'));
  assert.equal(await status('dangling'), STATUS_OBJECT_NAME_NOT_FOUND);
  const how = { disposition: FILE_OPEN_IF };
  assert.equal(await status('dangling', how), STATUS_SUCCESS);
  assert.ok(lstatSync(at('real', 'later')).isFile());
  assert.equal(
    await status('dangling', { disposition: FILE_CREATE }),
    STATUS_OBJECT_NAME_COLLISION,
  );
  assert.equal((await tree.readFile('dangling')).length, 0);
});

check('none leads out, nor in circles', async ({ at, status, tree }) => {
  symlinkSync('../outside', at('out'));
  symlinkSync('/etc/hostname', at('etc'));
  symlinkSync('real/../../outside', at('around'));
  symlinkSync('out', at('toOut'));
  symlinkSync('circle', at('circle'));
  symlinkSync('two', at('one'));
  symlinkSync('one', at('two'));
  for (const name of ['out', 'etc', 'around']) {
    assert.equal(await status(name), STATUS_STOPPED_ON_SYMLINK, name);
  }
  for (const name of ['toOut', 'circle', 'one']) {
    assert.equal(await status(name), STATUS_ACCESS_DENIED, name);
  }
  assert.notEqual(await status('one\\file'), STATUS_SUCCESS);
  assert.notEqual(await status('out\\file'), STATUS_SUCCESS);
  assert.equal((await tree.list('')).filter(({ name }) => name === 'circle').length, 1);
});

check(
  'what the share does not show no link shows',
  async ({ at, status }) => {
    symlinkSync('hidden', at('link'));
    assert.equal(await status('hidden'), STATUS_OBJECT_NAME_NOT_FOUND);
    assert.equal(await status('link'), STATUS_OBJECT_NAME_NOT_FOUND);
  },
  ['hidden'],
);

check('to delete and to rename is done to the link', async ({ tree, at }) => {
  for (const name of ['a', 'b', 'c', 'd']) symlinkSync('real', at(name));
  await tree.remove('a');
  assert.throws(() => lstatSync(at('a')), /ENOENT/);
  const renaming = (fileName: string) =>
    encodeRenameInformation({ replaceIfExists: false, rootDirectory: 0, fileName });
  // As smbclient renames, and as Windows does.
  for (const [name, options] of [
    ['b', 0],
    ['c', FILE_OPEN_REPARSE_POINT],
  ] as const) {
    const link = await tree.open(name, { access: DELETE | FILE_READ_ATTRIBUTES, options });
    await link.setInfo(Class.FileRenameInformation, renaming(`d\\${name}`));
    await link.close();
    assert.equal(readlinkSync(at('real', name)), 'real');
  }
  assert.ok(lstatSync(at('real')).isDirectory());
  const file = await tree.open('real\\file', { access: DELETE | FILE_GENERIC_READ });
  await file.setInfo(Class.FileRenameInformation, renaming('d\\deep\\moved'));
  await file.close();
  assert.equal(readFileSync(at('real', 'deep', 'moved'), 'utf8'), 'real/file');
});

check('a listing tells which links are folders', async ({ tree, at }) => {
  symlinkSync('real', at('folder'));
  symlinkSync('folder', at('second'));
  symlinkSync('real/file', at('file'));
  symlinkSync('none', at('dangling'));
  const told = new Map((await tree.list('')).map((entry) => [entry.name, entry.fileAttributes]));
  const both = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;
  assert.equal(told.get('folder')! & both, both);
  assert.equal(told.get('second')! & both, both);
  for (const name of ['file', 'dangling']) {
    assert.equal(told.get(name)! & both, FILE_ATTRIBUTE_REPARSE_POINT, name);
  }
});

check('a link to a folder that is opened as itself is told as a folder', async (kit) => {
  const { tree, at } = kit;
  symlinkSync('real', at('folder'));
  symlinkSync('real/file', at('file'));
  const both = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;
  // As GetFileAttributes of Windows opens.
  const how = { access: FILE_READ_ATTRIBUTES, options: FILE_OPEN_REPARSE_POINT };
  for (const [name, told] of [
    ['folder', both],
    ['file', FILE_ATTRIBUTE_REPARSE_POINT],
  ] as const) {
    const link = await tree.open(name, how);
    const basic = FileBasicInformation.read(await link.queryInfo(Class.FileBasicInformation));
    assert.equal(basic.fileAttributes & both, told, name);
    const standard = await link.queryInfo(Class.FileStandardInformation);
    const { directory } = FileStandardInformation.read(standard);
    assert.equal(directory, told === both, name);
    await link.close();
    const made = await tree.request(createRequest(name, how));
    const { fileAttributes } = decodeCreateResponse(made.message);
    assert.equal(fileAttributes & both, told, name);
  }
});

check('a link goes up from folders, and from no other link', async ({ tree, at, status }) => {
  symlinkSync('real/deep/../file', at('up'));
  symlinkSync('real/deep/../../hidden', at('top'));
  assert.equal(await text(tree, 'up'), 'real/file');
  assert.equal(await text(tree, 'top'), 'hidden');
  // What is above "linked" is not the share's root.
  symlinkSync('real/deep', at('linked'));
  symlinkSync('linked/../hidden', at('by'));
  for (const target of ['none/../hidden', 'real/file/../file', 'real/../../outside']) {
    symlinkSync(target, at('wrong'));
    assert.equal(await status('wrong'), STATUS_STOPPED_ON_SYMLINK, target);
    rmSync(at('wrong'));
  }
  assert.equal(await status('by'), STATUS_STOPPED_ON_SYMLINK);
  symlinkSync(`${'real/../'.repeat(16)}hidden`, at('sixteen'));
  symlinkSync(`${'real/../'.repeat(17)}hidden`, at('seventeen'));
  assert.equal(await text(tree, 'sixteen'), 'hidden');
  assert.equal(await status('seventeen'), STATUS_STOPPED_ON_SYMLINK);
});

check(
  'nobody learns by a link that goes up what the share does not show',
  async ({ at, status }) => {
    symlinkSync('deep/../file', at('real', 'link'));
    assert.equal(await status('real\\link'), STATUS_STOPPED_ON_SYMLINK);
  },
  ['deep'],
);

check('POSIX opens go nowhere', async ({ server, at }) => {
  symlinkSync('real/file', at('file'));
  const tree = await server.mount(cifs.connect);
  const contexts = [{ name: CreateContextName.POSIX, data: encodePosixCreateRequest(0o644) }];
  const { status } = await tree.request(createRequest('file', { contexts }));
  assert.equal(status, STATUS_STOPPED_ON_SYMLINK);
});

check('clients of SMB1, which know of no links, go through them', async ({ server, at }) => {
  symlinkSync('real', at('folder'));
  const client = await Smb1Client.open(server);
  await client.negotiate();
  assert.equal((await client.login()).status, STATUS_SUCCESS);
  assert.equal((await client.treeConnect(SHARE)).status, STATUS_SUCCESS);
  const made = await ntCreate(client, {
    name: '\\folder\\made',
    disposition: FILE_OPEN_IF,
    access: FILE_GENERIC_READ,
  });
  assert.equal(made.status, STATUS_SUCCESS);
  await closeFid(client, fidOf(made));
  assert.ok(lstatSync(at('real', 'made')).isFile());
  // Where it leads cannot be told.
  symlinkSync('/etc/hostname', at('out'));
  const out = await ntCreate(client, { name: '\\out', disposition: 1 });
  assert.equal(out.status, STATUS_ACCESS_DENIED);
  const directory = await ntCreate(client, {
    name: '\\FOLDER',
    disposition: 1,
    options: FILE_DIRECTORY_FILE,
    access: FILE_READ_ATTRIBUTES,
  });
  assert.equal(directory.status, STATUS_SUCCESS);
  await client.close();
});
