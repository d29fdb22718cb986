/** srvsvc: packaged applications of Windows ask what a share is before they open a file on it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from '../../src/client/exchange.ts';
import { ioctlRequest, RELATED, readRequest, writeRequest } from '../../src/client/requests.ts';
import { listShares } from '../../src/client/shares.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import {
  STATUS_BUFFER_OVERFLOW,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import { FileStandardInformation } from '../../src/fscc/file-information.ts';
import { FileInformationClass } from '../../src/fscc/information-class.ts';
import { ClientAssociation } from '../../src/rpc/client-association.ts';
import { SRVSVC, STYPE_DISKTREE, STYPE_IPC, STYPE_SPECIAL } from '../../src/rpc/srvsvc.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { decodeIoctlResponse } from '../../src/smb2/ioctl.ts';
import {
  decodePipePeekReply,
  encodePipeWaitRequest,
  FILE_PIPE_CONNECTED_STATE,
} from '../../src/smb2/ioctl-structures.ts';
import { decodeReadResponse } from '../../src/smb2/read.ts';
import { SHARE } from '../support/in-process-server.ts';
import { GUEST, PERSONAS, type Persona, win11 } from './personas.ts';
import { SrvsvcPipe } from './srvsvc-pipe.ts';
import { assertStatus, openStage } from './stage.ts';

const stage = await openStage();

const ERROR_ACCESS_DENIED = 5;
const NERR_NetNameNotFound = 2310;
const nca_s_op_rng_error = 0x1c010002;

const open = async (persona: Persona, transceives = true): Promise<SrvsvcPipe> =>
  SrvsvcPipe.open((await stage.enter(persona)).session, transceives);

for (const persona of PERSONAS) {
  for (const transceives of [true, false]) {
    const way = transceives ? 'FSCTL_PIPE_TRANSCEIVE' : 'WRITE and READ';
    test(`A11 NetrShareGetInfo tells what a share is, or packaged applications give up (${persona.name}, ${way})`, async () => {
      const srvsvc = await open(persona, transceives);
      const common = { netname: SHARE, type: STYPE_DISKTREE };
      const remark = '';
      for (const [level, value] of [
        [0, { netname: SHARE }],
        [1, { ...common, remark }],
        [501, { ...common, remark, flags: 0 }],
        [1005, { flags: 0 }],
      ] as const) {
        const { status, infoStruct } = await srvsvc.shareInfo(SHARE, level);
        assert.equal(status, 0, `level ${level}`);
        assert.deepEqual(infoStruct, { tag: level, value }, `level ${level}`);
      }
      // Those who may not administer are told so, and not by a fault.
      for (const level of [2, 502]) {
        const { status } = await srvsvc.shareInfo(SHARE, level);
        assert.equal(status, ERROR_ACCESS_DENIED, `level ${level}`);
      }
      for (const level of [0, 1, 501, 1005]) {
        const { status } = await srvsvc.shareInfo('nowhere', level);
        assert.equal(status, NERR_NetNameNotFound, `level ${level}`);
      }
    });
  }
}

test('A11 shares are found in any case, and IPC$ is one', async () => {
  const srvsvc = await open(win11);
  assert.equal((await srvsvc.shareInfo(SHARE.toUpperCase(), 1)).status, 0);
  const { infoStruct } = await srvsvc.shareInfo('ipc$', 1);
  assert.ok(infoStruct.tag === 1);
  assert.equal(infoStruct.value?.type, (STYPE_IPC | STYPE_SPECIAL) >>> 0);
});

test('A11 an operation that is none is a fault, and the pipe is good for the next', async () => {
  const srvsvc = await open(win11);
  for (const opnum of [99, 7, 1000]) {
    assert.deepEqual(await srvsvc.ask(opnum), { kind: 'fault', status: nca_s_op_rng_error });
    assert.equal((await srvsvc.shareInfo(SHARE, 1)).status, 0);
  }
});

for (const [who, login] of [
  ['anonymous', {}],
  ['guest', GUEST.login],
] as const) {
  test(`B31 ${who} lists the shares, or gvfs asks for passwords without end`, async () => {
    const connection = await stage.server.connect(GUEST.connect);
    const session = await connection.login(login);
    assert.equal(session.identity, who);
    const names = (await listShares(session)).map(({ name }) => name);
    assert.ok(names.includes(SHARE), names.join());
    await connection.close();
  });
}

test('B03 a pipe tells of itself what a file would, or Explorer shows no share', async () => {
  const { session } = await stage.enter(win11);
  const tree = await session.treeConnect('IPC$');
  const pipe = await tree.open('srvsvc', { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE });
  const told = FileStandardInformation.read(
    await pipe.queryInfo(FileInformationClass.FileStandardInformation),
  );
  assert.deepEqual(told, {
    allocationSize: 4096,
    endOfFile: 0,
    numberOfLinks: 1,
    deletePending: true,
    directory: false,
  });
  await pipe.close();
});

test('B03 WaitNamedPipe and PeekNamedPipe, with which .NET and others begin', async () => {
  const files = await stage.enter(win11);
  const { session } = files;
  const tree = await session.treeConnect('IPC$');
  const wait = (name: string) =>
    ioctlRequest(RELATED, Fsctl.FSCTL_PIPE_WAIT, {
      input: encodePipeWaitRequest({ timeout: -10_000_000n, name }),
    });
  assertStatus(await tree.request(wait('SrvSvc')), STATUS_SUCCESS);
  assertStatus(await tree.request(wait('nowhere')), STATUS_OBJECT_NAME_NOT_FOUND);
  assertStatus(await files.request(wait('srvsvc')), STATUS_INVALID_DEVICE_REQUEST);

  const { fileId } = await tree.open('srvsvc', { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE });
  const peek = (maxOutput: number) =>
    tree.request(ioctlRequest(fileId, Fsctl.FSCTL_PIPE_PEEK, { maxOutput }));
  const read = (answer: Answer) => decodePipePeekReply(decodeIoctlResponse(answer.message).output);
  const empty = await peek(1024);
  assertStatus(empty, STATUS_SUCCESS);
  const state = { namedPipeState: FILE_PIPE_CONNECTED_STATE };
  const nothing = { readDataAvailable: 0, numberOfMessages: 0, messageLength: 0 };
  assert.deepEqual(read(empty), { ...state, ...nothing, data: Buffer.alloc(0) });

  const bind = new ClientAssociation(SRVSVC).bind();
  assertStatus(await tree.request(writeRequest(fileId, 0, bind)), STATUS_SUCCESS);
  const { readDataAvailable: bytes } = read(await peek(1024));
  const cut = await peek(16 + 10);
  assertStatus(cut, STATUS_BUFFER_OVERFLOW);
  assertStatus(await peek(15), STATUS_BUFFER_TOO_SMALL);
  assertStatus(await peek(0), STATUS_SUCCESS);
  const whole = decodeReadResponse((await tree.request(readRequest(fileId, 0, 4280))).message).data;
  assert.equal(whole.length, bytes);
  assert.deepEqual(read(cut), {
    ...{ ...state, readDataAvailable: bytes, numberOfMessages: 1, messageLength: bytes },
    data: whole.subarray(0, 10),
  });
  assert.equal(read(await peek(1024)).readDataAvailable, 0);

  const file = await files.open('', {});
  const onFile = ioctlRequest(file.fileId, Fsctl.FSCTL_PIPE_PEEK, { maxOutput: 64 });
  assertStatus(await files.request(onFile), STATUS_INVALID_DEVICE_REQUEST);
});
