/** The parameters of [global]: what shows that another value counts. */
import { createSocket } from 'node:dgram';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { mock } from 'node:test';
import { bufferPool } from '../../src/base/buffer-pool.ts';
import { succeed } from '../../src/client/exchange.ts';
import type { ClientFile } from '../../src/client/file.ts';
import { ioctlRequest } from '../../src/client/requests.ts';
import { RpcPipe } from '../../src/client/rpc-pipe.ts';
import type { globalParameters } from '../../src/config/parameters.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import { WKSSVC } from '../../src/rpc/wkssvc.ts';
import { CAP_UNIX, Smb1NegotiateWords } from '../../src/smb1/negotiate.ts';
import {
  SMB2_GLOBAL_CAP_DIRECTORY_LEASING,
  SMB2_GLOBAL_CAP_ENCRYPTION,
  SMB2_GLOBAL_CAP_LARGE_MTU,
  SMB2_GLOBAL_CAP_LEASING,
  SMB2_GLOBAL_CAP_MULTI_CHANNEL,
} from '../../src/smb2/capabilities.ts';
import { encodeDurableHandleRequest } from '../../src/smb2/create-context-values.ts';
import { CreateContextName } from '../../src/smb2/create-contexts.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { Dialect } from '../../src/smb2/dialect.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { decodeIoctlResponse } from '../../src/smb2/ioctl.ts';
import {
  decodeResumeKeyResponse,
  encodeSrvCopyChunkCopy,
} from '../../src/smb2/ioctl-structures.ts';
import { SMB2_OPLOCK_LEVEL_BATCH } from '../../src/smb2/oplock-levels.ts';
import { leased } from '../support/leases.ts';
import { Smb1Client } from '../support/smb1-client.ts';
import {
  ALL_ACCESS,
  asApple,
  askApple,
  descriptorOf,
  linesOf,
  listed,
  serverInfo,
  stays,
  where,
  writes,
} from './looks.ts';
import type { Elsewhere, Nothing, Row } from './row.ts';
import { agreesOnCompression, compresses, posixContext, speaksPosix } from './share-rows.ts';
import { FOLDER, told, type World } from './world.ts';

const UNSIGNED = ['server signing = auto'];
const GUESTS = ['map to guest = bad user', ...UNSIGNED];
const OLD = ['server min protocol = NT1', ...UNSIGNED];

const everyCapability = {
  capabilities:
    SMB2_GLOBAL_CAP_LARGE_MTU |
    SMB2_GLOBAL_CAP_ENCRYPTION |
    SMB2_GLOBAL_CAP_LEASING |
    SMB2_GLOBAL_CAP_DIRECTORY_LEASING |
    SMB2_GLOBAL_CAP_MULTI_CHANNEL,
};

async function workgroup(world: World): Promise<string | null | undefined> {
  const pipe = await RpcPipe.open(world.session, WKSSVC);
  const asked = { serverName: null, level: 100 };
  const { wkstaInfo } = await pipe.call(WKSSVC.operations.NetrWkstaGetInfo, asked);
  await pipe.close();
  return wkstaInfo.tag === 100 ? wkstaInfo.value?.langroup : undefined;
}

/** What another client is told that comes now and goes. */
async function enters(world: World): Promise<string> {
  try {
    const session = await world.login();
    await session.connection.close();
    return 'ok';
  } catch {
    return 'refused';
  }
}

async function strangersName(world: World): Promise<string | undefined> {
  const session = await world.login({ user: 'stranger', guest: 'accept' });
  const { sessions } = await world.server.status();
  const id = session.sessionId.toString(16);
  return sessions.find(({ sessionId }) => sessionId.endsWith(id))?.user ?? undefined;
}

/** Reads with so many bytes at once are answered. */
async function bigRead(world: World): Promise<string> {
  await world.tree.writeFile('big', Buffer.alloc(3 << 20));
  const file = await world.tree.open('big');
  const answer = await told(() => file.read(0, 2 << 20));
  await file.close();
  return answer;
}

async function bigWrite(world: World): Promise<string> {
  const file = await world.tree.open('big', { access: ALL_ACCESS, disposition: FILE_OPEN_IF });
  const answer = await told(() => file.write(0, Buffer.alloc(2 << 20)));
  await told(() => file.close());
  return answer;
}

async function bigListing(world: World): Promise<string> {
  const root = await world.tree.open('', { options: FILE_DIRECTORY_FILE });
  const information = Class.FileIdBothDirectoryInformation;
  const answer = await told(() => root.list(information, { outputBytes: 512 << 10 }));
  await root.close();
  return answer;
}

