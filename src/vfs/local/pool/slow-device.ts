/**
 * What threads do for a disk of the machine that is slow at the moment (pace.ts). What needs all that the loop knows
 * (security descriptors, names that are made, what watches hear) stays in the loop: a thread goes before it, so that the
 * kernel has in memory what the loop then asks for.
 */
import { addressOf } from '../../../native/library.ts';
import { EIO, type Errno } from '../../errno.ts';
import type { Identity, VfsCursor } from '../../vfs.ts';
import type { CursorState } from '../local-cursor.ts';
import { flushed, type OpenInode } from '../open-inodes.ts';
import type { HandleState, LocalShare } from '../share.ts';
import { RemoteCursor } from './remote-cursor.ts';
import type { ShareThreads } from './share-threads.ts';

interface Target {
  readonly state: HandleState;
  readonly inode: OpenInode;
  whileRunning<T>(operation: Promise<T>): Promise<T>;
}

export interface SlowDevice {
  /** Looks the path up, for the one who will. */
  warm(who: Identity | undefined, path: readonly string[]): Promise<unknown>;
  /** Takes over the cursor's descriptor. */
  cursor(who: Identity | undefined, state: CursorState): VfsCursor;
  /** Of a file that the server's own writes do not change the mode of. */
  write(target: Target, buffer: Uint8Array, position: number): Promise<number>;
  truncate(target: Target, length: number): Promise<Errno | 0>;
}

export const slowDeviceBy = (threads: ShareThreads): SlowDevice => ({
  warm: (who, path) => threads.run('ask', who, 'warm', { path }),
  cursor: (who, state) => new RemoteCursor(threads, who, state),
  write: async (target, buffer, position) => {
    const { state } = target;
    const what = { state, address: addressOf(buffer), length: buffer.length, position };
    const writing = threads.run('change', undefined, 'write', what, buffer);
    const result = await target.whileRunning(writing);
    return result === EIO ? flushed(target.inode, EIO) : result;
  },
  truncate: async (target, length) => {
    const what = { state: target.state, method: 'truncate', args: [length] } as const;
    const done = await target.whileRunning(threads.run('change', undefined, 'handle', what));
    return typeof done === 'number' ? done : (done.value as Errno | 0);
  },
});

/**
 * Who writes and truncates while the device is slow. What threads do no observer may take for another program's, and they
 * leave the mode as it is.
 */
export const slowDeviceOf = (
  { pace, own, slowDevice }: LocalShare,
  losesPrivilege: boolean,
): SlowDevice | undefined =>
  pace.isSlow && !losesPrivilege && !own.areSynchronous ? slowDevice : undefined;
