/** SESSION_SETUP and the tokens inside it (MS-SMB2 3.3.5.5, MS-NLMP, RFC 4178). */
import assert from 'node:assert/strict';
import { suite } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_SESSIONS_PER_CONNECTION } from '../../src/base/limits.ts';
import type { NegotiatedConnection } from '../../src/client/connect.ts';
import { createLoginInitiator, type LoginOptions } from '../../src/client/login.ts';
import { createRequest, echoRequest, treeConnectRequest } from '../../src/client/requests.ts';
import {
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_LOGON_FAILURE,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_NOT_SUPPORTED,
  STATUS_REQUEST_NOT_ACCEPTED,
  STATUS_USER_SESSION_DELETED,
} from '../../src/dtyp/ntstatus.ts';
import { Command } from '../../src/smb2/header.ts';
import {
  decodeSessionSetupResponse,
  encodeSessionSetupRequest,
  SMB2_SESSION_FLAG_BINDING,
} from '../../src/smb2/session-setup.ts';
import { credentials, OTHER_USER, PASSWORD } from '../support/in-process-server.ts';
import { fails, hostileSuite, isRefused, patch } from './kit.ts';

const hostile = await hostileSuite();

const setup = (securityBuffer: Buffer, more = {}) => ({
  command: Command.SESSION_SETUP,
  body: encodeSessionSetupRequest({
    flags: 0,
    securityMode: 1,
    capabilities: 0,
    previousSessionId: 0,
    securityBuffer,
    ...more,
  }),
});
const hello = createLoginInitiator('x', credentials).start();
const MALFORMED = [STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_LOGON_FAILURE] as const;

for (const [name, change] of [
  ['SecurityBufferOffset in the header', (m: Buffer) => m.writeUInt16LE(8, 76)],
  ['SecurityBufferOffset beyond', (m: Buffer) => m.writeUInt16LE(0xffff, 76)],
  ['SecurityBufferLength beyond', (m: Buffer) => m.writeUInt16LE(0xffff, 78)],
  ['SecurityBufferLength 0', (m: Buffer) => m.writeUInt16LE(0, 78)],
  ['StructureSize 24', (m: Buffer) => m.writeUInt16LE(24, 64)],
] as const) {
  hostile(name, async ({ connect }) => {
    const connection = await connect();
    const request = { ...setup(hello), craft: patch(change) };
    await isRefused(connection.request(request), ...MALFORMED);
  });
}

const deep = (levels: number): Buffer => {
  let inner: Buffer = Buffer.alloc(0);
  for (let i = 0; i < levels; i++) {
    const length = inner.length;
    inner = Buffer.concat([
      length < 128
        ? Buffer.from([0xa0, length])
        : Buffer.from([0xa0, 0x82, length >> 8, length & 255]),
      inner,
    ]);
  }
  return inner;
};
const spnego = '06062b0601050502';
for (const [name, hex] of [
  ['no bytes', ''],
  ['one byte', '60'],
  ['an indefinite length', '6080'],
  ['a length of 2^31', `6084ffffffff${spnego}`],
  ['a length of 126 bytes', `60fe${'ff'.repeat(126)}`],
  ['an object identifier only', `6008${spnego}`],
  ['an empty list of mechanisms', `6012${spnego}a0083006a00430023000`],
  ['a mechanism without end', `6014${spnego}a00a3008a0063004060a2b06`],
  ['Kerberos alone', '601706062b0601050502a00d300ba009300706052b05010502'],
  ['rubbish', 'deadbeef'.repeat(50)],
  ['zeros', '00'.repeat(200)],
  ['NTLMSSP and nothing', '4e544c4d53535000'],
  ['NTLMSSP of type 0', '4e544c4d5353500000000000'],
  ['NTLMSSP of type 2, ours to send', `4e544c4d5353500002000000${'00'.repeat(48)}`],
  ['NTLMSSP of type 3 first', `4e544c4d5353500003000000${'00'.repeat(80)}`],
] as const) {
  hostile(`a first token: ${name}`, async ({ connect }) => {
    const connection = await connect();
    await isRefused(connection.request(setup(Buffer.from(hex, 'hex'))), ...MALFORMED);
    assert.equal((await connection.login(credentials)).identity, 'user');
  });
}

hostile('a bomb of depth', async ({ connect }) => {
  const connection = await connect();
  for (const levels of [9, 100, 10_000]) {
    const token = deep(levels);
    await isRefused(connection.request(setup(token)), ...MALFORMED);
    const wrapped = Buffer.concat([Buffer.from(`6084${'00'.repeat(4)}${spnego}`, 'hex'), token]);
    wrapped.writeUInt32BE(wrapped.length - 6, 2);
    await isRefused(connection.request(setup(wrapped)), ...MALFORMED);
  }
});