/** Credits that a client can have who wants a thousand. */
async function manyCredits(world: World): Promise<boolean> {
  for (let i = 0; i < 8; i++) await world.tree.list('');
  return world.session.connection.credits.available > 300;
}

const listens = (port: number) => (): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connectTcp({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

/** A port that can be bound here is nobody else's. */
const answersNames = (port: number) => (): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(true));
    socket.bind(port, () => socket.close(() => resolve(false)));
  });

const children = async (): Promise<number> =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'ProcessWrap').length;

async function networkInterfaces(world: World): Promise<string> {
  const noFile = Buffer.alloc(16, 0xff);
  const code = Fsctl.FSCTL_QUERY_NETWORK_INTERFACE_INFO;
  const request = ioctlRequest(noFile, code, { maxOutput: 65_536 });
  const { message } = succeed(await world.tree.request(request));
  return decodeIoctlResponse(message).output.length > 0 ? 'some' : 'none';
}

const entersAs = (user: string | undefined) => (world: World) =>
  told(() =>
    world.login({ user, secret: user === undefined ? '' : 'tiger', guest: 'accept' } as object),
  );

/** Whether so many files are open at once. */
async function opensTwelve(world: World): Promise<boolean> {
  const files: ClientFile[] = [];
  const answer = await told(async () => {
    for (let i = 0; i < 12; i++) files.push(await world.tree.open('where'));
  });
  for (const file of files) await file.close();
  return answer === 'ok';
}

/** Two minutes without a word. */
async function idle(world: World): Promise<string> {
  const now = performance.now.bind(performance);
  const later = mock.method(performance, 'now', () => now() + 120_000);
  // The other client goes on meanwhile.
  await new Promise((resolve) => setTimeout(resolve, 50));
  mock.timers.tick(120_000);
  later.mock.restore();
  await new Promise((resolve) => setTimeout(resolve, 50));
  return stays(world);
}

async function durable(world: World): Promise<boolean> {
  const contexts = [
    { name: CreateContextName.DURABLE_HANDLE_REQUEST, data: encodeDurableHandleRequest() },
  ];
  const file = await world.tree.open('where', { contexts, oplockLevel: SMB2_OPLOCK_LEVEL_BATCH });
  await file.close();
  return file.created.createContexts.length > 0;
}

const leasesOf = (options: number) => async (world: World) => {
  const name = options === 0 ? 'where' : '';
  const file = await world.tree.open(name, leased(7, { state: 3 }, { options }));
  await file.close();
  return file.created.oplockLevel !== 0;
};

/** Of the negotiation of this client. */
const hasCapability = (capability: number) => async (world: World) =>
  (world.session.connection.negotiated!.response.capabilities & capability) !== 0;

/** Of a client of SMB1, the same one as long as the other one is. */
async function unixCapability(world: World): Promise<unknown> {
  const memory = world.memory as { session: unknown; has: boolean } | undefined;
  if (memory?.session === world.session) return memory.has;
  const client = await Smb1Client.open({ host: '127.0.0.1', port: world.port });
  const { words } = await client.negotiate();
  await client.close();
  const has = (Smb1NegotiateWords.read(words).capabilities & CAP_UNIX) !== 0;
  world.memory = { session: world.session, has };
  return has;
}

async function isNamespace(world: World): Promise<boolean> {
  const tree = await world.session.treeConnect('data');
  await tree.disconnect();
  return tree.response.capabilities !== 0;
}

const AUDIT = join(FOLDER, 'audit');
/** Lines about a file that is written. */
async function audited(world: World): Promise<boolean> {
  const before = linesOf(AUDIT);
  await writes(world);
  await new Promise((resolve) => setTimeout(resolve, 100));
  return linesOf(AUDIT) > before;
}

async function appleListing(world: World): Promise<boolean> {
  await asApple(world);
  return (await listed(world, 'where'))!.fileId === 0n;
}

async function nfsAces(world: World): Promise<boolean> {
  await asApple(world);
  const { dacl } = await descriptorOf(world, 'where');
  return dacl!.aces.some((ace) => ace.kind === 'sid' && ace.sid.startsWith('S-1-5-88'));
}

/** A copy of no chunks is one of the whole file. */
async function copiesWhole(world: World): Promise<boolean> {
  await asApple(world);
  const source = await world.tree.open('where');
  const name = world.name();
  const target = await world.tree.open(name, { access: ALL_ACCESS, disposition: FILE_OPEN_IF });
  const key = await source.ioctl(Fsctl.FSCTL_SRV_REQUEST_RESUME_KEY, { maxOutput: 32 });
  const input = encodeSrvCopyChunkCopy(decodeResumeKeyResponse(key), []);
  await told(() => target.ioctl(Fsctl.FSCTL_SRV_COPYCHUNK, { input, maxOutput: 12 }));
  const copied = (await told(() => target.read(0, 1))) === 'ok';
  await source.close();
  await target.close();
  return copied;
}

