/**
 * Clients that open several connections for one session, as Windows and macOS do of their own accord: what
 * they compare before they do, and that one of them may be lost.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ioctlRequest, lockRequest, RELATED } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { CipherId } from '../../src/crypto/cipher.ts';
import { SigningAlgorithm } from '../../src/crypto/signing.ts';
import { FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../../src/dtyp/access-mask.ts';
import { STATUS_SUCCESS } from '../../src/dtyp/ntstatus.ts';
import { FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { Dialect } from '../../src/smb2/dialect.ts';
import { Fsctl } from '../../src/smb2/fsctl.ts';
import { decodeIoctlResponse } from '../../src/smb2/ioctl.ts';
import { SMB2_LOCKFLAG_EXCLUSIVE_LOCK } from '../../src/smb2/lock.ts';
import { decodeNetworkInterfaceInfos } from '../../src/smb2/network-interface-info.ts';
import { credentials } from '../support/in-process-server.ts';
import { macos15, type Persona, win11 } from './personas.ts';
import { assertStatus, openStage } from './stage.ts';

const stage = await openStage();
const readWrite = { access: FILE_GENERIC_READ | FILE_GENERIC_WRITE, disposition: FILE_OPEN_IF };
const WHOLE = { offset: 0n, length: 10n, flags: SMB2_LOCKFLAG_EXCLUSIVE_LOCK };

/** macOS refuses a further connection that was negotiated in another way. */
test('every connection of a client is answered alike', async () => {
  for (const persona of [win11, macos15]) {
    const answers = [];
    for (let i = 0; i < 3; i++) {
      const { negotiated } = await stage.server.connect(persona.connect);
      const { systemTime: _, negotiateContexts: __, ...rest } = negotiated.response;
      answers.push({ ...rest, cipher: negotiated.cipher, signing: negotiated.signingAlgorithm });
    }
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
  }
});

const KINDS: readonly (readonly [string, Persona, Partial<Persona['connect']>, boolean])[] = [
  ['GMAC', win11, { signingAlgorithms: [SigningAlgorithm.AES_GMAC] }, false],
  ['CMAC at 3.0.2', win11, { dialects: [Dialect.SMB3_02] }, false],
  ['256-GCM', win11, { ciphers: [CipherId.AES_256_GCM] }, true],
  ['128-CCM at 3.0', win11, { dialects: [Dialect.SMB3_00] }, true],
  ['macOS', macos15, {}, false],
];

for (const [name, persona, connect, encrypt] of KINDS) {
  test(`four connections, one session (${name})`, async () => {
    const how = { ...persona.connect, ...connect };
    const first = await stage.server.connect(how);
    const session = await first.login({ ...credentials, ...persona.login, encrypt });
    const tree = await session.treeConnect('files');
    const ask = ioctlRequest(RELATED, Fsctl.FSCTL_QUERY_NETWORK_INTERFACE_INFO, {
      maxOutput: 65_536,
    });
    const answer = await tree.request(ask);
    assertStatus(answer, STATUS_SUCCESS);
    const found = decodeNetworkInterfaceInfos(decodeIoctlResponse(answer.message).output);
    assert.ok(found.length > 0, 'somewhere to connect to');

    const trees: ClientTree[] = [tree];
    for (let i = 1; i < 4; i++) {
      const channel = await session.bind(await stage.server.connect(how));
      trees.push(tree.on(channel));
    }
    const content = Buffer.from(`written by several, ${name}`);
    await trees[2]!.writeFile(`shared ${name}`, content);
    for (const one of trees) assert.deepEqual(await one.readFile(`shared ${name}`), content);

    // The connection that made the session is cut while a LOCK waits on another.
    const file = await trees[0]!.open(`locked ${name}`, readWrite);
    await file.lock([WHOLE]);
    const other = await trees[1]!.open(`locked ${name}`, readWrite);
    const [waiting] = await trees[1]!.submit([lockRequest(other.fileId, [WHOLE])]);
    await first.close();
    assert.deepEqual(await trees[3]!.readFile(`shared ${name}`), content);
    const through = trees[2]!;
    assertStatus(
      await through.request(lockRequest(file.fileId, [{ ...WHOLE, flags: 4 }])),
      STATUS_SUCCESS,
    );
    assertStatus(await trees[1]!.session.connection.answerOf(waiting!), STATUS_SUCCESS);
    await trees[3]!.session.logoff();
    await assert.rejects(through.readFile(`shared ${name}`));
  });
}
