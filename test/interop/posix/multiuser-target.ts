/**
 * A server for a mount with `multiuser`: the users of pjdfstest, each with an account and its own Unix user, whom this
 * machine need not have. As root, which gives the server each of them.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SHARE, startServer } from '../../support/in-process-server.ts';
import type { Target } from '../../support/target.ts';

const ROOT = 'root';
const SECRET = 'Passw0rd!';
/** Whom pjdfstest acts as, beside root; each is in the group of its own number. */
const UIDS = [65_533, 65_534];

/** The users as `UID:ACCOUNT`; all have the password of the target's. */
export const MULTIUSERS = UIDS.map((uid) => `${uid}:u${uid}`);

const user = (name: string, uid: number) => ({
  name,
  password: SECRET,
  identity: { uid, gid: uid, groups: [] },
});

export async function openMultiuserTarget(): Promise<Target> {
  if (process.getuid?.() !== 0) throw new Error('run it as root: the suite has users of its own');
  const scratch = mkdtempSync(join(tmpdir(), 'usmbd-multiuser-'));
  chmodSync(scratch, 0o755);
  const folder = join(scratch, 'share');
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  const server = await startServer({
    shares: [{ name: SHARE, path: folder }],
    users: [user(ROOT, 0), ...UIDS.map((uid) => user(`u${uid}`, uid))],
  });
  return {
    ...{ host: server.host, port: server.port, share: SHARE, folder },
    account: { user: ROOT, password: SECRET },
    ...{ secondAccount: undefined, encryptedShare: undefined, encryptedFolder: undefined },
    pid: undefined,
    assertAlive: () => undefined,
    async stop() {
      await server.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}
