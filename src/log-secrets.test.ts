/** No password, hash or key reaches the log, however much of it is written. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ntHash } from './auth/ntlm-crypto.ts';
import { createLogger, DEBUG_COMPONENTS } from './base/log.ts';
import { StatusError } from './client/client-error.ts';
import { connect } from './client/connect.ts';
import type { LoginOptions } from './client/login.ts';
import { configure } from './config/configuration.ts';
import { createServer } from './create-server.ts';
import { CipherId } from './crypto/cipher.ts';
import { deriveSessionKeys } from './crypto/session-keys.ts';
import { Dialect } from './smb2/dialect.ts';
import { createMemoryVfs } from './vfs/memory/memory.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-secrets-'));
after(() => rmSync(folder, { recursive: true }));

const RIGHT = 'correct-horse-battery';
const WRONG = 'incorrect-horse-battery';
/** What the client makes up as ExportedSessionKey, so that the test knows it. */
const SESSION_KEY = Buffer.from('0f1e2d3c4b5a69788796a5b4c3d2e1f0', 'hex');
const IN_FILE = Buffer.from('a1b2c3d4e5f60718293a4b5c6d7e8f90', 'hex');

/** How bytes might be written: hex, base64 at any alignment, lists of numbers, text. */
function formsOf(secret: Buffer): string[] {
  const hex = secret.toString('hex');
  const base64 = [0, 1, 2].map((lead) => {
    const text = Buffer.concat([Buffer.alloc(lead), secret]).toString('base64');
    // Characters at both ends depend on the neighbours.
    return text.replace(/=+$/, '').slice(lead === 0 ? 0 : lead + 1, -1);
  });
  const numbers = [...secret].join(',');
  const spaced = hex.match(/../g)!.join(' ');
  return [hex, hex.toUpperCase(), spaced, ...base64, numbers, numbers.replaceAll(',', ', ')];
}

const isIn = (text: string, secret: Buffer): boolean =>
  formsOf(secret).some((form) => text.includes(form)) || text.includes(secret.toString('latin1'));

test('the search finds what it looks for', () => {
  for (const text of [
    JSON.stringify({ key: SESSION_KEY }),
    `x${SESSION_KEY.toString('hex').toUpperCase()}`,
    Buffer.concat([Buffer.from('a'), SESSION_KEY, Buffer.from('b')]).toString('base64'),
    Buffer.concat([Buffer.from('ab'), SESSION_KEY]).toString('base64'),
    String(Buffer.from(RIGHT)),
  ]) {
    assert.ok(isIn(text, SESSION_KEY) || isIn(text, Buffer.from(RIGHT)), text);
  }
});

for (const format of ['json', 'text'] as const) {
  test(`logins, right and wrong, in ${format}`, async () => {
    const lines: string[] = [];
    const log = createLogger({
      debug: new Set(DEBUG_COMPONENTS),
      destination: { write: (line) => void lines.push(line) },
      format,
    });
    const users = join(folder, `users-${format}`);
    const inFile = `bob:${IN_FILE.toString('base64')}\n`;
    writeFileSync(users, inFile);
    const server = createServer({
      configuration: configure({ shares: [{ name: 'files', path: '/', readOnly: false }] }),
      shares: [{ name: 'files', vfs: createMemoryVfs() }],
      users: [{ name: 'ann', password: RIGHT, identity: { uid: 1000, gid: 1000, groups: [] } }],
      userDatabase: { file: users },
      log,
    });
    const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
    const tokens: Buffer[] = [];
    const options: LoginOptions = {
      user: 'ann',
      secret: RIGHT,
      initiator: { random: (size) => Buffer.concat([SESSION_KEY, SESSION_KEY]).subarray(0, size) },
      craftToken: (token) => {
        tokens.push(token);
        return token;
      },
    };
    const dialects = [Dialect.SMB3_00];
    const client = await connect({ host: '127.0.0.1', port, dialects });
    const tree = await (await client.login({ ...options, encrypt: true })).treeConnect('files');
    await tree.writeFile('a', Buffer.from('content'));
    await assert.rejects(tree.readFile('none'), StatusError);
    const other = await connect({ host: '127.0.0.1', port, dialects });
    // A damaged line next to a good one: the complaint must not repeat either.
    writeFileSync(users, `${inFile}eve:${RIGHT}\n`);
    const wrong = { ...options, user: 'bob', secret: WRONG, raw: format === 'json' };
    await assert.rejects(other.login(wrong), StatusError);
    await client.close();
    await other.close();
    await server.close();

    const text = lines.join('');
    assert.match(text, /login failed/);
    assert.match(text, /session set up/);
    assert.match(text, /bad hash of/);
    const keys = deriveSessionKeys({
      dialect: Dialect.SMB3_00,
      sessionKey: SESSION_KEY,
      preauthHash: undefined,
      cipher: CipherId.AES_128_CCM,
    });
    const secrets = {
      right: Buffer.from(RIGHT),
      rightUtf16: Buffer.from(RIGHT, 'utf16le'),
      wrong: Buffer.from(WRONG),
      wrongUtf16: Buffer.from(WRONG, 'utf16le'),
      rightHash: ntHash(RIGHT),
      wrongHash: ntHash(WRONG),
      inFile: IN_FILE,
      sessionKey: SESSION_KEY,
      signingKey: keys.signingKey,
      encryptionKey: keys.encryptionKey!,
      decryptionKey: keys.decryptionKey!,
      applicationKey: keys.applicationKey!,
    };
    for (const [name, secret] of Object.entries(secrets)) {
      assert.ok(!isIn(text, secret), `${name} is in the log`);
    }
    // What a password can be guessed from.
    for (const token of tokens) assert.ok(!isIn(text, token.subarray(-64, -32)), 'a token');
  });
}
