/**
 * One disk, two servers: what Samba writes is read the same through usmbd, and the other way round. Security
 * descriptors with inheritance and denial, named streams, attributes and creation times, file by file; for
 * some of them by smbcacls and smbclient, too.
 *
 *     npm run interop:disk
 *     npm run interop:disk -- --files 40 --seed 7
 *
 * Needs root, and Debian's samba, samba-vfs-modules, smbclient and iproute2. smbcacls knows no port but 445,
 * so the runner goes into a network namespace of its own, where nobody else has it.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, connect as dial, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { StatusError } from '../../src/client/client-error.ts';
import { connect } from '../../src/client/connect.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { FILE_EXECUTE, MAXIMUM_ALLOWED } from '../../src/dtyp/access-mask.ts';
import type { Sid } from '../../src/dtyp/sid.ts';
import { unixGroupSid, unixUserSid } from '../../src/dtyp/sid.ts';
import { ridOfUser } from '../../src/dtyp/unix-sids.ts';
import { FileAccessInformation } from '../../src/fscc/file-information.ts';
import { FileInformationClass } from '../../src/fscc/information-class.ts';
import { commandLine } from '../support/command-line.ts';
import { findProgram, run, tail } from '../support/process.ts';
import { cannotStartSamba, type Samba, startSamba } from '../support/samba.ts';
import { expect, Tally } from '../support/tally.ts';
import { type Account, startUsmbd, type Target } from '../support/target.ts';
import { Sample, type SampleFile } from './disk-sample.ts';
import { viewOf } from './disk-view.ts';

const { values } = commandLine({
  options: {
    files: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
  },
});

const NAMESPACE = 'USMBD_TEST_NAMESPACE';
const SHARE = 'disk';
/** Of each sample, by the programs that others wrote: two processes and two log-ons each. */
const BY_PROGRAMS = 12;
const CALL_LIMIT_MS = 30_000;
/** Differences that are shown of a sample. */
const SHOWN = 8;

function inNamespace(): number {
  const script = 'ip link set lo up && exec "$@"';
  const self = [process.execPath, ...process.argv.slice(1)];
  const { status } = spawnSync('unshare', ['--net', 'sh', '-c', script, 'sh', ...self], {
    stdio: 'inherit',
    env: { ...process.env, [NAMESPACE]: '1' },
  });
  return status ?? 1;
}

/** A server as the clients reach it. */
interface Side {
  readonly name: 'samba' | 'usmbd';
  readonly tree: ClientTree;
  /** The address where it has port 445. */
  readonly address: string;
}

async function main(): Promise<void> {
  const tally = new Tally();
  const usmbd = await startUsmbd([], {
    [SHARE]: ['vfs objects = acl_xattr streams_xattr', 'create mask = 0755'],
  });
  const folder = join(dirname(usmbd.folder!), SHARE);
  const [first, second] = [usmbd.account, usmbd.secondAccount!];
  const machineSid = readFileSync(join(usmbd.state!, 'machine-sid'), 'utf8').trim();
  const sidOf = ({ user }: Account): Sid => `${machineSid}-${ridOfUser(idOf(user))}` as Sid;
  const accounts = [first, second].map((account) => ({ ...account, sid: sidOf(account) }));
  const samba = await startSamba({ folder, accounts, machineSid });
  const doors = await openDoors(samba, usmbd);
  const client = new Programs(first);
  try {
    const sides: Side[] = [
      { name: 'samba', address: doors.samba, tree: await treeOf(samba, first) },
      {
        name: 'usmbd',
        address: doors.usmbd,
        tree: await treeOf({ ...usmbd, share: SHARE }, first),
      },
    ];
    const strangers: Side[] = [
      { name: 'samba', address: doors.samba, tree: await treeOf(samba, second) },
      {
        name: 'usmbd',
        address: doors.usmbd,
        tree: await treeOf({ ...usmbd, share: SHARE }, second),
      },
    ];
    const others = [sidOf(second), unixUserSid(1), unixGroupSid(60), unixGroupSid(100)];
    const cast = { owner: sidOf(first), others };
    for (const [i, writer] of sides.entries()) {
      const count = Math.ceil(Number(values.files) / sides.length);
      const by = `by-${writer.name}`;
      const sample = new Sample(writer.tree, by, cast, Number(values.seed) + i);
      let files: readonly SampleFile[] = [];
      await tally.check(`${count} files are written through ${writer.name}`, async () => {
        files = await sample.make(count);
      });
      const paths = files.map((file) => ({ ...file, path: `${by}\\${plain(file.path)}` }));
      await tally.check(`${paths.length} of ${writer.name}'s are the same through both`, () =>
        compareViews(sides, paths),
      );
      await tally.check(`what another user may do with ${writer.name}'s is the same`, () =>
        compareRights(strangers, paths),
      );
      await tally.check(`smbcacls and allinfo of ${writer.name}'s are the same`, () =>
        client.compare(sides, spread(paths, BY_PROGRAMS)),
      );
      await tally.check(`a chmod of ${writer.name}'s is seen by both`, () =>
        compareChanged(sides, folder, paths),
      );
    }
    for (const { tree } of [...sides, ...strangers]) await tree.session.connection.close();
  } finally {
    client.end();
    doors.close();
    await samba.stop();
    await usmbd.stop();
  }
  tally.close();
}

