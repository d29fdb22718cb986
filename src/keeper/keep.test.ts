/** The keeper with processes that are no servers: what it keeps of one the next one has. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SILENT_LOGGER } from '../base/log.ts';
import { missing } from '../native/library.ts';
import { keep } from './keep.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-keeper-'));
after(() => rmSync(folder, { recursive: true }));
const skip = missing !== undefined;
const timeout = 110_000;

let files = 0;

/** Runs `code` as the process that is kept, again and again; what it has appended to its notes, line by line. */
async function kept(code: string) {
  const notes = join(folder, `notes ${++files}`);
  const url = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const program = `
    import { appendFileSync, openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
    const { KeeperLink } = await import(${url('./keeper-link.ts')});
    const { SILENT_LOGGER } = await import(${url('../base/log.ts')});
    const { sendPacket } = await import(${url('../native/descriptors.ts')});
    const keeper = await KeeperLink.connect(3, SILENT_LOGGER);
    const inherited = keeper.inherit();
    const note = (text) => appendFileSync(${JSON.stringify(notes)}, text + '\\n');
    const die = () => process.kill(process.pid, 'SIGKILL');
    const path = ${JSON.stringify(join(folder, `file ${files}`))};
    ${code}`;
  const heard: string[] = [];
  const manager = {
    watchdogMs: 0,
    relay: (state: string, status: string) => void heard.push(`${state} ${status}`.trim()),
    alive: () => {},
  };
  const status = await keep({
    command: [process.execPath, '--input-type=module', '-e', program],
    manager,
    log: SILENT_LOGGER,
  });
  const lines = readFileSync(notes, 'utf8').trimEnd().split('\n');
  return { status, heard, lines };
}

test('what one has told the next one has, with what no name leads to any more', {
  skip,
  timeout,
}, async () => {
  const { status, heard, lines } = await kept(`
    note(JSON.stringify(inherited.map(({ key, value, descriptor }) => [
      key, value.toString(), descriptor === undefined ? null : readFileSync('/proc/self/fd/' + descriptor, 'utf8'),
    ])));
    keeper.tell('ready', keeper.isAgain ? 'again' : 'first');
    if (!keeper.isAgain) {
      writeFileSync(path, 'content');
      const fd = openSync(path, 'r');
      unlinkSync(path);
      keeper.put(1, Buffer.from('old'), fd);
      keeper.put(2, Buffer.from('gone'), fd);
      keeper.put(3, Buffer.from('without'));
      keeper.put(1, Buffer.from('new'));
      keeper.delete(2);
      die();
    }
    keeper.tell('stopping');
    process.exit(7);`);
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [
      [],
      [
        [1, 'new', 'content'],
        [3, 'without', null],
      ],
    ],
  );
  assert.equal(status, 7);
  assert.deepEqual(heard, ['ready first', 'ready again', 'stopping']);
});

test('the first one that does not get ready is the last', { skip, timeout }, async () => {
  const { status, lines } = await kept(`note('once'); process.exit(3);`);
  assert.deepEqual(lines, ['once']);
  assert.equal(status, 3);
});

test('who ends again and again is given nothing in the end, and then not started any more', {
  skip,
  timeout,
}, async () => {
  const { status, lines } = await kept(`
    note(inherited.length);
    keeper.tell('ready');
    keeper.put(1, Buffer.from('poison'));
    die();`);
  assert.deepEqual(lines, ['0', '1', '1', '0', '0', '0']);
  assert.equal(status, 137);
});

test('who tells what nobody tells is killed, and what it told before counts no more', {
  skip,
  timeout,
}, async () => {
  const { status, lines } = await kept(`
    note(inherited.length);
    keeper.tell('ready');
    if (keeper.isAgain) {
      keeper.tell('stopping');
      process.exit(0);
    }
    keeper.put(1, Buffer.from('value'));
    sendPacket(3, Buffer.from('what no message is'));
    setInterval(() => {}, 1000);`);
  assert.deepEqual(lines, ['0', '0']);
  assert.equal(status, 0);
});

test('a keeper that takes nothing is gone on without, and told all once it takes something', {
  skip,
  timeout,
}, async () => {
  const { lines } = await kept(`
    keeper.tell('ready');
    if (keeper.isAgain) {
      note(inherited.map(({ key, value }) => key + ' ' + value).join());
      keeper.tell('stopping');
      process.exit(0);
    }
    keeper.put(1, Buffer.from('before'));
    process.kill(process.ppid, 'SIGSTOP');
    let told = 0;
    while (keeper.put(2, Buffer.alloc(10000)) && told < 10000) told += 1;
    note(told < 10000 && !keeper.put(3, Buffer.from('not now')));
    keeper.onEmpty = () => { keeper.put(4, Buffer.from('after')); die(); };
    process.kill(process.ppid, 'SIGCONT');
    setInterval(() => {}, 1000);`);
  assert.deepEqual(lines, ['true', '4 after']);
});
