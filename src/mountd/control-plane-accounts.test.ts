/** Accounts that an administrator makes by samr, as the control plane then knows them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readConfiguration } from '../config/load.ts';
import { editUserDatabase } from '../config/user-db.ts';
import { STATUS_NO_SUCH_USER, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import type { Sid } from '../dtyp/sid.ts';
import type { Account } from '../ipc/control-plane.ts';
import { ClientAssociation } from '../rpc/client-association.ts';
import { SAMR } from '../rpc/samr.ts';
import { createControlPlane } from './control-plane.ts';
import { systemAccounts } from './system-accounts.ts';

const statePath = mkdtempSync(join(tmpdir(), 'usmbd-made-accounts-'));
after(() => rmSync(statePath, { recursive: true }));

const MACHINE: Sid = 'S-1-5-21-1-2-3';
const ROOT: Account = { name: 'root', kind: 'user', identity: { uid: 0, gid: 0, groups: [] } };

test('who became a user of the system a moment ago gets an account', () => {
  const passwd = ['root:x:0:0::/:', 'nobody:x:65534:65534::/:'];
  const file = join(statePath, 'accounts');
  editUserDatabase(file, (database) => database.set('root', Buffer.alloc(16)));
  const control = createControlPlane({
    configuration: readConfiguration('', 'f').configuration,
    ...{ users: [], userDatabase: { file }, statePath, machineSid: MACHINE },
    switchesIdentity: true,
    systemAccounts: () => systemAccounts(passwd, []),
  });
  const pipe = control.openPipe(ROOT, 'samr', { address: '192.0.2.9', sessionKey: undefined })!;
  const client = new ClientAssociation(SAMR);
  const ask = <O extends (typeof SAMR.operations)[keyof typeof SAMR.operations]>(
    operation: O,
    input: Parameters<typeof client.request<O>>[1],
  ) => {
    for (const fragment of client.request(operation, input)) pipe.write(fragment);
    const answer = client.answer(operation, (pipe.read(4280) as { bytes: Buffer }).bytes);
    return (answer as { output: unknown }).output as { handle: Buffer; status: number };
  };
  pipe.write(client.bind());
  assert.equal(client.bound((pipe.read(4280) as { bytes: Buffer }).bytes), true);
  const op = SAMR.operations;
  const server = ask(op.SamrConnect, { serverName: null, desiredAccess: 0 }).handle;
  const opened = { handle: server, desiredAccess: 0x02000000, domainId: MACHINE } as const;
  const domain = ask(op.SamrOpenDomain, opened).handle;
  const make = () =>
    ask(op.SamrCreateUserInDomain, { handle: domain, name: 'carl', desiredAccess: 0 }).status;
  // From here on the system's users are known, for some seconds.
  control.connectShare(ROOT, 'IPC$', { address: '192.0.2.9' });
  assert.equal(make(), STATUS_NO_SUCH_USER);
  passwd.push('carl:x:1003:100::/:');
  assert.equal(make(), STATUS_SUCCESS);
});
