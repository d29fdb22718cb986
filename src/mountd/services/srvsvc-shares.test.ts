import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SILENT_LOGGER } from '../../base/log.ts';
import { loadConfiguration } from '../../config/load.ts';
import { FILE_ALL_ACCESS } from '../../dtyp/access-mask.ts';
import { allowedAce, makeAcl } from '../../dtyp/acl.ts';
import {
  decodeSecurityDescriptor,
  encodeSecurityDescriptor,
} from '../../dtyp/security-descriptor.ts';
import { EVERYONE, type Sid } from '../../dtyp/sid.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import { createShareEditor } from '../share-editor.ts';
import { context, disk, IPC } from './connect.support.test.ts';
import { shareDescriptor } from './share-security.ts';
import { shareHandlers } from './srvsvc-shares.ts';

const { NERR_Success, ERROR_ACCESS_DENIED, ERROR_INVALID_LEVEL, ERROR_NOT_SUPPORTED } = WIN32_ERROR;
const folder = mkdtempSync(join(tmpdir(), 'usmbd-shares-'));
after(() => rmSync(folder, { recursive: true }));

/** A server whose shares are those of its file. */
function server(mayChangeShares = true) {
  const file = join(folder, 'smb.conf');
  writeFileSync(file, '[global]\n    netbios name = FILES\n');
  let reloads = 0;
  const shares = () => [
    ...loadConfiguration(file).configuration.shares.map(({ name, path, comment, readOnly }) =>
      disk(name, { path, comment, permissions: { readOnly, members: undefined } }),
    ),
    IPC,
  ];
  const shareEditor = createShareEditor({
    file,
    reload: async () => {
      reloads += 1;
      return true;
    },
    ...{ by: 'root', address: '192.0.2.1', log: SILENT_LOGGER },
  });
  const of = context({
    administrator: mayChangeShares,
    mayChangeShares,
    shareEditor,
    catalogue: { shares },
  });
  return {
    reloads: () => reloads,
    handlers: shareHandlers(of),
    text: () => readFileSync(file, 'utf8'),
  };
}

const path = join(folder, 'data');
mkdirSync(path);
const INFO_2 = {
  ...{ netname: 'Data', type: 0, remark: 'Mine', permissions: 0, maxUses: 5, currentUses: 0 },
  ...{ path: `C:${path.replaceAll('/', '\\')}`, passwd: null },
};
const common = { serverName: null, parmErr: null };
const everyone = (mask: number, sid: Sid = EVERYONE) =>
  encodeSecurityDescriptor({
    ...{ control: 0, owner: undefined, group: undefined, sacl: undefined },
    dacl: makeAcl([allowedAce(sid, mask)]),
  });

test('MS-SRVS 3.1.4.7, .11, .12: a share is added, changed and removed in the file, which is read anew', async () => {
  const { handlers, reloads, text } = server();
  const added = { ...common, infoStruct: { tag: 2, value: INFO_2 } } as const;
  assert.deepEqual(await handlers.NetrShareAdd(added), { parmErr: null, status: NERR_Success });
  assert.match(
    text(),
    /\[Data\]\n {4}path = .*data\n {4}comment = Mine\n {4}max connections = 5\n/,
  );
  const again = await handlers.NetrShareAdd(added);
  assert.equal(again.status, WIN32_ERROR.NERR_DuplicateShare);
  const set = (infoStruct: Parameters<typeof handlers.NetrShareSetInfo>[0]['infoStruct']) =>
    handlers.NetrShareSetInfo({ ...common, netName: 'DATA', infoStruct });
  await set({ tag: 1004, value: { remark: 'Ours' } });
  await set({ tag: 1006, value: { maxUses: 0xffff_ffff } });
  const writable = await set({
    tag: 1501,
    value: { securityDescriptor: everyone(FILE_ALL_ACCESS) },
  });
  assert.equal(writable.status, NERR_Success);
  assert.match(text(), /\[Data\]\n {4}path = .*data\n {4}comment = Ours\n {4}read only = no\n$/);
  const mine = { securityDescriptor: everyone(FILE_ALL_ACCESS, 'S-1-5-21-1-2-3-5') };
  assert.equal((await set({ tag: 1501, value: mine })).status, ERROR_NOT_SUPPORTED);
  const level0 = await set({ tag: 0, value: { netname: 'x' } });
  assert.equal(level0.status, ERROR_INVALID_LEVEL);
  const told = await handlers.NetrShareGetInfo({ serverName: null, netName: 'data', level: 502 });
  assert.ok(told.infoStruct.tag === 502);
  const { dacl } = decodeSecurityDescriptor(told.infoStruct.value!.securityDescriptor!);
  assert.deepEqual(dacl?.aces, [allowedAce(EVERYONE, FILE_ALL_ACCESS)]);
  const removal = { serverName: null, netName: 'Data', reserved: 0 };
  assert.equal((await handlers.NetrShareDel(removal)).status, NERR_Success);
  assert.doesNotMatch(text(), /Data/);
  assert.equal((await handlers.NetrShareDel(removal)).status, WIN32_ERROR.NERR_NetNameNotFound);
  assert.equal(reloads(), 5);
});

