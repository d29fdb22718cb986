/** Parameters of logins, changed on a control plane that runs: what the rows of global-rows.ts leave to it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ntHash } from '../../src/auth/ntlm-crypto.ts';
import { encodeAuthenticate, NTLMSSP_NEGOTIATE_UNICODE } from '../../src/auth/ntlm-messages.ts';
import { ntlmV1Response } from '../../src/auth/ntlm-v1.ts';
import { encodeNegTokenInit, Mechanism } from '../../src/auth/spnego.ts';
import { createLogger } from '../../src/base/log.ts';
import { readConfiguration } from '../../src/config/load.ts';
import {
  type ControlPlaneOptions,
  createControlPlane,
  type OwnControlPlane,
} from '../../src/mountd/control-plane.ts';
import { systemAccounts } from '../../src/mountd/system-accounts.ts';

const CLIENT = { address: '192.0.2.9' };
const configurationOf = (...lines: readonly string[]) =>
  readConfiguration(['[global]', ...lines, '[s]', 'path = /s'].join('\n'), 'f').configuration;

function planeWith(over: Partial<ControlPlaneOptions> = {}): OwnControlPlane {
  return createControlPlane({
    configuration: configurationOf(),
    users: [{ name: 'ann', password: 'tiger' }],
    switchesIdentity: true,
    systemAccounts: () => systemAccounts(['ann:x:1000:100::/:'], ['users:x:100:']),
    ...over,
  });
}

async function oldLogin(plane: OwnControlPlane): Promise<string> {
  const challenge = Buffer.alloc(8, 5);
  const login = plane.beginLogin(CLIENT, challenge);
  const step = await login.step(
    encodeAuthenticate({
      negotiateFlags: NTLMSSP_NEGOTIATE_UNICODE,
      lmChallengeResponse: Buffer.alloc(24),
      ntChallengeResponse: ntlmV1Response(ntHash('tiger'), challenge),
      ...{ domainName: '', userName: 'ann', workstation: '', mic: undefined },
      encryptedRandomSessionKey: Buffer.alloc(0),
    }),
  );
  login.close();
  return step.kind;
}

test("'ntlm auth' counts for the next login", async () => {
  const plane = planeWith();
  assert.equal(await oldLogin(plane), 'refused');
  await plane.reload(configurationOf('ntlm auth = ntlmv1-permitted'));
  assert.equal(await oldLogin(plane), 'done');
  await plane.reload(configurationOf());
  assert.equal(await oldLogin(plane), 'refused');
});

test("'realm' counts for the next ticket", async () => {
  const peer = {
    principal: 'ann@EXAMPLE.COM',
    localName: undefined,
    sessionKey: Buffer.alloc(32, 7),
    expiresAtMs: Date.now() + 60_000,
    pac: undefined,
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
  const plane = planeWith({ kerberos: { available: true, begin: () => exchange } });
  const login = async () => {
    const mechToken = Buffer.from('AP-REQ');
    const one = plane.beginLogin(CLIENT);
    const step = await one.step(encodeNegTokenInit({ mechTypes: [Mechanism.KRB5], mechToken }));
    one.close();
    return step.kind;
  };
  assert.equal(await login(), 'refused');
  await plane.reload(configurationOf('realm = EXAMPLE.COM'));
  assert.equal(await login(), 'done');
});

/** Each line of the configuration, and what the log has of Kerberos then. */
test('keys of Kerberos are tried anew', { timeout: 60_000 }, async () => {
  const logged: string[] = [];
  const log = createLogger({ destination: { write: (line: string) => void logged.push(line) } });
  const plane = planeWith({ log });
  const tried = async (...lines: readonly string[]): Promise<string[]> => {
    logged.length = 0;
    await plane.reload(configurationOf(...lines));
    return logged.filter((line) => line.includes('Kerberos'));
  };
  try {
    assert.deepEqual(await tried(), []);
    const one = await tried('kerberos keytab file = /nowhere', 'kerberos support = yes');
    assert.match(one.join(''), /\/nowhere/);
    const other = await tried('kerberos keytab file = /no/other', 'kerberos support = yes');
    assert.match(other.join(''), /\/no\/other/);
    const method = await tried(
      'kerberos keytab file = /third',
      'kerberos method = dedicated keytab',
    );
    assert.match(method.join(''), /\/third/);
    const service = await tried(
      'kerberos keytab file = /third',
      'kerberos method = dedicated keytab',
      'kerberos service name = cifs',
    );
    assert.equal(service.length, 1, 'another service is another trial');
    assert.deepEqual(await tried('kerberos keytab file = /third'), [], 'nobody asks for it');
  } finally {
    plane.close?.();
  }
});
