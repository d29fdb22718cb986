/**
 * MS-FSCC 2.1.3, MS-FSA 2.1.5.10.1, .2, .13, .35, .36: object ids of files and directories.
 *
 * Each object has one from the beginning, made from the server's GUID and the object's own numbers: Windows asks again
 * and again where it is told that there is none. Once a client has it made, or sets another, it is kept with the object:
 *
 *     made from numbers ── CREATE_OR_GET, SET ──▶ kept ── DELETE ──▶ made from numbers
 *
 * Whether another object of the volume has an id already is not asked (2.1.5.10.35): no file system could tell.
 */
import { createHash } from 'node:crypto';
import { FILE_WRITE_ATTRIBUTES, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_MEDIA_WRITE_PROTECTED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_OBJECTID_NOT_FOUND,
} from '../dtyp/ntstatus.ts';
import type { Open } from '../objects/open.ts';
import type { Request } from '../objects/request.ts';
import type { IoctlRequest } from '../smb2/ioctl.ts';
import { EOPNOTSUPP, isErrno } from '../vfs/errno.ts';
import type { VfsHandle } from '../vfs/vfs.ts';
import { backupAccess, CHANGES } from './access.ts';
import type { Outcome } from './command.ts';
import { statusOfErrno } from './errno-status.ts';
import { respond } from './ioctl-reply.ts';

const GUID_BYTES = 16;
/** FILE_OBJECTID_BUFFER: ObjectId, BirthVolumeId, BirthObjectId, DomainId; what follows ObjectId is ExtendedInfo. */
const BUFFER_BYTES = 4 * GUID_BYTES;
const EXTENDED_BYTES = 3 * GUID_BYTES;

function guidOf(...parts: readonly (Buffer | string)[]): Buffer {
  const sha = createHash('sha256');
  for (const part of parts) sha.update(part);
  return sha.digest().subarray(0, GUID_BYTES);
}

export const volumeObjectId = (serverGuid: Buffer, volumeId: number): Buffer =>
  guidOf(serverGuid, `volume ${volumeId}`);

/** Stable, and no other object's: DomainId is all zero. */
function madeFromNumbers(serverGuid: Buffer, { volumeId, fileId }: VfsHandle): Buffer {
  const id = guidOf(serverGuid, `file ${volumeId} ${fileId}`);
  const volume = volumeObjectId(serverGuid, volumeId);
  return Buffer.concat([id, volume, id, Buffer.alloc(GUID_BYTES)]);
}

/** Undefined where none is kept. */
async function keptId(handle: VfsHandle): Promise<Buffer | undefined> {
  const kept = await handle.kept('objectId');
  return isErrno(kept) || kept.length !== BUFFER_BYTES ? undefined : kept;
}

interface Asked {
  readonly body: IoctlRequest;
  readonly request: Request;
  readonly open: Open;
  /** Ids are of files and directories, not of their streams. */
  readonly handle: VfsHandle;
}

/** An FSCTL on an open that is of a file or directory. */
const ofObject =
  (work: (asked: Asked) => Promise<Outcome>) =>
  (body: IoctlRequest, request: Request, open: Open): Promise<Outcome> | Outcome => {
    const handle = open.handle?.base ?? open.handle;
    return handle === undefined
      ? STATUS_INVALID_DEVICE_REQUEST
      : work({ body, request, open, handle });
  };

/** One that changes what is kept, whose input has so many bytes; undefined: it looks at none. */
const ofWritable = (inputBytes: number | undefined, work: (asked: Asked) => Promise<Outcome>) =>
  ofObject(async (asked) => {
    const { body, request } = asked;
    if (body.input.length !== (inputBytes ?? body.input.length)) return STATUS_INVALID_PARAMETER;
    return request.tree!.readOnly ? STATUS_MEDIA_WRITE_PROTECTED : work(asked);
  });

export const getObjectId = ofObject(async ({ body, request, open, handle }) => {
  const kept = await keptId(handle);
  return respond(body, open, kept ?? madeFromNumbers(request.server.guid, handle));
});

export const createOrGetObjectId = ofObject(async ({ body, request, open, handle }) => {
  const kept = await keptId(handle);
  if (kept !== undefined) return respond(body, open, kept);
  const made = madeFromNumbers(request.server.guid, handle);
  const canTell = body.maxOutputResponse >= BUFFER_BYTES;
  // Where nothing can be kept it is as good without: the next question has the same answer.
  if (canTell && !request.tree!.readOnly && (await handle.keep('objectId', made)) === 0) {
    request.server.changes.described(open.handle!, open);
  }
  return respond(body, open, made);
});

export const setObjectId = ofWritable(BUFFER_BYTES, async (asked) => {
  const { body, request, open, handle } = asked;
  // Open.HasRestoreAccess
  const restores = backupAccess(request.tree!, open.createOptions) & CHANGES;
  if (restores === 0) return STATUS_ACCESS_DENIED;
  if ((await keptId(handle)) !== undefined) return STATUS_OBJECT_NAME_COLLISION;
  return keepId(asked, Buffer.from(body.input));
});

/** What neither reads nor needs a privilege: the open may write the object or its attributes. */
const mayChange = ({ access }: Open): boolean =>
  (access & (FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES)) !== 0;

export const setObjectIdExtended = ofWritable(EXTENDED_BYTES, async (asked) => {
  const { body, open, handle } = asked;
  if (!mayChange(open)) return STATUS_ACCESS_DENIED;
  const kept = await keptId(handle);
  if (kept === undefined) return STATUS_OBJECTID_NOT_FOUND;
  const id = Buffer.concat([kept.subarray(0, GUID_BYTES), body.input]);
  return keepId(asked, id);
});

/** MS-FSA asks for no right; whoever may not change the object changes nothing of it here. */
export const deleteObjectId = ofWritable(undefined, async (asked) => {
  const { body, open, handle } = asked;
  if (!mayChange(open)) return STATUS_ACCESS_DENIED;
  if ((await keptId(handle)) === undefined) return respond(body, open);
  return keepId(asked, undefined);
});

async function keepId(
  { body, request, open, handle }: Asked,
  id: Buffer | undefined,
): Promise<Outcome> {
  const kept = await handle.keep('objectId', id);
  // "Support for this operation is optional."
  if (kept === EOPNOTSUPP) return STATUS_INVALID_DEVICE_REQUEST;
  if (isErrno(kept)) return statusOfErrno(kept);
  request.server.changes.described(open.handle!, open);
  return respond(body, open);
}
