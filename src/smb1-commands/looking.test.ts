/** MS-CIFS 3.3.5.58.5: a path is looked at without an open where that is enough, and answered as an open would be. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SHARE, startServer } from '../../test/support/in-process-server.ts';
import {
  closeFid,
  fidOf,
  ntCreate,
  ofPath,
  Smb1Client,
  transact2,
} from '../../test/support/smb1-client.ts';
import {
  STATUS_DELETE_PENDING,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_OBJECT_PATH_NOT_FOUND,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_HIDDEN } from '../fscc/attributes.ts';
import { FileBasicInformation, FileStandardInformation } from '../fscc/file-information.ts';
import { nativeSupport } from '../native/support.ts';
import { Trans2 } from '../smb1/transaction.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_OPEN_REPARSE_POINT,
} from '../smb2/create-options.ts';

const skip = nativeSupport().unavailable ?? false;
const BASIC = 0x101;
const STANDARD = 0x102;
const PASSTHROUGH_BASIC = 1004;
const ALL_EAS = 4;

function put(path: string, text = ''): void {
  writeFileSync(path, text);
  chmodSync(path, 0o666);
}

function folderAt(path: string): void {
  mkdirSync(path);
  chmodSync(path, 0o777);
}

interface Looking {
  readonly client: Smb1Client;
  readonly folder: string;
  query(level: number, path: string): ReturnType<typeof transact2>;
}

function looking(name: string, body: (looking: Looking) => Promise<void>): void {
  test(name, { skip }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'usmbd-looking-'));
    chmodSync(folder, 0o777);
    const server = await startServer({
      shares: [{ name: SHARE, path: folder }],
      global: { minProtocol: 0x0100, signing: 'auto' },
    });
    try {
      const client = await Smb1Client.open(server);
      await client.negotiate();
      assert.equal((await client.login()).status, STATUS_SUCCESS);
      assert.equal((await client.treeConnect(SHARE)).status, STATUS_SUCCESS);
      const query = (level: number, path: string) =>
        transact2(client, Trans2.QUERY_PATH_INFORMATION, ofPath(level, path));
      await body({ client, folder, query });
      await client.close();
    } finally {
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

async function byFid(client: Smb1Client, fid: number, level: number): Promise<Buffer> {
  const parameters = Buffer.alloc(4);
  parameters.writeUInt16LE(fid, 0);
  parameters.writeUInt16LE(level, 2);
  return (await transact2(client, Trans2.QUERY_FILE_INFORMATION, parameters)).data;
}

looking('tells what an open of the file tells, of any spelling of its name', async (it) => {
  const { client, folder, query } = it;
  folderAt(join(folder, 'Docs'));
  put(join(folder, 'Docs', 'Report.doc'), 'twelve bytes');
  const opened = await ntCreate(client, { name: '\\Docs\\Report.doc' });
  assert.equal(opened.status, STATUS_SUCCESS);
  for (const level of [BASIC, STANDARD, PASSTHROUGH_BASIC, PASSTHROUGH_BASIC + 1]) {
    const told = await byFid(client, fidOf(opened), level);
    for (const path of ['\\Docs\\Report.doc', '\\docs\\REPORT.DOC']) {
      const seen = await query(level, path);
      assert.equal(seen.status, STATUS_SUCCESS);
      assert.deepEqual(seen.data, told, `level ${level} of ${path}`);
    }
  }
  const { endOfFile } = FileStandardInformation.read(
    (await query(STANDARD, '\\Docs\\report.doc')).data,
  );
  assert.equal(endOfFile, 12);
  await closeFid(client, fidOf(opened));
});

looking('which name is missing, and which path', async ({ folder, query }) => {
  folderAt(join(folder, 'there'));
  assert.equal((await query(BASIC, '\\there\\no')).status, STATUS_OBJECT_NAME_NOT_FOUND);
  assert.equal((await query(BASIC, '\\away\\no')).status, STATUS_OBJECT_PATH_NOT_FOUND);
  put(join(folder, 'there', 'a long name.text'));
  assert.equal((await query(BASIC, '\\there\\gone~1.tex')).status, STATUS_OBJECT_NAME_NOT_FOUND);
});

looking('a name that begins with a period is hidden, a link is followed', async (it) => {
  const { folder, query } = it;
  put(join(folder, '.profile'));
  const { fileAttributes } = FileBasicInformation.read((await query(BASIC, '\\.profile')).data);
  assert.equal(fileAttributes & FILE_ATTRIBUTE_HIDDEN, FILE_ATTRIBUTE_HIDDEN);
  symlinkSync('.profile', join(folder, 'link'));
  const opened = await ntCreate(it.client, {
    name: '\\link',
    access: 0x80,
    options: FILE_OPEN_REPARSE_POINT,
    disposition: 1,
  });
  const told = await byFid(it.client, fidOf(opened), BASIC);
  assert.deepEqual((await query(BASIC, '\\link')).data, told);
});

looking('a file is looked at whatever others have of it, until it is being deleted', async (it) => {
  const { client, folder, query } = it;
  put(join(folder, 'file'));
  const alone = await ntCreate(client, {
    name: '\\file',
    access: 0x0013_019f,
    share: 4,
    options: FILE_DELETE_ON_CLOSE,
  });
  assert.equal(alone.status, STATUS_SUCCESS);
  assert.equal((await query(BASIC, '\\file')).status, STATUS_SUCCESS);
  const second = await ntCreate(client, { name: '\\file', access: 0x0001_0080, share: 7 });
  assert.equal(second.status, STATUS_SUCCESS);
  await closeFid(client, fidOf(alone));
  assert.equal((await query(BASIC, '\\file')).status, STATUS_DELETE_PENDING);
  await closeFid(client, fidOf(second));
  assert.equal((await query(BASIC, '\\file')).status, STATUS_OBJECT_NAME_NOT_FOUND);
});

looking('a file without extended attributes has an empty list of them (2.2.8.3.4)', async (it) => {
  put(join(it.folder, 'plain'));
  const seen = await it.query(ALL_EAS, '\\plain');
  assert.equal(seen.status, STATUS_SUCCESS);
  assert.deepEqual(seen.data, Buffer.from([4, 0, 0, 0]));
});

looking('flags above the attributes of a file that is made are let be (2.2.1.2.3)', async (it) => {
  const normal = 0x80;
  for (const flag of [0x0100_0000, 0x0010_0000]) {
    const made = await ntCreate(it.client, {
      name: `\\${flag}`,
      attributes: normal | flag,
      disposition: FILE_CREATE,
    });
    assert.equal(made.status, STATUS_SUCCESS, `${flag}`);
    await closeFid(it.client, fidOf(made));
  }
});
