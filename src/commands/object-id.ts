/**
 * MS-FSCC 2.1.3.1: the object id of a file, a stable 64-byte buffer. Made from the server's GUID and
 * the file's own numbers, so it needs no storage and two files never share one; Windows asks for it
 * when it makes links and when packaged applications open a file.
 */
import { createHash } from 'node:crypto';
import type { VfsHandle } from '../vfs/vfs.ts';

const GUID_BYTES = 16;

function guidOf(...parts: readonly (Buffer | string)[]): Buffer {
  const sha = createHash('sha256');
  for (const part of parts) sha.update(part);
  return sha.digest().subarray(0, GUID_BYTES);
}

export const volumeObjectId = (serverGuid: Buffer, volumeId: number): Buffer =>
  guidOf(serverGuid, `volume ${volumeId}`);

/** FILE_OBJECTID_BUFFER: ObjectId, BirthVolumeId, BirthObjectId, DomainId (all zero). */
export function objectId(serverGuid: Buffer, handle: VfsHandle): Buffer {
  const id = guidOf(serverGuid, `file ${handle.volumeId} ${handle.fileId}`);
  const volume = volumeObjectId(serverGuid, handle.volumeId);
  return Buffer.concat([id, volume, id, Buffer.alloc(GUID_BYTES)]);
}
