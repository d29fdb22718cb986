/**
 * MS-CIFS 3.3.5.58.2 and 3.3.5.58.3: TRANS2_FIND_FIRST2 and TRANS2_FIND_NEXT2; 3.3.5.38: FIND_CLOSE2. A search has
 * the directory open for itself; the enumeration is the one of SMB2's QUERY_DIRECTORY.
 */
import { advance, beginScan, peek, plainTeller, type Teller } from '../commands/directory-scan.ts';
import { statusOfErrno } from '../commands/errno-status.ts';
import { shownTeller } from '../commands/listed.ts';
import { FILE_LIST_DIRECTORY, FILE_READ_ATTRIBUTES } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_LEVEL,
  STATUS_NO_SUCH_FILE,
  STATUS_NOT_A_DIRECTORY,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_PATH_NOT_FOUND,
} from '../dtyp/ntstatus.ts';
import {
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_SYSTEM,
} from '../fscc/attributes.ts';
import type { DirectoryEntry } from '../fscc/directory-information.ts';
import { refusePattern } from '../fscc/names.ts';
import { equalIgnoreCase } from '../fscc/upcase.ts';
import type { Enumeration, Open } from '../objects/open.ts';
import { closeOpen } from '../objects/teardown.ts';
import { STATUS_OS2_NO_MORE_SIDS } from '../smb1/dos-errors.ts';
import {
  decodeFindFirst,
  decodeFindNext,
  FindFirstAnswer,
  FindLevel,
  FindNextAnswer,
  FoundData,
  isFindLevel,
  isUnixFindLevel,
  SMB_FIND_CLOSE_AFTER_REQUEST,
  SMB_FIND_CLOSE_AT_EOS,
  SMB_FIND_CONTINUE_FROM_LAST,
  SMB_FIND_RETURN_RESUME_KEYS,
} from '../smb1/find.ts';
import { FidWords } from '../smb1/io.ts';
import type { Assembly, TransactionAnswer } from '../smb1/transaction.ts';
import { FILE_DIRECTORY_FILE, FILE_OPEN } from '../smb2/create-options.ts';
import { type Errno, isErrno } from '../vfs/errno.ts';
import { type Call, EMPTY, type Smb1Outcome, type TreeCall } from './call.ts';
import { FIRST_ENTRY_AT, namedEas, refuseGeaList } from './eas.ts';
import { NO_SETUP } from './information.ts';
import { openWish, SHARE_ALL } from './opening.ts';
import { namesPosix, refusePath, searchPath } from './paths.ts';
import type { Search } from './search-state.ts';
import { speaksUnix, type UnixEntry, unixTeller } from './unix-queries.ts';

/** Searches that one connection may have under way. */
const MAX_SEARCHES = 2048;
/** Of them such as nobody has to end: DOS has a dozen, and leaves most behind. */
const MAX_OLD_SEARCHES = 128;
const INCLUDED = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_DIRECTORY;

/** 2.2.1.2.4: whom the low byte lets in beside the usual, and what the high one demands. */
export function isSought({ fileAttributes }: DirectoryEntry, searchAttributes: number): boolean {
  if ((fileAttributes & INCLUDED & ~searchAttributes) !== 0) return false;
  const demanded = (searchAttributes >>> 8) & 0x3f;
  return (fileAttributes & demanded) === demanded;
}

/** Opens what the path's last component is sought in. */
export async function beginSearch(
  call: TreeCall,
  text: string,
  searchAttributes: number,
  isOld = false,
): Promise<Search | NtStatus> {
  const { link } = call;
  if (!(await makeRoom(call, isOld))) return STATUS_OS2_NO_MORE_SIDS;
  const { directory, name } = searchPath(call, text);
  const refused = directory === '' ? undefined : refusePath(directory);
  if (refused !== undefined) return refused;
  const pattern = name === '' ? '*' : name;
  const wrong = namesPosix(call) ? undefined : refusePattern(pattern);
  if (wrong !== undefined) return wrong;
  const made = await openWish(
    {
      name: directory,
      access: FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES,
      share: SHARE_ALL,
      disposition: FILE_OPEN,
      options: FILE_DIRECTORY_FILE,
      attributes: 0,
    },
    call,
  );
  if (typeof made === 'number')
    return made === STATUS_NOT_A_DIRECTORY ? ofDirectory() : ofWay(made);
  made.onSent?.();
  const { uid, tid } = call.header;
  const search = link.searches.add((sid) => ({
    sid,
    directory: { open: made.open, uid, tid, pid: call.pid },
    pattern,
    searchAttributes,
    isOld,
    lastName: '',
    told: 0,
  }));
  if (search !== undefined) return search;
  await closeOpen(link.server, made.open);
  return STATUS_OS2_NO_MORE_SIDS;
}

