/** Security descriptors on a real disk: what stands there, what follows from it, and what cannot be kept. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  FILE_ALL_ACCESS,
  FILE_GENERIC_READ,
  FILE_WRITE_DATA,
  READ_CONTROL,
} from '../../dtyp/access-mask.ts';
import { type Ace, allowedAce, makeAcl } from '../../dtyp/acl.ts';
import type { SecurityDescriptor } from '../../dtyp/security-descriptor.ts';
import { EVERYONE, type Sid, unixGroupSid, unixUserSid } from '../../dtyp/sid.ts';
import { decodePosixAcl, POSIX_ACL_ACCESS, POSIX_ACL_DEFAULT } from '../../fscc/posix-acl.ts';
import { getxattr, setxattr } from '../../native/xattr.ts';
import { EACCES, ENODATA, ENOSPC, isErrno } from '../errno.ts';
import type { VfsHandle, VfsTree } from '../vfs.ts';
import { cannotRun, isRoot, NOBODY } from './contract-scratch.ts';
import { createLocalVfs, type LocalVfsOptions } from './local-vfs.ts';
import { NO_POLICY } from './making.ts';
import { decodeNtAcl, NTACL, type NtAclName, USER_NTACL } from './nt-acl.ts';

const skip = cannotRun !== false ? cannotRun : isRoot ? false : 'needs root';

const NOBODYS = unixUserSid(NOBODY.uid);
const OTHER: Sid = unixUserSid(NOBODY.uid - 1);

const descriptor = (owner: Sid, ...aces: readonly Ace[]): SecurityDescriptor => ({
  control: 0,
  owner,
  group: unixGroupSid(NOBODY.gid),
  sacl: undefined,
  dacl: makeAcl(aces),
});

interface Scratch {
  readonly root: string;
  readonly tree: VfsTree;
}

async function onDisk(
  work: (scratch: Scratch) => Promise<void>,
  options: Partial<LocalVfsOptions> = {},
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'usmbd-security-'));
  chmodSync(root, 0o777);
  const vfs = createLocalVfs({ root, ...options });
  const tree = await vfs.attach(NOBODY);
  assert.ok(!isErrno(tree));
  try {
    await work({ root, tree });
  } finally {
    tree.close();
    vfs.close();
    rmSync(root, { recursive: true, force: true });
  }
}

async function made(tree: VfsTree, name: string, kind: 'file' | 'directory' = 'file') {
  const handle = await tree.create([name], { kind, attributes: 0 });
  assert.ok(!isErrno(handle));
  return handle;
}

async function using(handle: VfsHandle, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    handle.close();
  }
}

const written = (path: string, name: NtAclName = NTACL) => {
  const bytes = getxattr(path, name);
  assert.ok(typeof bytes !== 'number', `${bytes}`);
  return decodeNtAcl(Buffer.from(bytes))!;
};

test('it stands in security.NTACL, and mode and POSIX ACL say the same', { skip }, async () => {
  await onDisk(async ({ root, tree }) => {
    const handle = await made(tree, 'f');
    await using(handle, async () => {
      const wanted = descriptor(
        NOBODYS,
        allowedAce(NOBODYS, FILE_ALL_ACCESS),
        allowedAce(OTHER, FILE_GENERIC_READ),
      );
      assert.equal(await handle.setSecurity(() => wanted), 0);
      const path = join(root, 'f');
      assert.deepEqual(written(path).descriptor, wanted);
      const { mode, uid } = statSync(path);
      assert.equal(uid, NOBODY.uid);
      assert.equal(mode & 0o707, 0o700);
      const list = getxattr(path, POSIX_ACL_ACCESS);
      assert.ok(typeof list !== 'number');
      const named = decodePosixAcl(list)?.filter(({ id }) => id !== undefined);
      assert.deepEqual(
        named?.map(({ id, permissions }) => [id, permissions]),
        [[NOBODY.uid - 1, 4]],
      );
      const plain = descriptor(NOBODYS, allowedAce(EVERYONE, FILE_GENERIC_READ));
      assert.equal(await handle.setSecurity(() => plain), 0);
      assert.equal(statSync(path).mode & 0o777, 0o444);
      assert.equal(getxattr(path, POSIX_ACL_ACCESS), ENODATA);
    });
  });
});

test('a new file is open to nobody else before its descriptor is there', { skip }, async () => {
  await onDisk(async ({ root, tree }) => {
    const wanted = descriptor(NOBODYS, allowedAce(EVERYONE, FILE_ALL_ACCESS));
    const handle = await tree.create(['f'], {
      kind: 'file',
      attributes: 0,
      mode: 0o666,
      security: () => wanted,
    });
    assert.ok(!isErrno(handle));
    handle.close();
    assert.deepEqual(written(join(root, 'f')).descriptor, wanted);
    assert.equal(statSync(join(root, 'f')).mode & 0o777, 0o777);
  });
});

test('a file is given to the user who takes it, and to nobody else', { skip }, async () => {
  await onDisk(async ({ root, tree }) => {
    writeFileSync(join(root, 'theirs'), '');
    const handle = await tree.lookup(['theirs']);
    assert.ok(!isErrno(handle));
    await using(handle, async () => {
      const all = allowedAce(EVERYONE, FILE_ALL_ACCESS);
      assert.equal(await handle.setSecurity(() => descriptor(OTHER, all)), 0);
      assert.equal(statSync(join(root, 'theirs')).uid, 0);
      assert.equal(await handle.setSecurity(() => descriptor(NOBODYS, all)), 0);
      assert.equal(statSync(join(root, 'theirs')).uid, NOBODY.uid);
    });
  });
});

test('what has no room on the disk changes nothing', { skip }, async (context) => {
  await onDisk(async ({ root, tree }) => {
    const handle = await made(tree, 'f');
    await using(handle, async () => {
      const small = descriptor(NOBODYS, allowedAce(NOBODYS, FILE_ALL_ACCESS));
      assert.equal(await handle.setSecurity(() => small), 0);
      const before = statSync(join(root, 'f')).mode;
      const many = Array.from({ length: 1500 }, (_, i) =>
        allowedAce(`S-1-5-21-1-2-3-${i}`, READ_CONTROL | FILE_WRITE_DATA),
      );
      const result = await handle.setSecurity(() => descriptor(NOBODYS, ...many));
      // XFS and ext4 with ea_inode take it.
      if (result === 0) return context.diagnostic('the disk has room for it');
      assert.equal(result, ENOSPC);
      assert.deepEqual(await handle.storedSecurity(), small);
      assert.equal(statSync(join(root, 'f')).mode, before);
    });
  });
});

test('any bytes in the attribute: none, or what they say, and never an exception', {
  skip,
}, async () => {
  await onDisk(async ({ root, tree }) => {
    const handle = await made(tree, 'f');
    await using(handle, async () => {
      const path = join(root, 'f');
      const wanted = descriptor(NOBODYS, allowedAce(NOBODYS, FILE_ALL_ACCESS));
      assert.equal(await handle.setSecurity(() => wanted), 0);
      const good = Buffer.from(getxattr(path, NTACL) as Buffer);
      for (let at = 0; at < good.length; at++) {
        for (const value of [0, 1, 0x7f, 0xff]) {
          const bad = Buffer.from(good);
          bad[at] = value;
          assert.equal(setxattr(path, NTACL, bad), 0);
          const found = await handle.storedSecurity();
          assert.ok(found === undefined || typeof found === 'object');
          assert.ok(!isErrno(await handle.security()));
        }
        assert.equal(setxattr(path, NTACL, good.subarray(0, at)), 0);
        assert.equal(await handle.storedSecurity(), undefined, `${at} bytes`);
      }
    });
  });
});

test('user.NTACL is for whom `security.` is closed to, and no client sees it', {
  skip,
}, async () => {
  const work = async ({ root, tree }: Scratch): Promise<void> => {
    const directory = await made(tree, 'd', 'directory');
    await using(directory, async () => {
      const wanted = descriptor(NOBODYS, allowedAce(NOBODYS, FILE_ALL_ACCESS));
      assert.equal(await directory.setSecurity(() => wanted), 0);
      assert.deepEqual(written(join(root, 'd'), USER_NTACL).descriptor, wanted);
      assert.equal(getxattr(join(root, 'd'), NTACL), ENODATA);
      assert.deepEqual(await directory.eas(), []);
      assert.equal(await directory.setEas([{ name: 'NTACL', value: Buffer.from('x') }]), EACCES);
      const child = await tree.create(['d', 'f'], {
        kind: 'file',
        attributes: 0,
        security: (parent) => parent,
      });
      assert.ok(!isErrno(child));
      assert.deepEqual(await child.storedSecurity(), wanted);
      child.close();
    });
  };
  await onDisk(work, { ntAclName: USER_NTACL });
});

test('a share without descriptors neither believes nor stores any', { skip }, async () => {
  await onDisk(
    async ({ root, tree }) => {
      const handle = await made(tree, 'f');
      await using(handle, async () => {
        const wanted = descriptor(NOBODYS, allowedAce(NOBODYS, FILE_ALL_ACCESS));
        assert.ok(isErrno(await handle.setSecurity(() => wanted)));
        assert.equal(getxattr(join(root, 'f'), NTACL), ENODATA);
      });
    },
    { ntAclName: false },
  );
});

test('where system ACLs are ignored, a descriptor holds whatever the mode is, and changes none', {
  skip,
}, async () => {
  await onDisk(
    async ({ root, tree }) => {
      const file = await made(tree, 'f');
      const wanted = descriptor(NOBODYS, allowedAce(NOBODYS, FILE_GENERIC_READ));
      const before = statSync(join(root, 'f')).mode;
      assert.equal(await file.setSecurity(() => wanted), 0);
      assert.equal(statSync(join(root, 'f')).mode, before);
      chmodSync(join(root, 'f'), 0o600);
      const now = await file.storedSecurity();
      assert.ok(now !== undefined && !isErrno(now));
      assert.deepEqual(now.dacl, wanted.dacl);
      file.close();
    },
    { ignoresSystemAcls: true },
  );
});

test('what is made where system ACLs are ignored has its descriptor, and the mode of the share', {
  skip,
}, async () => {
  await onDisk(
    async ({ root, tree }) => {
      const wanted = descriptor(NOBODYS, allowedAce(NOBODYS, FILE_ALL_ACCESS));
      const security = () => wanted;
      const what = { attributes: 0, security } as const;
      for (const [name, kind, mode] of [
        ['f', 'file', 0o666],
        ['d', 'directory', 0o777],
      ] as const) {
        const handle = await tree.create([name], { ...what, kind });
        assert.ok(!isErrno(handle));
        assert.equal(statSync(join(root, name)).mode & 0o777, mode);
        assert.deepEqual(((await handle.storedSecurity()) as SecurityDescriptor).dacl, wanted.dacl);
        handle.close();
      }
    },
    { ignoresSystemAcls: true, fileMode: 0o666, directoryMode: 0o777 },
  );
});

test('inherit acls: a default ACL is handed on whole', { skip }, async () => {
  const modes: number[] = [];
  for (const inheritsAcls of [false, true]) {
    await onDisk(
      async ({ root, tree }) => {
        // user::rwx, group::rwx, other::rwx
        const acl = Buffer.from('0200000001000700ffffffff04000700ffffffff20000700ffffffff', 'hex');
        assert.equal(setxattr(root, POSIX_ACL_DEFAULT, acl), 0);
        const handle = await tree.create(['f'], { kind: 'file', attributes: 0 });
        assert.ok(!isErrno(handle));
        modes.push(statSync(join(root, 'f')).mode & 0o777);
        handle.close();
      },
      { fileMode: 0o644, making: { ...NO_POLICY, inheritsAcls } },
    );
  }
  assert.deepEqual(modes, [0o644, 0o666]);
});
