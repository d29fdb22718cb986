import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Acceptor, type AcceptorStep, createAcceptor, negotiateToken } from './acceptor.ts';
import { converse, lookup, names, resp } from './conversation.support.test.ts';
import { der, Tag } from './der.ts';
import type { Kerberos, KerberosPeer, KerberosStep } from './kerberos.ts';
import {
  decodeSpnego,
  encodeMechTypeList,
  encodeNegTokenInit,
  encodeNegTokenResp,
  Mechanism,
  NegState,
} from './spnego.ts';

const { KRB5, MS_KRB5, NEGOEX, NTLMSSP } = Mechanism;
const PEER: KerberosPeer = {
  principal: 'ann@EXAMPLE.COM',
  localName: 'ann',
  sessionKey: Buffer.alloc(32, 7),
  expiresAtMs: 5_000,
  pac: undefined,
};
const AP_REQ = Buffer.from('an AP-REQ');
const AP_REP = Buffer.from('an AP-REP');

/** A mechanism that takes one token, or two; its MICs are the message behind a letter. */
class FakeKerberos implements Kerberos {
  available = true;
  closed = 0;
  readonly #steps: KerberosStep[];

  constructor(...steps: KerberosStep[]) {
    this.#steps = steps.length > 0 ? steps : [{ kind: 'done', token: AP_REP, peer: PEER }];
  }

