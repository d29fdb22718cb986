/** `idmap config`, changed on a control plane that runs: by whom a user of a domain is then, who logs in with a ticket. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeNegTokenInit, Mechanism } from '../../src/auth/spnego.ts';
import { changesBetween, changeText, idmapEffects } from '../../src/config/effects.ts';
import { readConfiguration } from '../../src/config/load.ts';
import { createControlPlane } from '../../src/mountd/control-plane.ts';
import { systemAccounts } from '../../src/mountd/system-accounts.ts';
import { encodePac } from '../../src/rpc/pac.ts';
import { idmapRows } from './idmap-rows.ts';

const ZEROS = Buffer.alloc(8);
const TIMES = {
  ...{ logonTime: ZEROS, logoffTime: ZEROS, kickOffTime: ZEROS, passwordLastSet: ZEROS },
  ...{ passwordCanChange: ZEROS, passwordMustChange: ZEROS },
  ...{ lastSuccessfulILogon: ZEROS, lastFailedILogon: ZEROS },
};
/** EXAMPLE\ann, RID 5104 of her domain. */
const PAC = encodePac({
  ...TIMES,
  ...{ effectiveName: 'ann', fullName: '', logonScript: '', profilePath: null },
  ...{ homeDirectory: '', homeDirectoryDrive: '', logonCount: 0, badPasswordCount: 0 },
  ...{ userId: 5104, primaryGroupId: 513, groupIds: [], userFlags: 0x20 },
  ...{ userSessionKey: Buffer.alloc(16), logonServer: 'DC', logonDomainName: 'EXAMPLE' },
  ...{ logonDomainId: 'S-1-5-21-1-2-3' as const, reserved1: [0, 0], userAccountControl: 0x10 },
  ...{ subAuthStatus: 0, failedILogonCount: 0, reserved3: 0, extraSids: [] },
  ...{ resourceGroupDomainSid: null, resourceGroupIds: null },
});

const configurationOf = (lines: readonly string[]) =>
  readConfiguration(['[global]', 'realm = EXAMPLE.COM', ...lines].join('\n'), 'f').configuration;

function planeWith(lines: readonly string[]) {
  const peer = {
    ...{ principal: 'ann@EXAMPLE.COM', localName: undefined, pac: PAC },
    ...{ sessionKey: Buffer.alloc(32, 7), expiresAtMs: Date.now() + 60_000 },
  };
  const exchange = {
    step: async () => ({ kind: 'done', token: Buffer.from('reply'), peer }) as const,
    sign: async () => undefined,
    verify: async () => false,
    sizes: async () => undefined,
    isNext: async () => false,
    seal: async () => undefined,
    unseal: async () => undefined,
    close: () => undefined,
  };
  return createControlPlane({
    configuration: configurationOf(lines),
    users: [],
    switchesIdentity: true,
    systemAccounts: () => systemAccounts(['root:x:0:0::/:'], []),
    kerberos: { available: true, begin: () => exchange },
  });
}

for (const [option, { before, after, uids }] of Object.entries(idmapRows)) {
  test(`[global] idmap config * : ${option}`, async () => {
    const plane = planeWith(before);
    const uid = async (): Promise<number | undefined> => {
      const login = plane.beginLogin({ address: '192.0.2.9' });
      const mechToken = Buffer.from('AP-REQ');
      const step = await login.step(encodeNegTokenInit({ mechTypes: [Mechanism.KRB5], mechToken }));
      login.close();
      return step.kind === 'done' ? step.account.identity?.uid : undefined;
    };
    const seen = [await uid()];
    const changes = changesBetween(configurationOf(before), configurationOf(after));
    const said = changes.filter(({ parameter }) => parameter?.endsWith(`: ${option}`) === true);
    const effect = new Map(Object.entries(idmapEffects)).get(option)!;
    assert.ok(said.length > 0, 'the reload says so');
    for (const change of said) assert.equal(change.effect, effect);
    assert.match(changeText(said[0]!), /^\[global\] idmap config .*\(was .*\): counts now$/);
    await plane.reload(configurationOf(after));
    seen.push(await uid());
    assert.deepEqual(seen, uids);
  });
}
