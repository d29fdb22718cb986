/** The audit log, of all that a client does and is refused. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect } from './client/connect.ts';
import { configure } from './config/configuration.ts';
import { createServer } from './create-server.ts';
import { DELETE, FILE_GENERIC_READ, WRITE_DAC } from './dtyp/access-mask.ts';
import { FileInformationClass } from './fscc/information-class.ts';
import { encodeRenameInformation, FileDispositionInformation } from './fscc/rename-information.ts';
import { nativeSupport } from './native/support.ts';
import { FILE_OPEN } from './smb2/create-options.ts';
import { Dialect } from './smb2/dialect.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-audit-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'files'));
chmodSync(join(folder, 'files'), 0o777);
const file = join(folder, 'audit');
const skip = nativeSupport().unavailable ?? false;

const lines = () =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const settled = () => new Promise((resolve) => setTimeout(resolve, 50));

test('logins, shares, opens, renames, deletions, and why not', { skip }, async () => {
  const path = join(folder, 'files');
  const nobody = { validUsers: [{ kind: 'user' as const, name: 'bob' }] };
  const configuration = configure({
    shares: [
      { name: 'files', path, readOnly: false },
      { name: 'closed', path, ...nobody },
      { name: 'one', path, maxConnections: 1 },
      { name: 'secret', path, encryption: 'required' },
    ],
    global: { auditLog: file },
  });
  const identity = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };
  const users = [{ name: 'ann', password: 'tiger', identity }];
  const server = createServer({ configuration, users });
  const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
  const client = await connect({ host: '127.0.0.1', port });
  const plain = await connect({ host: '127.0.0.1', port, dialects: [Dialect.SMB2_10] });
  try {
    await assert.rejects(client.login({ user: 'Ann', secret: 'lion' }));
    await assert.rejects(client.login({ user: 'who', secret: 'lion' }));
    const session = await client.login({ user: 'ann', secret: 'tiger' });
    const old = await plain.login({ user: 'ann', secret: 'tiger' });
    await assert.rejects(session.treeConnect('closed'));
    await assert.rejects(session.treeConnect('none'));
    await assert.rejects(old.treeConnect('secret'));
    await session.treeConnect('one');
    await assert.rejects(session.treeConnect('one'));
    const tree = await session.treeConnect('files');
    await tree.writeFile('a', Buffer.from('x'));
    await assert.rejects(tree.readFile('none'));
    const access = FILE_GENERIC_READ | DELETE | WRITE_DAC;
    const open = await tree.open('a', { access, disposition: FILE_OPEN });
    const target = { replaceIfExists: false, rootDirectory: 0, fileName: 'b' };
    await open.setInfo(FileInformationClass.FileRenameInformation, encodeRenameInformation(target));
    await open.close();
    await tree.makeDirectory('dir');
    await tree.writeFile('dir\\c', Buffer.from('x'));
    const full = await tree.open('dir', { access: DELETE, disposition: FILE_OPEN });
    const disposition = FileDispositionInformation.encode({ deletePending: true });
    await assert.rejects(
      full.setInfo(FileInformationClass.FileDispositionInformation, disposition),
    );
    await full.close();
    await tree.remove('b');
    await settled();
    const told = lines().map(({ event, result, why, path: where, to, share, user, action }) =>
      [event, result, why, user, share, where, to, action]
        .filter((one) => one !== undefined)
        .join(' '),
    );
    assert.deepEqual(told, [
      'login logon-failure wrong password Ann',
      'login logon-failure no such account who',
      'login ok ann',
      'login ok ann',
      'connect valid users or invalid users ann closed',
      'connect no-such-share ann none',
      'connect its messages are to be encrypted, and cannot be ann secret',
      'connect ok ann one',
      'connect ok ann one',
      'connect max connections ann one',
      'connect ok ann files',
      'open ok ann files a created',
      'open STATUS_OBJECT_NAME_NOT_FOUND ann files none',
      'open ok ann files a',
      'rename ok ann files a b',
      'open ok ann files dir created',
      'open ok ann files dir/c created',
      'open ok ann files dir',
      'delete STATUS_DIRECTORY_NOT_EMPTY ann files dir',
      'open ok ann files b',
      'delete ok ann files b',
    ]);
    assert.equal(lines()[2]?.address, '127.0.0.1');
    const rights = lines()
      .filter(({ path: where }) => where === 'a')
      .map(({ access }) => access);
    assert.deepEqual(rights[1], ['read', 'delete', 'security']);
    assert.equal(statSync(file).mode & 0o777, 0o600);

    // As logrotate(8) does it.
    renameSync(file, `${file}.1`);
    await server.reload({
      ...configuration,
      global: { ...configuration.global, auditEvents: ['delete'] },
    });
    await tree.writeFile('c', Buffer.from('x'));
    await tree.remove('c');
    await settled();
    assert.deepEqual(
      lines().map(({ event }) => event),
      ['delete'],
    );
    rmSync(file);
    await server.reload({
      ...configuration,
      global: { ...configuration.global, auditLog: undefined },
    });
    await tree.writeFile('d', Buffer.from('x'));
    await settled();
    assert.equal(existsSync(file), false);
    const bad = { ...configuration.global, auditLog: join(folder, 'none', 'audit') };
    await assert.rejects(server.reload({ ...configuration, global: bad }), /ENOENT/);
    assert.equal((await tree.readFile('d')).toString(), 'x');
  } finally {
    await client.close();
    await plain.close();
    await server.close();
  }
});
