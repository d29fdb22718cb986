/** NEGOTIATE and NTLM: what must be in an answer before a client goes on at all. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  AvId,
  decodeAvPairs,
  decodeChallenge,
  encodeNegotiate,
  MIC_AT,
  NTLMSSP_NEGOTIATE_56,
  NTLMSSP_NEGOTIATE_128,
  NTLMSSP_NEGOTIATE_ALWAYS_SIGN,
  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY,
  NTLMSSP_NEGOTIATE_KEY_EXCH,
  NTLMSSP_NEGOTIATE_NTLM,
  NTLMSSP_NEGOTIATE_SEAL,
  NTLMSSP_NEGOTIATE_SIGN,
  NTLMSSP_NEGOTIATE_TARGET_INFO,
  NTLMSSP_NEGOTIATE_UNICODE,
  NTLMSSP_NEGOTIATE_VERSION,
  NTLMSSP_REQUEST_TARGET,
  NTLMSSP_TARGET_TYPE_SERVER,
} from '../../src/auth/ntlm-messages.ts';
import { decodeSpnego, Mechanism } from '../../src/auth/spnego.ts';
import { ConnectionEnded, StatusError } from '../../src/client/client-error.ts';
import type { NegotiatedConnection } from '../../src/client/connect.ts';
import type { LoginOptions } from '../../src/client/login.ts';
import { validateNegotiateRequest } from '../../src/client/validate-negotiate.ts';
import {
  STATUS_FILE_CLOSED,
  STATUS_INVALID_PARAMETER,
  STATUS_LOGON_FAILURE,
  STATUS_SUCCESS,
} from '../../src/dtyp/ntstatus.ts';
import {
  SMB2_NEGOTIATE_SIGNING_ENABLED,
  SMB2_NEGOTIATE_SIGNING_REQUIRED,
} from '../../src/smb2/capabilities.ts';
import { DIALECTS, Dialect } from '../../src/smb2/dialect.ts';
import { Command, getCommand } from '../../src/smb2/header.ts';
import { decodeIoctlResponse } from '../../src/smb2/ioctl.ts';
import { decodeSessionSetupResponse } from '../../src/smb2/session-setup.ts';
import { credentials, SHARE, startServer } from '../support/in-process-server.ts';
import { PERSONAS, win11 } from './personas.ts';
import { assertStatus, LENIENT, openStage, record } from './stage.ts';

const stage = await openStage();
const strict = await openStage({ global: { signing: 'mandatory' } });

for (const persona of PERSONAS) {
  test(`A18 the server says that it signs, and whether it must, or 24H2 goes away (${persona.name})`, async () => {
    for (const [where, required] of [
      [stage, 0],
      [strict, SMB2_NEGOTIATE_SIGNING_REQUIRED],
    ] as const) {
      for (const dialect of persona.connect.dialects!) {
        const dialects = [dialect];
        const { negotiated } = await where.server.connect({ ...persona.connect, dialects });
        assert.equal(negotiated.dialect, dialect);
        assert.equal(negotiated.response.securityMode, SMB2_NEGOTIATE_SIGNING_ENABLED | required);
      }
    }
  });
}

/** The CHALLENGE that a login met; whether it succeeded is another matter. */
async function challengeTo(login: Partial<LoginOptions>) {
  const connection = await stage.server.connect(win11.connect);
  const tape = record(connection);
  await connection.login({ ...credentials, ...login }).catch(() => undefined);
  const [first] = tape.filter((frame) => getCommand(frame) === Command.SESSION_SETUP);
  const { securityBuffer } = decodeSessionSetupResponse(first!);
  if (login.raw === true) return decodeChallenge(securityBuffer);
  const token = decodeSpnego(securityBuffer);
  assert.ok(token.kind === 'resp');
  assert.equal(token.supportedMech, Mechanism.NTLMSSP);
  return decodeChallenge(token.responseToken!);
}

/** What a CHALLENGE may have though nobody asked; ALWAYS_SIGN it must: MS-NLMP 2.2.2.5. */
const FIXED =
  NTLMSSP_NEGOTIATE_TARGET_INFO |
  NTLMSSP_TARGET_TYPE_SERVER |
  NTLMSSP_REQUEST_TARGET |
  NTLMSSP_NEGOTIATE_ALWAYS_SIGN;
