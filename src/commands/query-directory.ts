/**
 * MS-SMB2 3.3.5.18 with MS-FSA 2.1.5.6.3: QUERY_DIRECTORY.
 *
 * The enumeration is part of the open: pattern and position stay between requests. An entry that does
 * not fit any more is kept for the next one.
 */
import { FILE_LIST_DIRECTORY } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_FILE_CLOSED,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_INFO_CLASS,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_MORE_FILES,
  STATUS_NO_SUCH_FILE,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import {
  type DirectoryEntry,
  DirectoryWriter,
  fixedSize,
  isDirectoryClass,
} from '../fscc/directory-information.ts';
import { refusePattern } from '../fscc/names.ts';
import { isShortName, shortNameOf } from '../fscc/short-name.ts';
import { createMatcher, hasWildcards } from '../fscc/wildcard.ts';
import type { Enumeration, Open } from '../objects/open.ts';
import {
  encodeQueryDirectoryResponse,
  type QueryDirectoryRequest,
  SMB2_REOPEN,
  SMB2_RESTART_SCANS,
  SMB2_RETURN_SINGLE_ENTRY,
} from '../smb2/query-directory.ts';
import { EINVAL, ENAMETOOLONG, ENOENT, type Errno, isErrno } from '../vfs/errno.ts';
import type { VfsStat } from '../vfs/vfs.ts';
import { appleTeller } from './apple-listing.ts';
import type { MaybePromise, OpenRequest, Outcome } from './command.ts';
import { directoryEntry } from './directory-entry.ts';
import { statusOfErrno } from './errno-status.ts';
import { eaTeller, isListed } from './listed.ts';
import { longName } from './short-names.ts';

export async function queryDirectory(
  body: QueryDirectoryRequest,
  request: OpenRequest,
): Promise<Outcome> {
  const { open, connection } = request;
  const refused = refuse(body, open, connection.dialect!.maxTransactSize);
  if (refused !== undefined) return refused;
  // Requests on one open take turns; the position is shared.
  while (open.enumerating !== undefined) await open.enumerating;
  if (open.closed) return STATUS_FILE_CLOSED;
  const work = enumerate(body, open);
  open.enumerating = work;
  try {
    return await work;
  } finally {
    open.enumerating = undefined;
  }
}

function refuse(
  body: QueryDirectoryRequest,
  open: Open,
  maxTransactSize: number,
): NtStatus | undefined {
  if (open.handle?.kind !== 'directory') return STATUS_INVALID_PARAMETER;
  if (body.outputBufferLength > maxTransactSize) return STATUS_INVALID_PARAMETER;
  if ((open.access & FILE_LIST_DIRECTORY) === 0) return STATUS_ACCESS_DENIED;
  if (!isDirectoryClass(body.fileInformationClass)) return STATUS_INVALID_INFO_CLASS;
  if (body.outputBufferLength < fixedSize(body.fileInformationClass)) {
    return STATUS_INFO_LENGTH_MISMATCH;
  }
  return refusePattern(body.fileName);
}

async function enumerate(body: QueryDirectoryRequest, open: Open): Promise<Outcome> {
  const scan = await start(body, open);
  if (isErrno(scan)) return statusOfErrno(scan);
  const buffer = Buffer.allocUnsafe(body.outputBufferLength);
  const writer = new DirectoryWriter(body.fileInformationClass, buffer);
  const single = (body.flags & SMB2_RETURN_SINGLE_ENTRY) !== 0;
  const status = await fill(scan, open, writer, single);
  if (isErrno(status)) return statusOfErrno(status);
  if (status !== STATUS_SUCCESS && status !== STATUS_BUFFER_OVERFLOW) return status;
  scan.started = true;
  return {
    status,
    body: encodeQueryDirectoryResponse({ outputBuffer: buffer.subarray(0, writer.length) }),
  };
}

/** The enumeration to go on with: a new one at the first request and where the flags demand it. */
async function start(body: QueryDirectoryRequest, open: Open): Promise<Enumeration | Errno> {
  const again = (body.flags & (SMB2_RESTART_SCANS | SMB2_REOPEN)) !== 0;
  let scan = open.enumeration;
  if (scan !== undefined && !again) return scan;
  if (scan === undefined) {
    const cursor = await open.handle!.cursor();
    if (isErrno(cursor)) return cursor;
    const state = { pattern: '*', matches: () => true, batch: [], next: 0, dots: 0 };
    scan = { cursor, ...state, exact: false, started: false, ended: false };
    open.enumeration = scan;
  }
  // An empty pattern means the one before, and all at the start.
  if (body.fileName !== '') scan.pattern = body.fileName;
  scan.matches = scan.pattern === '*' ? () => true : createMatcher(scan.pattern);
  scan.exact = !hasWildcards(scan.pattern) && scan.pattern !== '.' && scan.pattern !== '..';
  scan.cursor.rewind();
  scan.batch = [];
  scan.next = 0;
  scan.dots = 0;
  scan.started = false;
  scan.ended = false;
  return scan;
}

