/**
 * The server is killed while a client of ours writes a file by a persistent handle with a lock, a lease and a share mode
 * that lets nobody in: strangers who are there first do not get the file, the client comes back and goes on, and the file
 * is what was written (MS-SMB2 3.3.5.9.10, 3.3.5.9.12).
 *
 *     npm run interop:persistent
 *     npm run interop:persistent -- --rounds 5 --blocks 200
 */
import { randomBytes } from 'node:crypto';
import { StatusError } from '../../src/client/client-error.ts';
import { connect } from '../../src/client/connect.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { STATUS_FILE_NOT_AVAILABLE } from '../../src/dtyp/ntstatus.ts';
import { SMB2_DHANDLE_FLAG_PERSISTENT } from '../../src/smb2/create-context-values.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK, SMB2_LOCKFLAG_UNLOCK } from '../../src/smb2/lock.ts';
import { commandLine } from '../support/command-line.ts';
import { startUsmbd, type Target } from '../support/target.ts';
import { begin, insist, reclaim, ticket } from './durable-client.ts';

const { values } = commandLine({
  options: {
    rounds: { type: 'string', default: '3' },
    blocks: { type: 'string', default: '120' },
  },
});

const SHARE = 'available';
/** MS-SMB2 2.2.3, persistent handles among them. */
const ALL_CAPABILITIES = 0x7f;
const BLOCK_BYTES = 64 * 1024;
/** Who try to open the file before its client is back. */
const STRANGERS = 5;
const LOCK = { offset: 0n, length: 1n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK | 0x10 };

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

/** Nobody else gets in. */
const ALONE = { share: 0 };

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
  const clientGuid = randomBytes(16);
  const by = ticket(SMB2_DHANDLE_FLAG_PERSISTENT);
  let tree = await mount(target, clientGuid);
  let file = await begin(tree, name, by, ALONE);
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
      tree = await insist(() => mount(target, clientGuid));
      file = await insist(() => reclaim(tree, file, by, ALONE));
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
