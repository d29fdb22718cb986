/**
 * Share modes, MS-FSA 2.1.5.1.2.2: whether a new open of a file agrees with those that are there.
 * Opens that want neither data nor deletion (attributes only) never conflict.
 */
import {
  DELETE,
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
} from '../dtyp/access-mask.ts';
import { FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE } from '../smb2/create-options.ts';

export const READS = FILE_READ_DATA | FILE_EXECUTE;
export const WRITES = FILE_WRITE_DATA | FILE_APPEND_DATA;
const ANY = READS | WRITES | DELETE;

export interface ShareMode {
  /** Granted access of the open. */
  readonly access: number;
  /** FILE_SHARE_* it leaves to others. */
  readonly share: number;
}

const denies = (holder: ShareMode, other: ShareMode): boolean =>
  ((holder.share & FILE_SHARE_READ) === 0 && (other.access & READS) !== 0) ||
  ((holder.share & FILE_SHARE_WRITE) === 0 && (other.access & WRITES) !== 0) ||
  ((holder.share & FILE_SHARE_DELETE) === 0 && (other.access & DELETE) !== 0);

/** MS-FSA 2.1.5.1.2.1: whether an open of one stream bears that `other` deletes the whole file. */
export const sharesDeletion = (open: ShareMode, other: ShareMode): boolean =>
  (open.access & ANY) === 0 ||
  (open.share & FILE_SHARE_DELETE) !== 0 ||
  (other.access & DELETE) === 0;

export function conflicts(wanted: ShareMode, existing: ShareMode): boolean {
  if ((wanted.access & ANY) === 0 || (existing.access & ANY) === 0) return false;
  return denies(existing, wanted) || denies(wanted, existing);
}
