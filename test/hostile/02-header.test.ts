/** The header's fields (MS-SMB2 2.2.1, 3.3.5.2, 3.3.5.2.6). */
import assert from 'node:assert/strict';
import { createRequest, echoRequest, treeConnectRequest } from '../../src/client/requests.ts';
import {
  STATUS_NETWORK_NAME_DELETED,
  STATUS_USER_SESSION_DELETED,
} from '../../src/dtyp/ntstatus.ts';
import { Command } from '../../src/smb2/header.ts';
import { hostileSuite, isDropped, isRefused, message, patch } from './kit.ts';

const hostile = await hostileSuite();

for (const [name, at, bytes] of [
  ['ProtocolId', 0, [0xfe, 0x53, 0x4d, 0x43]],
  ['ProtocolId of SMB1', 0, [0xff, 0x53, 0x4d, 0x42]],
  ['StructureSize 0', 4, [0, 0]],
  ['StructureSize 65', 4, [65, 0]],
  ['Command 0x13', 12, [0x13, 0]],
  ['Command 0xFFFF', 12, [0xff, 0xff]],
  ['SERVER_TO_REDIR', 16, [1, 0, 0, 0]],
] as const) {
  hostile(`after login: ${name}`, async ({ mount }) => {
    const tree = await mount();
    const craft = patch((m) => m.set(bytes, at));
    await isDropped(tree.request({ ...echoRequest(), craft }));
  });

  hostile(`before NEGOTIATE: ${name}`, async ({ raw }) => {
    const peer = await raw();
    const first = message({ command: Command.NEGOTIATE }, Buffer.alloc(36));
    first.set(bytes, at);
    peer.socket.send([first]);
    await peer.isDropped();
  });
}

for (const command of Object.values(Command).filter((one) => one !== Command.NEGOTIATE)) {
  hostile(`command ${command} before NEGOTIATE`, async ({ raw }) => {
    const peer = await raw();
    peer.socket.send([message({ command }, Buffer.alloc(64))]);
    await peer.isDropped();
  });
}

hostile('every command with a SessionId and a TreeId of nobody', async ({ connect }) => {
  const connection = await connect();
  for (const command of Object.values(Command)) {
    const own: readonly number[] = [Command.NEGOTIATE, Command.CANCEL, Command.ECHO];
    if (own.includes(command) || command === Command.SESSION_SETUP) continue;
    const request = { command, body: Buffer.alloc(64), header: { sessionId: 77, treeId: 88 } };
    await isRefused(connection.request(request), STATUS_USER_SESSION_DELETED);
  }
});

hostile('a TreeId of another session', async ({ mount }) => {
  const [one, two] = await Promise.all([mount(), mount()]);
  for (let i = 0; i < 3; i++) await two.session.treeConnect('files');
  const last = await two.session.treeConnect('files');
  const header = { treeId: last.treeId };
  await isRefused(one.request({ ...createRequest(''), header }), STATUS_NETWORK_NAME_DELETED);
});

hostile(
  'flags without meaning, reserved fields, and all priorities are ignored',
  async ({ mount }) => {
    const tree = await mount();
    for (const flags of [0x70, 0x80, 0x100, 0x80000000, 0x20000000, 0x10000000]) {
      const header = { flags, processId: 0xffffffff, status: 0xffffffff };
      assert.equal((await tree.request({ ...echoRequest(), header })).status, 0);
    }
  },
);

hostile('an asynchronous request, which only CANCEL may be', async ({ mount }) => {
  const tree = await mount();
  const request = treeConnectRequest('\\\\x\\files');
  const craft = patch((m) => m.writeUInt32LE(2, 16));
  // There is no TreeId in the asynchronous form; what needs none goes on.
  const answer = await tree.session.request({ ...request, craft });
  assert.ok(answer.status === 0 || answer.status >= 0xc0000000);
});