hostile('every byte of the first token changed, and cut', async ({ connect }) => {
  for (const raw of [false, true]) {
    const token = createLoginInitiator('x', { ...credentials, raw }).start();
    const connection = await connect();
    for (let at = 0; at < token.length; at++) {
      const changed = Buffer.from(token);
      changed[at]! ^= 0xff;
      for (const wrong of [changed, token.subarray(0, at)]) {
        const { status, header } = await connection.request(setup(wrong));
        // Flags and versions may be what they like.
        assert.ok([...MALFORMED, STATUS_MORE_PROCESSING_REQUIRED].includes(status));
        if (status !== STATUS_MORE_PROCESSING_REQUIRED) continue;
        const logoff = { command: Command.LOGOFF, body: Buffer.from([4, 0, 0, 0]) };
        await connection.request({ ...logoff, header: { sessionId: header.sessionId } });
      }
    }
  }
});

/** A login whose AUTHENTICATE is changed before it leaves. */
const crafted = (connection: NegotiatedConnection, change: (token: Buffer) => unknown, more = {}) =>
  connection.login({
    ...credentials,
    raw: true,
    craftToken: (token, step) => {
      if (step === 1) change(token);
      return token;
    },
    ...more,
  });

const FIELDS = { lm: 12, nt: 20, domain: 28, user: 36, workstation: 44, sessionKey: 52 } as const;
// Wrong answers are held for half a second; each test comes from an address of its own.
suite('AUTHENTICATE', { concurrency: 16 }, () => {
  for (const [field, at] of Object.entries(FIELDS)) {
    for (const [how, change] of [
      ['a length of 65,535', (t: Buffer) => t.writeUInt16LE(0xffff, at)],
      ['an offset of 0xFFFFFFFF', (t: Buffer) => t.writeUInt32LE(0xffffffff, at + 4)],
      ['an offset in the header', (t: Buffer) => t.writeUInt32LE(4, at + 4)],
      ['an offset at the end', (t: Buffer) => t.writeUInt32LE(t.length - 1, at + 4)],
    ] as const) {
      hostile(`AUTHENTICATE: ${field} with ${how}`, async ({ connect }) => {
        const connection = await connect();
        await fails(
          crafted(connection, (t) => {
            // A field that is empty may point where it likes.
            if (t.readUInt16LE(at) === 0) t.writeUInt16LE(2, at);
            change(t);
          }),
          ...MALFORMED,
        );
      });
    }
  }

  for (const [name, change] of [
    ['an NT response of 15 bytes', (t: Buffer) => t.writeUInt16LE(15, FIELDS.nt)],
    ['an NT response of 24 bytes, NTLMv1', (t: Buffer) => t.writeUInt16LE(24, FIELDS.nt)],
    ['an NT response of 43 bytes', (t: Buffer) => t.writeUInt16LE(43, FIELDS.nt)],
    ['no NT response', (t: Buffer) => t.writeUInt16LE(0, FIELDS.nt)],
    ['a session key of 17 bytes', (t: Buffer) => t.writeUInt16LE(17, FIELDS.sessionKey)],
    [
      'no session key, though one is negotiated',
      (t: Buffer) => t.writeUInt16LE(0, FIELDS.sessionKey),
    ],
    ['a wrong session key', (t: Buffer) => (t[t.readUInt32LE(FIELDS.sessionKey + 4)]! ^= 1)],
    ['a wrong MIC', (t: Buffer) => (t[72]! ^= 1)],
    ['a user name of odd length', (t: Buffer) => t.writeUInt16LE(5, FIELDS.user)],
    ['the flags of another world', (t: Buffer) => t.writeUInt32LE(0, 60)],
    ['type 1 again', (t: Buffer) => t.writeUInt32LE(1, 8)],
    ['type 2', (t: Buffer) => t.writeUInt32LE(2, 8)],
  ] as const) {
    hostile(`AUTHENTICATE: ${name}`, async ({ connect }) => {
      await fails(crafted(await connect(), change), ...MALFORMED);
    });
  }

  for (const [name, user] of [
    ['64 KiB', 'u'.repeat(16_000)],
    ['unpaired surrogates', '\ud800x\udc00'],
    ['NUL', 'tester\0'],
    ['nothing but blanks', '   '],
    ['a path', '../../etc/passwd'],
  ] as const) {
    hostile(`a user name: ${name}`, async ({ connect }) => {
      await fails((await connect()).login({ user, secret: 'x' }), ...MALFORMED);
    });
  }

  hostile('the changes of an AV pair list', async ({ connect }) => {
    const connection = await connect();
    await fails(
      crafted(connection, (t) => {
        // The client's blob: its AV pairs begin 44 bytes into the NT response.
        const nt = t.readUInt32LE(FIELDS.nt + 4);
        t.writeUInt16LE(0xffff, nt + 46);
      }),
      ...MALFORMED,
    );
  });

  hostile('a mechListMIC that is wrong, or missing where it is due', async ({ connect }) => {
    const initiator = { mechListMic: Buffer.alloc(16, 1) };
    await fails((await connect()).login({ ...credentials, initiator }), ...MALFORMED);
  });
});

