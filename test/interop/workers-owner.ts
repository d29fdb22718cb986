/**
 * The process that owns all opens is killed (docs/adr/0008-workers.md) while a client of ours holds durable ones: with data
 * and byte-range locks under a lease, one that is to be deleted with its close, one whose name is gone by then. The next
 * process has them, as after a lost connection (MS-SMB2 3.3.5.9.12): a stranger's open ends those that stand in its way,
 * the client comes back to the others.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StatusError } from '../../src/client/client-error.ts';
import { connect } from '../../src/client/connect.ts';
import type { ClientFile } from '../../src/client/file.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { STATUS_LOCK_NOT_GRANTED, STATUS_OBJECT_NAME_NOT_FOUND } from '../../src/dtyp/ntstatus.ts';
import { FileInformationClass } from '../../src/fscc/information-class.ts';
import { encodeRenameInformation } from '../../src/fscc/rename-information.ts';
import { FILE_DELETE_ON_CLOSE, FILE_OPEN } from '../../src/smb2/create-options.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK, SMB2_LOCKFLAG_UNLOCK } from '../../src/smb2/lock.ts';
import { SMB2_OPLOCK_LEVEL_LEASE } from '../../src/smb2/oplock-levels.ts';
import type { Target } from '../support/target.ts';
import {
  BACK_LIMIT_MS,
  begin,
  epochOf,
  insist,
  lease,
  reclaim,
  type Ticket,
  ticket,
} from './durable-client.ts';

const FAIL_IMMEDIATELY = 0x10;
const SHARE_ALL = 7;
const LOCK = {
  offset: 2n,
  length: 3n,
  flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK | FAIL_IMMEDIATELY,
};

/** The one child of the keeper, which is what the shell has started. */
export function ownerOf(keeper: number): number | undefined {
  const children = readFileSync(`/proc/${keeper}/task/${keeper}/children`, 'latin1').trim();
  return children === '' ? undefined : Number(children.split(' ')[0]);
}

async function mount(target: Target, clientGuid: Buffer): Promise<ClientTree> {
  const { host, port, account, share } = target;
  const connection = await connect({ host, port, clientGuid, timeoutMs: 60_000 });
  const session = await connection.login({ user: account.user, secret: account.password });
  return session.treeConnect(share);
}

/** As it was, the epoch of its lease as well. */
async function reclaimed(tree: ClientTree, file: ClientFile, by: Ticket): Promise<ClientFile> {
  const again = await reclaim(tree, file, by, { share: SHARE_ALL });
  assert.equal(epochOf(again), epochOf(file), 'the epoch of its lease is what it was');
  return again;
}

async function statusOf(attempt: () => Promise<unknown>): Promise<number> {
  try {
    await attempt();
    return 0;
  } catch (error) {
    if (error instanceof StatusError) return error.status;
    throw error;
  }
}

async function killOwner(target: Target): Promise<void> {
  const keeper = target.pid!;
  const owner = ownerOf(keeper)!;
  process.kill(owner, 'SIGKILL');
  const endMs = performance.now() + BACK_LIMIT_MS;
  for (;;) {
    const now = ownerOf(keeper);
    if (now !== undefined && now !== owner) return;
    if (performance.now() > endMs) throw new Error('no other process takes its place');
    target.assertAlive();
    await sleep(20);
  }
}

/** Durable opens of one client over the end of the process that owns them. */
export async function ownerRound(target: Target, n: number): Promise<void> {
  const folder = target.folder!;
  const clientGuid = randomBytes(16);
  const names = ['kept', 'doomed', 'nameless', 'taken', 'renamed'].map((name) => `${name} ${n}`);
  const tickets = names.map(() => ticket());
  const tree = await mount(target, clientGuid);
  const files: ClientFile[] = [];
  for (const [i, name] of names.entries()) {
    const isDoomed = name.startsWith('doomed');
    const options = isDoomed ? FILE_DELETE_ON_CLOSE : 0;
    files.push(await begin(tree, name, tickets[i]!, { share: SHARE_ALL, options }));
    await files[i]!.write(0, Buffer.from(`data of ${name}`));
  }
  const [kept, doomed, nameless, taken, renamed] = files as [
    ClientFile,
    ClientFile,
    ClientFile,
    ClientFile,
    ClientFile,
  ];
  await kept.lock([LOCK]);
  await renamed.setInfo(
    FileInformationClass.FileRenameInformation,
    encodeRenameInformation({
      replaceIfExists: false,
      rootDirectory: 0,
      fileName: `other ${n}`,
    }),
  );
  unlinkSync(join(folder, nameless.name));
  await killOwner(target);

  const stranger = await insist(() => mount(target, randomBytes(16)));
  // 3.3.4.7: nobody is there to give the lease up, so the open goes with it.
  const his = await stranger.open(taken.name);
  assert.equal((await his.readAll()).toString(), `data of ${taken.name}`);

  const again = await insist(() => mount(target, clientGuid));
  const lost = await statusOf(() => reclaimed(again, taken, tickets[3]!));
  assert.equal(lost, STATUS_OBJECT_NAME_NOT_FOUND, 'the one that was in the way is gone');
  const back = await reclaimed(again, kept, tickets[0]!);
  assert.equal((await back.readAll()).toString(), `data of ${kept.name}`);
  const beside = await again.open(kept.name, {
    access: FILE_GENERIC_READ | FILE_GENERIC_WRITE,
    disposition: FILE_OPEN,
    share: SHARE_ALL,
    oplockLevel: SMB2_OPLOCK_LEVEL_LEASE,
    contexts: [lease(tickets[0]!.leaseKey)],
  });
  assert.equal(
    await statusOf(() => beside.lock([LOCK])),
    STATUS_LOCK_NOT_GRANTED,
    'its lock holds',
  );
  await back.lock([{ ...LOCK, flags: SMB2_LOCKFLAG_UNLOCK }]);
  await beside.lock([LOCK]);
  await beside.close();
  await back.close();

  const unnamed = await reclaimed(again, nameless, tickets[2]!);
  assert.equal((await unnamed.readAll()).toString(), `data of ${nameless.name}`);
  await unnamed.write(0, Buffer.from('more'));
  await unnamed.close();
  const moved = await reclaimed(again, renamed, tickets[4]!);
  assert.equal((await moved.readAll()).toString(), `data of ${renamed.name}`);
  await moved.close();
  assert.ok(existsSync(join(folder, `other ${n}`)));

  const last = await reclaimed(again, doomed, tickets[1]!);
  assert.ok(existsSync(join(folder, doomed.name)), 'not before its last close');
  await last.close();
  assert.ok(!existsSync(join(folder, doomed.name)), 'deleted with its last close');
  for (const each of [tree, stranger, again]) each.session.connection.socket.destroy();
  console.log(`round ${n}: the owner killed, ${names.length - 1} durable opens are their client's`);
}
