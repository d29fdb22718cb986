/** MS-CIFS 2.2.4.7 and 2.2.4.8: the files that a path with wildcards stands for. */
import { advance, beginScan, peek } from '../commands/directory-scan.ts';
import { statusOfErrno } from '../commands/errno-status.ts';
import { shownTeller } from '../commands/listed.ts';
import type { NtStatus } from '../dtyp/ntstatus.ts';
import {
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_SYSTEM,
} from '../fscc/attributes.ts';
import { isErrno } from '../vfs/errno.ts';
import type { TreeCall } from './call.ts';
import { beginSearch, endSearch, isSought, whileHeld } from './find.ts';

const INCLUDED = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_DIRECTORY;
/** Of one request. */
const MAX_NAMES = 65_536;

export const isSoughtFile = (fileAttributes: number, searchAttributes: number): boolean =>
  (fileAttributes & INCLUDED & ~searchAttributes) === 0;

/** Their names, without `.` and `..`; the directory is read before any of them is touched. */
export async function namesLike(
  call: TreeCall,
  path: string,
  searchAttributes: number,
): Promise<string[] | NtStatus> {
  const search = await beginSearch(call, path, searchAttributes);
  if (typeof search === 'number') return search;
  const read = async (): Promise<string[] | NtStatus> => {
    const { open } = search.directory;
    const scan = await beginScan(open, search.pattern);
    if (isErrno(scan)) return statusOfErrno(scan);
    const names: string[] = [];
    for (;;) {
      const entry = await peek(scan, open, shownTeller(open));
      if (isErrno(entry)) return statusOfErrno(entry);
      if (entry === undefined || names.length === MAX_NAMES) return names;
      advance(scan);
      const isDot = entry.name === '.' || entry.name === '..';
      if (!isDot && isSought(entry, searchAttributes)) names.push(entry.name);
    }
  };
  try {
    return await whileHeld(search, read);
  } finally {
    await endSearch(call, search);
  }
}
