import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { cpuSeconds, parseStat } from './process-tree.ts';

test('the fields are found behind a name that holds anything', () => {
  const line = '71 (a) b (c)) S 7 71 71 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 99\n';
  assert.deepEqual(parseStat(line), { parent: 7, ticks: 127 });
  assert.equal(parseStat(''), undefined);
  assert.equal(parseStat('71 (a) S 7 71'), undefined);
});

const onLinux = { skip: process.platform === 'linux' ? false : 'there is no /proc' };

test('a tree counts its own work, its children and those that have ended', onLinux, async () => {
  const busy = 'while (process.cpuUsage().user < 150_000);';
  const inside = `require('node:child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(busy)}]);`;
  const child = spawn(process.execPath, ['-e', `${inside} console.log(); process.stdin.resume();`]);
  try {
    await once(child.stdout, 'data');
    const { user, system } = process.cpuUsage();
    const seconds = cpuSeconds(child.pid!);
    assert.ok(seconds >= 0.1, `${seconds} s`);
    assert.ok(cpuSeconds(process.pid) >= seconds + (user + system) / 1e6 - 0.03);
  } finally {
    child.kill();
  }
});

test('no such process', onLinux, () => {
  assert.throws(() => cpuSeconds(0x7fff_fff0), /there is no process/);
});
