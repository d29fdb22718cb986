/**
 * MS-FSA 2.1.4.17: what is modified is to be archived. "Set Open.File.FileAttributes.FILE_ATTRIBUTE_ARCHIVE to TRUE"
 * at each write, size and rename; an open knows from its CREATE whether there is anything to do, which seldom is.
 */
import { FILE_ATTRIBUTE_ARCHIVE } from '../fscc/attributes.ts';
import type { FileBasicInformation } from '../fscc/file-information.ts';
import type { Open } from '../objects/open.ts';
import type { SharedFile } from '../objects/shared-file.ts';
import { isErrno } from '../vfs/errno.ts';
import type { VfsStat } from '../vfs/vfs.ts';

/** At the CREATE, from what it tells of the file. */
export function expectArchiving(open: Open, { attributes }: VfsStat): void {
  const { kind } = open.handle!.base ?? open.handle!;
  const keepsAttributes = open.home.vfs!.features.attributes;
  open.archives = kind === 'file' && keepsAttributes && (attributes & FILE_ATTRIBUTE_ARCHIVE) === 0;
}

/** Somebody has set the attributes: whoever has the file open looks anew. 0 leaves them as they are. */
export function basicSet(file: SharedFile, { fileAttributes }: FileBasicInformation): void {
  if (fileAttributes === 0) return;
  const archives = (fileAttributes & FILE_ATTRIBUTE_ARCHIVE) === 0;
  const whole = file.base ?? file;
  for (const each of [whole, ...(whole.streams?.values() ?? [])]) {
    for (const open of each.opens) {
      open.archives =
        archives && open.handle?.kind === 'file' && open.home.vfs!.features.attributes;
    }
  }
}

/** Before the change, whose times are kept where somebody has set them. That it cannot be done is no matter. */
export async function archive(open: Open): Promise<void> {
  open.archives = false;
  const handle = open.handle!;
  const stat = handle.stat();
  const known = stat instanceof Promise ? await stat : stat;
  if (isErrno(known)) return;
  await handle.set({
    attributes: known.attributes | FILE_ATTRIBUTE_ARCHIVE,
    ...(open.userSetChangeTime && { changeTime: known.changeTime }),
  });
}
