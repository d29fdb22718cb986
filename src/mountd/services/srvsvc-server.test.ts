import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SILENT_LOGGER } from '../../base/log.ts';
import { loadConfiguration } from '../../config/load.ts';
import {
  decodeParameters,
  encodeParameters,
  type InputOf,
  type OutputOf,
} from '../../rpc/operation.ts';
import { SRVSVC } from '../../rpc/srvsvc.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import { createShareEditor } from '../share-editor.ts';
import { context } from './connect.support.test.ts';
import { createSrvsvcService } from './srvsvc-service.ts';

const {
  NERR_Success,
  ERROR_ACCESS_DENIED,
  ERROR_INVALID_LEVEL,
  ERROR_INVALID_PARAMETER,
  ERROR_NOT_SUPPORTED,
} = WIN32_ERROR;
const { NetrServerSetInfo, NetrServerGetInfo } = SRVSVC.operations;
type Input = InputOf<typeof NetrServerSetInfo>;

const folder = mkdtempSync(join(tmpdir(), 'usmbd-server-'));
after(() => rmSync(folder, { recursive: true }));

let files = 0;

function server(administrator = true) {
  files += 1;
  const file = join(folder, `conf-${files}`);
  writeFileSync(file, '# Ours.\n[global]\n  server string = A server\n[data]\n  path = /data\n');
  let reloads = 0;
  const reload = async () => {
    reloads += 1;
    return true;
  };
  const shareEditor = createShareEditor({
    ...{ file, reload, by: 'root', address: '192.0.2.1', log: SILENT_LOGGER },
  });
  const service = createSrvsvcService(context({ administrator, shareEditor }));
  const set = async (infoStruct: Input['infoStruct'], parmErr: number | null = null) => {
    const level = Number(infoStruct.tag === 'other' ? infoStruct.value : infoStruct.tag);
    const input = { serverName: null, level, infoStruct, parmErr };
    const stub = encodeParameters(NetrServerSetInfo.input, input);
    const answer = await service.call(NetrServerSetInfo.opnum, stub, false);
    return decodeParameters(NetrServerSetInfo.output, answer!) as OutputOf<
      typeof NetrServerSetInfo
    >;
  };
  const told = (level: number): OutputOf<typeof NetrServerGetInfo> => {
    const stub = encodeParameters(NetrServerGetInfo.input, { serverName: null, level });
    const answer = service.call(NetrServerGetInfo.opnum, stub, false) as Buffer;
    return decodeParameters(NetrServerGetInfo.output, answer) as OutputOf<typeof NetrServerGetInfo>;
  };
  const comment = () => loadConfiguration(file).configuration.global.serverString;
  return { set, told, comment, text: () => readFileSync(file, 'utf8'), reloads: () => reloads };
}

test('an administrator sets the comment by each level that has it, in the file (3.1.4.18)', async () => {
  const { set, told, comment, text, reloads } = server();
  const done = { parmErr: null, status: NERR_Success };
  assert.deepEqual(await set({ tag: 1005, value: { comment: '100% ours' } }), done);
  assert.equal(comment(), '100% ours');
  assert.equal(reloads(), 1);
  const of101 = told(101).infoStruct;
  assert.ok(of101.tag === 101 && of101.value !== null);
  const value101 = { ...of101.value, comment: 'By 101' };
  assert.deepEqual(await set({ tag: 101, value: value101 }), done);
  assert.equal(comment(), 'By 101');
  const of102 = told(102).infoStruct;
  assert.ok(of102.tag === 102 && of102.value !== null);
  assert.deepEqual(await set({ tag: 102, value: { ...of102.value, comment: 'By 102' } }), done);
  assert.equal(comment(), 'By 102');
  assert.match(text(), /^# Ours\.\n\[global\]\n {2}server string = By 102\n\[data\]\n/);
  // What is so already needs no edit.
  assert.deepEqual(await set({ tag: 1005, value: { comment: 'A server' } }), done);
  assert.equal(reloads(), 3);
  const known102 = of102.value;
  for (const some of [{ users: 5 }, { disc: 15 }, { hidden: 1 }, { announce: 9 }]) {
    const info: typeof known102 = { ...known102, comment: 'Other', ...some };
    const answer = await set({ tag: 102, value: info });
    assert.equal(answer.status, ERROR_NOT_SUPPORTED);
  }
  assert.equal(comment(), 'By 102');
});

test('what is no comment is refused by its member; no line gets into the file by one', async () => {
  const { set, text } = server();
  const before = text();
  const long = await set({ tag: 1005, value: { comment: 'x'.repeat(64) } }, 0);
  assert.deepEqual(long, { parmErr: 5, status: ERROR_INVALID_PARAMETER });
  const lines = await set({ tag: 1005, value: { comment: 'x\n[evil]\npath = /' } }, 0);
  assert.deepEqual(lines, { parmErr: 5, status: ERROR_INVALID_PARAMETER });
  assert.equal((await set({ tag: 1005, value: null })).status, ERROR_INVALID_PARAMETER);
  assert.equal(text(), before);
});

test('others set nothing; levels of what is not here, and levels that are none', async () => {
  const { set, text } = server(false);
  const before = text();
  const value = { comment: 'Mine' };
  assert.equal((await set({ tag: 1005, value })).status, ERROR_ACCESS_DENIED);
  assert.equal(text(), before);
  const of = server();
  assert.equal((await of.set({ tag: 103, value: null })).status, ERROR_INVALID_LEVEL);
  assert.equal((await of.set({ tag: 502, value: null })).status, ERROR_NOT_SUPPORTED);
  assert.equal((await of.set({ tag: 'other', value: 1556 })).status, ERROR_NOT_SUPPORTED);
  assert.equal((await of.set({ tag: 'other', value: 1557 })).status, ERROR_INVALID_LEVEL);
  assert.equal(of.text(), before);
});
