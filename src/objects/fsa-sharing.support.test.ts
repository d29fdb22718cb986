/**
 * MS-FSA 2.1.5.1.2.1 (its end) and 2.1.5.1.2.2 step by step, as the text has them and slow: what share modes
 * are judged by. No tests of its own.
 */
import {
  DELETE,
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import { FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE } from '../smb2/create-options.ts';
import type { ShareMode } from './share-modes.ts';

export interface FsaOpen extends ShareMode {
  /** Stream.Name; empty for the unnamed stream, and for a directory. */
  readonly stream: string;
}

const contains = (access: number, ...rights: readonly number[]): boolean =>
  rights.some((right) => (access & right) !== 0);

const counts = ({ access }: ShareMode): boolean =>
  contains(access, FILE_EXECUTE, FILE_READ_DATA, FILE_WRITE_DATA, FILE_APPEND_DATA, DELETE);

const shares = ({ share }: ShareMode, bit: number): boolean => (share & bit) !== 0;

/** 2.1.5.1.2.1: "deletion of a file's primary stream implies deletion of the entire file". */
function accessViolation(open: FsaOpen, openList: readonly FsaOpen[]): boolean {
  if (!shares(open, FILE_SHARE_DELETE) && counts(open)) {
    for (const existing of openList) {
      if (contains(existing.access, DELETE) && existing.stream === '') return true;
    }
  }
  if (contains(open.access, DELETE) && open.stream === '') {
    for (const existing of openList) {
      if (!shares(existing, FILE_SHARE_DELETE) && counts(existing)) return true;
    }
  }
  return false;
}

/** 2.1.5.1.2.2, its conditions in their order. */
function streamViolation(open: FsaOpen, openList: readonly FsaOpen[]): boolean {
  if (!counts(open)) return false;
  for (const existing of openList) {
    if (existing.stream !== open.stream || !counts(existing)) continue;
    const reads = ({ access }: FsaOpen) => contains(access, FILE_READ_DATA, FILE_EXECUTE);
    const writes = ({ access }: FsaOpen) => contains(access, FILE_WRITE_DATA, FILE_APPEND_DATA);
    const deletes = ({ access }: FsaOpen) => contains(access, DELETE);
    if (!shares(existing, FILE_SHARE_READ) && reads(open)) return true;
    if (!shares(existing, FILE_SHARE_WRITE) && writes(open)) return true;
    if (!shares(existing, FILE_SHARE_DELETE) && deletes(open)) return true;
    if (!shares(open, FILE_SHARE_READ) && reads(existing)) return true;
    if (!shares(open, FILE_SHARE_WRITE) && writes(existing)) return true;
    if (!shares(open, FILE_SHARE_DELETE) && deletes(existing)) return true;
  }
  return false;
}

export const fsaViolation = (open: FsaOpen, openList: readonly FsaOpen[]): boolean =>
  accessViolation(open, openList) || streamViolation(open, openList);
