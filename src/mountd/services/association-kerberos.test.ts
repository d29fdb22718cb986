import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KerberosMessages, KerberosPeer } from '../../auth/kerberos.ts';
import { KerberosSession } from '../../auth/kerberos-session.ts';
import { SILENT_LOGGER } from '../../base/log.ts';
import type { MessageParts } from '../../base/message-parts.ts';
import type { PipeEndpoint } from '../../ipc/control-plane.ts';
import { encodeFragments } from '../../rpc/fragments.ts';
import { conformantArray, u8, u32 } from '../../rpc/ndr.ts';
import { operation } from '../../rpc/operation.ts';
import {
  decodeHeader,
  decodePdu,
  encodePdu,
  type Pdu,
  PFC_SUPPORT_HEADER_SIGN,
} from '../../rpc/pdu.ts';
import {
  AUTHENTICATION_LEVEL,
  AUTHENTICATION_TYPE,
  protect,
  unprotect,
  withFlags,
  withToken,
} from '../../rpc/pdu-security.ts';
import { NDR32 } from '../../rpc/syntax-id.ts';
import { beginLogin } from '../login.ts';
import { LoginFailures } from '../login-failures.ts';
import { LoginThrottle } from '../login-throttle.ts';
import { createRpcEndpoint } from './pipe-endpoint.ts';
import { serveInterface } from './rpc-service.ts';

const { PKT_INTEGRITY, PKT_PRIVACY } = AUTHENTICATION_LEVEL;
const KERBEROS = AUTHENTICATION_TYPE.GSS_KERBEROS;
const SIZES = { sealed: 20, signed: 12 };

const TESTER = {
  name: 'tester',
  syntax: { uuid: '01020304-0506-0708-090a-0b0c0d0e0f10', major: 1, minor: 0 },
  operations: {
    Echo: operation(
      1,
      { octets: conformantArray(u8) },
      { octets: conformantArray(u8), status: u32 },
    ),
  },
} as const;

/** Signs by a count and a sum, seals by turning bits over: enough to see what it is asked. */
class Keys implements KerberosMessages {
  isLost = false;
  closed = 0;
  #sent = 0;
  #received = 0;

  static sum(count: number, length: number, ...parts: readonly Buffer[]): Buffer {
    const sum = Buffer.alloc(length);
    sum[0] = count;
    for (const byte of Buffer.concat(parts))
      sum.writeUInt32LE((sum.readUInt32LE(4) + byte) >>> 0, 4);
    sum.writeUInt32LE(Buffer.concat(parts).length, 8);
    return sum;
  }

  static turned = (data: Buffer): Buffer => Buffer.from(data.map((byte) => byte ^ 0xff));

  async sizes() {
    return this.isLost ? undefined : SIZES;
  }

