/** The parameters `oplocks` of a share and `smb2 leases` of the server, through the whole server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { credentials, SHARE, startServer } from '../../test/support/in-process-server.ts';
import { configure } from '../config/configuration.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../dtyp/access-mask.ts';
import { SMB2_GLOBAL_CAP_LEASING } from '../smb2/capabilities.ts';
import { encodeLease } from '../smb2/create-context-values.ts';
import { CreateContextName } from '../smb2/create-contexts.ts';
import { FILE_OPEN_IF } from '../smb2/create-options.ts';
import { Dialect } from '../smb2/dialect.ts';
import { SMB2_OPLOCK_LEVEL_BATCH, SMB2_OPLOCK_LEVEL_LEASE } from '../smb2/oplock-levels.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';

const how = {
  access: FILE_GENERIC_READ | FILE_GENERIC_WRITE,
  disposition: FILE_OPEN_IF,
};
const contexts = [
  {
    name: CreateContextName.LEASE,
    data: encodeLease({
      version: 1,
      leaseKey: Buffer.alloc(16, 3),
      leaseState: 7,
      leaseFlags: 0,
    }),
  },
];

/** What a client of this dialect is granted: the bit of NEGOTIATE, a lease, a batch oplock. */
async function granted(
  dialect: Dialect,
  global: { leases?: boolean },
  share: { oplocks?: boolean },
): Promise<[boolean, number, number]> {
  const server = await startServer({
    configuration: configure({
      global,
      shares: [{ name: SHARE, path: '/', readOnly: false, ...share }],
    }),
    shares: [{ name: SHARE, vfs: createMemoryVfs() }],
  });
  try {
    const connection = await server.connect({ dialects: [dialect] });
    const tree = await (await connection.login(credentials)).treeConnect(SHARE);
    const lease = await tree.open('lease', {
      ...how,
      contexts,
      oplockLevel: SMB2_OPLOCK_LEVEL_LEASE,
    });
    const batch = await tree.open('batch', { ...how, oplockLevel: SMB2_OPLOCK_LEVEL_BATCH });
    const offered = (connection.negotiated.response.capabilities & SMB2_GLOBAL_CAP_LEASING) !== 0;
    return [offered, lease.created.oplockLevel, batch.created.oplockLevel];
  } finally {
    await server.close();
  }
}

const BATCH = SMB2_OPLOCK_LEVEL_BATCH;
const LEASE = SMB2_OPLOCK_LEVEL_LEASE;

test('leases from 2.1 on, oplocks always', async () => {
  assert.deepEqual(await granted(Dialect.SMB2_02, {}, {}), [false, 0, BATCH]);
  assert.deepEqual(await granted(Dialect.SMB2_10, {}, {}), [true, LEASE, BATCH]);
  assert.deepEqual(await granted(Dialect.SMB3_11, {}, {}), [true, LEASE, BATCH]);
});

test('smb2 leases = no', async () => {
  assert.deepEqual(await granted(Dialect.SMB3_11, { leases: false }, {}), [false, 0, BATCH]);
});

test('oplocks = no', async () => {
  assert.deepEqual(await granted(Dialect.SMB3_11, {}, { oplocks: false }), [true, 0, 0]);
});
