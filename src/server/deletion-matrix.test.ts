/**
 * MS-FSA 2.1.5.5 and 2.1.5.15.3 as a matrix: three clients have the same thing open, one or two of them
 * want it gone in each way there is, and they leave in every order, each in another manner. A fourth looks on:
 * what CREATE answers meanwhile, and what it is told of.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  STATUS_DELETE_PENDING,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { decodeNotifyInformation } from '../fscc/notify-information.ts';
import { nativeSupport } from '../native/support.ts';
import {
  decodeChangeNotifyResponse,
  encodeChangeNotifyRequest,
  FILE_NOTIFY_CHANGE_DIR_NAME,
  FILE_NOTIFY_CHANGE_FILE_NAME,
  FILE_NOTIFY_CHANGE_STREAM_NAME,
} from '../smb2/change-notify.ts';
import {
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_OVERWRITE,
  FILE_OVERWRITE_IF,
  FILE_SUPERSEDE,
} from '../smb2/create-options.ts';
import { Command } from '../smb2/header.ts';
import { createLocalVfs } from '../vfs/local/local-vfs.ts';
import { close, connected, type Draft, type FileId } from './test-client.support.test.ts';
import { call, type Mount, statusOf, tryOpen } from './test-durables.support.test.ts';
import { dispose, LOGOFF, TREE_DISCONNECT } from './test-requests.support.test.ts';
import { turns, World } from './test-world.support.test.ts';

const ALL = [
  FILE_SUPERSEDE,
  FILE_OPEN,
  FILE_CREATE,
  FILE_OPEN_IF,
  FILE_OVERWRITE,
  FILE_OVERWRITE_IF,
];
const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
];

interface Kind {
  readonly name: string;
  /** What each of the three has open. */
  readonly opens: readonly [string, string, string];
  /** Who may want `name` gone. */
  readonly deleters: readonly number[];
  readonly createOptions: number;
  /** What CHANGE_NOTIFY tells of the end. */
  readonly told: string;
}

const KINDS: readonly Kind[] = [
  { name: 'f', opens: ['f', 'F', 'f'], deleters: [0, 1, 2], createOptions: 0, told: '2 f' },
  {
    name: 'd',
    opens: ['d', 'd', 'D'],
    deleters: [0, 1, 2],
    createOptions: FILE_DIRECTORY_FILE,
    told: '2 d',
  },
  {
    name: 'keeps:s',
    opens: ['keeps:s', 'KEEPS:S', 'keeps:s'],
    deleters: [0, 1, 2],
    createOptions: 0,
    told: '7 keeps:s',
  },
  { name: 'g', opens: ['g', 'g:s', 'g'], deleters: [0, 2], createOptions: 0, told: '2 g' },
];

/** How the deletion is asked for: by these opens' FILE_DELETE_ON_CLOSE, then by dispositions. */
interface Wish {
  readonly onClose: readonly number[];
  readonly dispositions: readonly (readonly [by: number, pending: boolean])[];
}

function* wishes({ deleters }: Kind): Generator<Wish> {
  yield { onClose: [], dispositions: [] };
  for (const [i, a] of deleters.entries()) {
    const b = deleters[(i + 1) % deleters.length]!;
    yield { onClose: [a], dispositions: [] };
    yield { onClose: [], dispositions: [[a, true]] };
    yield { onClose: [a], dispositions: [[b, true]] };
    yield {
      onClose: [],
      dispositions: [
        [a, true],
        [b, false],
      ],
    };
    yield {
      onClose: [a],
      dispositions: [
        [b, true],
        [a, false],
      ],
    };
  }
}

const WAYS: readonly ((at: Mount, id: FileId) => Promise<unknown>)[] = [
  async (at, id) => assert.equal(await statusOf(at, close(id)), STATUS_SUCCESS),
  async (at) => assert.equal(await statusOf(at, TREE_DISCONNECT), STATUS_SUCCESS),
  async (at) => assert.equal(await statusOf(at, LOGOFF), STATUS_SUCCESS),
  (at) => at.client.lost(),
];

const watchNames = ({ persistentId, volatileId }: FileId): Draft => ({
  command: Command.CHANGE_NOTIFY,
  body: encodeChangeNotifyRequest({
    flags: 0,
    outputBufferLength: 1000,
    persistentId,
    volatileId,
    completionFilter:
      FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME | FILE_NOTIFY_CHANGE_STREAM_NAME,
  }),
});

/** What a CREATE of each disposition answers: what is pending is opened by none. */
async function look(at: Mount, names: readonly string[], pending: boolean): Promise<void> {
  for (const name of names) {
    for (const createDisposition of pending ? ALL : [FILE_OPEN, FILE_CREATE]) {
      const { status, value } = await at.client.create(at.session, at.treeId, {
        name,
        createDisposition,
        desiredAccess: 0x80,
      });
      const collides = createDisposition === FILE_CREATE;
      const usual: number = collides ? STATUS_OBJECT_NAME_COLLISION : STATUS_SUCCESS;
      const expected: number = pending ? STATUS_DELETE_PENDING : usual;
      assert.equal(status.toString(16), expected.toString(16), `${name}, ${createDisposition}`);
      if (value !== undefined) await at.client.close(at.session, at.treeId, value);
    }
  }
}