const BASE =
  NTLMSSP_NEGOTIATE_UNICODE |
  NTLMSSP_REQUEST_TARGET |
  NTLMSSP_NEGOTIATE_NTLM |
  NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY |
  NTLMSSP_NEGOTIATE_TARGET_INFO;
const SIGNING = NTLMSSP_NEGOTIATE_SIGN | NTLMSSP_NEGOTIATE_ALWAYS_SIGN;
/** Linux asks for 128 and 56, key exchange where it signs; older clients for less. */
const ASKED: readonly number[] = [
  BASE | NTLMSSP_NEGOTIATE_128 | NTLMSSP_NEGOTIATE_56,
  BASE | SIGNING | NTLMSSP_NEGOTIATE_128 | NTLMSSP_NEGOTIATE_56 | NTLMSSP_NEGOTIATE_KEY_EXCH,
  BASE | SIGNING | NTLMSSP_NEGOTIATE_SEAL | NTLMSSP_NEGOTIATE_128 | NTLMSSP_NEGOTIATE_VERSION,
  BASE | SIGNING | NTLMSSP_NEGOTIATE_56,
  BASE,
];

test('A37 a CHALLENGE grants 128 and 56 where they were asked for, or Linux fails with error 22', async () => {
  for (const asked of ASKED) {
    // Its answer would be held back as that of a wrong password: nothing is said after the CHALLENGE.
    const craftToken = (_: Buffer, step: number) => {
      if (step > 0) throw new Error('seen enough');
      return encodeNegotiate(asked >>> 0);
    };
    const { negotiateFlags } = await challengeTo({ raw: true, craftToken });
    const hex = (flags: number) => (flags >>> 0).toString(16);
    assert.equal(hex(negotiateFlags & ~(asked | FIXED)), '0', `asked for ${hex(asked)}`);
    const strengths = NTLMSSP_NEGOTIATE_128 | NTLMSSP_NEGOTIATE_56;
    assert.equal(hex(negotiateFlags & strengths), hex(asked & strengths));
    for (const flag of [
      NTLMSSP_NEGOTIATE_SIGN,
      NTLMSSP_NEGOTIATE_KEY_EXCH,
      NTLMSSP_NEGOTIATE_SEAL,
    ]) {
      assert.equal(hex(negotiateFlags & flag), hex(asked & flag));
    }
  }
});

test('A38 a CHALLENGE has names of all kinds and the time, without which no client sends a MIC', async () => {
  const { targetName, targetInfo, serverChallenge, negotiateFlags } = await challengeTo({});
  assert.notEqual(negotiateFlags & NTLMSSP_NEGOTIATE_TARGET_INFO, 0);
  assert.equal(serverChallenge.length, 8);
  const pairs = new Map(decodeAvPairs(targetInfo).map(({ id, value }) => [id, value]));
  for (const id of [
    AvId.MsvAvNbComputerName,
    AvId.MsvAvNbDomainName,
    AvId.MsvAvDnsComputerName,
    AvId.MsvAvDnsDomainName,
  ]) {
    assert.ok(pairs.has(id), `AV pair ${id}`);
  }
  assert.equal(pairs.get(AvId.MsvAvNbComputerName)?.toString('utf16le'), targetName);
  const now = BigInt(Date.now()) * 10_000n + 116_444_736_000_000_000n;
  const time = pairs.get(AvId.MsvAvTimestamp)!.readBigUInt64LE();
  assert.ok(now - time < 50_000_000n && time - now < 50_000_000n, 'the time is not now');
  const again = await challengeTo({});
  assert.ok(!again.serverChallenge.equals(serverChallenge));
});

/** Each on a server of its own: one that was guessed at holds its answers back. */
async function refused(login: Partial<LoginOptions>): Promise<number> {
  const server = await startServer();
  try {
    await (await server.connect(win11.connect)).login({ ...credentials, ...login });
    return STATUS_SUCCESS;
  } catch (error) {
    if (error instanceof StatusError) return error.status;
    throw error;
  } finally {
    await server.close();
  }
}

