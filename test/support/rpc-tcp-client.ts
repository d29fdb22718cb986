/** A client of RPC over TCP (MS-RPCE 2.1.1.1): one association, PDU by PDU. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createNtlmInitiator, DEFAULT_NEGOTIATE_FLAGS } from '../../src/auth/ntlm-initiator.ts';
import { NtlmSession } from '../../src/auth/ntlm-session.ts';
import {
  decodeTower,
  EPMAPPER,
  encodeTower,
  PROTOCOL,
  syntaxFloor,
} from '../../src/rpc/epmapper.ts';
import { encodeFragments } from '../../src/rpc/fragments.ts';
import { decodeParameters, encodeParameters } from '../../src/rpc/operation.ts';
import {
  decodeHeader,
  decodePdu,
  encodePdu,
  HEADER_BYTES,
  type Pdu,
  PFC_SUPPORT_HEADER_SIGN,
} from '../../src/rpc/pdu.ts';
import {
  AUTHENTICATION_TYPE,
  type Protection,
  protect,
  unprotect,
  withFlags,
  withToken,
} from '../../src/rpc/pdu-security.ts';
import { NO_HANDLE } from '../../src/rpc/security-types.ts';
import { NDR32, type SyntaxId } from '../../src/rpc/syntax-id.ts';

/** NTLMSSP_NEGOTIATE_SEAL beside what is asked for anyway. */
const SIGN_AND_SEAL = (DEFAULT_NEGOTIATE_FLAGS | 0x20) >>> 0;

export class RpcTcpClient {
  readonly socket: Socket;
  readonly #answers: Buffer[] = [];
  #received = Buffer.alloc(0);
  isClosed = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.isClosed = true;
      this.socket.emit('told');
    });
    this.socket.on('data', (bytes) => this.#hear(bytes));
  }

  #hear(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    while (this.#received.length >= HEADER_BYTES) {
      const length = this.#received.readUInt16LE(8);
      if (this.#received.length < length) break;
      this.#answers.push(this.#received.subarray(0, length));
      this.#received = this.#received.subarray(length);
    }
    this.socket.emit('told');
  }

  /** Rejects where the connection ends before. */
  async nextBytes(): Promise<Buffer> {
    while (this.#answers.length === 0) {
      assert.ok(!this.isClosed, 'the connection is closed');
      await once(this.socket, 'told');
    }
    return this.#answers.shift()!;
  }

  async next(): Promise<Pdu> {
    return decodePdu(await this.nextBytes());
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await once(this.socket, 'told');
  }
}

export const bindPdu = (abstractSyntax: SyntaxId): Buffer =>
  encodePdu({
    ...{ kind: 'bind', callId: 1, maxTransmitBytes: 5840, maxReceiveBytes: 5840 },
    associationGroup: 0,
    contexts: [{ id: 0, abstractSyntax, transferSyntaxes: [NDR32] }],
  });

/** In one fragment. */
export const requestPdu = (opnum: number, stub: Buffer): Buffer =>
  encodeFragments({ kind: 'request', callId: 2, contextId: 0, opnum }, stub, 4280)[0]!;

/** The port of an interface, as the endpoint mapper tells it; undefined: it has none. */
export async function mappedPort(client: RpcTcpClient, of: SyntaxId): Promise<number | undefined> {
  client.socket.write(bindPdu(EPMAPPER.syntax));
  assert.equal((await client.next()).kind, 'bind-ack');
  const { ept_map } = EPMAPPER.operations;
  const nothing = Buffer.alloc(0);
  const floors = [
    ...[syntaxFloor(of), syntaxFloor(NDR32)],
    { protocol: PROTOCOL.NCACN, left: nothing, right: Buffer.alloc(2) },
    { protocol: PROTOCOL.TCP, left: nothing, right: Buffer.alloc(2) },
    { protocol: PROTOCOL.IP, left: nothing, right: Buffer.alloc(4) },
  ];
  const stub = encodeParameters(ept_map.input, {
    ...{ object: null, mapTower: encodeTower(floors), handle: NO_HANDLE, maxTowers: 4 },
  });
  client.socket.write(requestPdu(ept_map.opnum, stub));
  const answer = await client.next();
  assert.ok(answer.kind === 'response', answer.kind);
  const [tower] = decodeParameters(ept_map.output, answer.stub, false).towers.elements;
  return tower == null ? undefined : decodeTower(tower)?.[3]?.right.readUInt16BE();
}

/** What a login by NTLMSSP (MS-NLMP) leaves. */
export interface RpcLogin {
  readonly protection: Protection;
  readonly session: NtlmSession;
}

/** By BIND and AUTH3; undefined: the level is not taken. A wrong password shows at the first request. */
export async function logInByRpc(
  client: RpcTcpClient,
  syntax: SyntaxId,
  level: number,
  credentials: { readonly user: string; readonly secret: string },
): Promise<RpcLogin | undefined> {
  const protection = { type: AUTHENTICATION_TYPE.WINNT, level, contextId: 1 };
  const ntlm = createNtlmInitiator({ credentials, negotiateFlags: SIGN_AND_SEAL });
  const bind = withFlags(bindPdu(syntax), PFC_SUPPORT_HEADER_SIGN);
  client.socket.write(withToken(bind, protection, ntlm.negotiate));
  const ack = await client.next();
  if (ack.kind !== 'bind-ack' || ack.auth === undefined) return undefined;
  const { token, flags, exportedSessionKey } = ntlm.authenticate(ack.auth.token);
  client.socket.write(withToken(encodePdu({ kind: 'auth3', callId: 1 }), protection, token));
  return { protection, session: new NtlmSession(flags, exportedSessionKey, 'client') };
}

/** The answer to a protected request, in the clear. */
export async function callProtected(
  client: RpcTcpClient,
  { protection, session }: RpcLogin,
  opnum: number,
  stub: Buffer,
): Promise<Pdu> {
  client.socket.write(protect(requestPdu(opnum, stub), protection, session));
  const bytes = await client.nextBytes();
  const header = decodeHeader(bytes);
  if (header.authBytes === 0) return decodePdu(bytes);
  const clear = unprotect(bytes, header, protection, session);
  assert.ok(clear !== undefined, 'the signature is wrong');
  return decodePdu(clear);
}