hostile('a token that is played again', async ({ connect }) => {
  const sent: Buffer[] = [];
  const craftToken = (token: Buffer): Buffer => {
    sent.push(Buffer.from(token));
    return token;
  };
  const first = await connect();
  const session = await first.login({ ...credentials, craftToken });
  // On the same connection, in a session of its own: the challenge is another.
  const again = (t: Buffer, step: number): Buffer => sent[step] ?? t;
  await fails(first.login({ ...credentials, craftToken: again }), ...MALFORMED);
  // As the last step of a session that is long there.
  const request = setup(sent[1]!);
  await isRefused(session.request({ ...request }), ...MALFORMED);
});

hostile('an exchange that begins anew in the middle', async ({ connect }) => {
  const connection = await connect();
  const { status, header } = await connection.request(setup(hello));
  assert.equal(status, STATUS_MORE_PROCESSING_REQUIRED);
  const next = { ...setup(hello), header: { sessionId: header.sessionId } };
  await isRefused(connection.request(next), ...MALFORMED);
  await isRefused(connection.request(next), STATUS_USER_SESSION_DELETED);
});

hostile('two steps of one exchange at the same time', async ({ connect }) => {
  const connection = await connect();
  const { header } = await connection.request(setup(hello));
  const next = { ...setup(hello), header: { sessionId: header.sessionId } };
  const exchanges = await Promise.all([connection.submit([next]), connection.submit([next])]);
  for (const [exchange] of exchanges) {
    const { status } = await connection.answerOf(exchange!);
    const refused = [...MALFORMED, STATUS_USER_SESSION_DELETED, STATUS_REQUEST_NOT_ACCEPTED];
    assert.ok(refused.includes(status), status.toString(16));
  }
});

hostile('commands in a session that is not yet there', async ({ connect }) => {
  const connection = await connect();
  const { header } = await connection.request(setup(hello));
  const { sessionId } = header;
  for (const request of [treeConnectRequest('\\\\x\\files'), createRequest('')]) {
    const answer = connection.request({ ...request, header: { sessionId } });
    await isRefused(answer, STATUS_USER_SESSION_DELETED);
  }
});

hostile('another user logs in to a session', async ({ mount }) => {
  const tree = await mount();
  const login = { user: OTHER_USER, secret: PASSWORD };
  await fails(tree.session.reauthenticate(login), STATUS_LOGON_FAILURE);
  await isRefused(tree.request(createRequest('')), STATUS_USER_SESSION_DELETED);
});

hostile('nobody logs in to a session', async ({ mount }) => {
  const tree = await mount({ timeoutMs: 5_000 });
  const { user: _, ...nobody } = credentials;
  const login: Partial<LoginOptions> = { ...nobody, initiator: { credentials: 'anonymous' } };
  await fails(tree.session.reauthenticate(login), ...MALFORMED);
});

hostile('binding: signed by nobody, to sessions of others, to none', async ({ mount, connect }) => {
  const victim = await mount();
  const connection = await connect();
  for (const sessionId of [victim.session.sessionId, 4711, 0]) {
    const binding = {
      ...setup(hello, { flags: SMB2_SESSION_FLAG_BINDING }),
      header: { sessionId },
    };
    await isRefused(
      connection.request(binding),
      STATUS_REQUEST_NOT_ACCEPTED,
      STATUS_USER_SESSION_DELETED,
      STATUS_INVALID_PARAMETER,
    );
  }
  assert.equal((await victim.request(echoRequest())).status, 0);
});

hostile('PreviousSessionId of another user ends nothing', async ({ mount }) => {
  const victim = await mount();
  const previousSessionId = victim.session.sessionId;
  await mount({}, { user: OTHER_USER, previousSessionId });
  await sleep(10);
  assert.ok((await victim.list('')).length >= 2);
});

hostile('PreviousSessionId of oneself, and of nobody', async ({ connect }) => {
  for (const previousSessionId of [1, 4711, 2 ** 63]) {
    const session = await (await connect()).login({ ...credentials, previousSessionId });
    assert.equal((await session.request(echoRequest())).status, 0);
  }
});

hostile('as many sessions as one likes', async ({ connect }) => {
  const connection = await connect({ creditTarget: 16 });
  const statuses = new Set<number>();
  for (let i = 0; i < MAX_SESSIONS_PER_CONNECTION + 5; i++) {
    const { status, message } = await connection.request(setup(hello));
    statuses.add(status);
    if (status === STATUS_MORE_PROCESSING_REQUIRED) decodeSessionSetupResponse(message);
  }
  assert.deepEqual([...statuses], [STATUS_MORE_PROCESSING_REQUIRED, STATUS_INSUFFICIENT_RESOURCES]);
});

hostile('an answer does not tell whether there is such a user', async ({ connect }) => {
  const statuses = await Promise.all(
    [credentials.user!, 'no-such-user'].map(async (user) => {
      const connection = await connect({ timeoutMs: 5_000 });
      return connection.login({ user, secret: 'wrong' }).then(
        () => 0,
        (error: { status: number }) => error.status,
      );
    }),
  );
  assert.deepEqual(statuses, [STATUS_LOGON_FAILURE, STATUS_LOGON_FAILURE]);
});
