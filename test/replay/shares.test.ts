/** srvsvc: packaged applications of Windows ask what a share is before they open a file on it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientFile } from '../../src/client/file.ts';
import { ioctlRequest } from '../../src/client/requests.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { STATUS_BUFFER_OVERFLOW } from '../../src/dtyp/ntstatus.ts';
import { ClientAssociation } from '../../src/rpc/client-association.ts';
import { u32 } from '../../src/rpc/ndr.ts';
import { operation } from '../../src/rpc/operation.ts';
import { SRVSVC, STYPE_DISKTREE, STYPE_IPC, STYPE_SPECIAL } from '../../src/rpc/srvsvc.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { decodeIoctlResponse } from '../../src/smb2/ioctl.ts';
import { SHARE } from '../support/in-process-server.ts';
import { PERSONAS, type Persona, win11 } from './personas.ts';
import { openStage } from './stage.ts';

const stage = await openStage();

const ERROR_ACCESS_DENIED = 5;
const NERR_NetNameNotFound = 2310;
const nca_s_op_rng_error = 0x1c010002;
const FRAGMENT_BYTES = 4280;

/** The pipe, bound to srvsvc; calls by FSCTL_PIPE_TRANSCEIVE or by WRITE and READ. */
class Srvsvc {
  readonly #pipe: ClientFile;
  readonly #association = new ClientAssociation(SRVSVC);
  readonly #transceives: boolean;

  private constructor(pipe: ClientFile, transceives: boolean) {
    this.#pipe = pipe;
    this.#transceives = transceives;
  }

  static async open(persona: Persona, transceives = true): Promise<Srvsvc> {
    const tree = await (await stage.enter(persona)).session.treeConnect('IPC$');
    const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
    const srvsvc = new Srvsvc(await tree.open('srvsvc', { access }), transceives);
    assert.equal(srvsvc.#association.bound(await srvsvc.#say(srvsvc.#association.bind())), true);
    return srvsvc;
  }

  async #say(fragment: Buffer): Promise<Buffer> {
    if (!this.#transceives) {
      await this.#pipe.write(0, fragment);
      return this.#pipe.read(0, FRAGMENT_BYTES);
    }
    const request = ioctlRequest(this.#pipe.fileId, Fsctl.FSCTL_PIPE_TRANSCEIVE, {
      input: fragment,
      maxOutput: FRAGMENT_BYTES,
    });
    const answer = await this.#pipe.tree.request(request);
    assert.notEqual(answer.status, STATUS_BUFFER_OVERFLOW);
    return decodeIoctlResponse(answer.message).output;
  }

  async shareInfo(netName: string, level: number) {
    const { NetrShareGetInfo } = SRVSVC.operations;
    const serverName = '\\\\SERVER';
    const input = { serverName, netName, level };
    const [fragment] = this.#association.request(NetrShareGetInfo, input);
    const answer = this.#association.answer(NetrShareGetInfo, await this.#say(fragment!));
    if (answer.kind !== 'result') assert.fail(`level ${level}: ${answer.kind}`);
    return answer.output;
  }

  async call(opnum: number) {
    const none = operation(opnum, { nothing: u32 }, { status: u32 });
    const [fragment] = this.#association.request(none, { nothing: 0 });
    return this.#association.answer(none, await this.#say(fragment!));
  }
}

for (const persona of PERSONAS) {
  for (const transceives of [true, false]) {
    const way = transceives ? 'FSCTL_PIPE_TRANSCEIVE' : 'WRITE and READ';
    test(`A11 NetrShareGetInfo tells what a share is, or packaged applications give up (${persona.name}, ${way})`, async () => {
      const srvsvc = await Srvsvc.open(persona, transceives);
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
  const srvsvc = await Srvsvc.open(win11);
  assert.equal((await srvsvc.shareInfo(SHARE.toUpperCase(), 1)).status, 0);
  const { infoStruct } = await srvsvc.shareInfo('ipc$', 1);
  assert.ok(infoStruct.tag === 1);
  assert.equal(infoStruct.value?.type, (STYPE_IPC | STYPE_SPECIAL) >>> 0);
});

test('A11 an operation that is none is a fault, and the pipe is good for the next', async () => {
  const srvsvc = await Srvsvc.open(win11);
  for (const opnum of [99, 7, 1000]) {
    assert.deepEqual(await srvsvc.call(opnum), { kind: 'fault', status: nca_s_op_rng_error });
    assert.equal((await srvsvc.shareInfo(SHARE, 1)).status, 0);
  }
});