const plain = (path: string): string => path.replace(/^\.\\/, '');

function idOf(user: string): number {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.startsWith(`${user}:`));
  expect(line !== undefined, `no system user ${user}`);
  return Number(line.split(':')[2]);
}

async function treeOf(
  { host, port, share }: Pick<Target, 'host' | 'port' | 'share'>,
  { user, password }: Account,
): Promise<ClientTree> {
  const connection = await connect({ host, port, lenientInterim: true });
  const session = await connection.login({ user, secret: password });
  return session.treeConnect(share);
}

const spread = <T>(all: readonly T[], count: number): T[] =>
  all.filter((_, i) => i % Math.max(1, Math.floor(all.length / count)) === 0).slice(0, count);

async function compareViews(sides: readonly Side[], files: readonly SampleFile[]): Promise<void> {
  expect(files.length > 0, 'nothing was written');
  const differences: string[] = [];
  for (const { path, isDirectory } of files) {
    const views = await Promise.all(sides.map(({ tree }) => viewOf(tree, path, isDirectory)));
    const difference = differenceOf(views, sides);
    if (difference !== '') differences.push(`${path}\n${difference}`);
  }
  const shown = differences.slice(0, SHOWN).join('\n');
  expect(differences.length === 0, `${differences.length} of ${files.length} differ:\n${shown}`);
}

/**
 * The most that a user gets, by MAXIMUM_ALLOWED, of files that belong to another. Executing is left out: by a
 * mode that lets read, usmbd lets execute, so that programs start from a share of files without x. So are files
 * that are read-only by attribute alone: Samba refuses this of them, where it should grant less.
 */
async function compareRights(sides: readonly Side[], files: readonly SampleFile[]): Promise<void> {
  expect(files.length > 0, 'nothing was written');
  const differences: string[] = [];
  for (const { path } of files.filter(({ isReadOnly }) => !isReadOnly)) {
    const rights = await Promise.all(sides.map(({ tree }) => rightsOn(tree, path)));
    if (rights[0] !== rights[1])
      differences.push(`${path}: samba ${rights[0]}, usmbd ${rights[1]}`);
  }
  const shown = differences.slice(0, SHOWN).join('\n');
  expect(differences.length === 0, `${differences.length} of ${files.length} differ:\n${shown}`);
}

async function rightsOn(tree: ClientTree, path: string): Promise<string> {
  try {
    const file = await tree.open(path, { access: MAXIMUM_ALLOWED });
    const bytes = await file.queryInfo(FileInformationClass.FileAccessInformation);
    await file.close();
    return `0x${(FileAccessInformation.read(bytes).accessFlags & ~FILE_EXECUTE).toString(16)}`;
  } catch (error) {
    if (error instanceof StatusError) return `status 0x${error.status.toString(16)}`;
    throw error;
  }
}

function differenceOf(views: readonly (readonly string[])[], sides: readonly Side[]): string {
  const lines = views.map((view, i) => {
    const other = new Set(views[1 - i]);
    return view.filter((line) => !other.has(line)).map((line) => `  ${sides[i]!.name}: ${line}`);
  });
  return lines.flat().join('\n');
}

