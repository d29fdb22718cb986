/**
 * What smbtorture's bench.nbench does, again and again for each client: a day in an office, in its terms. Folders
 * are listed, documents opened, read and saved by way of a temporary file, a database has records locked and
 * written, and now and then something larger comes or goes. Each line ends in the status that is expected.
 */

const OK = 'NT_STATUS_OK';
const ROOT = '\\clients\\client1';

/** CreateDisposition and CreateOptions, MS-CIFS 2.2.4.64.1. */
const FILE_OPEN = 1;
const FILE_CREATE = 2;
const FILE_OVERWRITE_IF = 5;
const FILE_NON_DIRECTORY_FILE = 0x40;

/** Information levels of TRANS2. */
const QUERY_FILE_BASIC_INFO = 1004;
const QUERY_FILE_STANDARD_INFO = 1005;
const QUERY_FILE_ALL_INFO = 0x107;
/** The only level of SET_FILE_INFORMATION that smbtorture sends; of others it complains and sends nothing. */
const SET_FILE_BASIC_INFO = 1004;
const FS_SIZE_INFO = 1003;
const FIND_BOTH_DIRECTORY_INFO = 0x104;

const CHUNK_BYTES = 61_440;
const DOCUMENTS = 24;
const SAVES = 12;
const RECORDS = 40;
const LARGE_BYTES = 4 * 1024 * 1024;

class Load {
  readonly lines: string[] = [];
  #handle = 10_000;

  add(...words: readonly (string | number)[]): void {
    this.lines.push(words.join(' '));
  }

  open(path: string, disposition: number, options = FILE_NON_DIRECTORY_FILE): number {
    this.#handle += 1;
    this.add('NTCreateX', `"${path}"`, options, disposition, this.#handle, OK);
    return this.#handle;
  }

  close(handle: number): void {
    this.add('Close', handle, OK);
  }

  path(path: string, level: number, status = OK): void {
    this.add('QUERY_PATH_INFORMATION', `"${path}"`, level, status);
  }

  moves(what: 'ReadX' | 'WriteX', handle: number, bytes: number): void {
    for (let at = 0; at < bytes; at += CHUNK_BYTES) {
      const count = Math.min(CHUNK_BYTES, bytes - at);
      this.add(what, handle, at, count, count, OK);
    }
  }
}

/** 3 KiB to 190 KiB, most of them small. */
const sizeOf = (document: number): number => 3000 + ((document * document * 7919) % 23) * 8500;
const documentOf = (document: number): string => `${ROOT}\\documents\\report ${document}.doc`;

function lookAround(load: Load, document: number): void {
  load.add('FIND_FIRST', `"${ROOT}\\documents\\*"`, FIND_BOTH_DIRECTORY_INFO, 512, 26, OK);
  load.add('QUERY_FS_INFORMATION', FS_SIZE_INFO, OK);
  for (let other = 0; other < 4; other++) {
    load.path(documentOf((document + other) % DOCUMENTS), QUERY_FILE_BASIC_INFO);
  }
  load.path(
    `${ROOT}\\documents\\desktop.ini`,
    QUERY_FILE_BASIC_INFO,
    'NT_STATUS_OBJECT_NAME_NOT_FOUND',
  );
}

function readDocument(load: Load, document: number): void {
  const path = documentOf(document);
  load.path(path, QUERY_FILE_STANDARD_INFO);
  const handle = load.open(path, FILE_OPEN);
  load.add('QUERY_FILE_INFORMATION', handle, QUERY_FILE_ALL_INFO, OK);
  load.moves('ReadX', handle, sizeOf(document));
  load.close(handle);
}

/** As word processors do it: written beside, then put in its place. */
function saveDocument(load: Load, document: number): void {
  const path = documentOf(document);
  const temporary = `${ROOT}\\documents\\~save${document}.tmp`;
  const handle = load.open(temporary, FILE_CREATE);
  load.moves('WriteX', handle, sizeOf(document));
  load.add('SET_FILE_INFORMATION', handle, SET_FILE_BASIC_INFO, OK);
  load.close(handle);
  load.add('Unlink', `"${path}"`, 6, OK);
  load.add('Rename', `"${temporary}"`, `"${path}"`, OK);
  load.path(path, QUERY_FILE_BASIC_INFO);
}

function keepRecords(load: Load): void {
  const handle = load.open(`${ROOT}\\records.mdb`, FILE_OPEN);
  for (let record = 0; record < RECORDS; record++) {
    const at = ((record * 37) % RECORDS) * 4096;
    load.add('LockX', handle, at, 4096, OK);
    load.add('ReadX', handle, at, 4096, 4096, OK);
    if (record % 3 === 0) load.add('WriteX', handle, at, 4096, 4096, OK);
    load.add('UnlockX', handle, at, 4096, OK);
  }
  load.close(handle);
}

export function officeLoad(): string {
  const load = new Load();
  load.add('Deltree', `"${ROOT}"`, OK);
  load.add('Mkdir', `"${ROOT}"`, OK);
  load.add('Mkdir', `"${ROOT}\\documents"`, OK);
  for (let document = 0; document < DOCUMENTS; document++) {
    const handle = load.open(documentOf(document), FILE_OVERWRITE_IF);
    load.moves('WriteX', handle, sizeOf(document));
    load.close(handle);
  }
  const records = load.open(`${ROOT}\\records.mdb`, FILE_OVERWRITE_IF);
  load.moves('WriteX', records, RECORDS * 4096);
  load.close(records);
  for (let round = 0; round < SAVES; round++) {
    lookAround(load, round);
    for (let i = 0; i < 6; i++) readDocument(load, (round * 5 + i * 7) % DOCUMENTS);
    saveDocument(load, (round * 11) % DOCUMENTS);
    if (round % 3 === 0) keepRecords(load);
  }
  const picture = load.open(`${ROOT}\\presentation.ppt`, FILE_OVERWRITE_IF);
  load.moves('WriteX', picture, LARGE_BYTES);
  load.moves('ReadX', picture, LARGE_BYTES);
  load.close(picture);
  load.add('Unlink', `"${ROOT}\\presentation.ppt"`, 6, OK);
  return `${load.lines.join('\n')}\n`;
}