test('MS-SRVS 3.1.4.14, .15: a share is removed in two calls', async () => {
  const { handlers, text } = server();
  await handlers.NetrShareAdd({ ...common, infoStruct: { tag: 2, value: INFO_2 } });
  const input = { serverName: null, netName: 'Data', reserved: 0 };
  const { handle } = await handlers.NetrShareDelStart(input);
  assert.match(text(), /Data/);
  assert.equal((await handlers.NetrShareDelCommit({ handle })).status, NERR_Success);
  assert.doesNotMatch(text(), /Data/);
});

test('what no share may be is refused, and who may not change any', async () => {
  const { handlers, reloads } = server();
  const status = async (value: Partial<typeof INFO_2>) =>
    (
      await handlers.NetrShareAdd({
        ...common,
        infoStruct: { tag: 2, value: { ...INFO_2, ...value } },
      })
    ).status;
  assert.equal(await status({ netname: 'a/b' }), WIN32_ERROR.ERROR_INVALID_NAME);
  assert.equal(await status({ netname: 'x'.repeat(81) }), WIN32_ERROR.ERROR_INVALID_NAME);
  assert.equal(await status({ path: 'C:\\not\\there' }), WIN32_ERROR.NERR_UnknownDevDir);
  assert.equal(await status({ path: 'relative' }), WIN32_ERROR.NERR_UnknownDevDir);
  assert.equal(await status({ netname: 'ipc$' }), WIN32_ERROR.NERR_DuplicateShare);
  assert.equal(await status({ type: 1 }), WIN32_ERROR.ERROR_INVALID_PARAMETER);
  assert.equal(await status({ remark: 'a\nguest ok = yes' }), WIN32_ERROR.ERROR_INVALID_PARAMETER);
  assert.equal(reloads(), 0);
  const other = server(false).handlers;
  const refused = await other.NetrShareAdd({ ...common, infoStruct: { tag: 2, value: INFO_2 } });
  assert.equal(refused.status, ERROR_ACCESS_DENIED);
  const removal = { serverName: null, netName: 'IPC$', reserved: 0 };
  assert.equal((await handlers.NetrShareDel(removal)).status, ERROR_ACCESS_DENIED);
});

test("a share's descriptor says who is in the lists of the configuration", () => {
  const members: Sid[] = ['S-1-5-21-1-2-3-3000', 'S-1-5-32-545'];
  const { dacl } = decodeSecurityDescriptor(shareDescriptor({ readOnly: true, members }));
  assert.deepEqual(
    dacl?.aces.map((ace) => ace.kind === 'sid' && [ace.sid, ace.mask]),
    members.map((sid) => [sid, 0x0012_00a9]),
  );
});

test('MS-SRVS 3.1.4.7: no share is added under the name of a section that has another meaning', async () => {
  const { handlers, reloads, text } = server();
  for (const netname of ['homes', 'HOMES', ' Homes', 'global', 'printers']) {
    const value = { ...INFO_2, netname };
    const { status } = await handlers.NetrShareAdd({ ...common, infoStruct: { tag: 2, value } });
    assert.equal(status, WIN32_ERROR.ERROR_INVALID_NAME, netname);
  }
  assert.equal(reloads(), 0);
  assert.equal(text(), '[global]\n    netbios name = FILES\n');
});
