/** MS-CIFS 3.3.5: every command of SMB1 that is performed, with what it needs. */
import { Smb1Command, type Smb1CommandName } from '../smb1/header.ts';
import { row, type Smb1Needs, type Smb1Row } from './call.ts';
import { close, flush, ntCreateAndX } from './files.ts';
import { findClose2 } from './find.ts';
import {
  lockAndRead,
  oldRead,
  oldWrite,
  readAndX,
  seek,
  writeAndClose,
  writeAndUnlock,
  writeAndX,
} from './io.ts';
import { lockByteRange, lockingAndX, unlockByteRange } from './locking.ts';
import { negotiate } from './negotiate.ts';
import { createNew, createTemporary, oldCreate, oldOpen, openAndX } from './old-opens.ts';
import {
  checkDirectory,
  createDirectory,
  deleteDirectory,
  deleteFiles,
  queryInformation,
  queryInformation2,
  setInformation2,
  setInformationCommand,
} from './path-commands.ts';
import { ntRename, rename } from './renaming.ts';
import { findClose, findUnique, search } from './search.ts';
import { logoff, sessionSetup } from './session-setup.ts';
import {
  closePrintFile,
  echo,
  noPrinter,
  ntCancel,
  processExit,
  queryDisk,
  refuseReadRaw,
  refuseWriteMpx,
  refuseWriteRaw,
  writePrintFile,
} from './simple.ts';
import {
  ntTransact,
  ntTransactSecondary,
  transaction,
  transaction2,
  transaction2Secondary,
  transactionSecondary,
} from './transactions.ts';
import { oldTreeConnect, treeConnectAndX, treeDisconnect } from './tree-connect.ts';

type Entry = readonly [Parameters<typeof row>[2], Smb1Needs, 'andX' | undefined];

const of = (handle: unknown, needs: Smb1Needs, andX?: 'andX'): Entry =>
  [handle as Entry[0], needs, andX] as const;

const entries: Partial<Readonly<Record<Smb1CommandName, Entry>>> = {
  NEGOTIATE: of(negotiate, 'nothing'),
  SESSION_SETUP_ANDX: of(sessionSetup, 'nothing', 'andX'),
  LOGOFF_ANDX: of(logoff, 'session', 'andX'),
  TREE_CONNECT_ANDX: of(treeConnectAndX, 'session', 'andX'),
  TREE_CONNECT: of(oldTreeConnect, 'session'),
  // Needs no user: raw.context.tree_ulogoff.
  TREE_DISCONNECT: of(treeDisconnect, 'nothing'),
  ECHO: of(echo, 'nothing'),
  NT_CANCEL: of(ntCancel, 'nothing'),
  PROCESS_EXIT: of(processExit, 'session'),
  NT_CREATE_ANDX: of(ntCreateAndX, 'tree', 'andX'),
  OPEN_ANDX: of(openAndX, 'tree', 'andX'),
  OPEN: of(oldOpen, 'tree'),
  CREATE: of(oldCreate, 'tree'),
  CREATE_NEW: of(createNew, 'tree'),
  CREATE_TEMPORARY: of(createTemporary, 'tree'),
  CLOSE: of(close, 'tree'),
  FLUSH: of(flush, 'tree'),
  READ_ANDX: of(readAndX, 'tree', 'andX'),
  WRITE_ANDX: of(writeAndX, 'tree', 'andX'),
  READ_RAW: of(refuseReadRaw, 'nothing'),
  WRITE_RAW: of(refuseWriteRaw, 'nothing'),
  WRITE_MPX: of(refuseWriteMpx, 'nothing'),
  READ: of(oldRead, 'tree'),
  WRITE: of(oldWrite, 'tree'),
  LOCK_AND_READ: of(lockAndRead, 'tree'),
  WRITE_AND_UNLOCK: of(writeAndUnlock, 'tree'),
  WRITE_AND_CLOSE: of(writeAndClose, 'tree'),
  SEEK: of(seek, 'tree'),
  LOCKING_ANDX: of(lockingAndX, 'tree', 'andX'),
  LOCK_BYTE_RANGE: of(lockByteRange, 'tree'),
  UNLOCK_BYTE_RANGE: of(unlockByteRange, 'tree'),
  CREATE_DIRECTORY: of(createDirectory, 'tree'),
  DELETE_DIRECTORY: of(deleteDirectory, 'tree'),
  DELETE: of(deleteFiles, 'tree'),
  RENAME: of(rename, 'tree'),
  NT_RENAME: of(ntRename, 'tree'),
  CHECK_DIRECTORY: of(checkDirectory, 'tree'),
  QUERY_INFORMATION: of(queryInformation, 'tree'),
  SET_INFORMATION: of(setInformationCommand, 'tree'),
  QUERY_INFORMATION2: of(queryInformation2, 'tree'),
  SET_INFORMATION2: of(setInformation2, 'tree'),
  QUERY_INFORMATION_DISK: of(queryDisk, 'tree'),
  TRANSACTION: of(transaction, 'tree'),
  TRANSACTION_SECONDARY: of(transactionSecondary, 'tree'),
  TRANSACTION2: of(transaction2, 'tree'),
  TRANSACTION2_SECONDARY: of(transaction2Secondary, 'tree'),
  NT_TRANSACT: of(ntTransact, 'tree'),
  NT_TRANSACT_SECONDARY: of(ntTransactSecondary, 'tree'),
  FIND_CLOSE2: of(findClose2, 'tree'),
  SEARCH: of(search, 'tree'),
  FIND: of(search, 'tree'),
  FIND_UNIQUE: of(findUnique, 'tree'),
  FIND_CLOSE: of(findClose, 'tree'),
  CLOSE_PRINT_FILE: of(closePrintFile, 'tree'),
  OPEN_PRINT_FILE: of(noPrinter, 'tree'),
  WRITE_PRINT_FILE: of(writePrintFile, 'tree'),
};

/** MS-SMB 3.3.5.1: what goes on when a session's ticket has run out; TREE_DISCONNECT needs none at all. */
const WHILE_EXPIRED: ReadonlySet<Smb1CommandName> = new Set([
  'CLOSE',
  'LOGOFF_ANDX',
  'FLUSH',
  'LOCKING_ANDX',
  'TREE_DISCONNECT',
]);

const rows = new Map<number, Smb1Row>(
  (Object.entries(entries) as [Smb1CommandName, Entry][]).map(([name, [handle, needs, andX]]) => [
    Smb1Command[name],
    row(name, needs, handle as never, andX === 'andX', WHILE_EXPIRED.has(name)),
  ]),
);

/** Undefined for a command that is not performed. */
export const smb1Row = (command: number): Smb1Row | undefined => rows.get(command);
