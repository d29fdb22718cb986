/** The CREATEs of the works and of their preparation (MS-SMB2 2.2.13); no oplock is ever asked for. */
import {
  DELETE,
  FILE_LIST_DIRECTORY,
  FILE_READ_ATTRIBUTES,
  FILE_READ_DATA,
  FILE_WRITE_ATTRIBUTES,
  FILE_WRITE_DATA,
  SYNCHRONIZE,
} from '../../src/dtyp/access-mask.ts';
import { encodeCloseRequest } from '../../src/smb2/close.ts';
import { encodeCreateRequest } from '../../src/smb2/create.ts';
import {
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_IF,
  FILE_SHARE_DELETE,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
  ImpersonationLevel,
} from '../../src/smb2/create-options.ts';
import { CREATE_RESPONSE_FILE_ID_AT, FILE_ID_SIZE, setFileId } from '../../src/smb2/file-id.ts';
import { Command, HEADER_SIZE } from '../../src/smb2/header.ts';
import { SMB2_OPLOCK_LEVEL_NONE } from '../../src/smb2/oplock-levels.ts';
import type { Session } from './session.ts';

export interface OpenOptions {
  readonly folder?: boolean;
  /** It is deleted when this open is closed. */
  readonly deletes?: boolean;
  readonly write?: boolean;
  /** Makes it where it is missing. */
  readonly make?: boolean;
}

export function createBody(name: string, options: OpenOptions = {}): Buffer {
  const { folder, write, make, deletes } = options;
  const reads = folder ? FILE_LIST_DIRECTORY : FILE_READ_DATA;
  const writes = write ? FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES : 0;
  return encodeCreateRequest({
    name,
    requestedOplockLevel: SMB2_OPLOCK_LEVEL_NONE,
    impersonationLevel: ImpersonationLevel.Impersonation,
    desiredAccess: reads | writes | (deletes ? DELETE : 0) | FILE_READ_ATTRIBUTES | SYNCHRONIZE,
    fileAttributes: 0,
    shareAccess: FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
    createDisposition: make ? FILE_OPEN_IF : FILE_OPEN,
    createOptions:
      (folder ? FILE_DIRECTORY_FILE : FILE_NON_DIRECTORY_FILE) |
      (deletes ? FILE_DELETE_ON_CLOSE : 0),
    createContexts: [],
  });
}

/** The 16 bytes of the FileId: other servers' ids need not be exact as numbers. */
export function open(session: Session, name: string, options: OpenOptions = {}): Buffer {
  if (session.bare) return Buffer.alloc(FILE_ID_SIZE);
  const response = session.request(Command.CREATE, createBody(name, options));
  const at = HEADER_SIZE + CREATE_RESPONSE_FILE_ID_AT;
  return Buffer.from(response.subarray(at, at + FILE_ID_SIZE));
}

export function closeFile(session: Session, fileId: Buffer): void {
  if (session.bare) return;
  const body = encodeCloseRequest({ flags: 0, persistentId: 0, volatileId: 0 });
  setFileId(body, Command.CLOSE, fileId);
  session.request(Command.CLOSE, body);
}
