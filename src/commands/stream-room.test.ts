/** A stream that has no room where the disk has some: told to whoever runs the server, once, with what can be done. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SHARE, startServer } from '../../test/support/in-process-server.ts';
import type { Logger } from '../base/log.ts';
import { StatusError } from '../client/client-error.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../dtyp/access-mask.ts';
import { STATUS_DISK_FULL } from '../dtyp/ntstatus.ts';
import { FILE_CREATE, FILE_OPEN_IF } from '../smb2/create-options.ts';
import { ENOSPC } from '../vfs/errno.ts';
import { createFaultyVfs, type FaultyMethod } from '../vfs/memory/faulty.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';

const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;
const isFull = (error: unknown): boolean =>
  error instanceof StatusError && error.status === STATUS_DISK_FULL;

async function served(refused: FaultyMethod, capacityBytes?: number) {
  const warnings: [string, unknown][] = [];
  const log: Logger = {
    part: () => log,
    debug: () => undefined,
    debugs: () => false,
    info: () => undefined,
    warn: (text, more) => void warnings.push([text, more]),
    error: (text, more) => assert.fail(`${text} ${JSON.stringify(more)}`),
  };
  let breaks = false;
  const vfs = createFaultyVfs(
    createMemoryVfs(capacityBytes === undefined ? {} : { capacityBytes }),
    {
      fail: ({ method }) => (breaks && method === refused ? ENOSPC : undefined),
    },
  );
  const server = await startServer({ log, shares: [{ name: SHARE, vfs }] });
  const tree = await server.mount();
  const open = (name: string) => tree.open(name, { access, disposition: FILE_OPEN_IF });
  return {
    ...{ server, tree, open, warnings },
    breakIt: () => {
      breaks = true;
    },
  };
}

test('a stream that does not fit is told of once, with its share, its file and a remedy', async () => {
  const { server, open, warnings, breakIt } = await served('write');
  const stream = await open('photo.jpg:AFP_Resource');
  const file = await open('photo.jpg');
  breakIt();
  // What is no stream has no attributes to outgrow.
  await assert.rejects(file.write(0, Buffer.from('x')), isFull);
  assert.deepEqual(warnings, []);
  for (let i = 0; i < 2; i++) await assert.rejects(stream.write(0, Buffer.from('x')), isFull);
  await server.close();
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]![0], /named stream does not fit/);
  const { share, file: name, remedy } = warnings[0]![1] as Record<string, string>;
  assert.deepEqual({ share, name }, { share: SHARE, name: '\\photo.jpg' });
  assert.match(remedy!, /tune2fs -O ea_inode/);
});

test('so is one that cannot even be made', async () => {
  const { server, tree, open, warnings, breakIt } = await served('createStream');
  await (await open('f')).close();
  breakIt();
  await assert.rejects(tree.open('f:s', { access, disposition: FILE_CREATE }), isFull);
  await server.close();
  assert.equal(warnings.length, 1);
});

test('a disk that is full has no other remedy than room', async () => {
  const { server, open, warnings, breakIt } = await served('write', 1024 * 1024);
  const stream = await open('f:s');
  breakIt();
  await assert.rejects(stream.write(0, Buffer.from('x')), isFull);
  await server.close();
  assert.deepEqual(warnings, []);
});
