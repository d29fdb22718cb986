/**
 * MS-SMB2 3.3.5.9.13: an application that has come up on another node has those opens of the file closed that
 * it left on the one that failed; an older version of it has not.
 */
import { FILE_GENERIC_READ } from '../dtyp/access-mask.ts';
import { type NtStatus, STATUS_FILE_FORCED_CLOSED } from '../dtyp/ntstatus.ts';
import { equalIgnoreCase } from '../fscc/upcase.ts';
import { type AppInstance, isOutdated } from '../objects/app-instances.ts';
import type { Open } from '../objects/open.ts';
import type { Request } from '../objects/request.ts';
import { closeOpen } from '../objects/teardown.ts';
import type { CreateRequest } from '../smb2/create.ts';
import { decodeAppInstanceId, decodeAppInstanceVersion } from '../smb2/create-context-values.ts';
import { CreateContextName, findCreateContext } from '../smb2/create-contexts.ts';
import { isErrno } from '../vfs/errno.ts';
import { maximalAccess } from './access.ts';
import type { TreeRequest } from './command.ts';

/** What the contexts of a CREATE say, at 3.x; the version means something at 3.1.1. */
export function appInstanceOf(
  { createContexts, name }: CreateRequest,
  { connection }: Request,
): AppInstance | undefined {
  const { smb3, preauthIntegrity: is311 } = connection.dialect!;
  const id = findCreateContext(createContexts, CreateContextName.APP_INSTANCE_ID);
  if (id === undefined || !smb3) return undefined;
  const version = is311
    ? findCreateContext(createContexts, CreateContextName.APP_INSTANCE_VERSION)
    : undefined;
  return {
    id: decodeAppInstanceId(id).toString('latin1'),
    version: version === undefined ? undefined : versionOf(version),
    clientGuid: connection.clientGuid,
    fileName: name,
  };
}

function versionOf(context: Buffer): bigint {
  const { appInstanceVersionHigh, appInstanceVersionLow } = decodeAppInstanceVersion(context);
  return (appInstanceVersionHigh << 64n) | appInstanceVersionLow;
}

/** Closes what the application's other node has open; a status where this one is the older. */
export async function takeOver(
  instance: AppInstance,
  path: readonly string[],
  request: TreeRequest,
): Promise<NtStatus | undefined> {
  const { server, tree, connection } = request;
  const opens = server.appInstances
    .find(instance.id)
    .filter((open) => isOther(open, instance, request));
  if (opens.length === 0) return undefined;
  const versions = connection.dialect!.preauthIntegrity;
  for (const { appInstance } of opens) {
    if (isOutdated(appInstance!.version, instance.version, versions))
      return STATUS_FILE_FORCED_CLOSED;
  }
  const handle = await tree.files!.lookup(path);
  if (isErrno(handle)) return undefined;
  const maximal = await maximalAccess(tree, handle);
  handle.close();
  // Who may not read the file takes it from nobody.
  if ((maximal & FILE_GENERIC_READ) !== FILE_GENERIC_READ) return undefined;
  await Promise.all(opens.map((open) => closeOpen(server, open)));
  return undefined;
}

const isOther = ({ home, appInstance }: Open, mine: AppInstance, { tree }: TreeRequest): boolean =>
  home === tree.share &&
  !appInstance!.clientGuid.equals(mine.clientGuid) &&
  equalIgnoreCase(appInstance!.fileName, mine.fileName);
