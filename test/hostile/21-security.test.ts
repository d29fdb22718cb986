/** Security descriptors of a stranger's making (MS-SMB2 3.3.5.21.3, MS-FSA 2.1.5.17, MS-DTYP 2.4.6). */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setInfoRequest } from '../../src/client/requests.ts';
import { FILE_ALL_ACCESS } from '../../src/dtyp/access-mask.ts';
import { allowedAce, makeAcl } from '../../src/dtyp/acl.ts';
import { STATUS_INVALID_PARAMETER, STATUS_SUCCESS } from '../../src/dtyp/ntstatus.ts';
import { encodeSecurityDescriptor } from '../../src/dtyp/security-descriptor.ts';
import { EVERYONE } from '../../src/dtyp/sid.ts';
import { FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { SMB2_0_INFO_SECURITY } from '../../src/smb2/info-types.ts';
import { hostileSuite, type Kit } from './kit.ts';

const hostile = await hostileSuite();
const DACL = 4;

async function setter({ mount }: Kit) {
  const tree = await mount();
  const file = await tree.open('security', { access: FILE_ALL_ACCESS, disposition: FILE_OPEN_IF });
  return async (bytes: Buffer): Promise<number> =>
    (await tree.request(setInfoRequest(file.fileId, SMB2_0_INFO_SECURITY, 0, bytes, DACL))).status;
}

const descriptor = (aces: number): Buffer =>
  encodeSecurityDescriptor({
    control: 0,
    owner: undefined,
    group: undefined,
    sacl: undefined,
    dacl: makeAcl(Array.from({ length: aces }, () => allowedAce(EVERYONE, FILE_ALL_ACCESS))),
  });

hostile('SET_INFO: every byte of a descriptor changed, and every beginning of it', async (kit) => {
  const set = await setter(kit);
  const good = descriptor(2);
  assert.equal(await set(good), STATUS_SUCCESS);
  for (let at = 0; at < good.length; at++) {
    for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
      const bad = Buffer.from(good);
      bad[at] = value;
      const status = await set(bad);
      assert.ok(status === STATUS_SUCCESS || status >= 0xc000_0000, `${at}: ${status}`);
    }
    assert.equal(await set(good.subarray(0, at)), STATUS_INVALID_PARAMETER, `${at} bytes`);
  }
  assert.equal(await set(good), STATUS_SUCCESS);
});

hostile('SET_INFO: an ACL that tells of more entries than it has', async (kit) => {
  const set = await setter(kit);
  for (const count of [2, 3, 255, 65_535]) {
    const lying = descriptor(1);
    // The DACL stands behind the header: AclCount.
    lying.writeUInt16LE(count, 20 + 4);
    assert.equal(await set(lying), STATUS_INVALID_PARAMETER, `${count} entries`);
  }
});

hostile('SET_INFO: as many entries as an ACL can have, and random bytes', async (kit) => {
  const set = await setter(kit);
  assert.equal(await set(descriptor(3000)), STATUS_SUCCESS);
  for (let i = 0; i < 200; i++) {
    const status = await set(randomBytes(1 + ((i * 37) % 400)));
    assert.ok(status === STATUS_SUCCESS || status >= 0xc000_0000, `${status}`);
  }
  assert.equal(await set(descriptor(1)), STATUS_SUCCESS);
});
