/**
 * The server is killed while a client of ours writes a file by a persistent handle with a lock, a lease and a share mode
 * that lets nobody in: strangers who are there first do not get the file, the client comes back and goes on, and the file
 * is what was written (MS-SMB2 3.3.5.9.10, 3.3.5.9.12).
 *
 *     npm run interop:persistent
 *     npm run interop:persistent -- --rounds 5 --blocks 200
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { StatusError } from '../../src/client/client-error.ts';
import { connect } from '../../src/client/connect.ts';
import type { ClientFile } from '../../src/client/file.ts';
import type { OpenOptions } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { DELETE, FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { STATUS_FILE_NOT_AVAILABLE } from '../../src/dtyp/ntstatus.ts';
import {
  decodeDurableHandleResponseV2,
  decodeLease,
  encodeDurableHandleReconnectV2,
  encodeDurableHandleRequestV2,
  encodeLease,
  SMB2_DHANDLE_FLAG_PERSISTENT,
} from '../../src/smb2/create-context-values.ts';
import {
  type CreateContext,
  CreateContextName,
  findCreateContext,
} from '../../src/smb2/create-contexts.ts';
import { FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK, SMB2_LOCKFLAG_UNLOCK } from '../../src/smb2/lock.ts';
import { SMB2_OPLOCK_LEVEL_LEASE } from '../../src/smb2/oplock-levels.ts';
import { startUsmbd, type Target } from '../support/target.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    blocks: { type: 'string', default: '120' },
  },
});

const SHARE = 'available';
/** MS-SMB2 2.2.3, persistent handles among them. */
const ALL_CAPABILITIES = 0x7f;
const BLOCK_BYTES = 64 * 1024;
const RWH = 7;
/** Who try to open the file before its client is back. */
const STRANGERS = 5;
/** Of a server that is killed and starts again. */
const BACK_LIMIT_MS = 120_000;
const LOCK = { offset: 0n, length: 1n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK | 0x10 };

interface Ticket {
  readonly clientGuid: Buffer;
  readonly createGuid: Buffer;
  readonly leaseKey: Buffer;
}

async function mount(target: Target, clientGuid: Buffer): Promise<ClientTree> {
  const { host, port, account } = target;
  const connection = await connect({
    ...{ host, port, clientGuid, timeoutMs: 60_000 },
    capabilities: ALL_CAPABILITIES,
  });
  const { user, password } = account;
  const session = await connection.login({ user, secret: password });
  return session.treeConnect(SHARE);
}

const lease = (leaseKey: Buffer): CreateContext => ({
  name: CreateContextName.LEASE,
  data: encodeLease({
    version: 2,
    leaseKey,
    leaseState: RWH,
    leaseFlags: 0,
    parentLeaseKey: Buffer.alloc(16),
    epoch: 1,
  }),
});

const OPEN: OpenOptions = {
  access: FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE,
  disposition: FILE_OPEN_IF,
  share: 0,
  oplockLevel: SMB2_OPLOCK_LEVEL_LEASE,
};

async function begin(tree: ClientTree, name: string, ticket: Ticket): Promise<ClientFile> {
  const { createGuid, leaseKey } = ticket;
  const asked = { timeout: 0, flags: SMB2_DHANDLE_FLAG_PERSISTENT, createGuid };
  const durable = {
    name: CreateContextName.DURABLE_HANDLE_REQUEST_V2,
    data: encodeDurableHandleRequestV2(asked),
  };
  const file = await tree.open(name, { ...OPEN, contexts: [durable, lease(leaseKey)] });
  const { createContexts } = file.created;
  const granted = findCreateContext(createContexts, CreateContextName.DURABLE_HANDLE_REQUEST_V2);
  const { flags } = decodeDurableHandleResponseV2(granted!);
  if (flags !== SMB2_DHANDLE_FLAG_PERSISTENT) throw new Error('the handle is not persistent');
  return file;
}

async function reclaim(tree: ClientTree, file: ClientFile, ticket: Ticket): Promise<ClientFile> {
  const { createGuid, leaseKey } = ticket;
  const { persistentId, volatileId } = file.created;
  const flags = SMB2_DHANDLE_FLAG_PERSISTENT;
  const durable = {
    name: CreateContextName.DURABLE_HANDLE_RECONNECT_V2,
    data: encodeDurableHandleReconnectV2({ persistentId, volatileId, createGuid, flags }),
  };
  const again = await tree.open(file.name, { ...OPEN, contexts: [durable, lease(leaseKey)] });
  const data = findCreateContext(again.created.createContexts, CreateContextName.LEASE);
  if (decodeLease(data!).leaseState !== RWH) throw new Error('its lease is another');
  return again;
}

/** Until it succeeds: what fails while there is no server is tried again. */
async function insist<T>(attempt: () => Promise<T>): Promise<T> {
  const endMs = performance.now() + BACK_LIMIT_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof StatusError || performance.now() > endMs) throw error;
      await sleep(50);
    }
  }
}

/** Somebody else tries to open the file, who has not been there before; throws where he is let in. */
async function stranger(target: Target, name: string): Promise<void> {
  const tree = await insist(() => mount(target, randomBytes(16)));
  try {
    await tree.open(name);
  } catch (error) {
    if (error instanceof StatusError && error.status === STATUS_FILE_NOT_AVAILABLE) return;
    throw error;
  } finally {
    tree.session.connection.socket.destroy();
  }
  throw new Error('a stranger has the file open');
}

async function round(target: Target, n: number): Promise<void> {
  const blocks = Number(values.blocks);
  const name = `file ${n}`;
  const ticket = {
    clientGuid: randomBytes(16),
    createGuid: randomBytes(16),
    leaseKey: randomBytes(16),
  };
  let tree = await mount(target, ticket.clientGuid);
  let file = await begin(tree, name, ticket);
  await file.lock([LOCK]);
  const content = randomBytes(blocks * BLOCK_BYTES);
  const killed = Math.floor(blocks / 3) + n;
  let restarted: Promise<void> | undefined;
  for (let block = 0; block < blocks; block++) {
    const at = block * BLOCK_BYTES;
    if (block === killed) restarted = target.restart!(0, 100 * n);
    const data = content.subarray(at, at + BLOCK_BYTES);
    try {
      await file.write(at, data);
    } catch (error) {
      if (error instanceof StatusError) throw error;
      for (let i = 0; i < STRANGERS; i++) await stranger(target, name);
      tree = await insist(() => mount(target, ticket.clientGuid));
      file = await insist(() => reclaim(tree, file, ticket));
      await file.write(at, data);
    }
  }
  await restarted;
  // Only who holds it can give it back.
  await file.lock([{ ...LOCK, flags: SMB2_LOCKFLAG_UNLOCK }]);
  if (!(await file.readAll()).equals(content)) throw new Error('the file is not what was written');
  await file.close();
  await (await tree.open(name)).close();
  console.log(
    `round ${n}: killed at block ${killed} of ${blocks}, ${STRANGERS} strangers kept out, whole at the end`,
  );
  tree.session.connection.socket.destroy();
}

const target = await startUsmbd([], { [SHARE]: ['continuous availability = yes'] });
try {
  const rounds = Number(values.rounds);
  for (let n = 1; n <= rounds; n++) await round(target, n);
  console.log(`${rounds} passed, 0 failed`);
} finally {
  await target.stop();
}
