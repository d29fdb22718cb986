/**
 * MS-SMB2 3.3.5.9: what Apple's clients ask for beyond MS-SMB2: the create context AAPL. Its answer holds for the session,
 * and for all shares alike: a client that was answered once counts on it when it comes back.
 */
import type { AppleClient } from '../objects/session.ts';
import {
  AppleCapability,
  AppleQuery,
  AppleVolume,
  decodeAppleServerQuery,
  encodeAppleServerAnswer,
} from '../smb2/apple.ts';
import {
  type CreateContext,
  CreateContextName,
  findCreateContext,
} from '../smb2/create-contexts.ts';
import type { TreeRequest } from './command.ts';

/** Answers the context, if there is one, and notes in the session what was agreed. */
export function appleReply(
  contexts: readonly CreateContext[],
  { server, session }: TreeRequest,
): CreateContext | undefined {
  const { apple } = server.options;
  const data = findCreateContext(contexts, CreateContextName.AAPL);
  if (data === undefined || apple === undefined) return undefined;
  const { requestBitmap, clientCapabilities } = decodeAppleServerQuery(data);
  const asks = (bit: bigint): boolean => (requestBitmap & bit) !== 0n;
  // A client that is not told of the server's capabilities would take such a listing for short names.
  const listsAttributes =
    asks(AppleQuery.SERVER_CAPS) && (clientCapabilities & AppleCapability.READ_DIR_ATTR) !== 0n;
  const { nfsAces, copiesFiles } = apple;
  const client: AppleClient = { listsAttributes, nfsAces, copiesFiles };
  session.apple = client;
  const serverCapabilities =
    AppleCapability.UNIX_BASED |
    (listsAttributes ? AppleCapability.READ_DIR_ATTR : 0n) |
    (nfsAces ? AppleCapability.NFS_ACE : 0n) |
    (copiesFiles ? AppleCapability.OSX_COPYFILE : 0n);
  return {
    name: CreateContextName.AAPL,
    data: encodeAppleServerAnswer({
      serverCapabilities: asks(AppleQuery.SERVER_CAPS) ? serverCapabilities : undefined,
      volumeCapabilities: asks(AppleQuery.VOLUME_CAPS) ? AppleVolume.FULL_SYNC : undefined,
      model: asks(AppleQuery.MODEL_INFO) ? apple.model : undefined,
    }),
  };
}