/** MS-CIFS 3.3.5.47: those whose tree connect or session is gone make room, and of the old ones the oldest. */
async function makeRoom(call: TreeCall, isOld: boolean): Promise<boolean> {
  const { searches } = call.link;
  if (isOld) {
    const old = [...searches.values()].filter((search) => search.isOld);
    if (old.length >= MAX_OLD_SEARCHES) await endSearch(call, old[0]!);
  }
  if (searches.size < MAX_SEARCHES) return true;
  for (const { sid, directory } of [...searches.values()]) {
    if (directory.open.closed) searches.delete(sid);
  }
  return searches.size < MAX_SEARCHES;
}

type Entry = DirectoryEntry | UnixEntry;

/** What the level needs; with the sizes of extended attributes, where the share tells them. */
function tellerFor(open: Open, level: number): Teller<Entry> {
  if (isUnixFindLevel(level)) return unixTeller(open);
  return shownTeller(open);
}

const ofDirectory = (): NtStatus => STATUS_OBJECT_PATH_NOT_FOUND;
/** A directory that is not there is a path that leads nowhere. */
const ofWay = (status: NtStatus): NtStatus =>
  status === 0xc000_0034 ? STATUS_OBJECT_PATH_NOT_FOUND : status;

export async function endSearch({ link }: Call, search: Search): Promise<void> {
  link.searches.delete(search.sid);
  await closeOpen(link.server, search.directory.open);
}

export function searchOf({ link, request }: TreeCall, sid: number): Search | undefined {
  const search = link.searches.get(sid);
  if (search?.directory.open.tree !== request.tree) return undefined;
  return search.directory.open.closed ? undefined : search;
}

/**
 * Keeps a search's directory while one request reads it, whichever other ends the search meanwhile; requests of one
 * search take turns, as of one open at SMB2: the position is shared. To be called as soon as the search is known,
 * before anything else is waited for.
 */
export async function whileHeld<T>(
  { directory: { open } }: Search,
  work: () => Promise<T>,
): Promise<T | NtStatus> {
  while (open.enumerating !== undefined) await open.enumerating;
  if (open.closed) return STATUS_INVALID_HANDLE;
  open.lifetime.hold();
  const working = work();
  // Who waits for it is not told its errors.
  open.enumerating = working.catch(() => undefined);
  try {
    return await working;
  } finally {
    open.enumerating = undefined;
    open.lifetime.release();
  }
}

interface Listing {
  readonly level: number;
  readonly count: number;
  readonly limit: number;
  readonly resumeKeys: boolean;
  readonly unicode: boolean;
  /** The names of the attributes that are wanted. */
  readonly eaList: Buffer | undefined;
}

export interface Listed {
  readonly data: Buffer;
  readonly count: number;
  readonly ended: boolean;
  readonly lastNameOffset: number;
}

/** The next entries that are sought, as many as fit. */
async function list(search: Search, scan: Enumeration, how: Listing): Promise<Listed | Errno> {
  const data = new FoundData(how.level, how.limit, how);
  const tell = tellerFor(search.directory.open, how.level);
  for (;;) {
    const next = peek(scan, search.directory.open, tell);
    // No promise is waited for where there is none.
    const entry = next instanceof Promise ? await next : next;
    if (isErrno(entry)) return entry;
    if (entry === undefined) break;
    if (!isSought(entry, search.searchAttributes)) {
      advance(scan);
      continue;
    }
    if (data.count >= how.count) break;
    const eas = how.eaList === undefined ? undefined : await easOf(search, entry.name, how.eaList);
    if (!data.push({ ...entry, resumeKey: search.told + 1, ...(eas && { eas }) })) break;
    search.told += 1;
    search.lastName = entry.name;
    advance(scan);
  }
  const counted = data.count >= how.count;
  // At the levels of the Unix extensions nobody looks beyond what was asked for (unix.info2).
  const whole = counted && isUnixFindLevel(how.level);
  const behind = whole ? 0 : await beyond(search, scan, tell, counted);
  const { bytes, count, lastNameOffset } = data;
  return { data: bytes, count, ended: behind === undefined, lastNameOffset };
}

