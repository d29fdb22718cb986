/** SMB1 from NEGOTIATE to LOGOFF, by a client of its own: MS-CIFS 3.3.5. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SHARE, startServer } from '../../test/support/in-process-server.ts';
import {
  closeFid,
  fidOf,
  ntCreate,
  readAndX,
  Smb1Client,
  utf16,
  writeAndX,
} from '../../test/support/smb1-client.ts';
import { STATUS_LOGON_FAILURE, STATUS_NOT_IMPLEMENTED, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { NO_ANDX } from '../smb1/block.ts';
import { STATUS_SMB_BAD_COMMAND, STATUS_SMB_USE_STANDARD } from '../smb1/dos-errors.ts';
import { SMB_FLAGS2_EXTENDED_SECURITY, Smb1Command } from '../smb1/header.ts';

const NOT_PERFORMED = [
  ...(['COPY', 'MOVE', 'READ_MPX', 'READ_MPX_SECONDARY'] as const),
  ...(['WRITE_MPX_SECONDARY', 'WRITE_COMPLETE', 'QUERY_SERVER', 'IOCTL'] as const),
  ...(['IOCTL_SECONDARY', 'NEW_FILE_SIZE', 'CLOSE_AND_TREE_DISC'] as const),
  ...(['FIND_NOTIFY_CLOSE', 'SECURITY_PACKAGE_ANDX', 'GET_PRINT_QUEUE'] as const),
  ...(['READ_BULK', 'WRITE_BULK', 'WRITE_BULK_DATA'] as const),
];

const FLAGS2_AT = 10;
const SPEAKS = { minProtocol: 0x0100 };

async function mounted(server: { host: string; port: number }, signs = true): Promise<Smb1Client> {
  const client = await Smb1Client.open(server, { signs });
  assert.equal((await client.negotiate()).status, STATUS_SUCCESS);
  assert.equal((await client.login()).status, STATUS_SUCCESS);
  assert.equal((await client.treeConnect(SHARE)).status, STATUS_SUCCESS);
  return client;
}

for (const signs of [true, false]) {
  test(`a file is made, written, read and closed, ${signs ? 'signed' : 'unsigned'}`, async () => {
    const server = await startServer({ global: { ...SPEAKS, signing: 'auto' } });
    try {
      const client = await mounted(server, signs);
      const made = await ntCreate(client, { name: '\\file' });
      assert.equal(made.status, STATUS_SUCCESS);
      const data = Buffer.from('what is written');
      assert.equal((await writeAndX(client, fidOf(made), 0, data)).status, STATUS_SUCCESS);
      assert.deepEqual(await readAndX(client, fidOf(made), 5, 100), data.subarray(5));
      assert.equal((await closeFid(client, fidOf(made))).status, STATUS_SUCCESS);
      const words = Buffer.alloc(4);
      words[0] = NO_ANDX;
      const logoff = await client.request({ command: Smb1Command.LOGOFF_ANDX, words });
      assert.equal(logoff.status, STATUS_SUCCESS);
      await client.close();
    } finally {
      await server.close();
    }
  });
}

test('SET_INFORMATION: 0 clears the attributes, the bit of a normal file changes none', async () => {
  const server = await startServer({ global: { ...SPEAKS, signing: 'auto' } });
  try {
    const client = await mounted(server, true);
    await closeFid(client, fidOf(await ntCreate(client, { name: '\\file' })));
    const bytes = Buffer.concat([Buffer.from([4]), Buffer.from('\\file\0', 'utf16le')]);
    const afterSetting = async (attributes: number): Promise<number> => {
      const words = Buffer.alloc(16);
      words.writeUInt16LE(attributes);
      const set = await client.request({ command: Smb1Command.SET_INFORMATION, words, bytes });
      assert.equal(set.status, STATUS_SUCCESS);
      const { words: told } = await client.request({
        command: Smb1Command.QUERY_INFORMATION,
        bytes,
      });
      return told.readUInt16LE();
    };
    assert.equal(await afterSetting(0x21), 0x21);
    assert.equal(await afterSetting(0x80), 0x21);
    assert.equal(await afterSetting(0), 0);
    await client.close();
  } finally {
    await server.close();
  }
});

test('a message with a wrong signature ends the connection', async () => {
  const server = await startServer({ global: SPEAKS });
  try {
    const client = await mounted(server);
    // Its number is taken, but the server does not hear of it.
    const message = client.encode({ command: Smb1Command.ECHO, words: Buffer.from([1, 0]) }, 77);
    message.fill(0x55, 14, 22);
    client.sendRaw(message);
    await client.ended;
  } finally {
    await server.close();
  }
});

test('NEGOTIATE and SESSION_SETUP tell the workgroup', async () => {
  const global = { ...SPEAKS, signing: 'auto', workgroup: 'ATELIER' } as const;
  const server = await startServer({ global });
  try {
    const client = await Smb1Client.open(server, { signs: false });
    await client.negotiate();
    const { bytes } = await client.login();
    assert.ok(bytes.includes(utf16('ATELIER')), bytes.toString('utf16le'));
    await client.close();
    const plain = await Smb1Client.open(server, { signs: false });
    plain.withoutFlags2 = SMB_FLAGS2_EXTENDED_SECURITY;
    const told = await plain.negotiate();
    // Behind the challenge: the domain, then the server.
    assert.ok(
      told.bytes.subarray(8).equals(Buffer.concat([utf16('ATELIER'), told.bytes.subarray(24)])),
    );
    await plain.close();
  } finally {
    await server.close();
  }
});

test('a wrong password is refused', async () => {
  const server = await startServer({ global: SPEAKS });
  try {
    const client = await Smb1Client.open(server);
    await client.negotiate();
    assert.equal((await client.login('tester', 'no')).status, STATUS_LOGON_FAILURE);
    await client.close();
  } finally {
    await server.close();
  }
});

test('Flags2 of an answer are those of its request', async () => {
  const server = await startServer({ global: { ...SPEAKS, signing: 'auto' } });
  try {
    const client = await mounted(server, false);
    const ask = async (tid: number, flags2: number): Promise<number> => {
      const message = client.encode({ command: Smb1Command.CHECK_DIRECTORY, tid }, 77);
      message.writeUInt16LE(flags2, FLAGS2_AT);
      return (await client.ask(message, 77)).header.flags2;
    };
    // EAS and DFS, no LONG_NAMES; then all of them.
    for (const flags2 of [0xd002, 0xd853]) assert.equal(await ask(client.tid, flags2), flags2);
    await client.close();
  } finally {
    await server.close();
  }
});

test('what no server performs any more is not implemented, what is no command is none', async () => {
  const server = await startServer({ global: { ...SPEAKS, signing: 'auto' } });
  try {
    const client = await mounted(server, false);
    const answer = async (command: number) =>
      (await client.request({ command, words: Buffer.alloc(2), bytes: Buffer.alloc(4) })).status;
    // MS-CIFS 2.2.2.1: N, X, and those that this server leaves out.
    for (const name of NOT_PERFORMED) {
      assert.equal(await answer(Smb1Command[name]), STATUS_NOT_IMPLEMENTED, name);
    }
    for (const command of [0x15, 0x36, 0x60, 0xa3, 0xfe, 0xff]) {
      assert.equal(await answer(command), STATUS_SMB_BAD_COMMAND, String(command));
    }
    const words = Buffer.alloc(24);
    const raw = await client.request({ command: Smb1Command.WRITE_RAW, words });
    assert.equal(raw.header.command, Smb1Command.WRITE_COMPLETE);
    assert.equal(raw.status, STATUS_SMB_USE_STANDARD);
    assert.deepEqual([...raw.words], [0, 0]);
    const mpx = await client.request({ command: Smb1Command.WRITE_MPX, words });
    assert.equal(mpx.header.command, Smb1Command.WRITE_MPX);
    assert.equal(mpx.status, STATUS_SMB_USE_STANDARD);
    const empty = new Promise<void>((resolve) => {
      client.onEmpty = resolve;
    });
    client.tell({ command: Smb1Command.READ_RAW, words: Buffer.alloc(16) });
    await empty;
    assert.equal((await ntCreate(client, { name: '\\after' })).status, STATUS_SUCCESS);
    await client.close();
  } finally {
    await server.close();
  }
});

test('whoever offers SMB2 as well gets SMB2', async () => {
  const server = await startServer({ global: SPEAKS });
  try {
    const tree = await server.mount();
    assert.ok(tree.session.connection.negotiated!.dialect >= 0x0202);
    const old = await Smb1Client.open(server);
    const answer = await old.negotiateRaw(['NT LM 0.12', 'SMB 2.???']);
    assert.equal(answer.readUInt32LE(0), 0x424d_53fe);
    await old.close();
  } finally {
    await server.close();
  }
});

test('without NT1 a client that speaks nothing else is disconnected, and nothing of SMB1 is loaded', async () => {
  const server = await startServer();
  try {
    const client = await Smb1Client.open(server);
    void client.negotiate();
    await client.ended;
  } finally {
    await server.close();
  }
  const loaded = (minProtocol: number): string[] => {
    const script = fileURLToPath(new URL('../../test/support/loaded-modules.ts', import.meta.url));
    const told = execFileSync(process.execPath, [script, String(minProtocol)], {
      encoding: 'utf8',
    });
    return told
      .split('\n')
      .filter((url) => /\/src\/(smb1\/|smb1-commands\/|crypto\/smb1)/.test(url));
  };
  assert.deepEqual(loaded(0x0202), []);
  // The same look finds them where they are.
  assert.ok(loaded(0x0100).length > 20);
});
