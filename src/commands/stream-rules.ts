/** MS-FSA 2.1.1.5 and macOS: what the named streams of a file are to who asks (vfs/apple-streams.ts). */
import type { Session } from '../objects/session.ts';
import type { Share } from '../objects/share.ts';
import type { VfsStreamRules } from '../vfs/vfs.ts';

/** A client of Apple's has said so by the create context AAPL. */
export function streamRules(
  session: Pick<Session, 'apple'> | undefined,
  share: Pick<Share, 'appleStreams'>,
): VfsStreamRules {
  if (session?.apple !== undefined) return 'apple';
  return share.appleStreams === true ? 'fruit' : 'plain';
}