test('A38 a wrong MIC is refused: somebody stands between', async () => {
  const craftToken = (token: Buffer, step: number) => {
    if (step === 1) token[MIC_AT]! ^= 1;
    return token;
  };
  assert.equal(await refused({ raw: true, craftToken }), STATUS_LOGON_FAILURE);
  assert.equal(await refused({ raw: true }), STATUS_SUCCESS);
});

test('A38 a wrong mechListMIC is refused', async () => {
  const status = await refused({ initiator: { mechListMic: Buffer.alloc(16, 1) } });
  assert.ok([STATUS_LOGON_FAILURE, STATUS_INVALID_PARAMETER].includes(status));
});

test('A38 whoever sends a mechListMIC gets one, which macOS and smbclient wait for', async () => {
  for (const mechTypes of [[Mechanism.NTLMSSP], [Mechanism.KRB5, Mechanism.NTLMSSP]]) {
    const connection = await stage.server.connect(win11.connect);
    const tape = record(connection);
    await connection.login({ ...credentials, initiator: { mechTypes } });
    const last = tape.filter((frame) => getCommand(frame) === Command.SESSION_SETUP).at(-1)!;
    const token = decodeSpnego(decodeSessionSetupResponse(last).securityBuffer);
    assert.ok(token.kind === 'resp');
    // The client has verified it.
    assert.equal(token.mechListMic?.length, 16);
  }
});

const signingClient = { securityMode: SMB2_NEGOTIATE_SIGNING_ENABLED };

async function validating(connection: NegotiatedConnection) {
  const session = await connection.login({ ...credentials, validateNegotiate: false });
  return session.treeConnect(SHARE);
}

for (const dialect of [Dialect.SMB3_00, Dialect.SMB3_02]) {
  test(`A40 VALIDATE_NEGOTIATE_INFO is answered with 24 signed bytes (0x${dialect.toString(16)})`, async () => {
    const dialects = DIALECTS.filter((one) => one <= dialect);
    for (const multiProtocol of [false, true]) {
      const tree = await validating(
        await stage.server.connect({ ...win11.connect, ...signingClient, dialects, multiProtocol }),
      );
      const answer = await tree.request(validateNegotiateRequest(tree));
      assertStatus(answer, STATUS_SUCCESS);
      assert.ok(answer.isSigned);
      const { output } = decodeIoctlResponse(answer.message);
      const { response } = tree.session.connection.negotiated!;
      assert.equal(output.length, 24);
      assert.equal(output.readUInt32LE(0), response.capabilities);
      assert.ok(output.subarray(4, 20).equals(response.serverGuid));
      assert.equal(output.readUInt16LE(20), response.securityMode);
      assert.equal(output.readUInt16LE(22), dialect);
    }
  });
}

test('A40 a mismatch ends the connection: the negotiation was meddled with', async () => {
  for (const at of [0, 4, 20, 24]) {
    const tree = await validating(
      await stage.server.connect({
        ...win11.connect,
        dialects: [Dialect.SMB2_10, Dialect.SMB3_02],
      }),
    );
    const request = validateNegotiateRequest(tree);
    // The structure stands behind the 56 bytes of the request.
    request.body[56 + at]! ^= 1;
    await assert.rejects(tree.request(request), ConnectionEnded);
  }
});

for (const multiProtocol of [false, true]) {
  test(`A40 a server of 2.0.2 only answers FILE_CLOSED, as one that never heard of it (${multiProtocol ? 'SMB1 first' : 'SMB2'})`, async () => {
    const old = await startServer({
      shares: [{ name: SHARE, path: '/' }],
      global: { ...LENIENT, maxProtocol: Dialect.SMB2_02 },
    });
    after(() => old.close());
    const connection = await old.connect({ ...win11.connect, ...signingClient, multiProtocol });
    assert.equal(connection.negotiated.dialect, Dialect.SMB2_02);
    const tree = await validating(connection);
    const answer = await tree.request(validateNegotiateRequest(tree));
    assertStatus(answer, STATUS_FILE_CLOSED);
    assert.ok(answer.isSigned);
  });
}
