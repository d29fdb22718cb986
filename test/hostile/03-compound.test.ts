/** Chains (MS-SMB2 3.3.5.2.7). */
import assert from 'node:assert/strict';
import { MAX_COMPOUND_MESSAGES } from '../../src/base/limits.ts';
import {
  closeRequest,
  createRequest,
  echoRequest,
  flushRequest,
  queryInfoRequest,
  RELATED,
  treeDisconnectRequest,
} from '../../src/client/requests.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_FILE_CLOSED,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_PARAMETER,
  STATUS_NETWORK_NAME_DELETED,
  STATUS_OBJECT_NAME_NOT_FOUND,
  STATUS_USER_SESSION_DELETED,
} from '../../src/dtyp/ntstatus.ts';
import { SMB2_FLAGS_RELATED_OPERATIONS } from '../../src/smb2/header.ts';
import { hostileSuite, isDropped, isRefused } from './kit.ts';

const hostile = await hostileSuite();
const unrelated = { related: false };

for (const [name, nextCommand] of [
  ['not aligned', 68 + 1],
  ['aligned to 4', 68],
  ['beyond the end', 4096],
  ['to the end', 144],
  ['0xFFFFFFF8', 0xfffffff8],
  ['inside the header', 8],
  ['at itself', 56],
] as const) {
  hostile(`NextCommand ${name}`, async ({ mount }) => {
    const tree = await mount();
    const first = { ...echoRequest(), header: { nextCommand } };
    await isDropped(tree.compound([first, echoRequest()], unrelated));
  });
}

hostile('NextCommand in a single request', async ({ mount }) => {
  const tree = await mount();
  await isDropped(tree.request({ ...echoRequest(), header: { nextCommand: 64 } }));
});

hostile(`a chain of ${MAX_COMPOUND_MESSAGES} is served, one more is not`, async ({ mount }) => {
  const tree = await mount({ creditTarget: 256 });
  await tree.request(echoRequest());
  const echoes = Array.from({ length: MAX_COMPOUND_MESSAGES }, echoRequest);
  const answers = await tree.compound(echoes, unrelated);
  assert.ok(answers.every(({ status }) => status === 0));
  await tree.request(echoRequest());
  await isDropped(tree.compound([...echoes, echoRequest()], unrelated));
});

hostile('a compound of 400 CREATEs', async ({ mount }) => {
  const tree = await mount({ creditTarget: 1024 });
  for (let i = 0; i < 4; i++) await tree.request(echoRequest());
  const creates = Array.from({ length: 400 }, () => createRequest(''));
  await isDropped(tree.compound(creates, unrelated));
});

hostile('the first is related', async ({ mount }) => {
  const tree = await mount();
  const header = { flags: SMB2_FLAGS_RELATED_OPERATIONS };
  await isRefused(tree.request({ ...createRequest(''), header }), STATUS_INVALID_PARAMETER);
  const answers = await tree.compound([{ ...createRequest(''), header }, closeRequest(RELATED)]);
  for (const answer of answers) await isRefused(answer, STATUS_INVALID_PARAMETER);
});

hostile('the first is related, encrypted', async ({ mount }) => {
  const tree = await mount({}, { encrypt: true });
  const header = { flags: SMB2_FLAGS_RELATED_OPERATIONS };
  await isDropped(tree.request({ ...createRequest(''), header }));
});

hostile('sessions and trees of others inside a chain', async ({ mount }) => {
  const [one, two] = await Promise.all([mount(), mount()]);
  const foreign = { header: { sessionId: two.session.sessionId } };
  const lost = { header: { treeId: 4711 } };
  const answers = await one.compound(
    [
      createRequest('not there'),
      { ...createRequest(''), ...lost },
      { ...createRequest(''), ...foreign, protection: 'none' as const },
    ],
    unrelated,
  );
  await isRefused(answers[0]!, STATUS_OBJECT_NAME_NOT_FOUND);
  await isRefused(answers[1]!, STATUS_NETWORK_NAME_DELETED);
  await isRefused(answers[2]!, STATUS_USER_SESSION_DELETED);
});

hostile('a session of another connection inside an encrypted chain', async ({ mount }) => {
  const [one, two] = await Promise.all([mount({}, { encrypt: true }), mount()]);
  const foreign = { ...echoRequest(), header: { sessionId: two.session.sessionId } };
  await isDropped(one.compound([echoRequest(), foreign], unrelated));
});

hostile('a chain goes on with a FileId that was never made', async ({ mount }) => {
  const tree = await mount();
  const noFile = await tree.compound([echoRequest(), closeRequest(RELATED)]);
  await isRefused(noFile[1]!, STATUS_INVALID_HANDLE, STATUS_INVALID_PARAMETER);
  const failed = await tree.compound([
    createRequest('not there'),
    flushRequest(RELATED),
    closeRequest(RELATED),
  ]);
  for (const answer of failed) await isRefused(answer, STATUS_OBJECT_NAME_NOT_FOUND);
  const twice = await tree.compound([
    createRequest(''),
    closeRequest(RELATED),
    closeRequest(RELATED),
    queryInfoRequest(RELATED, 1, 5),
  ]);
  assert.deepEqual(
    twice.map(({ status }) => status),
    [0, 0, STATUS_FILE_CLOSED, STATUS_FILE_CLOSED],
  );
});

hostile('the tree goes away in mid-chain', async ({ mount }) => {
  const tree = await mount();
  const answers = await tree.compound([
    createRequest(''),
    treeDisconnectRequest(),
    closeRequest(RELATED),
  ]);
  assert.equal(answers[1]!.status, 0);
  assert.ok(answers[2]!.status >= 0xc0000000);
});

hostile('one member of a signed chain is not signed, or signed wrongly', async ({ mount }) => {
  const tree = await mount();
  const answers = await tree.compound(
    [
      createRequest('not there'),
      { ...createRequest(''), protection: 'none' as const },
      {
        ...createRequest(''),
        tamper: (m: Buffer) => {
          m[50]! ^= 1;
          return m;
        },
      },
    ],
    unrelated,
  );
  await isRefused(answers[0]!, STATUS_OBJECT_NAME_NOT_FOUND);
  await isRefused(answers[1]!, STATUS_ACCESS_DENIED);
  await isRefused(answers[2]!, STATUS_ACCESS_DENIED);
});