/** Another program changes the mode: then neither server believes the descriptor that was set before. */
async function compareChanged(
  sides: readonly Side[],
  folder: string,
  files: readonly SampleFile[],
): Promise<void> {
  expect(files.length > 0, 'nothing was written');
  for (const { path } of files.filter(({ isDirectory }) => !isDirectory).slice(0, 5)) {
    const onDisk = join(folder, ...path.split('\\'));
    const before = await Promise.all(sides.map(({ tree }) => viewOf(tree, path, false)));
    chmodSync(onDisk, (statSync(onDisk).mode & 0o7777) ^ 0o022);
    const after = await Promise.all(sides.map(({ tree }) => viewOf(tree, path, false)));
    for (const [i, { name }] of sides.entries()) {
      const aces = (view: readonly string[]) => view.filter((line) => line.startsWith('ace '));
      const isSame = aces(before[i]!).join() === aces(after[i]!).join();
      expect(!isSame, `${name} still has the old DACL of ${path}:\n${after[i]!.join('\n')}`);
    }
  }
}

/** Port 445 of an address for each server. */
async function openDoors(samba: Samba, usmbd: Target) {
  const doors: Server[] = [];
  const open = async (address: string, port: number): Promise<string> => {
    const door = createServer((socket) => {
      const beyond = dial(port, '127.0.0.1');
      socket.pipe(beyond).pipe(socket);
      for (const each of [socket, beyond]) each.on('error', () => each.destroy());
    });
    await new Promise<void>((resolve, reject) => {
      door.once('error', reject);
      door.listen(445, address, resolve);
    });
    doors.push(door);
    return address;
  };
  return {
    samba: await open('127.0.0.11', samba.port),
    usmbd: await open('127.0.0.12', usmbd.port),
    close: () => {
      for (const door of doors) door.close();
    },
  };
}

/** smbcacls and smbclient, which need a configuration of their own to leave the system's alone. */
class Programs {
  readonly #scratch = mkdtempSync(join(tmpdir(), 'usmbd-disk-'));
  readonly #login: readonly string[];

  constructor({ user, password }: Account) {
    const config = join(this.#scratch, 'client.conf');
    const folders = ['private dir', 'lock directory', 'state directory', 'cache directory'];
    const lines = folders.map((name) => `${name} = ${this.#scratch}\n`);
    writeFileSync(config, `[global]\n${lines.join('')}`);
    this.#login = [`--configfile=${config}`, '-U', `${user}%${password}`];
  }

  /** One program at a time asks a server: two that open one file at once make smbd 4.17 panic now and then. */
  async compare(sides: readonly Side[], files: readonly SampleFile[]): Promise<void> {
    expect(files.length > 0, 'nothing was written');
    for (const { path } of files) {
      const name = path.replaceAll('\\', '/');
      const acls = sides.map(({ address }) =>
        this.#run('smbcacls', ['--numeric', `//${address}/${SHARE}`, name]),
      );
      same(await Promise.all(acls), `smbcacls of ${path}`);
      const infos = sides.map(({ address }) =>
        this.#run('smbclient', [`//${address}/${SHARE}`, '-c', `allinfo "${path}"`]),
      );
      same(await Promise.all(infos), `allinfo of ${path}`);
    }
  }

  async #run(program: string, args: readonly string[]): Promise<string> {
    const all = [...this.#login, ...args];
    const { code, stdout, stderr } = await run(program, all, { timeoutMs: CALL_LIMIT_MS });
    expect(code === 0, `${program} ${args.join(' ')}: exit ${code}\n${tail(stdout + stderr, 5)}`);
    return stdout;
  }

  end(): void {
    rmSync(this.#scratch, { recursive: true });
  }
}

/** Short names are each server's own invention, access times go on by reading, streams have no order. */
function same([a, b]: readonly string[], what: string): void {
  const told = (text: string | undefined): string => {
    const lines = (text ?? '').split('\n');
    const counted = lines.filter((line) => !/^(altname|access_time|change_time):/.test(line));
    const streams = counted.filter((line) => line.startsWith('stream:')).sort();
    return [...counted.filter((line) => !line.startsWith('stream:')), ...streams].join('\n');
  };
  expect(told(a) === told(b), `${what}\nsamba:\n${a}\nusmbd:\n${b}`);
}

const missing =
  cannotStartSamba() ??
  ['smbclient', 'smbcacls', 'ip', 'unshare']
    .filter((name) => findProgram(name) === undefined)
    .map((name) => `no ${name}: install smbclient, iproute2 and util-linux`)[0];

if (missing !== undefined) {
  console.log(`skipped: ${missing}`);
} else if (process.env[NAMESPACE] === undefined) {
  process.exitCode = inNamespace();
} else {
  await main();
}
