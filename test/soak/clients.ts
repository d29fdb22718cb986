/** What one of the clients does over and over: what people do with files, in its own folder and in a common one. */
import { randomBytes } from 'node:crypto';
import type { ClientTree } from '../../src/client/tree.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { FileInformationClass } from '../../src/fscc/information-class.ts';
import { FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK, SMB2_LOCKFLAG_UNLOCK } from '../../src/smb2/lock.ts';
import { hangUp, mount } from '../scale/load.ts';
import { DISK } from '../scale/server.ts';

const KiB = 1024;
/** Small, what is copied into an answer, what is not, and several messages. */
const SIZES = [1, 4 * KiB, 16 * KiB, 100 * KiB, 3 * KiB * KiB];
/** Of the common files, which all clients read and write. */
const COMMON = 20;
const COMMON_FOLDER = 'common';
/** Rounds after which a client goes and comes again. */
const ROUNDS_OF_A_CONNECTION = 40;
const access = FILE_GENERIC_READ | FILE_GENERIC_WRITE;

/** Throws where what is read is not what was written. */
async function ownFile(tree: ClientTree, folder: string, round: number): Promise<void> {
  const name = `${folder}\\report ${round % 50}.txt`;
  const content = randomBytes(SIZES[round % SIZES.length]!);
  await tree.writeFile(name, content);
  const found = await tree.readFile(name);
  if (!found.equals(content)) throw new Error(`${name} does not hold what was written`);
  const names = (await tree.list(folder)).map((entry) => entry.name);
  if (!names.includes(name.slice(folder.length + 1))) throw new Error(`${name} is not listed`);
  if (round % 3 === 0) await tree.remove(name);
}

async function commonFile(tree: ClientTree, client: number, round: number): Promise<void> {
  const name = `${COMMON_FOLDER}\\data ${(client + round) % COMMON}`;
  const file = await tree.open(name, { access, disposition: FILE_OPEN_IF });
  const range = { offset: BigInt(client), length: 1n };
  await file.lock([{ ...range, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK }]);
  await file.write(client, Buffer.from([client]));
  const asked = [1, 2, 3].map(() => file.queryInfo(FileInformationClass.FileAllInformation));
  await Promise.all([file.read(client, 1), ...asked]);
  await file.lock([{ ...range, flags: SMB2_LOCKFLAG_UNLOCK }]);
  await file.close();
}

export async function prepare(port: number): Promise<void> {
  const tree = await mount(port, DISK);
  await tree.makeDirectory(COMMON_FOLDER);
  await hangUp([tree]);
}

/** Works until it is told to stop; answers how many rounds that were. */
export async function work(port: number, client: number, isOver: () => boolean): Promise<number> {
  const folder = `client ${client}`;
  let rounds = 0;
  while (!isOver()) {
    const tree = await mount(port, DISK);
    if (rounds === 0) await tree.makeDirectory(folder);
    for (let i = 0; i < ROUNDS_OF_A_CONNECTION && !isOver(); i++) {
      await ownFile(tree, folder, rounds);
      await commonFile(tree, client, rounds);
      rounds += 1;
    }
    // Every other one without a word.
    if (rounds % 2 === 0) await tree.session.logoff();
    await hangUp([tree]);
  }
  return rounds;
}
