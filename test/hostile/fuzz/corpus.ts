/** Real messages of every command to begin from: of our own client, and of smbclient where there is one. */
import { createServer, connect as dial } from 'node:net';
import { type ConnectInput, connect } from '../../../src/client/connect.ts';
import type { ClientConnection } from '../../../src/client/connection.ts';
import * as requests from '../../../src/client/requests.ts';
import { listShares } from '../../../src/client/shares.ts';
import { FILE_ALL_ACCESS } from '../../../src/dtyp/access-mask.ts';
import { splitCompound } from '../../../src/smb2/compound.ts';
import { KNOWN_COMPRESSION } from '../../../src/smb2/compression.ts';
import { FILE_OPEN_IF } from '../../../src/smb2/create-options.ts';
import { FRAME_HEADER_SIZE, readFrameHeader } from '../../../src/smb2/framing.ts';
import { Command, protocolOf } from '../../../src/smb2/header.ts';
import { findProgram, run } from '../../support/process.ts';

export interface Corpus {
  /** Whole messages, unencrypted, that need a session. */
  readonly commands: readonly Buffer[];
  /** NEGOTIATE in SMB1 and SMB2, SESSION_SETUP. */
  readonly strangers: readonly Buffer[];
}

export interface FuzzTarget {
  readonly host: string;
  readonly port: number;
  readonly share: string;
  readonly user: string;
  readonly password: string;
}

/** What a connection sends, before encryption. */
function listen(connection: ClientConnection, heard: Buffer[]): void {
  const send = connection.socket.send.bind(connection.socket);
  connection.socket.send = (parts) => {
    heard.push(Buffer.concat(parts));
    send(parts);
  };
}

export async function recordCorpus(target: FuzzTarget): Promise<Corpus> {
  const frames: Buffer[] = [];
  for (const input of [
    {},
    { compression: { algorithms: KNOWN_COMPRESSION, chained: true } },
    { dialects: [0x0300] },
    { dialects: [0x0202] },
    { multiProtocol: true },
  ]) {
    await converse(target, input as Partial<ConnectInput>, frames);
  }
  frames.push(...(await recordSmbclient(target)));
  const messages = frames.flatMap((frame) =>
    protocolOf(frame) === 'smb2' ? splitCompound(frame) : [frame],
  );
  const early = (m: Buffer): boolean => protocolOf(m) !== 'smb2' || m.readUInt16LE(12) <= 1;
  return {
    commands: messages.filter((m) => !early(m)),
    strangers: messages.filter(early),
  };
}

