/** MS-CIFS 3.3.5.53, SMB_NT_RENAME's level to copy a file: its data, where it has any, and its attributes. */
import { copyChunks } from '../commands/copy-chunk.ts';
import { statusOfErrno } from '../commands/errno-status.ts';
import { DELETE, FILE_GENERIC_READ, FILE_GENERIC_WRITE } from '../dtyp/access-mask.ts';
import { type NtStatus, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { FILE_ATTRIBUTE_VALID_SET } from '../fscc/attributes.ts';
import type { Open } from '../objects/open.ts';
import { closeOpen } from '../objects/teardown.ts';
import {
  FILE_CREATE,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_SHARE_READ,
} from '../smb2/create-options.ts';
import { EOPNOTSUPP, isErrno } from '../vfs/errno.ts';
import type { TreeCall } from './call.ts';
import { openRequest, openWish } from './opening.ts';
import { dispose } from './queries.ts';

const COPYING = {
  share: FILE_SHARE_READ,
  disposition: FILE_OPEN,
  options: FILE_NON_DIRECTORY_FILE,
  attributes: 0,
};
/** How many pieces of a sparse file are asked for at once. */
const RANGES_AT_ONCE = 64;

/** Into a file that is new; one of which only a part could be copied does not stay. */
export async function copyFile(call: TreeCall, from: string, to: string): Promise<NtStatus> {
  const { server } = call.link;
  const source = await openWish({ ...COPYING, name: from, access: FILE_GENERIC_READ }, call);
  if (typeof source === 'number') return source;
  // A pipe has none of both.
  if (source.open.handle === undefined) {
    await closeOpen(server, source.open);
    return STATUS_INVALID_DEVICE_REQUEST;
  }
  const attributes = source.response.fileAttributes & FILE_ATTRIBUTE_VALID_SET;
  try {
    const access = FILE_GENERIC_WRITE | DELETE;
    const wish = { ...COPYING, name: to, access, disposition: FILE_CREATE, attributes };
    const made = await openWish(wish, call);
    if (typeof made === 'number') return made;
    try {
      const status = await copyData(call, source.open, made.open);
      if (status !== STATUS_SUCCESS) {
        // What is marked is the open of this request: the copy's, never the source's.
        call.request.open = made.open;
        await dispose(openRequest(call));
        return status;
      }
      // A file that is written has FILE_ATTRIBUTE_ARCHIVE; a copy has what the first one has.
      const set = await made.open.handle!.set({ attributes });
      return isErrno(set) && set !== EOPNOTSUPP ? statusOfErrno(set) : STATUS_SUCCESS;
    } finally {
      await closeOpen(server, made.open);
    }
  } finally {
    await closeOpen(server, source.open);
  }
}

/**
 * What reads as zeros stays a hole: a file may be said to have 16 TiB by one small write. It ends where the request is
 * cancelled, as by the end of its connection.
 */
async function copyData({ request }: TreeCall, source: Open, target: Open): Promise<NtStatus> {
  const from = source.handle!;
  const stat = await from.stat();
  if (isErrno(stat)) return statusOfErrno(stat);
  const sized = await target.handle!.truncate(stat.size);
  if (isErrno(sized)) return statusOfErrno(sized);
  for (let at = 0; at < stat.size; ) {
    const range = { position: at, length: stat.size - at };
    const pieces = await from.dataRanges(range, RANGES_AT_ONCE);
    if (isErrno(pieces)) return statusOfErrno(pieces);
    const last = pieces.at(-1);
    if (last === undefined) break;
    const chunks = pieces.map(({ position, length }) => ({
      sourceOffset: position,
      targetOffset: position,
      length,
    }));
    const { status } = await copyChunks(request, source, target, chunks);
    if (status !== STATUS_SUCCESS) return status;
    at = last.position + last.length;
  }
  return STATUS_SUCCESS;
}
