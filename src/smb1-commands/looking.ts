/**
 * MS-CIFS 3.3.5.58.5: what a path leads to, looked at without being opened. An open for FILE_READ_ATTRIBUTES shares with
 * everybody and takes no oplock away (MS-FSA 2.1.5.1.2), so that nobody sees whether there was one.
 */
import { after } from '../base/after.ts';
import { grantable } from '../commands/access.ts';
import { statusOfErrno } from '../commands/errno-status.ts';
import { fileInformation } from '../commands/query-file-info.ts';
import { FILE_READ_ATTRIBUTES } from '../dtyp/access-mask.ts';
import type { NtStatus } from '../dtyp/ntstatus.ts';
import { FileInformationClass as Class } from '../fscc/information-class.ts';
import { isRefusedName, parsePath } from '../fscc/names.ts';
import { isGeneratedShortName } from '../fscc/short-name.ts';
import { ENOENT, isErrno, type Result } from '../vfs/errno.ts';
import type { VfsHandle } from '../vfs/vfs.ts';
import type { MaybePromise, TreeCall } from './call.ts';
import { namesPosix } from './paths.ts';

/** Classes that tell nothing of an open. */
const OF_FILES: readonly number[] = [
  Class.FileBasicInformation,
  Class.FileStandardInformation,
  Class.FileNetworkOpenInformation,
];

/** Where looking is enough; all else is left to an open of its own. */
function looks({ request }: TreeCall, path: readonly string[]): boolean {
  const { server, tree } = request;
  const { visibility, dfs } = tree.share;
  const { doomed, replaced } = server.files;
  if (server.audit !== undefined || visibility !== undefined || dfs !== undefined) return false;
  if (doomed.size > 0 || replaced.size > 0) return false;
  // Previous versions have names that begin so.
  return !path.some((name) => name.charCodeAt(0) === AT);
}

const AT = 0x40;

const UNOPENED = { access: FILE_READ_ATTRIBUTES, position: 0, mode: 0 };

/** The bytes of the class, or a status; undefined: it has to be opened. */
export function lookAt(
  call: TreeCall,
  name: string,
  fileInfoClass: number,
): MaybePromise<Buffer | NtStatus | undefined> {
  const { tree } = call.request;
  if (tree.files === undefined || !OF_FILES.includes(fileInfoClass) || namesPosix(call)) {
    return undefined;
  }
  const path = parsePath(name);
  if (isRefusedName(path) || path.stream !== undefined || path.trailingBackslash) return undefined;
  const { components } = path;
  if (!looks(call, components)) return undefined;
  return after(tree.files.lookup(components, 'look'), (handle) =>
    seen(call, components, handle, fileInfoClass),
  );
}

function seen(
  { request: { server, session, tree } }: TreeCall,
  path: readonly string[],
  handle: Result<VfsHandle>,
  fileInfoClass: number,
): MaybePromise<Buffer | NtStatus | undefined> {
  if (isErrno(handle)) {
    const isShort = tree.share.shortNames !== 'none' && path.some(isGeneratedShortName);
    return handle === ENOENT && !isShort ? statusOfErrno(ENOENT) : undefined;
  }
  const stat = handle.takeFound?.();
  const isGranted =
    stat !== undefined &&
    handle.kind !== 'symlink' &&
    grantable(tree, handle, FILE_READ_ATTRIBUTES) === true;
  const file = isGranted ? server.files.findOf(handle) : undefined;
  const told = isGranted
    ? fileInformation(fileInfoClass, {
        open: { ...UNOPENED, home: tree.share, session, tree, file },
        handle,
        stat,
        eaSize: 0,
        path,
      })
    : undefined;
  handle.close();
  return told;
}