  begin() {
    const steps = [...this.#steps];
    return {
      step: async (token: Buffer): Promise<KerberosStep> =>
        token.includes('AP-REQ') ? steps.shift()! : { kind: 'refused', reason: 'logon-failure' },
      sign: async (message: Buffer) => Buffer.concat([Buffer.from('A'), message]),
      verify: async (message: Buffer, mic: Buffer) =>
        mic.equals(Buffer.concat([Buffer.from('I'), message])),
      sizes: async () => undefined,
      isNext: async () => false,
      seal: async () => undefined,
      unseal: async () => undefined,
      close: () => {
        this.closed++;
      },
    };
  }
}

const acceptorOf = (kerberos: Kerberos): Acceptor => createAcceptor({ names, lookup, kerberos });

function assertDone(step: AcceptorStep): asserts step is AcceptorStep & { kind: 'done' } {
  assert.equal(step.kind, 'done');
  if (step.kind !== 'done') return;
  assert.equal(step.peer, PEER);
  assert.equal(step.sessionKey, PEER.sessionKey);
  assert.deepEqual([step.identityName.user, step.identityName.domain], ['ann', 'EXAMPLE.COM']);
}

const refusal = (step: AcceptorStep) => (step.kind === 'refused' ? step.reason : step.kind);

test('the first choice, by either name, is answered in one step under the name it came by', async () => {
  for (const mechTypes of [[MS_KRB5, KRB5, NEGOEX, NTLMSSP], [KRB5, NTLMSSP], [KRB5]]) {
    const kerberos = new FakeKerberos();
    const step = await acceptorOf(kerberos).step(
      encodeNegTokenInit({ mechTypes, mechToken: AP_REQ }),
    );
    assertDone(step);
    const { negState, supportedMech, responseToken, mechListMic } = resp(step.token);
    assert.equal(negState, NegState.ACCEPT_COMPLETED);
    assert.equal(supportedMech, mechTypes[0]);
    assert.deepEqual(responseToken, AP_REP);
    assert.equal(mechListMic, undefined);
    assert.equal(kerberos.closed, 1);
  }
});

test('a second choice is asked for with its MIC, which goes both ways and is checked', async () => {
  const mechTypes = [NEGOEX, MS_KRB5, KRB5];
  const list = encodeMechTypeList(mechTypes);
  const mine = Buffer.concat([Buffer.from('I'), list]);
  const begin = async () => {
    const acceptor = acceptorOf(new FakeKerberos());
    const first = await acceptor.step(encodeNegTokenInit({ mechTypes, mechToken: AP_REQ }));
    assert.ok(first.kind === 'continue');
    const { negState, supportedMech, responseToken } = resp(first.token);
    assert.deepEqual(
      [negState, supportedMech, responseToken],
      [NegState.REQUEST_MIC, MS_KRB5, undefined],
    );
    return acceptor;
  };

  const late = await begin();
  const second = await late.step(encodeNegTokenResp({ responseToken: AP_REQ }));
  assert.ok(second.kind === 'continue');
  const answer = resp(second.token);
  assert.deepEqual(answer.responseToken, AP_REP);
  assert.deepEqual(answer.mechListMic, Buffer.concat([Buffer.from('A'), list]));
  assertDone(await late.step(encodeNegTokenResp({ mechListMic: mine })));

  const early = await begin();
  const both = { responseToken: AP_REQ, mechListMic: mine };
  const step = await early.step(encodeNegTokenResp(both));
  assertDone(step);
  assert.deepEqual(resp(step.token).mechListMic, Buffer.concat([Buffer.from('A'), list]));

  const wrong = { responseToken: AP_REQ, mechListMic: Buffer.from('wrong') };
  assert.equal(refusal(await (await begin()).step(encodeNegTokenResp(wrong))), 'logon-failure');
  const forged = await begin();
  await forged.step(encodeNegTokenResp({ responseToken: AP_REQ }));
  const mic = encodeNegTokenResp({ mechListMic: Buffer.from('wrong') });
  assert.equal(refusal(await forged.step(mic)), 'logon-failure');
  const without = await begin();
  await without.step(encodeNegTokenResp({ responseToken: AP_REQ }));
  assert.equal(refusal(await without.step(encodeNegTokenResp({}))), 'malformed');
});

test('a mechanism that wants another token gets it; one without end does not', async () => {
  const more: KerberosStep = { kind: 'continue', token: AP_REP };
  const two = acceptorOf(new FakeKerberos(more, { kind: 'done', token: AP_REP, peer: PEER }));
  const first = await two.step(encodeNegTokenInit({ mechTypes: [KRB5], mechToken: AP_REQ }));
  assert.ok(first.kind === 'continue');
  assert.equal(resp(first.token).supportedMech, KRB5);
  assertDone(await two.step(encodeNegTokenResp({ responseToken: AP_REQ })));

  const endless = acceptorOf(new FakeKerberos(more, more, more, more, more, more));
  let step = await endless.step(encodeNegTokenInit({ mechTypes: [KRB5], mechToken: AP_REQ }));
  for (let i = 0; i < 4 && step.kind === 'continue'; i++) {
    step = await endless.step(encodeNegTokenResp({ responseToken: AP_REQ }));
  }
  assert.equal(refusal(step), 'malformed');
});

test('bare, without SPNEGO', async () => {
  const oid = der(Tag.OID, Buffer.from(KRB5, 'hex'));
  const token = der(Tag.APPLICATION_0, oid, AP_REQ);
  const step = await acceptorOf(new FakeKerberos()).step(token);
  assertDone(step);
  assert.deepEqual(step.token, AP_REP);
});

test('a ticket that does not do is refused, names no user, and ends the exchange', async () => {
  const kerberos = new FakeKerberos({ kind: 'refused', reason: 'clock-skew' });
  const acceptor = acceptorOf(kerberos);
  const step = await acceptor.step(encodeNegTokenInit({ mechTypes: [KRB5], mechToken: AP_REQ }));
  assert.deepEqual(step, { kind: 'refused', reason: 'clock-skew', ticket: true });
  assert.equal(kerberos.closed, 1);
  const again = encodeNegTokenResp({ responseToken: AP_REQ });
  assert.equal(refusal(await acceptor.step(again)), 'malformed');
});

test('what is no NegTokenResp after the first token is malformed', async () => {
  for (const garbage of [Buffer.from('garbage'), encodeNegTokenInit({ mechTypes: [KRB5] })]) {
    const acceptor = acceptorOf(new FakeKerberos());
    await acceptor.step(encodeNegTokenInit({ mechTypes: [KRB5] }));
    assert.equal(refusal(await acceptor.step(garbage)), 'malformed');
  }
});

test('while it does not work it is not offered, and NTLMSSP is taken in its place', async () => {
  const kerberos = new FakeKerberos();
  kerberos.available = false;
  const acceptor = acceptorOf(kerberos);
  const step = await acceptor.step(
    encodeNegTokenInit({ mechTypes: [KRB5, NTLMSSP], mechToken: AP_REQ }),
  );
  assert.ok(step.kind === 'continue');
  assert.equal(resp(step.token).supportedMech, NTLMSSP);
  const only = encodeNegTokenInit({ mechTypes: [KRB5], mechToken: AP_REQ });
  assert.equal(refusal(await acceptorOf(kerberos).step(only)), 'unsupported');

  const offered = (token: Buffer) => {
    const decoded = decodeSpnego(token);
    return decoded.kind === 'init' ? decoded.mechTypes : [];
  };
  assert.deepEqual(offered(negotiateToken()), [NTLMSSP]);
  assert.deepEqual(offered(negotiateToken(true)), [MS_KRB5, KRB5, NTLMSSP]);
});

test('NTLM goes on beside it', async () => {
  const { server } = await converse({ mechTypes: [NTLMSSP, KRB5] });
  assert.equal(server.kind, 'done');
});
