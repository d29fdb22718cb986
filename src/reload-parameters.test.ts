/** Every parameter, changed while clients read and write: it counts, or says when it will, and nobody is dropped for it. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SILENT_LOGGER } from './base/log.ts';
import { connect } from './client/connect.ts';
import type { ClientTree } from './client/tree.ts';
import { globalEffects, shareEffects } from './config/effects.ts';
import { readConfiguration } from './config/load.ts';
import { globalParameters, shareParameters } from './config/parameters.ts';
import { createServer } from './create-server.ts';
import { nativeSupport } from './native/support.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-parameters-'));
after(() => rmSync(folder, { recursive: true }));
for (const name of ['load', 'data', 'data2']) {
  mkdirSync(join(folder, name));
  chmodSync(join(folder, name), 0o777);
}
writeFileSync(join(folder, 'map'), '');
const skip = nativeSupport().unavailable ?? false;

/** Another value than the base has, one that keeps nobody out who is there. */
const GLOBAL: Readonly<Record<keyof typeof globalParameters, string>> = {
  workgroup: 'AWAY',
  netbiosName: 'OTHER',
  serverString: 'other',
  minProtocol: 'SMB3_02',
  maxProtocol: 'SMB3_11',
  signing: 'auto',
  ntlmAuth: 'ntlmv1-permitted',
  encryption: 'off',
  maxReadSize: '1M',
  maxWriteSize: '1M',
  maxTransactSize: '128K',
  maxCredits: '1024',
  tcpPort: '4461',
  smbPorts: '4462 4463',
  disableNetbios: 'no',
  nbtPort: '10137',
  interfaces: 'lo',
  bindInterfacesOnly: 'yes',
  mapToGuest: 'bad user',
  guestAccount: 'other',
  restrictAnonymous: '1',
  workers: '2',
  maxConnections: '7',
  maxConnectionsPerAddress: '7',
  maxSessions: '7',
  maxOpenFiles: '100',
  bufferMemory: '64M',
  deadtimeMinutes: '5',
  ipcTimeoutSeconds: '30',
  hostsAllow: '127.0.0.1',
  hostsDeny: '192.0.2.1',
  rootDirectory: '/',
  fakeFscaps: '64',
  durableHandles: 'no',
  leases: 'no',
  directoryLeases: 'no',
  multiChannel: 'no',
  posixExtensions: 'no',
  smb1UnixExtensions: 'no',
  hostMsdfs: 'no',
  kerberos: 'no',
  kerberosServiceName: 'cifs',
  kerberosKeytab: '/nowhere',
  kerberosMethod: 'dedicated keytab',
  realm: 'EXAMPLE.COM',
  auditLog: join(folder, 'audit'),
  auditEvents: 'login, open',
  usernameMap: join(folder, 'map'),
  smbDirect: 'yes',
  smbDirectPort: '5446',
  smbDirectChecksums: 'yes',
  smbDirectMaxIoSize: '1M',
  apple: 'no',
  appleModel: 'MacPro',
  appleNfsAces: 'no',
  appleCopyFile: 'yes',
  metricsPort: '9123',
  metricsAddress: '127.0.0.2',
};

const SHARE: Readonly<Record<keyof typeof shareParameters, string>> = {
  path: join(folder, 'data2'),
  comment: 'other',
  available: 'no',
  browseable: 'no',
  readOnly: 'yes',
  guestOk: 'yes',
  guestOnly: 'yes',
  guestAccount: 'other',
  validUsers: 'ann',
  invalidUsers: 'bob',
  readList: 'bob',
  writeList: 'ann',
  hostsAllow: '127.0.0.1',
  hostsDeny: '192.0.2.1',
  forceUser: 'root',
  forceGroup: 'root',
  createMask: '0600',
  directoryMask: '0700',
  forceCreateMode: '0111',
  forceDirectoryMode: '0111',
  inheritPermissions: 'yes',
  inheritOwner: 'yes',
  inheritAcls: 'yes',
  mapArchive: 'yes',
  mapHidden: 'yes',
  mapSystem: 'yes',
  mapReadonly: 'yes',
  hideDotFiles: 'no',
  hideFiles: '/*.tmp/',
  hideSpecialFiles: 'yes',
  hideUnreadable: 'yes',
  hideUnwriteable: 'yes',
  vetoFiles: '/*.tmp/',
  deleteVetoFiles: 'yes',
  shortNames: 'no',
  listEaSizes: 'yes',
  changeNotify: 'no',
  kernelChangeNotify: 'no',
  posixExtensions: 'no',
  msdfsRoot: 'yes',
  msdfsProxy: '\\\\a\\b',
  oplocks: 'no',
  storeDosAttributes: 'no',
  maxConnections: '9',
  encryption: 'off',
  adminUsers: 'bob',
  crossMounts: 'no',
  followSymlinks: 'yes',
  wideLinks: 'yes',
  appleZeroFileIds: 'no',
  appleIgnoresEmptyAcls: 'no',
  appleMetadata: 'netatalk',
  appleResource: 'file',
  appleEncoding: 'native',
  timeMachine: 'yes',
  timeMachineMaxSize: '1G',
  continuousAvailability: 'yes',
  vfsObjects: 'acl_xattr',
  ntAclName: 'user.NTACL',
  ignoresSystemAcls: 'yes',
  defaultAclStyle: 'posix',
  canonicalInheritedFlag: 'no',
  streamFormat: 'ksmbd',
  snapshotFolder: 'other',
  snapshotBase: '/',
  snapshotSharePath: 'data',
  snapshotMountPoint: '/',
  snapshotFormat: '%Y',
  snapshotNumbers: 'yes',
  snapshotLocalTime: 'yes',
  snapshotOrder: 'asc',
  snapshotPrefix: 'a',
  snapshotDelimiter: '_',
  snapshotFixInodes: 'no',
  snapshotsEverywhere: 'yes',
  snapshotsCrossMounts: 'yes',
};

