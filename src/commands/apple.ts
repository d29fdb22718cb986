/**
 * MS-SMB2 3.3.5.9: what Apple's clients ask for beyond MS-SMB2: the create context AAPL. Its answer holds for the session,
 * and for all shares alike: a client that was answered once counts on it when it comes back.
 */
import { after } from '../base/after.ts';
import type { Open } from '../objects/open.ts';
import type { AppleClient } from '../objects/session.ts';
import {
  AppleCapability,
  AppleQuery,
  type AppleServerQuery,
  AppleVolume,
  decodeAppleQuestion,
  encodeAppleResolveAnswer,
  encodeAppleServerAnswer,
} from '../smb2/apple.ts';
import {
  type CreateContext,
  CreateContextName,
  findCreateContext,
} from '../smb2/create-contexts.ts';
import { resolvedPath } from './apple-resolve.ts';
import type { MaybePromise, TreeRequest } from './command.ts';

/** Answers the context, if there is one, and notes in the session what was agreed. */
export function appleReply(
  contexts: readonly CreateContext[],
  request: TreeRequest,
  open: Open,
): MaybePromise<CreateContext | undefined> {
  const data = findCreateContext(contexts, CreateContextName.AAPL);
  if (data === undefined || request.server.options.apple === undefined) return undefined;
  const question = decodeAppleQuestion(data);
  if (question.kind === 'server') return serverAnswer(question, request);
  return after(resolvedPath(request, open, question.fileId), (resolved) => ({
    name: CreateContextName.AAPL,
    data: encodeAppleResolveAnswer(resolved),
  }));
}

function serverAnswer(
  { requestBitmap, clientCapabilities }: AppleServerQuery,
  { server, session, tree }: TreeRequest,
): CreateContext {
  const apple = server.options.apple!;
  const asks = (bit: bigint): boolean => (requestBitmap & bit) !== 0n;
  // A client that is not told of the server's capabilities would take such a listing for short names.
  const canRead = (bit: bigint): boolean =>
    asks(AppleQuery.SERVER_CAPS) && (clientCapabilities & bit) !== 0n;
  const { READ_DIR_ATTR, READ_DIR_ATTR_V2 } = AppleCapability;
  const listsStreamless = canRead(READ_DIR_ATTR_V2);
  const listsAttributes = listsStreamless || canRead(READ_DIR_ATTR);
  const { nfsAces, copiesFiles } = apple;
  const client: AppleClient = { listsAttributes, listsStreamless, nfsAces, copiesFiles };
  session.apple = client;
  const listing = listsStreamless ? READ_DIR_ATTR_V2 : READ_DIR_ATTR;
  const serverCapabilities =
    AppleCapability.UNIX_BASED |
    (listsAttributes ? listing : 0n) |
    (nfsAces ? AppleCapability.NFS_ACE : 0n) |
    (copiesFiles ? AppleCapability.OSX_COPYFILE : 0n);
  // Who is told no ids of files has none to ask for.
  const volumeCapabilities =
    AppleVolume.FULL_SYNC | (tree.share.appleFileIds === true ? AppleVolume.RESOLVE_ID : 0n);
  return {
    name: CreateContextName.AAPL,
    data: encodeAppleServerAnswer({
      serverCapabilities: asks(AppleQuery.SERVER_CAPS) ? serverCapabilities : undefined,
      volumeCapabilities: asks(AppleQuery.VOLUME_CAPS) ? volumeCapabilities : undefined,
      model: asks(AppleQuery.MODEL_INFO) ? apple.model : undefined,
    }),
  };
}
