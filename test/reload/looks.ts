/** What a client, or who administers the server, can look at. */
import { chmodSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { succeed } from '../../src/client/exchange.ts';
import type { OpenOptions } from '../../src/client/requests.ts';
import {
  changeNotifyRequest,
  createRequest,
  queryInfoRequest,
  setInfoRequest,
} from '../../src/client/requests.ts';
import { RpcPipe } from '../../src/client/rpc-pipe.ts';
import { listShares } from '../../src/client/shares.ts';
import {
  DELETE,
  FILE_GENERIC_READ,
  FILE_GENERIC_WRITE,
  READ_CONTROL,
  WRITE_DAC,
} from '../../src/dtyp/access-mask.ts';
import { statusName } from '../../src/dtyp/ntstatus.ts';
import {
  DACL_SECURITY_INFORMATION,
  decodeSecurityDescriptor,
  encodeSecurityDescriptor,
  type SecurityDescriptor,
} from '../../src/dtyp/security-descriptor.ts';
import { FileBasicInformation } from '../../src/fscc/file-information.ts';
import { FileInformationClass as Class } from '../../src/fscc/information-class.ts';
import { SRVSVC } from '../../src/rpc/srvsvc.ts';
import { encodeAppleServerQuery } from '../../src/smb2/apple.ts';
import { CreateContextName } from '../../src/smb2/create-contexts.ts';
import { FILE_CREATE, FILE_DIRECTORY_FILE } from '../../src/smb2/create-options.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { SMB2_0_INFO_SECURITY } from '../../src/smb2/info-types.ts';
import { decodeQueryInfoResponse } from '../../src/smb2/query-info.ts';
import { decodeSnapshotArray } from '../../src/smb2/snapshots.ts';
import { told, type World } from './world.ts';

export const ALL_ACCESS =
  FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE | WRITE_DAC | READ_CONTROL;
const octal = (mode: number): string => (mode & 0o777).toString(8);

export async function newFile(world: World, how: OpenOptions = {}): Promise<string> {
  const name = world.name();
  const file = await world.tree.open(name, {
    access: ALL_ACCESS,
    disposition: FILE_CREATE,
    ...how,
  });
  await file.close();
  return world.path(name);
}

export const newMode = async (world: World): Promise<string> =>
  octal(lstatSync(await newFile(world)).mode);
export const newDirectoryMode = async (world: World): Promise<string> =>
  octal(lstatSync(await newFile(world, { options: FILE_DIRECTORY_FILE })).mode);
export const newOwner = async (world: World): Promise<number> =>
  lstatSync(await newFile(world)).uid;
export const newGroup = async (world: World): Promise<number> =>
  lstatSync(await newFile(world)).gid;

/** The mode of a file to which DOS attributes were given. */
export const modeWith = (attributes: number) => async (world: World) => {
  const name = world.name();
  const file = await world.tree.open(name, { access: ALL_ACCESS, disposition: FILE_CREATE });
  const times = { creationTime: 0n, lastAccessTime: 0n, lastWriteTime: 0n, changeTime: 0n };
  const basic = FileBasicInformation.encode({ ...times, fileAttributes: attributes });
  const answer = await told(() => file.setInfo(Class.FileBasicInformation, basic));
  await file.close();
  if (answer !== 'ok') return answer;
  return octal(lstatSync(world.path(name)).mode);
};

/** The attributes that a file still has after it was closed. */
export const keptAttributes = (attributes: number) => async (world: World) => {
  const name = world.name();
  const how = { access: ALL_ACCESS, disposition: FILE_CREATE, attributes };
  await (await world.tree.open(name, how)).close();
  const [entry] = await world.tree.list('', name);
  return (entry!.fileAttributes & attributes) !== 0;
};

export const listed = async (world: World, name: string) =>
  (await world.tree.list('')).find((entry) => entry.name === name);
export const isListed = (name: string) => async (world: World) =>
  (await listed(world, name)) !== undefined;
export const hasAttribute = (name: string, attribute: number) => async (world: World) =>
  ((await listed(world, name))!.fileAttributes & attribute) !== 0;

export const reads = (name: string) => (world: World) => told(() => world.tree.readFile(name));
export const writes = (world: World) =>
  told(() => world.tree.writeFile(world.name(), Buffer.from('x')));
export const connects = (world: World) =>
  told(async () => (await world.session.treeConnect('data')).disconnect());
/** The tree connect of the client that was there. */
export const stays = (world: World) => told(() => world.tree.list(''));
/** Which folder the share is. */
export const where = async (world: World) => String(await world.tree.readFile('where'));

export const appears = async (world: World) =>
  (await listShares(world.session)).some(({ name }) => name === 'data');
export const remark = async (world: World) =>
  (await listShares(world.session)).find(({ name }) => name === 'data')?.comment;

export async function serverInfo(world: World) {
  const pipe = await RpcPipe.open(world.session, SRVSVC);
  const { infoStruct } = await pipe.call(SRVSVC.operations.NetrServerGetInfo, {
    serverName: null,
    level: 101,
  });
  await pipe.close();
  if (infoStruct.tag !== 101) throw new Error('another level');
  return infoStruct.value!;
}

/** CHANGE_NOTIFY: refused, or waits; `change` may end the wait. */
export async function notices(world: World, change: () => void): Promise<string> {
  const directory = await world.tree.open('', { options: FILE_DIRECTORY_FILE });
  const [exchange] = await world.tree.submit([changeNotifyRequest(directory.fileId, 0x17f)]);
  const answer = world.session.connection.answerOf(exchange!);
  const said = told(async () => succeed(await answer));
  await new Promise((resolve) => setTimeout(resolve, 50));
  change();
  const first = await Promise.race([
    said,
    new Promise<string>((resolve) => setTimeout(resolve, 1_500, 'waits')),
  ]);
  await directory.close();
  await said;
  return first;
}

/** Names of previous versions, and what the share had in the first of them. */
export async function snapshots(world: World) {
  const root = await world.tree.open('', { options: FILE_DIRECTORY_FILE });
  const listing = () => root.ioctl(Fsctl.FSCTL_SRV_ENUMERATE_SNAPSHOTS, { maxOutput: 4096 });
  const output = await listing().catch(() => undefined);
  await root.close();
  if (output === undefined) return [];
  const { tokens } = decodeSnapshotArray(output) as unknown as { tokens: readonly string[] };
  const [first] = tokens;
  if (first === undefined) return [];
  const content = await told(async () => world.tree.readFile(`${first}\\where`));
  const text = content === 'ok' ? String(await world.tree.readFile(`${first}\\where`)) : content;
  return [...tokens, text];
}

export async function descriptorOf(world: World, name: string): Promise<SecurityDescriptor> {
  const file = await world.tree.open(name, { access: READ_CONTROL });
  const request = queryInfoRequest(file.fileId, SMB2_0_INFO_SECURITY, 0, {
    additionalInformation: DACL_SECURITY_INFORMATION,
  });
  const answer = succeed(await world.tree.request(request));
  await file.close();
  return decodeSecurityDescriptor(decodeQueryInfoResponse(answer.message).outputBuffer);
}

export async function setDescriptor(world: World, name: string, given: SecurityDescriptor) {
  const file = await world.tree.open(name, { access: ALL_ACCESS });
  const bytes = encodeSecurityDescriptor(given);
  const information = DACL_SECURITY_INFORMATION;
  const request = setInfoRequest(file.fileId, SMB2_0_INFO_SECURITY, 0, bytes, information);
  succeed(await world.tree.request(request));
  await file.close();
}

/** The context with which a client of Apple's begins, once a session. */
export async function askApple(world: World, requestBitmap = 7n): Promise<Buffer | undefined> {
  // Without READ_DIR_ATTR_V2, whose flags a listing would be read to have as the length of a short name.
  const data = encodeAppleServerQuery({ requestBitmap, clientCapabilities: 0x2fn });
  const contexts = [{ name: CreateContextName.AAPL, data }];
  const root = await world.tree.open('', { contexts, options: FILE_DIRECTORY_FILE });
  await root.close();
  return root.created.createContexts.find(({ name }) => name === CreateContextName.AAPL)?.data;
}

/** Asks once for the client of a row. */
export async function asApple(world: World): Promise<void> {
  if (world.memory === world.session) return;
  world.memory = world.session;
  await askApple(world);
}

export const linesOf = (file: string): number => {
  try {
    return readFileSync(file, 'utf8').split('\n').length - 1;
  } catch {
    return 0;
  }
};

/** What who opens a link is told. */
export async function throughLink(world: World): Promise<string> {
  const [file, link] = [world.name(), world.name()];
  writeFileSync(world.path(file), 'x');
  chmodSync(world.path(file), 0o666);
  symlinkSync(file, world.path(link));
  const answer = await world.tree.request(createRequest(link));
  if (answer.status !== 0) return statusName(answer.status);
  await world.tree.fileOf(answer).close();
  return 'ok';
}

/** They are told when a tree connect is made. */
export async function shareFlags(world: World): Promise<number> {
  const tree = await world.session.treeConnect('data');
  await tree.disconnect();
  return tree.response.shareFlags;
}