/** Writes what fits. SUCCESS with an entry at least, BUFFER_OVERFLOW with part of one, or why not. */
async function fill(
  scan: Enumeration,
  open: Open,
  writer: DirectoryWriter,
  single: boolean,
): Promise<NtStatus | Errno> {
  const tell = teller(open, writer.informationClass);
  for (;;) {
    const entry = await peek(scan, open, tell);
    // What was found before an error is told first; the error comes with the next request.
    if (isErrno(entry)) return writer.isEmpty ? entry : STATUS_SUCCESS;
    if (entry === undefined) {
      if (!writer.isEmpty) return STATUS_SUCCESS;
      return scan.started ? STATUS_NO_MORE_FILES : STATUS_NO_SUCH_FILE;
    }
    if (!writer.add(entry)) {
      if (!writer.isEmpty) return STATUS_SUCCESS;
      advance(scan);
      return writer.addTruncated(entry) ? STATUS_BUFFER_OVERFLOW : STATUS_INFO_LENGTH_MISMATCH;
    }
    advance(scan);
    if (single) return STATUS_SUCCESS;
  }
}

/** Makes an entry of what was found; Apple's clients want more in it than what the listing gave. */
type Teller = (name: string, stat: VfsStat) => MaybePromise<DirectoryEntry>;

function teller(open: Open, informationClass: number): Teller {
  if (open.session?.apple !== undefined) return appleTeller(open, informationClass);
  if (open.home.listsEaSizes === true) return eaTeller(open);
  return (name, stat) => directoryEntry(open.home, name, stat);
}

const DOTS = ['.', '..'] as const;

function advance(scan: Enumeration): void {
  if (scan.exact) scan.ended = true;
  else if (scan.dots < DOTS.length) scan.dots += 1;
  else scan.next += 1;
}

/** The next entry that matches, without moving on; undefined at the end. */
async function peek(
  scan: Enumeration,
  open: Open,
  tell: Teller,
): Promise<DirectoryEntry | undefined | Errno> {
  if (scan.ended) return undefined;
  if (scan.exact) return peekExact(scan, open, tell);
  for (; scan.dots < DOTS.length; scan.dots += 1) {
    const name = DOTS[scan.dots]!;
    if (!scan.matches(name)) continue;
    const stat = await statDot(open, name);
    if (!isErrno(stat)) return tell(name, stat);
  }
  const { visibility } = open.home;
  for (;;) {
    for (; scan.next < scan.batch.length; scan.next += 1) {
      const candidate = scan.batch[scan.next]!;
      if (!scan.matches(candidate.name) && !matchesShortName(scan, open, candidate.name)) continue;
      const found = scan.cursor.stat(candidate);
      const stat = found instanceof Promise ? await found : found;
      // Gone since it was read, or nothing that can be shown.
      if (isErrno(stat)) continue;
      if (visibility !== undefined && !(await isListed(open, visibility, candidate.name, stat))) {
        continue;
      }
      return tell(candidate.name, stat);
    }
    const batch = await scan.cursor.next();
    if (isErrno(batch)) return batch;
    if (batch.length === 0) {
      scan.ended = true;
      return undefined;
    }
    scan.batch = batch;
    scan.next = 0;
  }
}

/** MS-FSA 2.1.5.6.3: a pattern also means the short names, where listings have them. */
const matchesShortName = (scan: Enumeration, open: Open, name: string): boolean =>
  open.home.shortNames === 'listed' && !isShortName(name) && scan.matches(shortNameOf(name));

/** A name without wildcards is looked up, however large the directory. */
async function peekExact(
  scan: Enumeration,
  open: Open,
  tell: Teller,
): Promise<DirectoryEntry | undefined | Errno> {
  const handle = open.handle!;
  let child = await handle.child(scan.pattern);
  if (child === ENOENT && open.home.shortNames !== 'none') {
    const long = await longName(handle, scan.pattern);
    if (!isErrno(long)) child = await handle.child(long);
  }
  const { visibility } = open.home;
  if (!isErrno(child)) {
    const { name, stat } = child;
    if (visibility === undefined || (await isListed(open, visibility, name, stat))) {
      return tell(name, stat);
    }
    child = ENOENT;
  }
  // A name that no file can have is one that none has.
  if (child !== ENOENT && child !== EINVAL && child !== ENAMETOOLONG) return child;
  scan.ended = true;
  return undefined;
}

/** `..` of the share's root is the root: nothing above it is shown. */
async function statDot(open: Open, name: '.' | '..'): Promise<VfsStat | Errno> {
  const path = name === '.' ? [] : open.handle!.path();
  if (isErrno(path) || path.length === 0) return open.handle!.stat();
  const parent = await open.tree!.files!.lookup(path.slice(0, -1));
  if (isErrno(parent)) return parent;
  try {
    return await parent.stat();
  } finally {
    parent.close();
  }
}
