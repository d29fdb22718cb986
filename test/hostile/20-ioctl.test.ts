/** IOCTL (MS-SMB2 3.3.5.15): codes, FileIds, lengths and what FSCTLs carry. */
import assert from 'node:assert/strict';
import { ioctlRequest, RELATED } from '../../src/client/requests.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_FILE_CLOSED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../../src/dtyp/ntstatus.ts';
import { FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import {
  decodeResumeKeyResponse,
  encodeSrvCopyChunkCopy,
} from '../../src/smb2/ioctl-structures.ts';
import { hostileSuite, isRefused, type Kit, patch } from './kit.ts';

const hostile = await hostileSuite();

const readWrite = { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE, disposition: FILE_OPEN_IF };

let files = 0;
async function opened({ mount }: Kit, content = '0123456789') {
  const tree = await mount();
  const file = await tree.open(`file ${files++}`, readWrite);
  if (content !== '') await file.write(0, Buffer.from(content));
  return { tree, file };
}

const NO_OPEN = Buffer.alloc(16, 0x7f);

hostile('every code with no input, with rubbish and with a FileId that nobody has', async (kit) => {
  const { tree, file } = await opened(kit);
  const served = new Set<number>([
    // They end the connection, as they have to.
    Fsctl.FSCTL_VALIDATE_NEGOTIATE_INFO,
  ]);
  for (const code of Object.values(Fsctl)) {
    if (served.has(code)) continue;
    for (const input of [Buffer.alloc(0), Buffer.alloc(7, 0xff), Buffer.alloc(4096, 0xff)]) {
      for (const maxOutput of [0, 1, 4096]) {
        const answer = await tree.request(ioctlRequest(file.fileId, code, { input, maxOutput }));
        assert.notEqual(answer.status >>> 0, 0xc00000e5, `a bug at ${code.toString(16)}`);
      }
    }
    const nobody = await tree.request(ioctlRequest(NO_OPEN, code, { maxOutput: 64 }));
    await isRefused(nobody, STATUS_FILE_CLOSED, STATUS_INVALID_PARAMETER);
    const none = await tree.request(ioctlRequest(RELATED, code, { maxOutput: 64 }));
    assert.notEqual(none.status, 0xc00000e5);
  }
});

hostile('a code about the server with another FileId than none', async (kit) => {
  const { tree, file } = await opened(kit);
  for (const fileId of [file.fileId, NO_OPEN]) {
    for (const maxOutput of [1, 65_535]) {
      const code = Fsctl.FSCTL_QUERY_NETWORK_INTERFACE_INFO;
      const asked = tree.request(ioctlRequest(fileId, code, { maxOutput }));
      await isRefused(asked, STATUS_INVALID_PARAMETER);
    }
  }
});

hostile('resume keys: made up, of others, of what is closed', async (kit) => {
  const { tree, file } = await opened(kit);
  const other = await opened(kit, 'secret');
  const target = await tree.open('target', readWrite);
  const chunks = [{ sourceOffset: 0, targetOffset: 0, length: 1 }];
  const copy = (key: Buffer) =>
    tree.request(
      ioctlRequest(target.fileId, Fsctl.FSCTL_SRV_COPYCHUNK, {
        input: encodeSrvCopyChunkCopy(key, chunks),
        maxOutput: 12,
      }),
    );
  const foreign = await other.file.ioctl(Fsctl.FSCTL_SRV_REQUEST_RESUME_KEY, { maxOutput: 32 });
  await isRefused(copy(decodeResumeKeyResponse(foreign)), STATUS_OBJECT_NAME_NOT_FOUND);
  for (const key of [Buffer.alloc(24), Buffer.alloc(24, 0xff)]) {
    await isRefused(copy(key), STATUS_OBJECT_NAME_NOT_FOUND);
  }
  const own = decodeResumeKeyResponse(
    await file.ioctl(Fsctl.FSCTL_SRV_REQUEST_RESUME_KEY, { maxOutput: 32 }),
  );
  await isRefused(
    copy(Buffer.concat([own.subarray(0, 8), Buffer.alloc(16)])),
    STATUS_OBJECT_NAME_NOT_FOUND,
  );
  await file.close();
  await isRefused(copy(own), STATUS_OBJECT_NAME_NOT_FOUND);
  assert.equal((await target.close(true)).endOfFile, 0);
});

hostile('lengths and counts that lie', async (kit) => {
  const { tree, file } = await opened(kit);
  const code = Fsctl.FSCTL_SRV_COPYCHUNK;
  const key = decodeResumeKeyResponse(
    await file.ioctl(Fsctl.FSCTL_SRV_REQUEST_RESUME_KEY, { maxOutput: 32 }),
  );
  const chunks = [{ sourceOffset: 0, targetOffset: 0, length: 1 }];
  const input = encodeSrvCopyChunkCopy(key, chunks);
  for (const count of [2, 257, 0x7fffffff, 0xffffffff]) {
    const lying = Buffer.from(input);
    lying.writeUInt32LE(count, 24);
    const asked = tree.request(ioctlRequest(file.fileId, code, { input: lying, maxOutput: 12 }));
    await isRefused(asked, STATUS_INVALID_PARAMETER);
  }
  const request = ioctlRequest(file.fileId, code, { input, maxOutput: 12 });
  const inputCount = patch((m) => m.writeUInt32LE(0xffffffff, 64 + 28));
  await isRefused(tree.request({ ...request, craft: inputCount }), STATUS_INVALID_PARAMETER);
  const inputOffset = patch((m) => m.writeUInt32LE(0xfffffff0, 64 + 24));
  await isRefused(tree.request({ ...request, craft: inputOffset }), STATUS_INVALID_PARAMETER);
  const output = patch((m) => m.writeUInt32LE(0xffffffff, 64 + 44));
  await isRefused(tree.request({ ...request, craft: output }), STATUS_INVALID_PARAMETER);
  await isRefused(
    tree.request(ioctlRequest(file.fileId, 0xffffffff, { maxOutput: 12 })),
    STATUS_INVALID_DEVICE_REQUEST,
  );
  assert.equal((await file.read(0, 10)).toString(), '0123456789');
});