class Run {
  readonly world: World;
  readonly kind: Kind;
  readonly #mounts: Mount[] = [];
  #onlooker!: Mount;
  #told = 0;

  constructor(world: World, kind: Kind) {
    this.world = world;
    this.kind = kind;
  }

  async play(wish: Wish, order: readonly number[], turn: number): Promise<void> {
    const { kind, world } = this;
    for (let i = 0; i < 3; i++) this.#mounts.push(await connected(world, { clientGuid: i }));
    this.#onlooker = await connected(world, { clientGuid: 3 });
    const { client, session, treeId } = this.#onlooker;
    await client.close(session, treeId, await client.open(session, treeId, 'keeps'));
    const ids: FileId[] = [];
    for (const [i, at] of this.#mounts.entries()) {
      const deletes = wish.onClose.includes(i) ? FILE_DELETE_ON_CLOSE : 0;
      const createOptions = kind.createOptions | deletes;
      ids.push(await at.client.open(at.session, at.treeId, kind.opens[i]!, { createOptions }));
    }
    await this.#watch();
    let pending = false;
    for (const [by, deletePending] of wish.dispositions) {
      const draft = dispose(ids[by]!, deletePending);
      assert.equal(await statusOf(this.#mounts[by]!, draft), STATUS_SUCCESS);
      pending = deletePending;
      await look(this.#onlooker, kind.opens, pending);
    }
    const left = new Set(order);
    for (const [n, leaving] of order.entries()) {
      await WAYS[(turn + n) % WAYS.length]!(this.#mounts[leaving]!, ids[leaving]!);
      await turns();
      left.delete(leaving);
      pending ||= wish.onClose.includes(leaving);
      if (left.size === 0) break;
      assert.equal(client.finalNow(this.#told), undefined, 'nothing is told while it is there');
      await look(this.#onlooker, kind.opens, pending);
    }
    await this.#end(pending);
  }

  async #watch(): Promise<void> {
    const { client, session, treeId } = this.#onlooker;
    const root = await client.open(session, treeId, '', { createOptions: FILE_DIRECTORY_FILE });
    this.#told = client.send([{ ...watchNames(root), treeId }], session)[0]!;
    await turns();
    assert.equal(client.interim(this.#told)?.status, STATUS_PENDING);
  }

  async #end(gone: boolean): Promise<void> {
    const { kind, world } = this;
    const { client } = this.#onlooker;
    if (gone) {
      const message = client.finalNow(this.#told)?.message ?? assert.fail('nothing is told');
      const told = decodeNotifyInformation(decodeChangeNotifyResponse(message).outputBuffer);
      assert.deepEqual(
        told.map(({ action, fileName }) => `${action} ${fileName}`),
        [kind.told],
      );
      for (const createDisposition of [FILE_OPEN, FILE_OVERWRITE]) {
        const status = await tryOpen(this.#onlooker, kind.name, [], { createDisposition });
        assert.equal(status, STATUS_OBJECT_NAME_NOT_FOUND);
      }
    } else {
      assert.equal(client.finalNow(this.#told), undefined);
      await look(this.#onlooker, kind.opens, false);
    }
    assert.equal(await tryOpen(this.#onlooker, 'keeps', [], { createDisposition: FILE_OPEN }), 0);
    await call(this.#onlooker, LOGOFF);
    for (const at of [...this.#mounts, this.#onlooker]) await at.client.lost();
    world.assertEmpty();
  }
}

/** Every case, or each `stride`th; `renew` makes the world of a case. */
async function matrix(kind: Kind, stride: number, renew: () => [World, () => void]) {
  let number = 0;
  for (const wish of wishes(kind)) {
    for (const order of ORDERS) {
      number += 1;
      if (number % stride !== 0) continue;
      const [world, end] = renew();
      try {
        await new Run(world, kind).play(wish, order, number);
      } catch (error) {
        const what = JSON.stringify({ kind: kind.name, ...wish, order, turn: number });
        throw new Error(`${what}: ${String(error)}`, { cause: error });
      } finally {
        end();
      }
    }
  }
}

const { unavailable } = nativeSupport();

for (const kind of KINDS) {
  test(`deletion of ${kind.opens.join(', ')}: who wants it, how, and who leaves when`, () =>
    matrix(kind, 1, () => [new World(), () => {}]));

  test(`the same on a disk: ${kind.name}`, { skip: unavailable ?? false }, () =>
    matrix(kind, 5, () => {
      const root = mkdtempSync(join(tmpdir(), 'usmbd-deletion-'));
      const vfs = createLocalVfs({ root });
      const end = (): void => {
        vfs.close();
        rmSync(root, { recursive: true, force: true });
      };
      return [new World({ between: () => vfs, features: vfs.features }), end];
    }),
  );
}
