/** MS-FSA 2.1.5.10.1, .2, .13, .35 and .36 through the whole server: object ids that are made, set and deleted. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import {
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INVALID_PARAMETER,
  STATUS_OBJECTID_NOT_FOUND,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { getxattr } from '../native/xattr.ts';
import { decodeCreateResponse } from '../smb2/create.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE, FILE_OPEN } from '../smb2/create-options.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { decodeIoctlResponse } from '../smb2/ioctl.ts';
import { connected, create, type FileId } from './test-client.support.test.ts';
import { scenarios } from './test-on-disk.support.test.ts';
import { fsctl } from './test-requests.support.test.ts';
import type { World } from './test-world.support.test.ts';

const ALL = 0x1f01ff;
const READ = 0x120089;
const EXTENDED = Buffer.from('0123456789abcdef'.repeat(6), 'hex');
const ON_DISK = 'user.SmbObjectId';

async function stage(world: World) {
  const { client, session, treeId } = await connected(world, {});
  const at = async (name: string, over: object): Promise<FileId> => {
    const draft = create({ name, desiredAccess: ALL, shareAccess: 7, ...over });
    const reply = await client.call({ treeId, ...draft }, session);
    assert.equal(reply.status, STATUS_SUCCESS, name);
    return decodeCreateResponse(reply.message);
  };
  const ask = async (open: FileId, code: number, input?: Buffer, room = 64) => {
    const { status, message } = await client.call(
      { treeId, ...fsctl(open, code, input, room) },
      session,
    );
    const hasOutput = status === STATUS_SUCCESS;
    return { status, output: hasOutput ? decodeIoctlResponse(message).output : undefined };
  };
  return {
    ask,
    make: (name: string, createOptions = 0) =>
      at(name, { createDisposition: FILE_CREATE, createOptions }),
    open: (name: string, desiredAccess = ALL) =>
      at(name, { createDisposition: FILE_OPEN, desiredAccess }),
    id: async (open: FileId, code: number = Fsctl.FSCTL_GET_OBJECT_ID): Promise<string> => {
      const { status, output } = await ask(open, code);
      assert.equal(status, STATUS_SUCCESS);
      assert.equal(output!.length, 64);
      return output!.toString('hex');
    },
    close: (open: FileId) => client.close(session, treeId, open),
    end: () => client.lost(),
  };
}

const scenario = scenarios(stage);

scenario(
  'an id that is made is kept, and its extended part is what clients set',
  async (stage, root) => {
    const { ask, make, open, id, close } = stage;
    for (const [name, options] of [
      ['file', 0],
      ['folder', FILE_DIRECTORY_FILE],
    ] as const) {
      const first = await make(name, options);
      const isKept = () =>
        root !== undefined && typeof getxattr(join(root, name), ON_DISK) !== 'number';
      const told = await id(first);
      assert.equal(isKept(), false);
      const extend = () => ask(first, Fsctl.FSCTL_SET_OBJECT_ID_EXTENDED, EXTENDED);
      assert.equal((await extend()).status, STATUS_OBJECTID_NOT_FOUND);
      assert.equal(await id(first, Fsctl.FSCTL_CREATE_OR_GET_OBJECT_ID), told);
      assert.equal(isKept(), root !== undefined);
      const short = await ask(first, Fsctl.FSCTL_SET_OBJECT_ID_EXTENDED, EXTENDED.subarray(1));
      assert.equal(short.status, STATUS_INVALID_PARAMETER);
      assert.equal((await extend()).status, STATUS_SUCCESS);
      await close(first);
      const again = await open(name);
      const extended = told.slice(0, 32) + EXTENDED.toString('hex');
      assert.equal(await id(again), extended);
      assert.equal(await id(again, Fsctl.FSCTL_CREATE_OR_GET_OBJECT_ID), extended);
      for (let round = 0; round < 2; round++) {
        assert.equal((await ask(again, Fsctl.FSCTL_DELETE_OBJECT_ID)).status, STATUS_SUCCESS);
        assert.equal(isKept(), false);
      }
      assert.equal(await id(again), told);
      await close(again);
    }
  },
);

scenario('whoever only reads may have an id made, and changes none', async (stage) => {
  const { ask, make, open, id, close } = stage;
  await close(await make('f'));
  const reading = await open('f', READ);
  const small = await ask(reading, Fsctl.FSCTL_CREATE_OR_GET_OBJECT_ID, undefined, 63);
  assert.equal(small.status, STATUS_BUFFER_TOO_SMALL);
  const told = await id(reading, Fsctl.FSCTL_CREATE_OR_GET_OBJECT_ID);
  for (const [code, input] of [
    [Fsctl.FSCTL_DELETE_OBJECT_ID, undefined],
    [Fsctl.FSCTL_SET_OBJECT_ID_EXTENDED, EXTENDED],
    [Fsctl.FSCTL_SET_OBJECT_ID, Buffer.alloc(64, 1)],
  ] as const) {
    assert.equal((await ask(reading, code, input)).status, STATUS_ACCESS_DENIED);
  }
  assert.equal(await id(reading), told);
  await close(reading);
});

scenario('to set a whole one takes the privilege to restore', async (stage) => {
  const { ask, make, close } = stage;
  const open = await make('f');
  const short = await ask(open, Fsctl.FSCTL_SET_OBJECT_ID, Buffer.alloc(63));
  assert.equal(short.status, STATUS_INVALID_PARAMETER);
  const whole = await ask(open, Fsctl.FSCTL_SET_OBJECT_ID, Buffer.alloc(64, 1));
  assert.equal(whole.status, STATUS_ACCESS_DENIED);
  await close(open);
});
