import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAcceptor } from '../../auth/acceptor.ts';
import { ntHash } from '../../auth/ntlm-crypto.ts';
import { createNtlmInitiator, DEFAULT_NEGOTIATE_FLAGS } from '../../auth/ntlm-initiator.ts';
import { NtlmSession } from '../../auth/ntlm-session.ts';
import { SILENT_LOGGER } from '../../base/log.ts';
import type { PipeEndpoint } from '../../ipc/control-plane.ts';
import { encodeFragments } from '../../rpc/fragments.ts';
import { conformantArray, u8, u32, wstring } from '../../rpc/ndr.ts';
import { operation } from '../../rpc/operation.ts';
import {
  decodeHeader,
  decodePdu,
  encodePdu,
  type Pdu,
  PFC_SUPPORT_HEADER_SIGN,
  PTYPE,
} from '../../rpc/pdu.ts';
import {
  AUTHENTICATION_LEVEL,
  AUTHENTICATION_TYPE,
  type Protection,
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

const { WINNT, GSS_NEGOTIATE, GSS_KERBEROS } = AUTHENTICATION_TYPE;
const { CONNECT, PKT_INTEGRITY, PKT_PRIVACY } = AUTHENTICATION_LEVEL;
const SIGN_AND_SEAL = (DEFAULT_NEGOTIATE_FLAGS | 0x20) >>> 0;

/** Opnum 0 tells who calls; 1 answers with as many octets as it is sent. */
const TESTER = {
  name: 'tester',
  syntax: { uuid: '01020304-0506-0708-090a-0b0c0d0e0f10', major: 1, minor: 0 },
  operations: {
    Who: operation(0, { unused: u32 }, { name: wstring, status: u32 }),
    Echo: operation(
      1,
      { octets: conformantArray(u8) },
      { octets: conformantArray(u8), status: u32 },
    ),
  },
} as const;

const serviceFor = (name: string) =>
  serveInterface(TESTER, {
    Who: () => ({ name, status: 0 }),
    Echo: ({ octets }) => ({ octets, status: 0 }),
  });

function open(): PipeEndpoint {
  const context = {
    acceptor: {
      names: { netbiosName: 'FILES' },
      lookup: (user: string) => (user === 'ann' ? { ntHash: ntHash('tiger') } : undefined),
    },
    throttle: new LoginThrottle(() => 0),
    failures: new LoginFailures(),
    log: SILENT_LOGGER,
    account: ({ user, anonymous }: { user: string; anonymous: boolean }) =>
      ({
        name: anonymous ? '' : user,
        kind: anonymous ? 'anonymous' : 'user',
        identity: undefined,
      }) as const,
  };
  return createRpcEndpoint('\\PIPE\\tester', {
    services: (authenticated) =>
      authenticated?.account.kind === 'anonymous'
        ? undefined
        : [
            serviceFor(
              authenticated === undefined ? 'by the pipe' : `RPC's ${authenticated.account.name}`,
            ),
          ],
    beginLogin: (only) => {
      const acceptor = { ...context.acceptor, onlyKerberos: only === 'kerberos' };
      return beginLogin({ ...context, acceptor }, '192.0.2.1');
    },
  });
}

function bindPdu(kind: 'bind' | 'alter-context', callId: number): Buffer {
  const pdu = encodePdu({
    ...{ kind, callId, maxTransmitBytes: 4280, maxReceiveBytes: 4280, associationGroup: 0 },
    contexts: [{ id: 0, abstractSyntax: TESTER.syntax, transferSyntaxes: [NDR32] }],
  });
  return withFlags(pdu, PFC_SUPPORT_HEADER_SIGN);
}

function answer(pipe: PipeEndpoint): { readonly pdu: Pdu; readonly bytes: Buffer } {
  const part = pipe.read(65_536);
  assert.ok(part !== undefined && !part.more);
  return { pdu: decodePdu(part.bytes), bytes: part.bytes };
}

interface Client {
  readonly pipe: PipeEndpoint;
  readonly protection: Protection;
  readonly session: NtlmSession;
}

/** By BIND and AUTH3, as every client of bare NTLMSSP. */
async function authenticated(
  level: number,
  secret = 'tiger',
  { pipe = open(), contextId = 79, kind = 'bind' as 'bind' | 'alter-context' } = {},
): Promise<Client> {
  const protection = { type: WINNT, level, contextId };
  const ntlm = createNtlmInitiator({
    credentials: { user: 'ann', secret },
    negotiateFlags: SIGN_AND_SEAL,
  });
  await pipe.write(withToken(bindPdu(kind, 1), protection, ntlm.negotiate));
  const { pdu } = answer(pipe);
  assert.ok(pdu.auth !== undefined, pdu.kind);
  assert.deepEqual({ ...pdu.auth, token: undefined }, { ...protection, token: undefined });
  const { token, flags, exportedSessionKey } = ntlm.authenticate(pdu.auth.token);
  await pipe.write(withToken(encodePdu({ kind: 'auth3', callId: 1 }), protection, token));
  assert.equal(pipe.read(10), undefined, 'AUTH3 is not answered');
  return { pipe, protection, session: new NtlmSession(flags, exportedSessionKey, 'client') };
}

const WHO = Buffer.alloc(4);

function request(
  { protection, session }: Client,
  opnum: number,
  stub: Buffer,
  most = 4000,
): Buffer[] {
  return encodeFragments({ kind: 'request', callId: 2, contextId: 0, opnum }, stub, most).map(
    (fragment) => protect(fragment, protection, session),
  );
}

/** The stub of an answer, each fragment in the clear. */
function response({ pipe, protection, session }: Client): Buffer {
  const parts: Buffer[] = [];
  for (;;) {
    const { bytes } = answer(pipe);
    const header = decodeHeader(bytes);
    assert.equal(header.type, PTYPE.RESPONSE);
    const clear = header.authBytes === 0 ? bytes : unprotect(bytes, header, protection, session);
    assert.ok(clear !== undefined, 'the signature is wrong');
    if (protection.level > CONNECT) assert.equal(header.authBytes, 16);
    const pdu = decodePdu(clear);
    assert.ok(pdu.kind === 'response');
    parts.push(pdu.stub);
    if ((header.flags & 2) !== 0) return Buffer.concat(parts);
  }
}

const faultOf = (pipe: PipeEndpoint): number => {
  const { pdu } = answer(pipe);
  assert.ok(pdu.kind === 'fault', pdu.kind);
  return pdu.status;
};

const name = (stub: Buffer): string =>
  stub.toString('utf16le', 12, 12 + 2 * (stub.readUInt32LE(8) - 1));

test('calls are those of who has authenticated, at each level', async () => {
  for (const level of [CONNECT, 3, 4, PKT_INTEGRITY, PKT_PRIVACY]) {
    const client = await authenticated(level);
    for (let i = 0; i < 3; i++) {
      for (const fragment of request(client, 0, WHO))
        assert.equal(await client.pipe.write(fragment), true);
      assert.equal(name(response(client)), "RPC's ann");
    }
  }
});

test('fragments both ways are protected one by one, and sealed ones show nothing', async () => {
  const client = await authenticated(PKT_PRIVACY);
  const octets = Buffer.alloc(20_004, 'secret!');
  octets.writeUInt32LE(20_000);
  const fragments = request(client, 1, octets);
  assert.ok(fragments.length > 4);
  for (const fragment of fragments) {
    assert.ok(!fragment.includes('secret!'));
    await client.pipe.write(fragment);
  }
  const stub = response(client);
  assert.ok(stub.subarray(4, 20_004).equals(octets.subarray(4)));
});

test('SPNEGO: by BIND and ALTER_CONTEXT, with its MIC', async () => {
  const pipe = open();
  const { createInitiator } = await import('../../auth/initiator.ts');
  const initiator = createInitiator({ credentials: { user: 'ann', secret: 'tiger' } });
  const protection = { type: GSS_NEGOTIATE, level: PKT_INTEGRITY, contextId: 1 };
  await pipe.write(withToken(bindPdu('bind', 1), protection, initiator.start()));
  const first = answer(pipe);
  assert.equal(first.pdu.kind, 'bind-ack');
  assert.notEqual(decodeHeader(first.bytes).flags & PFC_SUPPORT_HEADER_SIGN, 0);
  const step = initiator.step(first.pdu.auth!.token);
  assert.ok(step.kind === 'continue');
  await pipe.write(withToken(bindPdu('alter-context', 1), protection, step.token));
  const second = answer(pipe).pdu;
  assert.equal(second.kind, 'alter-context-response');
  assert.equal(initiator.step(second.auth!.token).kind, 'done');
  const flags = DEFAULT_NEGOTIATE_FLAGS;
  const client = {
    pipe,
    protection,
    session: new NtlmSession(flags, initiator.sessionKey!, 'client', 1),
  };
  for (const fragment of request(client, 0, WHO)) await pipe.write(fragment);
  assert.equal(name(response(client)), "RPC's ann");
});

test('a wrong password shows at the first request, and so do changed and unprotected ones', async () => {
  const wrong = await authenticated(PKT_INTEGRITY, 'lion');
  for (const fragment of request(wrong, 0, WHO)) await wrong.pipe.write(fragment);
  assert.equal(faultOf(wrong.pipe), 5);

  for (const change of [
    (fragment: Buffer) => fragment.fill(1, 24, 25),
    (fragment: Buffer) => fragment.fill(1, 20, 21),
    (fragment: Buffer) => fragment.fill(9, fragment.length - 3),
  ]) {
    const client = await authenticated(PKT_INTEGRITY);
    await client.pipe.write(change(request(client, 0, WHO)[0]!));
    assert.equal(faultOf(client.pipe), 5);
    assert.equal(await client.pipe.write(request(client, 0, WHO)[0]!), false);
  }

  const client = await authenticated(PKT_INTEGRITY);
  const [plain] = encodeFragments(
    { kind: 'request', callId: 2, contextId: 0, opnum: 0 },
    WHO,
    4000,
  );
  await client.pipe.write(plain!);
  assert.equal(faultOf(client.pipe), 5);
});

test('at the level connect requests need no verifier (3.3.1.5.4)', async () => {
  const client = await authenticated(CONNECT);
  const [plain] = encodeFragments(
    { kind: 'request', callId: 2, contextId: 0, opnum: 0 },
    WHO,
    4000,
  );
  await client.pipe.write(plain!);
  assert.equal(name(response(client)), "RPC's ann");
});

test('a second security context stands beside the first; fragments of one call are of one of them', async () => {
  const first = await authenticated(PKT_INTEGRITY);
  const second = await authenticated(PKT_PRIVACY, 'tiger', {
    pipe: first.pipe,
    contextId: 80,
    kind: 'alter-context',
  });
  for (const client of [first, second, first]) {
    for (const fragment of request(client, 0, WHO)) await client.pipe.write(fragment);
    assert.equal(name(response(client)), "RPC's ann");
  }
  const stub = Buffer.alloc(3000);
  const [head] = request(first, 1, stub, 1432);
  await first.pipe.write(head!);
  await first.pipe.write(request(second, 1, stub, 1432)[1]!);
  assert.equal(faultOf(first.pipe), 5);
});

test('who may not call is refused, and types and levels that are none are named', async () => {
  for (const [type, level] of [
    // There is no Kerberos here.
    [GSS_KERBEROS, PKT_INTEGRITY],
    [68, PKT_INTEGRITY],
    [WINNT, 1],
    [WINNT, 7],
  ] as const) {
    const pipe = open();
    const protection = { type, level, contextId: 1 };
    await pipe.write(withToken(bindPdu('bind', 1), protection, Buffer.alloc(16)));
    const { pdu } = answer(pipe);
    assert.ok(pdu.kind === 'bind-nak' && pdu.reason === 8);
  }
  const pipe = open();
  const ntlm = createNtlmInitiator({ credentials: 'anonymous', negotiateFlags: SIGN_AND_SEAL });
  const protection = { type: WINNT, level: PKT_INTEGRITY, contextId: 1 };
  await pipe.write(withToken(bindPdu('bind', 1), protection, ntlm.negotiate));
  const { token, flags, exportedSessionKey } = ntlm.authenticate(answer(pipe).pdu.auth!.token);
  await pipe.write(withToken(encodePdu({ kind: 'auth3', callId: 1 }), protection, token));
  const session = new NtlmSession(flags, exportedSessionKey, 'client');
  for (const fragment of request({ pipe, protection, session }, 0, WHO)) await pipe.write(fragment);
  assert.equal(faultOf(pipe), 5);
});

test('a verification trailer that says what was said is taken, another is not (2.2.2.13)', async () => {
  const trailer = (opnum: number, bits = 1): Buffer => {
    const b = Buffer.from('8ae3137102f43671' + '01000400' + '00000000' + '03401000', 'hex');
    b.writeUInt32LE(bits, 12);
    const header = Buffer.alloc(16);
    header[4] = 0x10;
    header.writeUInt32LE(2, 8);
    header.writeUInt16LE(opnum, 14);
    return Buffer.concat([b, header]);
  };
  for (const [stub, right] of [
    [Buffer.concat([WHO, trailer(0)]), true],
    [Buffer.concat([WHO, trailer(1)]), false],
    [Buffer.concat([WHO, trailer(0).subarray(0, 24)]), false],
    [Buffer.concat([WHO, trailer(0, 2)]), true],
  ] as const) {
    const client = await authenticated(PKT_INTEGRITY);
    for (const fragment of request(client, 0, stub)) await client.pipe.write(fragment);
    if (right) assert.equal(name(response(client)), "RPC's ann");
    else assert.equal(faultOf(client.pipe), 5);
  }
});

test('the acceptor tells the flags that session security goes by', async () => {
  const ntlm = createNtlmInitiator({ credentials: { user: 'ann', secret: 'tiger' } });
  const acceptor = createAcceptor({
    names: { netbiosName: 'FILES' },
    lookup: () => ({ ntHash: ntHash('tiger') }),
  });
  const challenge = await acceptor.step(ntlm.negotiate);
  assert.ok(challenge.kind === 'continue');
  const { token, flags } = ntlm.authenticate(challenge.token);
  const done = await acceptor.step(token);
  assert.ok(done.kind === 'done');
  assert.equal(done.flags, flags);
});
