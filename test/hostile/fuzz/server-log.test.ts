/** The fuzzers find what the server says of its own faults, in each form that its log has. */
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { createLogger } from '../../../src/base/log.ts';
import { errorsIn } from './server-log.ts';

for (const format of ['json', 'text'] as const) {
  test(`an error is found among other lines of ${format}`, () => {
    const chunks: string[] = [];
    const destination = new Writable({
      write(chunk, _, done) {
        chunks.push(String(chunk));
        done();
      },
    });
    const log = createLogger({ destination, format });
    log.info('a share is there');
    log.warn('error: no error');
    log.error('a command failed', { command: 'READ' });
    const [found, ...others] = errorsIn(chunks.join(''));
    assert.match(found!, /a command failed/);
    assert.deepEqual(others, []);
  });
}
