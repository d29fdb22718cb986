/**
 * MS-CIFS 3.3.5.47 to 3.3.5.50: SEARCH, FIND, FIND_UNIQUE and FIND_CLOSE. Entries have 8.3 names: those that are no such
 * names are told by the one that is generated for them (MS-FSCC 2.1.5.2.1), with which they can be opened.
 */
import { advance, beginScan, peek } from '../commands/directory-scan.ts';
import { statusOfErrno } from '../commands/errno-status.ts';
import { shownTeller } from '../commands/listed.ts';
import {
  type NtStatus,
  STATUS_INVALID_HANDLE,
  STATUS_NO_MORE_FILES,
  STATUS_OBJECT_NAME_NOT_FOUND,
} from '../dtyp/ntstatus.ts';
import { shortNameOf } from '../fscc/short-name.ts';
import type { Enumeration } from '../objects/open.ts';
import {
  decodeSearch,
  encodeSearchBytes,
  encodeSearchEntry,
  type OldSearch,
  SEARCH_ENTRY_BYTES,
  SearchAnswer,
} from '../smb1/search.ts';
import { type Errno, isErrno } from '../vfs/errno.ts';
import type { Smb1Outcome, TreeCall } from './call.ts';
import { beginSearch, endSearch, isSought, searchOf, whileHeld } from './find.ts';
import { MAX_BUFFER_BYTES } from './negotiate.ts';
import type { Search } from './search-state.ts';

const VOLUME_LABEL = 0x08;
/** As many as DOS gives a volume. */
const LABEL_CHARACTERS = 11;
const NO_CLIENT_STATE = Buffer.alloc(4);

/** Patterns of DOS: `?` may be nothing at the end of a name, and `*.` means names without a period. */
function dosPattern(pattern: string): string {
  if (pattern === '*.*' || pattern === '????????.???') return '*';
  return pattern
    .replaceAll('?', '>')
    .replace(/\.(?=[>*])/g, '"')
    .replace(/\*(?=\.)/g, '<');
}

export async function search(call: TreeCall): Promise<Smb1Outcome> {
  const body = decodeSearch(call.block, call.unicode);
  if ((body.searchAttributes & 0x3f) === VOLUME_LABEL) return volumeLabel(call, body);
  return body.resumeKey === undefined ? begin(call, body, false) : goOn(call, body);
}

/** 3.3.5.47: the volume's label is all that is asked for, and all there is. */
function volumeLabel({ request }: TreeCall, { resumeKey }: OldSearch): Smb1Outcome {
  const label = request.tree.share.volumeLabel.slice(0, LABEL_CHARACTERS);
  if (resumeKey !== undefined || label === '') return STATUS_NO_MORE_FILES;
  const entry = { fileAttributes: VOLUME_LABEL, lastWriteTime: 0n, endOfFile: 0 };
  const key = { sid: 0, told: 1, clientState: NO_CLIENT_STATE };
  return answer([encodeSearchEntry(entry, label, key)]);
}

/** Ends with its one answer. */
export async function findUnique(call: TreeCall): Promise<Smb1Outcome> {
  return begin(call, decodeSearch(call.block, call.unicode), true);
}

export async function findClose(call: TreeCall): Promise<Smb1Outcome> {
  const { resumeKey } = decodeSearch(call.block, call.unicode);
  const found = resumeKey && searchOf(call, resumeKey.sid);
  if (found === undefined) return STATUS_INVALID_HANDLE;
  await endSearch(call, found);
  return answer([]);
}

const answer = (entries: readonly Buffer[]): Smb1Outcome => ({
  words: SearchAnswer.encode({ count: entries.length }),
  bytes: encodeSearchBytes(entries),
});

async function begin(call: TreeCall, body: OldSearch, once: boolean): Promise<Smb1Outcome> {
  const found = await beginSearch(call, body.fileName, body.searchAttributes, true);
  // "ENOENT errors MUST NOT be returned".
  if (typeof found === 'number') {
    return found === STATUS_OBJECT_NAME_NOT_FOUND ? STATUS_NO_MORE_FILES : found;
  }
  return whileHeld(found, async () => {
    const scan = await beginScan(found.directory.open, dosPattern(found.pattern));
    return list(call, body, found, scan, once);
  });
}

async function goOn(call: TreeCall, body: OldSearch): Promise<Smb1Outcome> {
  const { sid, told } = body.resumeKey!;
  const found = searchOf(call, sid);
  // A search that came to its end is forgotten.
  if (found === undefined) return STATUS_NO_MORE_FILES;
  return whileHeld(found, async () => list(call, body, found, await resumeAt(found, told), false));
}

/** Behind so many entries: mostly where it stands; a client may go back. */
async function resumeAt(found: Search, told: number): Promise<Enumeration | Errno> {
  const { open } = found.directory;
  if (told === found.told && open.enumeration !== undefined) return open.enumeration;
  const scan = await beginScan(open, dosPattern(found.pattern));
  if (isErrno(scan)) return scan;
  found.told = 0;
  while (found.told < told) {
    const entry = await peek(scan, open, shownTeller(open));
    if (isErrno(entry)) return entry;
    if (entry === undefined) break;
    if (isSought(entry, found.searchAttributes)) found.told += 1;
    advance(scan);
  }
  return scan;
}

async function list(
  call: TreeCall,
  body: OldSearch,
  found: Search,
  scan: Enumeration | Errno,
  once: boolean,
): Promise<Smb1Outcome> {
  if (isErrno(scan)) return failed(call, found, statusOfErrno(scan));
  const { open } = found.directory;
  const room = Math.floor(
    (Math.min(call.link.clientBufferBytes, MAX_BUFFER_BYTES) - 64) / SEARCH_ENTRY_BYTES,
  );
  const limit = Math.min(Math.max(1, body.maxCount), room);
  const clientState = body.resumeKey?.clientState ?? NO_CLIENT_STATE;
  const entries: Buffer[] = [];
  while (entries.length < limit) {
    const entry = await peek(scan, open, shownTeller(open));
    if (isErrno(entry)) return failed(call, found, statusOfErrno(entry));
    if (entry === undefined) break;
    advance(scan);
    if (!isSought(entry, found.searchAttributes)) continue;
    found.told += 1;
    const isDot = entry.name === '.' || entry.name === '..';
    const name = isDot ? entry.name : shortNameOf(entry.name);
    const key = { sid: found.sid, told: found.told, clientState };
    entries.push(encodeSearchEntry(entry, name, key));
  }
  if (entries.length === 0) {
    // A search that goes on ends with an answer without entries, one that begins with an error.
    const status = await failed(call, found, STATUS_NO_MORE_FILES);
    return body.resumeKey === undefined ? status : answer([]);
  }
  if (once) await endSearch(call, found);
  return answer(entries);
}

async function failed(call: TreeCall, found: Search, status: NtStatus): Promise<NtStatus> {
  await endSearch(call, found);
  return status;
}
