/** MS-FSA 2.1.5.1.2: what becomes of the named streams of a file that is overwritten or superseded. */
import { foldKey } from '../fscc/upcase.ts';
import type { Open } from '../objects/open.ts';
import { ENOENT, EOPNOTSUPP, type Errno, isErrno } from '../vfs/errno.ts';
import type { VfsHandle } from '../vfs/vfs.ts';

/**
 * It keeps none, as on NTFS (smb2.streams.create-disposition). One that somebody has open goes with the
 * last of its opens.
 */
export async function dropStreams(open: Open, handle: VfsHandle): Promise<Errno | 0> {
  const streams = await handle.streams('plain');
  if (isErrno(streams)) return streams === EOPNOTSUPP ? 0 : streams;
  for (const { name } of streams) {
    const stream = open.file!.streams?.get(foldKey(name));
    const [first] = stream?.opens ?? [];
    if (stream !== undefined && first !== undefined) stream.markDeletePending(first);
    else {
      const removed = await handle.removeStream(name);
      if (isErrno(removed) && removed !== ENOENT) return removed;
    }
  }
  return 0;
}
