/** What clients have the server keep with a file or directory: reparse points and object ids (MS-FSCC 2.1.2, 2.1.3). */
import type { Errno } from '../errno.ts';
import type { VfsKept } from '../vfs.ts';
import type { Credentials } from './credentials.ts';
import { change } from './metadata.ts';
import { storeObjectId } from './privileged.ts';
import { writeReparse } from './reparse.ts';
import type { LocalShare } from './share.ts';

interface Keeper {
  readonly fd: number;
  readonly inodeKey: string;
  /** The descriptor is open for more than its path. */
  readonly isData: boolean;
}

/** Call with no identity entered. */
export const keep = (
  share: LocalShare,
  credentials: Credentials,
  object: Keeper,
  what: VfsKept,
  data: Buffer | undefined,
): Errno | 0 =>
  share.own.touching(object.inodeKey, () =>
    what === 'objectId'
      ? storeObjectId(object.fd, data)
      : setReparse(share, credentials, object, data),
  );

/** Keeps the reparse point, or takes it away, with the attribute that tells of it. */
function setReparse(
  share: LocalShare,
  credentials: Credentials,
  { fd, isData }: Keeper,
  data: Buffer | undefined,
): Errno | 0 {
  const refused = writeReparse(credentials, fd, data);
  if (refused !== 0) return refused;
  const told = change(share, credentials, fd, isData, { reparse: data !== undefined });
  if (told !== 0 && data !== undefined) writeReparse(credentials, fd, undefined);
  return told;
}
