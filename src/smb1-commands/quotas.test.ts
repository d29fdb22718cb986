/** MS-SMB 3.3.5.11.2 and 3.3.5.11.3: quotas at SMB1 are those that SMB2 tells and sets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PASSWORD, SHARE, startServer, USER } from '../../test/support/in-process-server.ts';
import { fidOf, ntCreate, ntTransact, Smb1Client } from '../../test/support/smb1-client.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_HANDLE,
  STATUS_NO_MORE_ENTRIES,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { type Sid, unixUserSid } from '../dtyp/sid.ts';
import { decodeQuotas, encodeGetQuotas, encodeQuotas } from '../fscc/quota-information.ts';
import { QueryQuotaParameters, SetQuotaParameters } from '../smb1/nt-transact.ts';
import { NtTransact } from '../smb1/transaction.ts';
import { createMemoryVfs } from '../vfs/memory/memory.ts';

const CHIEF = 'chief';
const ANN: Sid = unixUserSid(1001);
const LIMIT = 4n * 1024n * 1024n;
const identity = (uid: number) => ({ uid, gid: uid, groups: [] });

function scene(
  name: string,
  body: (login: (user: string) => Promise<Smb1Client>) => Promise<void>,
  keepsQuotas = true,
): void {
  test(name, async () => {
    const server = await startServer({
      global: { minProtocol: 0x0100, signing: 'auto' },
      shares: [{ name: SHARE, vfs: createMemoryVfs(keepsQuotas ? { quotas: true } : {}) }],
      users: [
        { name: CHIEF, password: PASSWORD, identity: identity(0) },
        { name: USER, password: PASSWORD, identity: identity(1001) },
      ],
    });
    const clients: Smb1Client[] = [];
    try {
      await body(async (user) => {
        const client = await Smb1Client.open(server);
        clients.push(client);
        await client.negotiate();
        assert.equal((await client.login(user)).status, STATUS_SUCCESS);
        await client.treeConnect(SHARE);
        return client;
      });
    } finally {
      await Promise.all(clients.map((client) => client.close()));
      await server.close();
    }
  });
}

async function ask(client: Smb1Client, fid: number, sids: readonly Sid[] = [], restartScan = 1) {
  const list = sids.length === 0 ? Buffer.alloc(0) : encodeGetQuotas(sids);
  const parameters = QueryQuotaParameters.encode({
    ...{ fid, returnSingleEntry: 0, restartScan },
    ...{ sidListLength: list.length, startSidLength: 0, startSidOffset: 0 },
  });
  const answer = await ntTransact(client, NtTransact.QUERY_QUOTA, parameters, list);
  const quotas = answer.data.length === 0 ? [] : decodeQuotas(answer.data);
  return { ...answer, quotas };
}

const set = async (client: Smb1Client, fid: number, quotaLimit: bigint): Promise<number> => {
  const wanted = {
    changeTime: 0n,
    quotaUsed: 0n,
    quotaThreshold: LIMIT / 2n,
    quotaLimit,
    sid: ANN,
  };
  const { bytes } = encodeQuotas([wanted], 4096);
  const parameters = SetQuotaParameters.encode({ fid });
  return (await ntTransact(client, NtTransact.SET_QUOTA, parameters, bytes)).status;
};

scene(
  'an administrator sets a limit and reads it, by name and in the list, to its end',
  async (login) => {
    const chief = await login(CHIEF);
    const fid = fidOf(await ntCreate(chief, { name: '\\file' }));
    assert.equal(await set(chief, fid, LIMIT), STATUS_SUCCESS);
    const named = await ask(chief, fid, [ANN]);
    assert.equal(named.status, STATUS_SUCCESS);
    assert.equal(named.parameters.readUInt32LE(0), named.data.length);
    assert.deepEqual(
      named.quotas.map(({ sid, quotaLimit }) => [sid, quotaLimit]),
      [[ANN, LIMIT]],
    );
    const all = await ask(chief, fid);
    assert.ok(all.quotas.some(({ sid }) => sid === ANN));
    const rest = await ask(chief, fid, [], 0);
    assert.equal(rest.status, STATUS_NO_MORE_ENTRIES);
    assert.equal(rest.parameters.readUInt32LE(0), 0);
  },
);

scene('others see their own and set nothing', async (login) => {
  const chief = await login(CHIEF);
  const theirs = fidOf(await ntCreate(chief, { name: '\\file' }));
  assert.equal(await set(chief, theirs, LIMIT), STATUS_SUCCESS);
  const ann = await login(USER);
  const fid = fidOf(await ntCreate(ann, { name: '\\other' }));
  const { quotas } = await ask(ann, fid);
  assert.deepEqual(
    quotas.map(({ sid }) => sid),
    [ANN],
  );
  assert.equal(await set(ann, fid, 2n * LIMIT), STATUS_ACCESS_DENIED);
  assert.equal((await ask(ann, 0x7fff)).status, STATUS_INVALID_HANDLE);
});

scene(
  'where none are kept nothing is told',
  async (login) => {
    const chief = await login(CHIEF);
    const fid = fidOf(await ntCreate(chief, { name: '\\file' }));
    assert.equal((await ask(chief, fid)).status, STATUS_NOT_SUPPORTED);
    assert.equal(await set(chief, fid, LIMIT), STATUS_NOT_SUPPORTED);
  },
  false,
);
