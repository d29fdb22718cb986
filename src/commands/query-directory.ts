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
  STATUS_OBJECT_NAME_INVALID,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { DirectoryWriter, fixedSize, isDirectoryClass } from '../fscc/directory-information.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import { MAX_COMPONENT_UNITS, refusePattern } from '../fscc/names.ts';
import { POSIX_ENTRY_BYTES, PosixDirectoryWriter } from '../fscc/posix-information.ts';
import { clientName } from '../fscc/private-names.ts';
import type { Enumeration, Open } from '../objects/open.ts';
import type { ServerState } from '../objects/server-state.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import {
  encodeQueryDirectoryResponse,
  type QueryDirectoryRequest,
  SMB2_REOPEN,
  SMB2_RESTART_SCANS,
  SMB2_RETURN_SINGLE_ENTRY,
} from '../smb2/query-directory.ts';
import { type Errno, isErrno } from '../vfs/errno.ts';
import { appleTeller } from './apple-listing.ts';
import type { OpenRequest, Outcome } from './command.ts';
import { advance, beginScan, peek, plainTeller, type Teller } from './directory-scan.ts';
import { statusOfErrno } from './errno-status.ts';
import { dfsTeller, shownTeller } from './listed.ts';
import { posixTeller } from './posix.ts';

export async function queryDirectory(
  body: QueryDirectoryRequest,
  request: OpenRequest,
): Promise<Outcome> {
  const { open, connection } = request;
  const refused = refuse(body, request, connection.dialect!.maxTransactSize);
  if (refused !== undefined) return refused;
  // Requests on one open take turns; the position is shared.
  while (open.enumerating !== undefined) await open.enumerating;
  if (open.closed) return STATUS_FILE_CLOSED;
  const work = enumerate(body, request);
  open.enumerating = work;
  try {
    return await work;
  } finally {
    open.enumerating = undefined;
  }
}

function refuse(
  body: QueryDirectoryRequest,
  { open, tree }: OpenRequest,
  maxTransactSize: number,
): NtStatus | undefined {
  if (open.handle?.kind !== 'directory') return STATUS_INVALID_PARAMETER;
  if (body.outputBufferLength > maxTransactSize) return STATUS_INVALID_PARAMETER;
  if ((open.access & FILE_LIST_DIRECTORY) === 0) return STATUS_ACCESS_DENIED;
  const least = leastBytes(body.fileInformationClass, tree);
  if (least === undefined) return STATUS_INVALID_INFO_CLASS;
  if (body.outputBufferLength < least) return STATUS_INFO_LENGTH_MISMATCH;
  if (!open.isPosix) return refusePattern(body.fileName);
  return body.fileName.length > MAX_COMPONENT_UNITS ? STATUS_OBJECT_NAME_INVALID : undefined;
}

/** Of an entry without its name; undefined for a class that is not served. */
function leastBytes(informationClass: number, { posixFiles }: TreeConnect): number | undefined {
  if (isDirectoryClass(informationClass)) return fixedSize(informationClass);
  const isPosix = informationClass === FileInformationClass.FilePosixInformation;
  return isPosix && posixFiles !== undefined ? POSIX_ENTRY_BYTES : undefined;
}

async function enumerate(
  body: QueryDirectoryRequest,
  { open, server }: OpenRequest,
): Promise<Outcome> {
  const scan = await start(body, open);
  if (isErrno(scan)) return statusOfErrno(scan);
  const buffer = Buffer.allocUnsafe(body.outputBufferLength);
  const single = (body.flags & SMB2_RETURN_SINGLE_ENTRY) !== 0;
  const isPosix = body.fileInformationClass === FileInformationClass.FilePosixInformation;
  const writer = isPosix
    ? new PosixDirectoryWriter(buffer)
    : new DirectoryWriter(body.fileInformationClass, buffer);
  const status =
    writer instanceof PosixDirectoryWriter
      ? await fill(scan, open, writer, posixTeller(open), single)
      : await fill(scan, open, writer, teller(server, open, writer.informationClass), single);
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
  if (open.enumeration !== undefined && !again) return open.enumeration;
  return beginScan(open, body.fileName);
}

/** Writes what fits. SUCCESS with an entry at least, BUFFER_OVERFLOW with part of one, or why not. */
async function fill<E>(
  scan: Enumeration,
  open: Open,
  writer: EntryWriter<E>,
  tell: Teller<E>,
  single: boolean,
): Promise<NtStatus | Errno> {
  for (;;) {
    const next = peek(scan, open, tell);
    const entry = next instanceof Promise ? await next : next;
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

interface EntryWriter<E> {
  readonly isEmpty: boolean;
  add(entry: E): boolean;
  addTruncated(entry: E): boolean;
}

/** Apple's clients want more in an entry than what the listing gave. */
function teller(server: ServerState, open: Open, informationClass: number): Teller {
  // Only level 100 has names as they are on the disk; clients refuse those that have a backslash elsewhere.
  if (open.isPosix) return (name, stat) => plainTeller(open)(clientName(name), stat);
  if (open.session?.apple !== undefined) return appleTeller(server, open, informationClass);
  if (open.home.dfs !== undefined) return dfsTeller(open);
  return shownTeller(open);
}
