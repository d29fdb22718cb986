/** MS-SMB2 3.3.5.8: TREE_DISCONNECT. */
import { endTree } from '../objects/teardown.ts';
import { encodeTreeDisconnectResponse } from '../smb2/tree-disconnect.ts';
import type { Outcome, TreeRequest } from './command.ts';

const reply = { body: encodeTreeDisconnectResponse() };

export async function treeDisconnect(_body: unknown, request: TreeRequest): Promise<Outcome> {
  await endTree(request.server, request.tree);
  return reply;
}
