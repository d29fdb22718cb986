import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { LockedError, lockFolder } from './file-lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'usmbd-lock-'));
after(() => rmSync(folder, { recursive: true }));

test('one holder at a time, and no trace after release', () => {
  const path = join(folder, 'a');
  const lock = lockFolder(path);
  assert.throws(
    () => lockFolder(path),
    (error) => {
      return error instanceof LockedError && error.pid === process.pid;
    },
  );
  lock.release();
  assert.equal(existsSync(path), false);
  lockFolder(path).release();
});

test('the claim of a dead process is cleared, other files are left alone', () => {
  const path = join(folder, 'b');
  mkdirSync(path);
  const { pid } = spawnSync(process.execPath, ['-e', '0']);
  writeFileSync(join(path, `${pid}-1-0123456789ab`), '');
  // This process id, but started at another time.
  writeFileSync(join(path, `${process.pid}-1-0123456789ab`), '');
  writeFileSync(join(path, 'note'), '');
  const lock = lockFolder(path);
  assert.equal(readdirSync(path).length, 2);
  lock.release();
  assert.deepEqual(readdirSync(path), ['note']);
});

test('contending processes never hold it together', async () => {
  const path = join(folder, 'c');
  const code = `
    import { existsSync, writeFileSync, unlinkSync } from 'node:fs';
    import { lockFolder } from ${JSON.stringify(join(import.meta.dirname, 'file-lock.ts'))};
    const inside = ${JSON.stringify(join(folder, 'inside'))};
    for (let i = 0; i < 10; i++) {
      const lock = lockFolder(${JSON.stringify(path)}, 20_000);
      writeFileSync(inside, '', { flag: 'wx' });
      unlinkSync(inside);
      lock.release();
    }`;
  const runs = [1, 2, 3].map(
    () =>
      new Promise<number | null>((resolve) => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
          stdio: ['ignore', 'ignore', 'inherit'],
        });
        child.on('close', resolve);
      }),
  );
  assert.deepEqual(await Promise.all(runs), [0, 0, 0]);
  assert.equal(existsSync(path), false);
});
