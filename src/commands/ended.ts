/** What ended while a request waited for the file system. */
import {
  type NtStatus,
  STATUS_NETWORK_NAME_DELETED,
  STATUS_USER_SESSION_DELETED,
} from '../dtyp/ntstatus.ts';
import type { TreeRequest } from './command.ts';

/** The status of a request whose session or tree connect is gone; undefined where neither is. */
export function ended({ session, tree }: TreeRequest): NtStatus | undefined {
  if (session.state === 'gone') return STATUS_USER_SESSION_DELETED;
  return session.trees.get(tree.treeId) === tree ? undefined : STATUS_NETWORK_NAME_DELETED;
}