/** Of those that the base has already. */
const BASE_MAX_PROTOCOL = 'server max protocol = SMB3_02\n';

const textWith = (global: string, data: string): string => {
  const base = global.startsWith('server max protocol') ? '' : BASE_MAX_PROTOCOL;
  const path = data.startsWith('path') ? '' : `path = ${join(folder, 'data')}\n`;
  const writes = data.startsWith('read only') ? '' : 'read only = no\n';
  return `[global]\n${base}${global}
[load]\npath = ${join(folder, 'load')}\nread only = no\n[data]\n${path}${writes}${data}`;
};
const configurationOf = (global: string, data: string) =>
  readConfiguration(textWith(global, data), 'test.conf').configuration;

/** Writes and reads until told to stop; what goes wrong is remembered. */
async function load(tree: ClientTree, state: { on: boolean }) {
  let rounds = 0;
  for (; state.on; rounds++) {
    const content = Buffer.from(`round ${rounds}`);
    await tree.writeFile('busy', content);
    assert.deepEqual(await tree.readFile('busy'), content);
  }
  return rounds;
}

test('each parameter of [global] and of a share', { skip, timeout: 110_000 }, async () => {
  const identity = { uid: process.geteuid!(), gid: process.getegid!(), groups: [] };
  const server = createServer({
    configuration: configurationOf('', ''),
    users: [{ name: 'ann', password: 'tiger', identity }],
    log: SILENT_LOGGER,
  });
  const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
  const client = await connect({ host: '127.0.0.1', port });
  const state = { on: true };
  try {
    const session = await client.login({ user: 'ann', secret: 'tiger' });
    const working = load(await session.treeConnect('load'), state);
    working.catch(() => {});
    const rows = [
      ...Object.entries(GLOBAL).map(([field, value]) => {
        const effect = globalEffects[field as keyof typeof GLOBAL];
        const name = globalParameters[field as keyof typeof GLOBAL].name;
        return { section: 'global', name, value, effect };
      }),
      ...Object.entries(SHARE).map(([field, value]) => {
        const effect = shareEffects[field as keyof typeof SHARE];
        const name = shareParameters[field as keyof typeof SHARE].name;
        return { section: 'data', name, value, effect };
      }),
    ];
    for (const { section, name, value, effect } of rows) {
      const line = `${name} = ${value}\n`;
      const wanted = section === 'global' ? configurationOf(line, '') : configurationOf('', line);
      const changes = await server.reload(wanted);
      if (name === 'root directory') assert.deepEqual(changes.at(-1)?.effect, effect);
      else if (name === 'available') assert.equal(changes[0]?.section, 'data');
      else {
        const told = changes.filter((one) => one.section === section && one.parameter === name);
        assert.deepEqual(
          told.map((one) => one.effect),
          [effect],
          `${section}: ${name}`,
        );
      }
      if (name !== 'available') {
        const tree = await session.treeConnect('data');
        await tree.list('');
        await tree.disconnect();
      }
      await server.reload(configurationOf('', ''));
    }
    state.on = false;
    assert.ok((await working) > rows.length, 'the load went on meanwhile');
  } finally {
    state.on = false;
    await client.close();
    await server.close();
  }
});
