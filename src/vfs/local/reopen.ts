/** From a descriptor of a path to one for more, through /proc/self/fd. */
import { O_NOCTTY, O_NONBLOCK } from '../../native/constants.ts';
import { openat } from '../../native/files.ts';
import type { LocalShare } from './share.ts';

/** The same object again; a lease of another process is EAGAIN, never a wait. */
export const reopen = ({ procFd }: LocalShare, fd: number, flags: number): number =>
  openat(procFd, `${fd}`, flags | O_NONBLOCK | O_NOCTTY);
