/**
 * The load client as a process of its own: its blocking loop shares an event loop with nothing, and one
 * process drives both servers, so that both meet the same compiled code.
 */
import { missing } from '../../src/native/library.ts';
import type { Work } from '../works.ts';
import { Job } from './job.ts';
import { IdleJob, LogOnJob } from './logon-jobs.ts';
import { prepare } from './prepare.ts';
import type { Answer, LoadResult, Order } from './protocol.ts';
import type { SessionOptions } from './session.ts';

type AnyJob = Job | LogOnJob | IdleJob;

let job: AnyJob | undefined;

function open(session: SessionOptions, work: Work, verify: boolean): AnyJob {
  const { name } = work;
  if (name === 'session') return new LogOnJob(session);
  if (name === 'idle') return new IdleJob(session, work.connections);
  return new Job(session, { ...work, name }, verify);
}

function run(opened: AnyJob, seconds: number): LoadResult {
  const before = process.cpuUsage();
  const outcome = opened.run({ seconds });
  const { user, system } = process.cpuUsage(before);
  return { ...outcome, clientCpuSeconds: (user + system) / 1e6 };
}

function close(): void {
  const closing = job;
  job = undefined;
  closing?.close();
}

function obey(order: Order): Answer {
  switch (order.kind) {
    case 'prepare':
      prepare(order.session);
      return { kind: 'done' };
    case 'open': {
      job = open(order.session, order.work, order.verify);
      const { signingAlgorithm: signing, cipher } = job.session;
      return { kind: 'opened', negotiated: { signing, cipher } };
    }
    case 'run':
      if (job === undefined) throw new Error('nothing is open');
      return { kind: 'result', result: run(job, order.seconds) };
    case 'close':
      close();
      return { kind: 'done' };
  }
}

function answerTo(order: Order): Answer {
  try {
    if (missing !== undefined) throw new Error(`no native calls: ${missing}`);
    return obey(order);
  } catch (error) {
    const failed = job;
    job = undefined;
    failed?.abandon();
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

process.on('message', (order: Order) => process.send!(answerTo(order)));
process.on('disconnect', () => process.exit());