const beyond = (search: Search, scan: Enumeration, tell: Teller<Entry>, counted: boolean) =>
  counted ? following(search, scan, tell) : peek(scan, search.directory.open, tell);

async function following(
  search: Search,
  scan: Enumeration,
  tell: Teller<Entry>,
): Promise<Entry | Errno | undefined> {
  for (;;) {
    const next = peek(scan, search.directory.open, tell);
    const entry = next instanceof Promise ? await next : next;
    if (entry === undefined || isErrno(entry) || isSought(entry, search.searchAttributes))
      return entry;
    advance(scan);
  }
}

/** Of one that cannot be opened there are none. */
async function easOf(search: Search, name: string, list: Buffer): Promise<Buffer | undefined> {
  const { open } = search.directory;
  const path = open.handle!.path();
  if (isErrno(path) || name === '.' || name === '..') return undefined;
  const handle = await open.tree!.files!.lookup([...path, name]);
  if (isErrno(handle)) return undefined;
  try {
    const eas = await handle.eas();
    return isErrno(eas) ? undefined : namedEas(eas, list);
  } finally {
    handle.close();
  }
}

const how = (
  { unicode }: TreeCall,
  { head, data }: Assembly,
  body: { informationLevel: number; searchCount: number; flags: number },
): Listing => ({
  level: body.informationLevel,
  count: Math.max(1, body.searchCount),
  limit: head.maxDataCount,
  resumeKeys: (body.flags & SMB_FIND_RETURN_RESUME_KEYS) !== 0,
  unicode,
  eaList: body.informationLevel === FindLevel.QUERY_EAS_FROM_LIST ? data : undefined,
});

const isLevel = (call: TreeCall, level: number): boolean =>
  isFindLevel(level) || (isUnixFindLevel(level) && speaksUnix(call));

const closes = (flags: number, ended: boolean): boolean =>
  (flags & SMB_FIND_CLOSE_AFTER_REQUEST) !== 0 || ((flags & SMB_FIND_CLOSE_AT_EOS) !== 0 && ended);

/** 3.3.5.58.3: "a full response (not an error response)"; the offset counts from GEAList on, unlike elsewhere. */
function refusedList(level: number, { data }: Assembly) {
  const refused = level === FindLevel.QUERY_EAS_FROM_LIST ? refuseGeaList(data) : undefined;
  if (refused === undefined) return undefined;
  const eaErrorOffset = Math.max(0, refused.errorOffset - FIRST_ENTRY_AT);
  const nothing = { searchCount: 0, endOfSearch: 0, lastNameOffset: 0 };
  return { ...nothing, status: refused.status, eaErrorOffset };
}

export async function findFirst(
  call: TreeCall,
  assembly: Assembly,
): Promise<(TransactionAnswer & { status?: NtStatus }) | NtStatus> {
  const body = decodeFindFirst(assembly.parameters, call.unicode);
  if (!isLevel(call, body.informationLevel)) return STATUS_INVALID_LEVEL;
  const refused = refusedList(body.informationLevel, assembly);
  if (refused !== undefined) {
    const parameters = FindFirstAnswer.encode({ sid: 0, ...refused });
    return { status: refused.status, setup: NO_SETUP, parameters, data: NO_SETUP };
  }
  const search = await beginSearch(call, body.fileName, body.searchAttributes);
  if (typeof search === 'number') return search;
  return whileHeld(search, () => answerFirst(call, assembly, body, search));
}

async function answerFirst(
  call: TreeCall,
  assembly: Assembly,
  body: ReturnType<typeof decodeFindFirst>,
  search: Search,
): Promise<TransactionAnswer | NtStatus> {
  const scan = await beginScan(search.directory.open, search.pattern);
  const listed = isErrno(scan) ? scan : await list(search, scan, how(call, assembly, body));
  if (isErrno(listed) || listed.count === 0) {
    await endSearch(call, search);
    return isErrno(listed) ? statusOfErrno(listed) : STATUS_NO_SUCH_FILE;
  }
  const { data, count, ended, lastNameOffset } = listed;
  if (closes(body.flags, ended)) await endSearch(call, search);
  const answer = FindFirstAnswer.encode({
    sid: search.sid,
    searchCount: count,
    endOfSearch: ended ? 1 : 0,
    eaErrorOffset: 0,
    lastNameOffset,
  });
  return { setup: Buffer.alloc(0), parameters: answer, data };
}

