/**
 * MS-SMB2 2.2.1.2: the 19 commands, each a row with all its preconditions. The pipeline reads nothing
 * else about a command. The order is that of the command codes; the compiler counts the rows.
 */

import { decodeCancelRequest } from '../smb2/cancel.ts';
import { decodeChangeNotifyRequest } from '../smb2/change-notify.ts';
import { decodeCloseRequest } from '../smb2/close.ts';
import { decodeCreateRequest } from '../smb2/create.ts';
import { decodeEchoRequest } from '../smb2/echo.ts';
import { decodeFlushRequest } from '../smb2/flush.ts';
import { Command, type CommandName } from '../smb2/header.ts';
import { decodeIoctlRequest } from '../smb2/ioctl.ts';
import { decodeLockRequest } from '../smb2/lock.ts';
import { decodeLogoffRequest } from '../smb2/logoff.ts';
import { decodeNegotiateRequest } from '../smb2/negotiate.ts';
import { decodeOplockBreakRequest } from '../smb2/oplock-break.ts';
import { decodeQueryDirectoryRequest } from '../smb2/query-directory.ts';
import { decodeQueryInfoRequest } from '../smb2/query-info.ts';
import { decodeReadRequest } from '../smb2/read.ts';
import { decodeSessionSetupRequest } from '../smb2/session-setup.ts';
import { decodeSetInfoRequest } from '../smb2/set-info.ts';
import { decodeTreeConnectRequest } from '../smb2/tree-connect.ts';
import { decodeTreeDisconnectRequest } from '../smb2/tree-disconnect.ts';
import { decodeWriteRequest } from '../smb2/write.ts';
import { WireError } from '../wire/wire-error.ts';
import { cancel } from './cancel.ts';
import { changeNotify } from './change-notify.ts';
import { close } from './close.ts';
import { type CommandRow, row } from './command.ts';
import { create } from './create.ts';
import { echo } from './echo.ts';
import { flush } from './flush.ts';
import { ioctl, needsNoOpen } from './ioctl.ts';
import { lock } from './lock.ts';
import { logoff } from './logoff.ts';
import { negotiate } from './negotiate.ts';
import { oplockBreak } from './oplock-break.ts';
import { queryDirectory } from './query-directory.ts';
import { queryInfo } from './query-info.ts';
import { read } from './read.ts';
import { sessionSetup } from './session-setup.ts';
import { setInfo } from './set-info.ts';
import { treeConnect } from './tree-connect.ts';
import { treeDisconnect } from './tree-disconnect.ts';
import { write } from './write.ts';

const rows: Readonly<Record<CommandName, CommandRow>> = {
  NEGOTIATE: row({
    name: 'NEGOTIATE',
    decode: decodeNegotiateRequest,
    handle: negotiate,
    needs: 'nothing',
  }),
  SESSION_SETUP: row({
    name: 'SESSION_SETUP',
    decode: decodeSessionSetupRequest,
    handle: sessionSetup,
    needs: 'nothing',
    neverPends: true,
  }),
  LOGOFF: row({
    name: 'LOGOFF',
    decode: decodeLogoffRequest,
    handle: logoff,
    needs: 'session',
    whileExpired: true,
    neverPends: true,
  }),
  TREE_CONNECT: row({
    name: 'TREE_CONNECT',
    decode: decodeTreeConnectRequest,
    handle: treeConnect,
    needs: 'session',
    // 2.2.1.1: an async header has no room for the TreeId.
    neverPends: true,
  }),
  TREE_DISCONNECT: row({
    name: 'TREE_DISCONNECT',
    decode: decodeTreeDisconnectRequest,
    handle: treeDisconnect,
    needs: 'tree',
  }),
  CREATE: row({ name: 'CREATE', decode: decodeCreateRequest, handle: create, needs: 'tree' }),
  CLOSE: row({
    name: 'CLOSE',
    decode: decodeCloseRequest,
    handle: close,
    needs: 'open',
    whileExpired: true,
  }),
  FLUSH: row({ name: 'FLUSH', decode: decodeFlushRequest, handle: flush, needs: 'open' }),
  READ: row({
    name: 'READ',
    decode: decodeReadRequest,
    handle: read,
    needs: 'open',
    payloadBytes: (body) => body.length,
    large: true,
  }),
  WRITE: row({
    name: 'WRITE',
    ordered: true,
    decode: decodeWriteRequest,
    handle: write,
    needs: 'open',
    payloadBytes: (body) => body.data.length,
    large: true,
  }),
  LOCK: row({
    name: 'LOCK',
    decode: decodeLockRequest,
    handle: lock,
    needs: 'open',
    whileExpired: true,
  }),
  IOCTL: row({
    name: 'IOCTL',
    ordered: true,
    decode: decodeIoctlRequest,
    handle: ioctl,
    needs: 'open',
    optionalOpen: needsNoOpen,
    payloadBytes: (body) =>
      Math.max(
        body.input.length + body.output.length,
        body.maxInputResponse + body.maxOutputResponse,
      ),
    large: true,
  }),
  CANCEL: row({ name: 'CANCEL', decode: decodeCancelRequest, handle: cancel, needs: 'nothing' }),
  ECHO: row({
    name: 'ECHO',
    decode: decodeEchoRequest,
    handle: echo,
    needs: 'nothing',
    sessionIfNamed: true,
    // 3.3.5.2.9 does not name it; Windows and Samba tell who has no ticket any more that they are there.
    whileExpired: true,
  }),
  QUERY_DIRECTORY: row({
    name: 'QUERY_DIRECTORY',
    decode: decodeQueryDirectoryRequest,
    handle: queryDirectory,
    needs: 'open',
    payloadBytes: (body) => body.outputBufferLength,
    large: true,
  }),
  CHANGE_NOTIFY: row({
    name: 'CHANGE_NOTIFY',
    decode: decodeChangeNotifyRequest,
    handle: changeNotify,
    needs: 'open',
    payloadBytes: (body) => body.outputBufferLength,
    large: true,
  }),
  QUERY_INFO: row({
    name: 'QUERY_INFO',
    decode: decodeQueryInfoRequest,
    handle: queryInfo,
    needs: 'open',
    payloadBytes: (body) => Math.max(body.inputBuffer.length, body.outputBufferLength),
    large: true,
  }),
  SET_INFO: row({
    name: 'SET_INFO',
    ordered: true,
    decode: decodeSetInfoRequest,
    handle: setInfo,
    needs: 'open',
    payloadBytes: (body) => body.buffer.length,
    large: true,
    neverPends: true,
  }),
  OPLOCK_BREAK: row({
    name: 'OPLOCK_BREAK',
    decode: decodeOplockBreakRequest,
    handle: oplockBreak,
    needs: 'tree',
  }),
};

/** By command code. */
const commandTable: readonly CommandRow[] = Object.entries(rows)
  .sort(([a], [b]) => Command[a as CommandName] - Command[b as CommandName])
  .map(([, definition]) => definition);

/** 3.3.5.2.6: what no row is for does not conform to section 2. */
const UNKNOWN = row({
  name: 'unknown',
  decode: (): never => {
    throw new WireError('2.2.1.2', 'an unknown command');
  },
  handle: (body: never) => body,
  needs: 'nothing',
});

export const rowOf = (command: number): CommandRow => commandTable[command] ?? UNKNOWN;
