/** MS-SMB2 3.3.5.9, "Successful Completion", of opens that have no file: pipes, the quota stream. */
import { unusedId } from '../objects/ids.ts';
import { Open, type OpenValues } from '../objects/open.ts';
import { type CreateRequest, encodeCreateResponse } from '../smb2/create.ts';
import { FILE_OPENED } from '../smb2/create-options.ts';
import { SMB2_OPLOCK_LEVEL_NONE } from '../smb2/oplock-levels.ts';
import { sequenceOf } from './channel-sequence.ts';
import type { Outcome, TreeRequest } from './command.ts';

export interface Fileless extends Pick<OpenValues, 'access' | 'pipe'> {
  readonly fileAttributes: number;
  readonly allocationSize: number;
}

/** Enters the open in its tables; the answer. */
export function createWithoutFile(
  body: CreateRequest,
  request: TreeRequest,
  { fileAttributes, allocationSize, ...values }: Fileless,
): Outcome {
  const { server, session, tree } = request;
  const open = new Open(
    {
      persistentId: unusedId(server.opens),
      volatileId: unusedId(session.opens),
      session,
      tree,
      share: body.shareAccess,
      createOptions: body.createOptions,
      channelSequence: sequenceOf(request),
      ...values,
    },
    { deleteOnClose: false, mode: 0 },
  );
  server.opens.set(open.persistentId, open);
  session.opens.set(open.volatileId, open);
  tree.openCount += 1;
  request.open = open;
  return {
    body: encodeCreateResponse({
      oplockLevel: SMB2_OPLOCK_LEVEL_NONE,
      flags: 0,
      createAction: FILE_OPENED,
      creationTime: 0n,
      lastAccessTime: 0n,
      lastWriteTime: 0n,
      changeTime: 0n,
      allocationSize,
      endOfFile: 0,
      fileAttributes,
      persistentId: open.persistentId,
      volatileId: open.volatileId,
      createContexts: [],
    }),
  };
}