  async sign(message: Buffer) {
    return this.isLost ? undefined : Keys.sum(this.#sent++, SIZES.signed, message);
  }

  async isNext(message: Buffer, mic: Buffer) {
    return !this.isLost && mic.equals(Keys.sum(this.#received++, SIZES.signed, message));
  }

  async seal({ before, data, behind }: MessageParts) {
    if (this.isLost) return undefined;
    const token = Keys.sum(this.#sent++, SIZES.sealed, before, data, behind);
    return { data: Keys.turned(data), token };
  }

  async unseal({ before, data, behind }: MessageParts, token: Buffer) {
    if (this.isLost) return undefined;
    const clear = Keys.turned(data);
    const right = Keys.sum(this.#received++, SIZES.sealed, before, clear, behind);
    return token.equals(right) ? clear : undefined;
  }
}

/** Takes two tokens, as in DCE style. */
function open(keys: Keys, { lastsMs = 60_000 } = {}): PipeEndpoint {
  const peer: KerberosPeer = {
    ...{ principal: 'ann@EXAMPLE.COM', localName: 'ann', sessionKey: Buffer.alloc(32) },
    ...{ expiresAtMs: Date.now() + lastsMs, pac: undefined },
  };
  const exchange = {
    step: async (token: Buffer) => {
      if (token.equals(Buffer.from('AP-REQ')))
        return { kind: 'continue', token: Buffer.from('AP-REP') } as const;
      return token.equals(Buffer.from('AP-REP, too'))
        ? ({ kind: 'done', token: Buffer.alloc(0), peer } as const)
        : ({ kind: 'refused', reason: 'logon-failure' } as const);
    },
    sizes: () => keys.sizes(),
    sign: (message: Buffer) => keys.sign(message),
    isNext: (message: Buffer, mic: Buffer) => keys.isNext(message, mic),
    verify: (message: Buffer, mic: Buffer) => keys.isNext(message, mic),
    seal: (parts: MessageParts) => keys.seal(parts),
    unseal: (parts: MessageParts, token: Buffer) => keys.unseal(parts, token),
    close: () => {
      keys.closed++;
    },
  };
  const context = {
    acceptor: {
      ...{ names: { netbiosName: 'FILES' }, lookup: () => undefined },
      ...{ onlyKerberos: true, goesOn: true },
      kerberos: { available: true, begin: () => exchange },
    },
    ...{ throttle: new LoginThrottle(() => 0), failures: new LoginFailures(), log: SILENT_LOGGER },
    account: () => undefined,
    accountOfPeer: () => ({ name: 'ann', kind: 'user', identity: undefined }) as const,
  };
  const service = serveInterface(TESTER, { Echo: ({ octets }) => ({ octets, status: 0 }) });
  return createRpcEndpoint('\\PIPE\\tester', {
    services: () => [service],
    beginLogin: (only) => {
      assert.equal(only, 'kerberos');
      return beginLogin(context, '192.0.2.1');
    },
  });
}

function answer(pipe: PipeEndpoint): { readonly pdu: Pdu; readonly bytes: Buffer } {
  const part = pipe.read(65_536);
  assert.ok(part !== undefined && !part.more);
  return { pdu: decodePdu(part.bytes), bytes: part.bytes };
}

const BIND = encodePdu({
  ...{ kind: 'bind', callId: 1, maxTransmitBytes: 4280, maxReceiveBytes: 4280 },
  associationGroup: 0,
  contexts: [{ id: 0, abstractSyntax: TESTER.syntax, transferSyntaxes: [NDR32] }],
});

/** By BIND and AUTH3. */
async function associate(pipe: PipeEndpoint, level: number, signsHeaders: boolean) {
  const protection = { type: KERBEROS, level, contextId: 7 };
  const bind = signsHeaders ? withFlags(Buffer.from(BIND), PFC_SUPPORT_HEADER_SIGN) : BIND;
  await pipe.write(withToken(bind, protection, Buffer.from('AP-REQ')));
  const { pdu } = answer(pipe);
  assert.ok(pdu.kind === 'bind-ack');
  assert.equal(pdu.auth?.token.toString(), 'AP-REP');
  const auth3 = encodePdu({ kind: 'auth3', callId: 1 });
  await pipe.write(withToken(auth3, protection, Buffer.from('AP-REP, too')));
  assert.equal(pipe.read(10), undefined);
  return { protection, session: new KerberosSession(new Keys(), SIZES, signsHeaders) };
}

type Client = Awaited<ReturnType<typeof associate>>;

function echo(octets: Buffer): Buffer[] {
  const stub = Buffer.concat([Buffer.alloc(4), octets]);
  stub.writeUInt32LE(octets.length);
  return encodeFragments({ kind: 'request', callId: 2, contextId: 0, opnum: 1 }, stub, 4000);
}

async function send(pipe: PipeEndpoint, { protection, session }: Client, octets: Buffer) {
  let goesOn = true;
  for (const fragment of echo(octets)) {
    const whole = await protect(fragment, protection, session);
    assert.ok(whole !== undefined);
    goesOn = await pipe.write(whole);
  }
  return goesOn;
}

async function echoed(pipe: PipeEndpoint, { protection, session }: Client): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (;;) {
    const { bytes, pdu } = answer(pipe);
    assert.ok(pdu.kind === 'response', pdu.kind);
    const clear = await unprotect(bytes, decodeHeader(bytes), protection, session);
    assert.ok(clear !== undefined, 'the signature is wrong');
    const one = decodePdu(clear);
    assert.ok(one.kind === 'response');
    parts.push(one.stub);
    if ((one.flags & 2) !== 0) return Buffer.concat(parts);
  }
}

const faultOf = (pipe: PipeEndpoint): number => {
  const { pdu } = answer(pipe);
  assert.ok(pdu.kind === 'fault', pdu.kind);
  return pdu.status;
};

test('Kerberos alone: three tokens, then each fragment signed or sealed, its header too where agreed on', async () => {
  const octets = Buffer.alloc(20_000, 'secret!');
  for (const level of [PKT_INTEGRITY, PKT_PRIVACY]) {
    for (const signsHeaders of [true, false]) {
      const keys = new Keys();
      const pipe = open(keys);
      const client = await associate(pipe, level, signsHeaders);
      for (let i = 0; i < 2; i++) {
        assert.equal(await send(pipe, client, octets), true);
        const stub = await echoed(pipe, client);
        assert.ok(stub.subarray(4, 20_004).equals(octets));
      }
      assert.equal(keys.closed, 0);
      pipe.close();
      assert.equal(keys.closed, 1);
    }
  }
});

test('what is written while keys are asked for waits its turn', async () => {
  const pipe = open(new Keys());
  const client = await associate(pipe, PKT_PRIVACY, true);
  const fragments: Buffer[] = [];
  for (let i = 0; i < 3; i++) {
    for (const fragment of echo(Buffer.from([i])))
      fragments.push((await protect(fragment, client.protection, client.session))!);
  }
  const together = pipe.write(Buffer.concat(fragments.slice(0, 2)));
  assert.ok(together instanceof Promise);
  assert.deepEqual(await Promise.all([together, pipe.write(fragments[2]!)]), [true, true]);
  for (let i = 0; i < 3; i++) assert.equal((await echoed(pipe, client))[4], i);
});

test('changed, repeated and late messages are refused, and so is all where the keys are lost', async () => {
  const first = open(new Keys());
  const changed = await associate(first, PKT_PRIVACY, true);
  const [fragment] = echo(Buffer.from('x'));
  const whole = (await protect(fragment!, changed.protection, changed.session))!;
  await first.write(Buffer.from(whole).fill(1, 24, 25));
  assert.equal(faultOf(first), 5);

  const second = open(new Keys());
  const again = await associate(second, PKT_INTEGRITY, true);
  const once = (await protect(fragment!, again.protection, again.session))!;
  await second.write(once);
  await echoed(second, again);
  await second.write(once);
  assert.equal(faultOf(second), 5);

  const third = open(new Keys(), { lastsMs: 300 });
  const late = await associate(third, PKT_INTEGRITY, true);
  await send(third, late, Buffer.from('x'));
  await echoed(third, late);
  await new Promise((resolve) => setTimeout(resolve, 350));
  await send(third, late, Buffer.from('x'));
  assert.equal(faultOf(third), 5);

  const keys = new Keys();
  const fourth = open(keys);
  const lost = await associate(fourth, PKT_PRIVACY, true);
  keys.isLost = true;
  await send(fourth, lost, Buffer.from('x'));
  assert.equal(faultOf(fourth), 5);
  assert.equal(await fourth.write(whole), false);
});

test('keys that are lost before the first message, and tokens that are none', async () => {
  const keys = new Keys();
  keys.isLost = true;
  const pipe = open(keys);
  const client = await associate(pipe, PKT_INTEGRITY, true);
  await send(pipe, client, Buffer.from('x'));
  assert.equal(faultOf(pipe), 5);

  const other = open(new Keys());
  const protection = { type: KERBEROS, level: PKT_INTEGRITY, contextId: 7 };
  await other.write(withToken(BIND, protection, Buffer.from('nonsense')));
  const { pdu } = answer(other);
  assert.ok(pdu.kind === 'bind-nak' && pdu.reason === 0);
});
