/** The program of a thread of the pool. */
import { parentPort } from 'node:worker_threads';
import type { Job } from './jobs.ts';
import { perform } from './perform.ts';

const port = parentPort!;

port.on('message', (job: Job) => {
  try {
    port.postMessage({ value: perform(job) });
  } catch (error) {
    port.postMessage({ bug: error instanceof Error ? error.stack : String(error) });
  }
});
port.postMessage('ready');
