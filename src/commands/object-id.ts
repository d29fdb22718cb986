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

/** Ids are of files and directories, not of their streams. */
const subjectOf = ({ handle }: Open): VfsHandle | undefined => handle?.base ?? handle;

export async function getObjectId(
  body: IoctlRequest,
  { server }: Request,
  open: Open,
): Promise<Outcome> {
  const handle = subjectOf(open);
  if (handle === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  const kept = await keptId(handle);
  return respond(body, open, kept ?? madeFromNumbers(server.guid, handle));
}

export async function createOrGetObjectId(
  body: IoctlRequest,
  request: Request,
  open: Open,
): Promise<Outcome> {
  const handle = subjectOf(open);
  if (handle === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  const kept = await keptId(handle);
  if (kept !== undefined) return respond(body, open, kept);
  const made = madeFromNumbers(request.server.guid, handle);
  const canTell = body.maxOutputResponse >= BUFFER_BYTES;
  // Where nothing can be kept it is as good without: the next question has the same answer.
  if (canTell && !request.tree!.readOnly && (await handle.keep('objectId', made)) === 0) {
    request.server.changes.described(open.handle!, open);
  }
  return respond(body, open, made);
}

export async function setObjectId(
  body: IoctlRequest,
  request: Request,
  open: Open,
): Promise<Outcome> {
  const handle = subjectOf(open);
  if (handle === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  if (body.input.length !== BUFFER_BYTES) return STATUS_INVALID_PARAMETER;
  if (request.tree!.readOnly) return STATUS_MEDIA_WRITE_PROTECTED;
  // Open.HasRestoreAccess
  const restores = backupAccess(request.tree!, open.createOptions) & CHANGES;
  if (restores === 0) return STATUS_ACCESS_DENIED;
  if ((await keptId(handle)) !== undefined) return STATUS_OBJECT_NAME_COLLISION;
  return keepId(body, request, open, handle, Buffer.from(body.input));
}

/** What neither reads nor needs a privilege: the open may write the object or its attributes. */
const mayChange = ({ access }: Open): boolean =>
  (access & (FILE_WRITE_DATA | FILE_WRITE_ATTRIBUTES)) !== 0;

export async function setObjectIdExtended(
  body: IoctlRequest,
  request: Request,
  open: Open,
): Promise<Outcome> {
  const handle = subjectOf(open);
  if (handle === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  if (body.input.length !== EXTENDED_BYTES) return STATUS_INVALID_PARAMETER;
  if (request.tree!.readOnly) return STATUS_MEDIA_WRITE_PROTECTED;
  if (!mayChange(open)) return STATUS_ACCESS_DENIED;
  const kept = await keptId(handle);
  if (kept === undefined) return STATUS_OBJECTID_NOT_FOUND;
  const id = Buffer.concat([kept.subarray(0, GUID_BYTES), body.input]);
  return keepId(body, request, open, handle, id);
}

/** MS-FSA asks for no right; whoever may not change the object changes nothing of it here. */
export async function deleteObjectId(
  body: IoctlRequest,
  request: Request,
  open: Open,
): Promise<Outcome> {
  const handle = subjectOf(open);
  if (handle === undefined) return STATUS_INVALID_DEVICE_REQUEST;
  if (request.tree!.readOnly) return STATUS_MEDIA_WRITE_PROTECTED;
  if (!mayChange(open)) return STATUS_ACCESS_DENIED;
  if ((await keptId(handle)) === undefined) return respond(body, open);
  return keepId(body, request, open, handle, undefined);
}

async function keepId(
  body: IoctlRequest,
  request: Request,
  open: Open,
  handle: VfsHandle,
  id: Buffer | undefined,
): Promise<Outcome> {
  const kept = await handle.keep('objectId', id);
  // "Support for this operation is optional."
  if (kept === EOPNOTSUPP) return STATUS_INVALID_DEVICE_REQUEST;
  if (isErrno(kept)) return statusOfErrno(kept);
  request.server.changes.described(open.handle!, open);
  return respond(body, open);
}
