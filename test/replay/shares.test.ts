/** srvsvc: packaged applications of Windows ask what a share is before they open a file on it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listShares } from '../../src/client/shares.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { FileStandardInformation } from '../../src/fscc/file-information.ts';
import { FileInformationClass } from '../../src/fscc/information-class.ts';
import { STYPE_DISKTREE, STYPE_IPC, STYPE_SPECIAL } from '../../src/rpc/srvsvc.ts';
import { SHARE } from '../support/in-process-server.ts';
import { GUEST, PERSONAS, type Persona, win11 } from './personas.ts';
import { SrvsvcPipe } from './srvsvc-pipe.ts';
import { openStage } from './stage.ts';

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
