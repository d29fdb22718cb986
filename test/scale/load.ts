/** Clients in numbers. */
import { connect, type NegotiatedConnection } from '../../src/client/connect.ts';
import { type Exchange, succeed } from '../../src/client/exchange.ts';
import type { ClientFile } from '../../src/client/file.ts';
import { changeNotifyRequest, createRequest, lockRequest } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import {
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  FILE_LIST_DIRECTORY,
} from '../../src/dtyp/access-mask.ts';
import { encodeLease } from '../../src/smb2/create-context-values.ts';
import { CreateContextName } from '../../src/smb2/create-contexts.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN, FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { Command } from '../../src/smb2/header.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK } from '../../src/smb2/lock.ts';
import { encodeOplockBreakRequest } from '../../src/smb2/oplock-break.ts';
import { SMB2_OPLOCK_LEVEL_LEASE } from '../../src/smb2/oplock-levels.ts';
import { ACCOUNT } from './server.ts';

const PATIENCE_MS = 120_000;
const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;

/** So many at a time. */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]!, index);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}

export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

export async function mount(port: number, share: string): Promise<ClientTree> {
  const connection = await connect({ host: '127.0.0.1', port, timeoutMs: PATIENCE_MS });
  return (await connection.login(ACCOUNT)).treeConnect(share);
}

export const mountMany = (port: number, share: string, count: number): Promise<ClientTree[]> =>
  inParallel(range(count), 16, () => mount(port, share));

export const hangUp = (trees: readonly ClientTree[]): Promise<unknown> =>
  Promise.all(trees.map((tree) => connectionOf(tree).close()));

const connectionOf = (tree: ClientTree): NegotiatedConnection =>
  tree.session.connection as NegotiatedConnection;

/** A name as people give them, in one of a hundred folders. */
export const fileName = (n: number): string =>
  `${folderName(n % 100)}\\Quarterly report ${String(n).padStart(6, '0')}.xlsx`;
export const folderName = (n: number): string => `Department ${String(n).padStart(2, '0')}`;

export async function makeFiles(tree: ClientTree, count: number): Promise<void> {
  const disposition = FILE_OPEN_IF;
  await inParallel(range(100), 8, async (n) => {
    const how = { disposition, options: FILE_DIRECTORY_FILE };
    await (await tree.open(folderName(n), how)).close();
  });
  await inParallel(range(count), 32, async (n) => {
    await (await tree.open(fileName(n), { access, disposition })).close();
  });
}

/** Opens each file once, through all the trees in turn. */
export const openFiles = (
  trees: readonly ClientTree[],
  count: number,
  how: (n: number) => Parameters<typeof createRequest>[1],
): Promise<ClientFile[]> =>
  inParallel(range(count), 4 * trees.length, (n) =>
    trees[n % trees.length]!.open(fileName(n), how(n)),
  );

export const plain = () => ({ access });

/** Of its own key, version 2; RWH unless told. */
export function leased(n: number) {
  const leaseKey = Buffer.alloc(16, 0x4b);
  leaseKey.writeUInt32LE(n, 0);
  const data = encodeLease({
    version: 2,
    leaseKey,
    leaseState: 7,
    leaseFlags: 0,
    parentLeaseKey: Buffer.alloc(16),
    epoch: 0,
  });
  return {
    access,
    oplockLevel: SMB2_OPLOCK_LEVEL_LEASE,
    contexts: [{ name: CreateContextName.LEASE, data }],
  };
}

/** Requests that are sent and not answered, and how to end them. */
export interface Waiting {
  readonly tree: ClientTree;
  readonly exchanges: Exchange[];
}

const send = async (waiting: Waiting, request: Parameters<ClientTree['request']>[0]) => {
  const [exchange] = await waiting.tree.submit([request]);
  waiting.exchanges.push(exchange!);
};

/** Waits for one byte of each file, which somebody holds. */
export async function waitForLocks(
  waiting: Waiting,
  names: readonly string[],
  offset: number,
): Promise<void> {
  await inParallel(names, 8, async (name) => {
    const file = await waiting.tree.open(name, { access });
    const one = { offset: BigInt(offset), length: 1n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK };
    await send(waiting, lockRequest(file.fileId, [one]));
  });
}

export async function waitForChanges(waiting: Waiting, folders: readonly string[]): Promise<void> {
  await inParallel(folders, 8, async (name) => {
    const how = { access: FILE_LIST_DIRECTORY, options: FILE_DIRECTORY_FILE };
    const folder = await waiting.tree.open(name, how);
    await send(waiting, changeNotifyRequest(folder.fileId, 1, { outputBytes: 4096 }));
  });
}

/** Opens files that others hold leases on. */
export async function waitForBreaks(waiting: Waiting, names: readonly string[]): Promise<void> {
  await inParallel(names, 8, (name) =>
    send(waiting, createRequest(name, { access, disposition: FILE_OPEN })),
  );
}

/** Acknowledges every break that its connection was told of. */
export async function acknowledge(tree: ClientTree): Promise<void> {
  const { breaks } = connectionOf(tree);
  await inParallel(breaks.splice(0), 8, async (one) => {
    if (one.kind !== 'lease') throw new Error('not a break of a lease');
    const { leaseKey, newLeaseState: leaseState } = one;
    const body = encodeOplockBreakRequest({ kind: 'lease', leaseKey, leaseState });
    succeed(await tree.request({ command: Command.OPLOCK_BREAK, body }));
  });
}
