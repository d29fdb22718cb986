/**
 * MS-FSA 2.1.5.1.2.1 and 2.1.5.1.2.2 by the whole server: two opens with every access and share mode, of
 * a file, a directory and streams, by two clients in two shares over one folder.
 *
 * Where the server differs from the text: the rights that a disposition implies count even where DesiredAccess
 * has none that does, so that no overwriting slips by; and whoever may not write the directory is not made
 * to share reading against his will, which the first step of 2.1.5.1.2.2 asks for.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DELETE,
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_WRITE_ATTRIBUTES,
  FILE_WRITE_DATA,
  READ_CONTROL,
} from '../dtyp/access-mask.ts';
import { STATUS_SHARING_VIOLATION, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { fsaViolation } from '../objects/fsa-sharing.support.test.ts';
import type { ShareMode } from '../objects/share-modes.ts';
import {
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OVERWRITE,
  FILE_SHARE_DELETE,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
  FILE_SUPERSEDE,
} from '../smb2/create-options.ts';
import { connected, TestClient } from './test-client.support.test.ts';
import { type Mount, tryOpen } from './test-durables.support.test.ts';
import { World } from './test-world.support.test.ts';

const EACH = [
  FILE_READ_DATA,
  FILE_WRITE_DATA,
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  DELETE,
  FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES,
  READ_CONTROL,
];
const FEW = [FILE_READ_DATA, FILE_APPEND_DATA | FILE_EXECUTE, DELETE, FILE_READ_ATTRIBUTES];

const modes = (accesses: readonly number[]): ShareMode[] =>
  accesses.flatMap((access) => [0, 1, 2, 3, 4, 5, 6, 7].map((share) => ({ access, share })));

const as = ({ access, share }: ShareMode, createOptions = 0) => ({
  desiredAccess: access,
  shareAccess: share,
  createDisposition: FILE_OPEN,
  createOptions,
});

const streamOf = (name: string): string => (name.split(':')[1] ?? '').toLowerCase();

/** The same folder by a share that encrypts. */
async function sealed(world: World): Promise<Mount> {
  const client = new TestClient(world);
  await client.negotiate(undefined, { clientGuid: Buffer.alloc(16, 8) });
  const session = await client.login('bob');
  session.seal = true;
  return { client, session, treeId: await client.tree(session, 'sealed') };
}

/** Each mode against each other; the status that every second open gets is the specification's. */
async function everyPair(first: string, second: string, all: ShareMode[], createOptions = 0) {
  const world = new World();
  const ann = await connected(world);
  const bob = await sealed(world);
  for (const name of new Set([first, second])) {
    const made = await ann.client.open(ann.session, ann.treeId, name, { createOptions });
    await ann.client.close(ann.session, ann.treeId, made);
  }
  for (const existing of all) {
    const held = await ann.client.open(ann.session, ann.treeId, first, as(existing, createOptions));
    const openList = [{ ...existing, stream: streamOf(first) }];
    for (const wanted of all) {
      const { status, value } = await bob.client.create(bob.session, bob.treeId, {
        ...as(wanted, createOptions),
        name: second,
      });
      const violates = fsaViolation({ ...wanted, stream: streamOf(second) }, openList);
      const expected: number = violates ? STATUS_SHARING_VIOLATION : STATUS_SUCCESS;
      if (status !== expected) {
        const pair = JSON.stringify({ existing, wanted });
        assert.fail(`${second} beside ${first}: ${status.toString(16)}, ${pair}`);
      }
      if (value !== undefined) await bob.client.close(bob.session, bob.treeId, value);
    }
    assert.equal(await ann.client.close(ann.session, ann.treeId, held), STATUS_SUCCESS);
  }
  await ann.client.lost();
  await bob.client.lost();
  world.assertEmpty();
}

test('share modes of a file: every access and share mode beside every other', () =>
  everyPair('f', 'f', modes([...EACH, 0x001f_01ff])));

test('share modes of a directory', () => everyPair('d', 'd', modes(FEW), FILE_DIRECTORY_FILE));

for (const [first, second] of [
  ['f:a', 'F:A'],
  ['f:a', 'f:b'],
  ['f', 'f:a'],
  ['f:a', 'f'],
] as const) {
  test(`share modes of ${second} beside ${first}`, () => everyPair(first, second, modes(FEW)));
}

test('share modes: what a disposition does to the file counts as access', async () => {
  const world = new World();
  const ann = await connected(world);
  const bob = await connected(world, { clientGuid: 8 });
  for (const [createDisposition, bit] of [
    [FILE_OVERWRITE, FILE_SHARE_WRITE],
    [FILE_SUPERSEDE, FILE_SHARE_DELETE],
  ] as const) {
    for (const shareAccess of [0, 1, 2, 3, 4, 5, 6, 7]) {
      const held = await ann.client.open(ann.session, ann.treeId, 'f', {
        desiredAccess: FILE_READ_DATA,
        shareAccess,
      });
      const over = { desiredAccess: FILE_READ_ATTRIBUTES, createDisposition };
      const refused = (shareAccess & bit) === 0;
      assert.equal(
        await tryOpen(bob, 'f', [], { ...over, shareAccess: FILE_SHARE_READ }),
        refused ? STATUS_SHARING_VIOLATION : STATUS_SUCCESS,
        `${createDisposition} beside ${shareAccess}`,
      );
      await ann.client.close(ann.session, ann.treeId, held);
      await bob.client.lost();
      Object.assign(bob, await connected(world, { clientGuid: 8 }));
    }
  }
  await ann.client.lost();
  await bob.client.lost();
  world.assertEmpty();
});
