/** From a descriptor of a path to one for more, through /proc/self/fd. */
import { O_NOCTTY, O_NONBLOCK } from '../../native/constants.ts';
import { close, dup3, openat } from '../../native/files.ts';
import type { LocalShare } from './share.ts';

/** The same object again; a lease of another process is EAGAIN, never a wait. */
export const reopen = ({ procFd }: LocalShare, fd: number, flags: number): number =>
  openat(procFd, `${fd}`, flags | O_NONBLOCK | O_NOCTTY);

/** The number goes on, and means what is open as `fd`, which it takes over. */
export function become(number: number, fd: number): number {
  const result = dup3(fd, number);
  close(fd);
  return Math.min(result, 0);
}
