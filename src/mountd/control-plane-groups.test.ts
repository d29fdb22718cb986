/** What groups of the server's own are good for: tokens, lists of shares, administration. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SILENT_LOGGER } from '../base/log.ts';
import { readConfiguration } from '../config/load.ts';
import { BUILTIN_ADMINISTRATORS, type Sid } from '../dtyp/sid.ts';
import type { Account, ShareDecision } from '../ipc/control-plane.ts';
import { ClientAssociation } from '../rpc/client-association.ts';
import { LSARPC } from '../rpc/lsarpc.ts';
import { createControlPlane } from './control-plane.ts';
import { GroupStore } from './group-store.ts';
import { systemAccounts } from './system-accounts.ts';

const statePath = mkdtempSync(join(tmpdir(), 'usmbd-groups-'));
after(() => rmSync(statePath, { recursive: true }));

const MACHINE: Sid = 'S-1-5-21-1-2-3';
const ANN: Sid = 'S-1-5-21-1-2-3-3000';
const CLIENT = { address: '192.0.2.9' };
const SYSTEM = systemAccounts(
  ['nobody:x:65534:65534::/:', 'ann:x:1000:100::/:', 'bob:x:1001:100::/:'],
  ['users:x:100:'],
);
const TEXT = `
[music]
path = /a
valid users = @Music
[all]
path = /b
invalid users = @staff
`;

function plane() {
  const groups = new GroupStore(join(statePath, 'groups.json'), MACHINE, SILENT_LOGGER);
  groups.create('alias', 'Music', 'root');
  groups.create('group', 'Staff', 'root');
  groups.addMember(groups.sidOf(groups.byName('Music')!), ANN, 'root');
  groups.addMember(groups.sidOf(groups.byName('Staff')!), ANN, 'root');
  groups.addMember(BUILTIN_ADMINISTRATORS, groups.sidOf(groups.byName('Staff')!), 'root');
  const control = createControlPlane({
    configuration: readConfiguration(TEXT, 'f').configuration,
    users: [
      { name: 'ann', password: 'tiger' },
      { name: 'bob', password: 'lion' },
    ],
    ...{ statePath, machineSid: MACHINE, switchesIdentity: true },
    systemAccounts: () => SYSTEM,
  });
  return { control, groups };
}

const account = (name: string, uid: number): Account => ({
  ...{ name, kind: 'user' },
  identity: { uid, gid: 100, groups: [] },
});
const ann = account('ann', 1000);
const bob = account('bob', 1001);

test('a member has its groups, and the aliases of those, in its token', () => {
  const { control, groups } = plane();
  const token = (who: Account) => {
    const decision = control.connectShare(who, 'IPC$', CLIENT) as ShareDecision;
    assert.equal(decision.kind, 'granted');
    return (decision as ShareDecision & { kind: 'granted' }).token!;
  };
  const wanted = groups.groups.map((group) => groups.sidOf(group));
  for (const sid of [...wanted, BUILTIN_ADMINISTRATORS]) {
    assert.ok(token(ann).sids.includes(sid), sid);
    assert.ok(!token(bob).sids.includes(sid), sid);
  }
  // What administrators hold (policy-store.ts).
  assert.ok(token(ann).privileges !== 0);
  assert.equal(token(bob).privileges, 0);
});

test('lists of shares name them as they name those of the system', () => {
  const { control } = plane();
  const kind = (who: Account, share: string) =>
    (control.connectShare(who, share, CLIENT) as ShareDecision).kind;
  assert.deepEqual([kind(ann, 'music'), kind(bob, 'music')], ['granted', 'denied']);
  assert.deepEqual([kind(ann, 'all'), kind(bob, 'all')], ['denied', 'granted']);
});

test('who is among the administrators administers, and others do not', () => {
  const { control } = plane();
  const create = (who: Account) => {
    const pipe = control.openPipe(who, 'lsarpc', { ...CLIENT, sessionKey: undefined })!;
    const client = new ClientAssociation(LSARPC);
    const ask = <O extends (typeof LSARPC.operations)[keyof typeof LSARPC.operations]>(
      operation: O,
      input: Parameters<typeof client.request<O>>[1],
    ) => {
      for (const fragment of client.request(operation, input)) pipe.write(fragment);
      const answer = client.answer(operation, (pipe.read(4280) as { bytes: Buffer }).bytes);
      assert.equal(answer.kind, 'result');
      return (answer as { output: unknown }).output as { readonly [key: string]: unknown };
    };
    pipe.write(client.bind());
    assert.equal(client.bound((pipe.read(4280) as { bytes: Buffer }).bytes), true);
    const { policyHandle } = ask(LSARPC.operations.LsarOpenPolicy2, {
      systemName: null,
      objectAttributes: {
        ...{ length: 24, rootDirectory: null, objectName: 0, attributes: 0 },
        ...{ securityDescriptor: 0, securityQualityOfService: null },
      },
      desiredAccess: 0,
    }) as { policyHandle: Buffer };
    const userRights = { rights: ['SeBackupPrivilege'] };
    const input = { policyHandle, accountSid: ANN, userRights };
    return ask(LSARPC.operations.LsarAddAccountRights, input).status;
  };
  assert.equal(create(ann), 0);
  assert.notEqual(create(bob), 0);
});
