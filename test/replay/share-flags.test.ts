/** MS-SMB2 2.2.10, ShareFlags: what a tree connect is told of its share, and srvsvc tells as well (MS-SRVS 2.2.4.29). */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type ConfigurationInput, configure } from '../../src/config/configuration.ts';
import { createMemoryVfs } from '../../src/vfs/memory/memory.ts';
import { credentials, startServer } from '../support/in-process-server.ts';
import { SrvsvcPipe } from './srvsvc-pipe.ts';

type ShareInput = NonNullable<ConfigurationInput['shares']>[number];

const ROWS: readonly (readonly [string, Partial<ShareInput>, number])[] = [
  ['plain', {}, 0],
  ['documents', { cscPolicy: 0x10 }, 0x10],
  ['programs', { cscPolicy: 0x20 }, 0x20],
  ['never', { cscPolicy: 0x30 }, 0x30],
  ['hiding', { hideUnreadable: true, cscPolicy: 0x30 }, 0x830],
];

const server = await startServer({
  configuration: configure({
    global: { signing: 'auto' },
    shares: ROWS.map(([name, how]) => ({ name, path: '/', readOnly: false, ...how })),
  }),
  shares: ROWS.map(([name]) => ({ name, vfs: createMemoryVfs() })),
});
after(() => server.close());

test('csc policy and hide unreadable are told, in both ways', async () => {
  const connection = await server.connect();
  const session = await connection.login(credentials);
  const srvsvc = await SrvsvcPipe.open(session);
  for (const [name, , flags] of ROWS) {
    const tree = await session.treeConnect(name);
    assert.equal(tree.response.shareFlags, flags, name);
    const { infoStruct } = await srvsvc.shareInfo(name, 1005);
    assert.deepEqual(infoStruct, { tag: 1005, value: { flags } }, name);
  }
});