export async function findNext(
  call: TreeCall,
  assembly: Assembly,
): Promise<(TransactionAnswer & { status?: NtStatus }) | NtStatus> {
  const body = decodeFindNext(assembly.parameters, call.unicode);
  if (!isLevel(call, body.informationLevel)) return STATUS_INVALID_LEVEL;
  const search = searchOf(call, body.sid);
  if (search === undefined) return STATUS_INVALID_HANDLE;
  const refused = refusedList(body.informationLevel, assembly);
  if (refused !== undefined) {
    const parameters = FindNextAnswer.encode(refused);
    return { status: refused.status, setup: NO_SETUP, parameters, data: NO_SETUP };
  }
  return whileHeld(search, () => answerNext(call, assembly, body, search));
}

async function answerNext(
  call: TreeCall,
  assembly: Assembly,
  body: ReturnType<typeof decodeFindNext>,
  search: Search,
): Promise<TransactionAnswer | NtStatus> {
  const goesOn = (body.flags & SMB_FIND_CONTINUE_FROM_LAST) !== 0;
  const { fileName, resumeKey } = goesOn ? FROM_LAST : body;
  const isByKey = fileName === '' && resumeKey > 0 && resumeKey !== search.told;
  const scan = await (isByKey ? resumeBehind(search, resumeKey) : resume(search, fileName));
  const listed = isErrno(scan) ? scan : await list(search, scan, how(call, assembly, body));
  if (isErrno(listed)) return statusOfErrno(listed);
  const { data, count, ended, lastNameOffset } = listed;
  if (closes(body.flags, ended)) await endSearch(call, search);
  const answer = FindNextAnswer.encode({
    searchCount: count,
    endOfSearch: ended ? 1 : 0,
    eaErrorOffset: 0,
    lastNameOffset,
  });
  return { setup: Buffer.alloc(0), parameters: answer, data };
}

const FROM_LAST = { fileName: '', resumeKey: 0 };

/** 3.3.5.58.4: behind the entry that was told with this key. */
async function resumeBehind(search: Search, key: number): Promise<Enumeration | Errno> {
  const { open } = search.directory;
  const scan = await beginScan(open, search.pattern);
  if (isErrno(scan)) return scan;
  search.told = 0;
  while (search.told < key) {
    const entry = await peek(scan, open, plainTeller(open));
    if (isErrno(entry)) return entry;
    if (entry === undefined) break;
    if (isSought(entry, search.searchAttributes)) search.told += 1;
    advance(scan);
  }
  return scan;
}

/** Behind `name`, which is mostly the one that was told last; a client may go back. */
export async function resume(search: Search, name: string): Promise<Enumeration | Errno> {
  const { open } = search.directory;
  if (open.enumeration === undefined) return beginScan(open, search.pattern);
  if (name === '' || equalIgnoreCase(name, search.lastName)) return open.enumeration;
  const scan = await beginScan(open, search.pattern);
  if (isErrno(scan)) return scan;
  for (;;) {
    const entry = await peek(scan, open, plainTeller(open));
    if (isErrno(entry)) return entry;
    // A name that is gone, for who deletes what it finds: all that is left is told from the beginning.
    if (entry === undefined) return beginScan(open, search.pattern);
    advance(scan);
    if (equalIgnoreCase(entry.name, name)) return scan;
  }
}

export async function findClose2(call: TreeCall): Promise<Smb1Outcome> {
  const { fid } = FidWords.read(call.block.words);
  const search = call.link.searches.get(fid);
  if (search === undefined) return STATUS_INVALID_HANDLE;
  await endSearch(call, search);
  return EMPTY;
}

export const refusedPattern = (pattern: string): NtStatus | undefined =>
  refusePattern(pattern) === undefined ? undefined : STATUS_OBJECT_NAME_INVALID;
