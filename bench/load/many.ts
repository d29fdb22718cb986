/** Many connections by one thread: poll(2) tells which have answered. */
import { addressOf } from '../../src/native/library.ts';
import { EINTR, poll } from '../../src/native/socket.ts';
import { Histogram } from './histogram.ts';
import { LoadError } from './load-error.ts';
import type { Limit, Outcome, Pipeline, Script } from './pipeline.ts';
import type { Session } from './session.ts';

interface Running {
  readonly session: Session;
  readonly pipeline: Pipeline;
  readonly script: Script;
}

/** struct pollfd: the descriptor, what is asked, what is so. */
const POLLFD_BYTES = 8;
const REVENTS_AT = 6;
const POLLIN = 1;

export function runTogether(lanes: readonly Running[], limit: Limit): Outcome {
  const fds = Buffer.alloc(lanes.length * POLLFD_BYTES);
  const fdsAt = addressOf(fds);
  for (const [i, { session, pipeline, script }] of lanes.entries()) {
    fds.writeInt32LE(session.wire.fd, i * POLLFD_BYTES);
    fds.writeInt16LE(POLLIN, i * POLLFD_BYTES + 4);
    pipeline.start(script, limit);
    pipeline.flush();
  }
  for (let active = lanes.length; active > 0; ) {
    const ready = poll(fdsAt, lanes.length);
    if (ready === EINTR) continue;
    if (ready < 0) throw new LoadError(`poll: errno ${-ready}`);
    for (let i = 0; i < lanes.length; i++) {
      if (fds.readInt16LE(i * POLLFD_BYTES + REVENTS_AT) === 0) continue;
      const { pipeline } = lanes[i]!;
      pipeline.step();
      if (pipeline.isActive) {
        pipeline.flush();
        continue;
      }
      // poll leaves negative descriptors alone.
      fds.writeInt32LE(-1, i * POLLFD_BYTES);
      fds.writeInt16LE(0, i * POLLFD_BYTES + REVENTS_AT);
      active -= 1;
    }
  }
  return together(lanes);
}

function together(lanes: readonly Running[]): Outcome {
  const times = new Histogram();
  const all = lanes.map(({ pipeline }) => pipeline.outcome(times));
  return {
    operations: all.reduce((sum, { operations }) => sum + operations, 0),
    seconds: Math.max(...all.map(({ seconds }) => seconds)),
    p50Us: times.percentileUs(0.5),
    starved: all.reduce((sum, { starved }) => sum + starved, 0),
  };
}
