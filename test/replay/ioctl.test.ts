/** IOCTL about the server, not about a file: what is asked with a FileId of all ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ioctlRequest, RELATED } from '../../src/client/requests.ts';
import { validateNegotiateRequest } from '../../src/client/validate-negotiate.ts';
import {
  STATUS_FILE_CLOSED,
  STATUS_FS_DRIVER_REQUIRED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import { SMB2_GLOBAL_CAP_DFS } from '../../src/smb2/capabilities.ts';
import { Dialect } from '../../src/smb2/dialect.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { decodeIoctlResponse } from '../../src/smb2/ioctl.ts';
import { decodeNetworkInterfaceInfos } from '../../src/smb2/network-interface-info.ts';
import { credentials, SHARE } from '../support/in-process-server.ts';
import { PERSONAS, win11 } from './personas.ts';
import { assertStatus, openStage, timed } from './stage.ts';

const stage = await openStage();

/** REQ_GET_DFS_REFERRAL: level 4, and the path. */
const referral = (path: string): Buffer =>
  Buffer.concat([Buffer.from([4, 0]), Buffer.from(`${path}\0`, 'utf16le')]);
/** REQ_GET_DFS_REFERRAL_EX: level 4, no flags, the length of what follows, the path with its own. */
function referralEx(path: string): Buffer {
  const name = Buffer.from(path, 'utf16le');
  const head = Buffer.alloc(10);
  head.writeUInt16LE(4, 0);
  head.writeUInt32LE(name.length + 2, 4);
  head.writeUInt16LE(name.length, 8);
  return Buffer.concat([head, name]);
}

const AT_ONCE_MS = 500;

for (const persona of PERSONAS) {
  test(`A39 asked for referrals a server without DFS says so at once, or folders open after seconds (${persona.name})`, async () => {
    const tree = await stage.enter(persona);
    const { response } = tree.session.connection.negotiated!;
    assert.equal(response.capabilities & SMB2_GLOBAL_CAP_DFS, 0);
    const ipc = await tree.session.treeConnect('IPC$');
    // Nor do the shares say that they are in DFS.
    for (const one of [tree, ipc]) assert.equal(one.response.shareFlags & 0x3, 0);
    for (const where of [ipc, tree]) {
      for (const path of ['', '\\server', `\\server\\${SHARE}`, `\\server\\${SHARE}\\folder`]) {
        for (const [code, input] of [
          [Fsctl.FSCTL_DFS_GET_REFERRALS, referral(path)],
          [Fsctl.FSCTL_DFS_GET_REFERRALS_EX, referralEx(path)],
        ] as const) {
          const request = ioctlRequest(RELATED, code, { input, maxOutput: 4096 });
          const { ms, result } = await timed(() => where.request(request));
          assertStatus(result, STATUS_FS_DRIVER_REQUIRED, path);
          assert.ok(ms < AT_ONCE_MS, `${ms} ms`);
        }
      }
    }
  });
}

test('A41 a FileId of all ones is no closed file: the control code decides', async () => {
  const connection = await stage.server.connect({ ...win11.connect, dialects: [Dialect.SMB3_02] });
  const session = await connection.login({ ...credentials, validateNegotiate: false });
  for (const share of [SHARE, 'IPC$']) {
    const tree = await session.treeConnect(share);
    for (const [code, status] of [
      [Fsctl.FSCTL_DFS_GET_REFERRALS, STATUS_FS_DRIVER_REQUIRED],
    ] as const) {
      const request = ioctlRequest(RELATED, code, { input: referral(''), maxOutput: 4096 });
      assertStatus(await tree.request(request), status);
    }
    assertStatus(await tree.request(validateNegotiateRequest(tree)), STATUS_SUCCESS);
    const code = Fsctl.FSCTL_QUERY_NETWORK_INTERFACE_INFO;
    const interfaces = await tree.request(ioctlRequest(RELATED, code, { maxOutput: 65_536 }));
    assertStatus(interfaces, STATUS_SUCCESS);
    // MS-SMB2 3.3.5.15.11: who came by the loopback is told that.
    const [info] = decodeNetworkInterfaceInfos(decodeIoctlResponse(interfaces.message).output);
    assert.deepEqual(info?.address, Buffer.from([127, 0, 0, 1]));
    assert.ok(info.ifIndex > 0 && info.linkSpeed > 0);
    // What is about a file needs one.
    for (const code of [Fsctl.FSCTL_CREATE_OR_GET_OBJECT_ID, Fsctl.FSCTL_PIPE_TRANSCEIVE]) {
      const { status } = await tree.request(ioctlRequest(RELATED, code, { maxOutput: 64 }));
      assert.equal(status, STATUS_FILE_CLOSED);
    }
  }
});

test('A41 a code that is not served is refused, and the connection stands', async () => {
  const tree = await stage.enter();
  const file = await tree.open('');
  for (const code of [
    Fsctl.FSCTL_GET_INTEGRITY_INFORMATION,
    Fsctl.FSCTL_SRV_ENUMERATE_SNAPSHOTS,
    Fsctl.FSCTL_LMR_REQUEST_RESILIENCY,
    0x0009fffc,
  ]) {
    const request = ioctlRequest(file.fileId, code, { maxOutput: 4096 });
    assertStatus(await tree.request(request), STATUS_INVALID_DEVICE_REQUEST);
  }
  const notFsctl = ioctlRequest(file.fileId, Fsctl.FSCTL_GET_INTEGRITY_INFORMATION, { flags: 0 });
  assertStatus(await tree.request(notFsctl), STATUS_NOT_SUPPORTED);
});
