/** What `usmbd control -d COMPONENT` shows of a client's work: the administrator's way to see why something fails. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createLogger, type DebugComponent } from '../../src/base/log.ts';
import { createRequest } from '../../src/client/requests.ts';
import { DELETE, FILE_READ_DATA } from '../../src/dtyp/access-mask.ts';
import { FILE_DELETE_ON_CLOSE } from '../../src/smb2/create-options.ts';
import { startServer } from '../support/in-process-server.ts';
import { leased } from '../support/leases.ts';

type Line = Readonly<Record<string, unknown>>;

const debug = new Set<DebugComponent>();
const lines: Line[] = [];
const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Line) };
const server = await startServer({ log: createLogger({ destination, debug }) });
after(() => server.close());

/** The lines of one component that `work` makes, while it alone is on. */
async function told(component: DebugComponent, work: () => Promise<unknown>): Promise<Line[]> {
  debug.add(component);
  lines.length = 0;
  try {
    await work();
  } finally {
    debug.delete(component);
  }
  const made = lines.filter((line) => line.level === 'debug');
  assert.ok(made.every((line) => line.component === component));
  return made;
}

test('smb: each answer, with its status and what it was for', async () => {
  const tree = await server.mount();
  const made = await told('smb', async () => {
    const file = await tree.open('new.txt', { disposition: 2 });
    await file.close();
    await tree.request(createRequest('missing'));
  });
  assert.deepEqual(
    made.map(({ msg, status, user, share, file }) => [msg, status, user, share, file]),
    [
      ['CREATE', 'STATUS_SUCCESS', 'tester', 'files', '\\new.txt'],
      ['CLOSE', 'STATUS_SUCCESS', 'tester', 'files', undefined],
      ['CREATE', 'STATUS_OBJECT_NAME_NOT_FOUND', 'tester', 'files', undefined],
    ],
  );
});

test('vfs: opens with their rights, and what is deleted', async () => {
  const tree = await server.mount();
  const made = await told('vfs', async () => {
    const how = { disposition: 2, access: FILE_READ_DATA | DELETE, options: FILE_DELETE_ON_CLOSE };
    await (await tree.open('gone.txt', how)).close();
  });
  assert.deepEqual(
    made.map(({ msg, result, path, access }) => [msg, result, path, access]),
    [
      ['open', 'ok', 'gone.txt', ['read', 'delete']],
      ['delete', 'ok', 'gone.txt', undefined],
    ],
  );
});

test('oplock: what is granted, and what is broken', async () => {
  const holder = await server.mount();
  const other = await server.mount();
  const made = await told('oplock', async () => {
    await holder.open('leased.txt', leased(1, {}, { disposition: 2 }));
    // The break is told of, whether it is acknowledged or not.
    void other.request(createRequest('leased.txt', { disposition: 5 })).catch(() => {});
    while (!lines.some(({ msg }) => msg === 'lease break')) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });
  assert.deepEqual(
    made.map(({ msg, lease }) => [msg, lease]),
    [
      ['lease granted', '01'.repeat(16)],
      ['lease break', '01'.repeat(16)],
    ],
  );
});

test('what is off writes nothing', async () => {
  lines.length = 0;
  const tree = await server.mount();
  await (await tree.open('quiet.txt', { disposition: 2 })).close();
  assert.deepEqual(lines, []);
});