async function fsAttributes(world: World): Promise<boolean> {
  const root = await world.tree.open('', { options: FILE_DIRECTORY_FILE });
  const information = await root.queryFsInfo(5);
  await root.close();
  return (information.readUInt32LE(0) & 0x8000) !== 0;
}

const LOGINS = 'test/reload/logins.test.ts';
const DISCOVERY = 'src/discovery.test.ts';
const RPC_OVER_TCP = 'src/cli/rpc-over-tcp.test.ts';
const IN_ALL = { before: false, after: false };

export const globalRows: Readonly<
  Record<keyof typeof globalParameters, Row | Nothing | Elsewhere>
> = {
  workgroup: { value: 'AWAY', look: workgroup, before: 'WORKGROUP', after: 'AWAY' },
  netbiosName: {
    ...{ value: 'OTHER', global: ['netbios name = ONE'], before: 'ONE', after: 'OTHER' },
    look: async (world) => (await serverInfo(world)).name,
  },
  serverString: {
    ...{ value: 'other', before: 'usmbd', after: 'other' },
    look: async (world) => (await serverInfo(world)).comment,
  },
  minProtocol: {
    ...{ value: 'SMB3_02', how: { dialects: [Dialect.SMB2_10] }, look: stays },
    ...{ before: 'ok', after: 'connection ended' },
  },
  maxProtocol: {
    ...{ value: 'SMB3_02', look: stays, before: 'ok', after: 'connection ended', disturbs: true },
  },
  signing: {
    ...{ value: 'mandatory', global: UNSIGNED, login: { sign: false }, look: stays },
    ...{ before: 'ok', after: 'connection ended' },
  },
  ntlmAuth: { value: 'ntlmv1-permitted', shownBy: LOGINS },
  encryption: {
    ...{ value: 'required', look: stays, before: 'ok', after: 'connection ended', disturbs: true },
  },
  maxReadSize: {
    ...{ value: '1M', look: bigRead, before: 'ok', after: 'STATUS_INVALID_PARAMETER' },
  },
  maxWriteSize: {
    ...{ value: '1M', look: bigWrite, before: 'ok', after: 'connection ended' },
  },
  maxTransactSize: {
    ...{ value: '128K', look: bigListing, before: 'ok', after: 'STATUS_INVALID_PARAMETER' },
  },
  maxCredits: {
    ...{ value: '256', how: { creditTarget: 1000 }, look: manyCredits, before: true, after: false },
  },
  tcpPort: { value: '44610', look: listens(44_610), ...IN_ALL },
  smbPorts: { value: '44620 44621', look: listens(44_620), ...IN_ALL },
  disableNetbios: {
    ...{ value: 'no', global: ['nbt port = 41370'], look: answersNames(41_370), ...IN_ALL },
  },
  nbtPort: { value: '41371', look: answersNames(41_371), ...IN_ALL },
  wsDiscovery: { value: 'yes', shownBy: DISCOVERY },
  multicastDnsRegister: { value: 'yes', shownBy: DISCOVERY },
  mdnsName: { value: 'mdns', shownBy: DISCOVERY },
  interfaces: {
    value: 'lo',
    how: everyCapability,
    look: networkInterfaces,
    before: 'some',
    after: 'some',
  },
  bindInterfacesOnly: { value: 'yes', look: enters, before: 'ok', after: 'ok' },
  mapToGuest: {
    ...{ value: 'bad user', global: UNSIGNED, look: entersAs('stranger') },
    ...{ before: 'STATUS_LOGON_FAILURE', after: 'ok' },
  },
  guestAccount: {
    ...{ value: 'daemon', global: GUESTS, look: strangersName },
    ...{ before: 'nobody', after: 'daemon' },
  },
  restrictAnonymous: {
    ...{ value: '0', global: UNSIGNED, look: entersAs(undefined) },
    ...{ before: 'STATUS_LOGON_FAILURE', after: 'ok' },
  },
  workers: { value: '2', look: children, before: 0, after: 0 },
  maxConnections: { value: '2', look: enters, before: 'ok', after: 'refused' },
  maxConnectionsPerAddress: { value: '2', look: enters, before: 'ok', after: 'refused' },
  maxSessions: { value: '2', look: enters, before: 'ok', after: 'refused' },
  maxOpenFiles: { value: '8', look: opensTwelve, before: true, after: false, disturbs: true },
  bufferMemory: {
    ...{ value: '64M', global: ['buffer memory = 128M'] },
    ...{ look: async () => bufferPool.maxUsedBytes, before: 128 << 20, after: 64 << 20 },
  },
  deadtimeMinutes: { value: '1', look: idle, before: 'ok', after: 'connection ended' },
  ipcTimeoutSeconds: { value: '30', shownBy: 'src/ipc/mountd.test.ts' },
  hostsAllow: {
    ...{ value: '192.0.2.1', global: ['hosts allow = 127.0.0.1', 'hosts deny = 127.0.0.2'] },
    ...{ also: ['hosts deny = 127.0.0.1'], look: stays, disturbs: true },
    ...{ before: 'ok', after: 'STATUS_NETWORK_NAME_DELETED' },
  },
  hostsDeny: {
    ...{ value: 'ALL', look: stays, before: 'ok', after: 'STATUS_NETWORK_NAME_DELETED' },
    disturbs: true,
  },
  rootDirectory: {
    ...{ value: join(FOLDER, 'root'), look: where, before: 'data', after: 'beneath' },
    disturbs: true,
  },
  fakeFscaps: { value: '32768', look: fsAttributes, before: false, after: true },
  durableHandles: { value: 'no', look: durable, before: true, after: false },
  leases: {
    ...{ value: 'no', how: everyCapability, look: leasesOf(0), before: true, after: false },
  },
  directoryLeases: {
    ...{ value: 'no', how: everyCapability, look: leasesOf(FILE_DIRECTORY_FILE) },
    ...{ before: true, after: false },
  },
  multiChannel: {
    ...{ value: 'no', how: everyCapability, look: hasCapability(SMB2_GLOBAL_CAP_MULTI_CHANNEL) },
    ...{ before: true, after: false },
  },
  compression: {
    ...{ value: 'yes', how: compresses, look: agreesOnCompression, before: false, after: true },
  },
  posixExtensions: {
    ...{ value: 'no', how: speaksPosix, look: posixContext, before: true, after: false },
  },
  smb1UnixExtensions: {
    ...{ value: 'no', global: OLD, look: unixCapability, before: true, after: false },
  },
  hostMsdfs: {
    ...{ value: 'no', share: ['msdfs root = yes'], look: isNamespace },
    ...{ before: true, after: false },
  },
  kerberos: { value: 'yes', shownBy: LOGINS },
  kerberosServiceName: { value: 'cifs', shownBy: LOGINS },
  kerberosKeytab: { value: '/nowhere', shownBy: LOGINS },
  kerberosMethod: { value: 'dedicated keytab', shownBy: LOGINS },
  realm: { value: 'EXAMPLE.COM', shownBy: LOGINS },
  auditLog: { value: AUDIT, look: audited, before: false, after: true },
  auditEvents: {
    ...{ value: 'login', global: [`audit log = ${AUDIT}`], look: audited },
    ...{ before: true, after: false },
  },
  usernameMap: {
    ...{ value: join(FOLDER, 'map'), look: entersAs('client ann') },
    ...{ before: 'STATUS_LOGON_FAILURE', after: 'ok' },
  },
  smbDirect: {
    value: 'yes',
    global: ['smb direct port = 45450'],
    look: listens(45_450),
    ...IN_ALL,
  },
  smbDirectPort: { value: '45451', look: listens(45_451), ...IN_ALL },
  smbDirectChecksums: {
    value: 'yes',
    global: ['smb direct port = 45452'],
    look: listens(45_452),
    ...IN_ALL,
  },
  smbDirectMaxIoSize: {
    value: '1M',
    global: ['smb direct port = 45453'],
    look: listens(45_453),
    ...IN_ALL,
  },
  apple: { value: 'no', look: appleListing, before: true, after: false },
  appleModel: {
    ...{ value: 'MacPro', before: false, after: true },
    look: async (world) => (await askApple(world, 4n))!.includes(Buffer.from('MacPro', 'utf16le')),
  },
  appleNfsAces: { value: 'no', look: nfsAces, before: true, after: false },
  appleCopyFile: { value: 'yes', look: copiesWhole, before: false, after: true },
  // Only the process of the control plane has it.
  rpcOverTcp: { value: 'yes', shownBy: RPC_OVER_TCP },
  rpcServerPort: { value: '49200', shownBy: RPC_OVER_TCP },
  rpcDynamicPorts: { value: '49200-49300', shownBy: RPC_OVER_TCP },
  rpcMapperPort: { value: '1135', shownBy: RPC_OVER_TCP },
  metricsPort: { value: '9123', look: listens(9123), ...IN_ALL },
  metricsAddress: { value: '127.0.0.2', look: listens(9445), ...IN_ALL },
};