async function converse(
  target: FuzzTarget,
  input: Partial<ConnectInput>,
  heard: Buffer[],
): Promise<void> {
  const { host, port, user, password, share } = target;
  const connection = await connect({
    host,
    port,
    ...input,
    onOpen: (opened) => listen(opened, heard),
  });
  const session = await connection.login({ user, secret: password });
  const tree = await session.treeConnect(share);
  const all = { access: FILE_ALL_ACCESS, disposition: FILE_OPEN_IF };
  const contexts = [
    { name: 'MxAc', data: Buffer.alloc(0) },
    { name: 'QFid', data: Buffer.alloc(0) },
  ];
  const file = await tree.open('fuzz', { ...all, contexts });
  const { fileId } = file;
  await file.write(0, Buffer.alloc(1000, 'fuzz'));
  await file.read(0, 1000);
  await file.flush();
  await file.listAll().catch(() => undefined);
  await tree.makeDirectory('fuzz folder').catch(() => undefined);
  for (const informationClass of [37, 38, 12, 1]) {
    const folder = await tree.open('', { options: 1 });
    await folder.listAll('*', informationClass);
    const [notify] = await tree.submit([requests.changeNotifyRequest(folder.fileId, 0x1f)]);
    await connection.cancel(notify!);
    await connection.answerOf(notify!);
    await folder.close();
  }
  for (const informationClass of [
    4, 5, 6, 7, 8, 9, 14, 15, 16, 17, 18, 21, 22, 28, 34, 35, 48, 59,
  ]) {
    await tree.request(requests.queryInfoRequest(fileId, 1, informationClass));
  }
  for (const informationClass of [1, 3, 4, 5, 6, 7, 8, 11]) {
    await tree.request(requests.queryInfoRequest(fileId, 2, informationClass));
  }
  await tree.request(requests.queryInfoRequest(fileId, 3, 0, { additionalInformation: 7 }));
  const rename = Buffer.alloc(20 + 8);
  rename.writeUInt32LE(8, 16);
  rename.write('fuzz', 20, 'utf16le');
  const setters: [number, Buffer][] = [
    [4, Buffer.alloc(40)],
    [10, rename],
    [11, rename],
    [13, Buffer.alloc(1)],
    [14, Buffer.alloc(8)],
    [15, Buffer.from('0000000000000000000300016665610061626364', 'hex')],
    [16, Buffer.alloc(4)],
    [20, Buffer.alloc(8)],
    [64, Buffer.alloc(4)],
    [65, rename],
  ];
  for (const [informationClass, buffer] of setters) {
    await tree.request(requests.setInfoRequest(fileId, 1, informationClass, buffer));
  }
  const range = { offset: 0n, length: 10n };
  await tree.request(requests.lockRequest(fileId, [{ ...range, flags: 0x12 }]));
  await tree.request(requests.lockRequest(fileId, [{ ...range, flags: 4 }]));
  for (const code of [0x00140078, 0x001440f2, 0x00144064, 0x000900c0, 0x000940cf, 0x000980c8]) {
    const how = { input: Buffer.alloc(32), maxOutput: 1024 };
    await tree.request(requests.ioctlRequest(fileId, code, how));
  }
  await tree.request(requests.ioctlRequest(requests.RELATED, 0x001401fc, { maxOutput: 4096 }));
  await tree.compound([
    requests.createRequest('fuzz', all),
    requests.queryInfoRequest(requests.RELATED, 1, 18),
    requests.closeRequest(requests.RELATED, true),
  ]);
  await tree.request({
    command: Command.OPLOCK_BREAK,
    body: Buffer.from('18000000'.padEnd(48, '0'), 'hex'),
  });
  await session.request(requests.echoRequest());
  await file.close(true);
  await listShares(session);
  await session.reauthenticate();
  await tree.disconnect();
  await session.logoff();
  await connection.close();
}

/** What smbclient sends, listened to in between; nothing where it is not installed. */
async function recordSmbclient(target: FuzzTarget): Promise<Buffer[]> {
  const smbclient = findProgram('smbclient');
  if (smbclient === undefined) return [];
  const frames: Buffer[] = [];
  const proxy = createServer((client) => {
    const server = dial({ host: target.host, port: target.port });
    let rest: Buffer = Buffer.alloc(0);
    client.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= FRAME_HEADER_SIZE) {
        const end = FRAME_HEADER_SIZE + readFrameHeader(rest).length;
        if (rest.length < end) break;
        frames.push(Buffer.from(rest.subarray(FRAME_HEADER_SIZE, end)));
        rest = rest.subarray(end);
      }
    });
    for (const socket of [client, server]) socket.on('error', () => undefined);
    client.pipe(server).pipe(client);
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve);
  });
  const bound = proxy.address();
  const port = typeof bound === 'object' && bound !== null ? String(bound.port) : '';
  const who = ['-U', `${target.user}%${target.password}`, '-p', port];
  const script =
    'mkdir sc; cd sc; put /etc/hosts h; allinfo h; get h /dev/null; rename h i; ls; du; del i; cd ..; rmdir sc';
  for (const version of ['SMB2_02', 'SMB3_00', 'SMB3_11']) {
    const service = `//127.0.0.1/${target.share}`;
    const args = [service, ...who, '-m', version, '-c', script];
    await run(smbclient, args, { timeoutMs: 20_000 });
  }
  await run(smbclient, ['-L', '//127.0.0.1', ...who], { timeoutMs: 20_000 });
  proxy.close();
  return frames.filter(
    (frame) => ['smb1', 'smb2'].includes(protocolOf(frame)) && frame.length >= 36,
  );
}
