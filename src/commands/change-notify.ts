/**
 * MS-SMB2 3.3.5.19: CHANGE_NOTIFY. What is to be told at once is answered at once; else the request
 * waits for a change, asynchronously, until CANCEL or the end of the open.
 *
 * A refusal where the share tells no changes bears the async flag, too: Windows 7 to 10 repeat a
 * request for ever that is refused without.
 */
import { MAX_NOTIFY_BUFFER_BYTES, MAX_WATCHES_PER_SESSION } from '../base/limits.ts';
import { FILE_LIST_DIRECTORY } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_CANCELLED,
  STATUS_DELETE_PENDING,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INTERNAL_ERROR,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_IMPLEMENTED,
  STATUS_NOTIFY_CLEANUP,
  STATUS_NOTIFY_ENUM_DIR,
} from '../dtyp/ntstatus.ts';
import type { NotifyAnswer } from '../objects/change-watch.ts';
import {
  type ChangeNotifyRequest,
  encodeChangeNotifyResponse,
  SMB2_WATCH_TREE,
} from '../smb2/change-notify.ts';
import type { MaybePromise, OpenRequest, Outcome } from './command.ts';

/** "with an OutputBufferLength of zero" */
const enumDirReply = {
  status: STATUS_NOTIFY_ENUM_DIR,
  body: encodeChangeNotifyResponse({ outputBuffer: Buffer.alloc(0) }),
};

export function changeNotify(
  body: ChangeNotifyRequest,
  request: OpenRequest,
): MaybePromise<Outcome> {
  const { open, server } = request;
  const refused = refuse(body, request);
  if (refused !== undefined) return refused;
  // Nothing changes what has been.
  const isPast = open.handle!.snapshot !== undefined;
  if (open.home.changeNotify === false || isPast) return notHere(request);
  // Open.ChangeNotifyDirectoryMarkedDeleted, 2.1.5.1.2: one that deletes it waits for nothing.
  if (open.deleteOnClose || open.file!.isDoomed(open.handle!)) return STATUS_DELETE_PENDING;
  // A first request that may not wait leaves no watch behind.
  if (open.watch === undefined && !request.mayPend) return STATUS_INSUFFICIENT_RESOURCES;
  const watch = server.notifier.watch(open, {
    filter: body.completionFilter,
    tree: (body.flags & SMB2_WATCH_TREE) !== 0,
    capacity: Math.min(body.outputBufferLength, MAX_NOTIFY_BUFFER_BYTES),
  });
  // Its name was removed on the host.
  if (watch === undefined) return STATUS_DELETE_PENDING;
  const now = watch.takeNow(body.outputBufferLength);
  if (now !== undefined) return answer(now, request);
  // 3.3.5.2.7: "MAY fail requests in a compound chain which require asynchronous processing", as Windows
  // does (<266>): a change may never come, and what is behind would wait as long.
  if (request.holdsOthers) return STATUS_INTERNAL_ERROR;
  if (!request.mayPend) return STATUS_INSUFFICIENT_RESOURCES;
  return watch
    .wait(body.outputBufferLength, request.pend())
    .then((later) => answer(later, request));
}

function refuse(
  { outputBufferLength }: ChangeNotifyRequest,
  { open, connection }: OpenRequest,
): NtStatus | undefined {
  if (outputBufferLength > connection.dialect!.maxTransactSize) return STATUS_INVALID_PARAMETER;
  if (open.handle?.kind !== 'directory') return STATUS_INVALID_PARAMETER;
  if ((open.access & FILE_LIST_DIRECTORY) === 0) return STATUS_ACCESS_DENIED;
  const isOneMore = open.watch === undefined && open.session!.watches >= MAX_WATCHES_PER_SESSION;
  return isOneMore ? STATUS_INSUFFICIENT_RESOURCES : undefined;
}

async function notHere(request: OpenRequest): Promise<Outcome> {
  if (request.mayPend) request.pend();
  return STATUS_NOT_IMPLEMENTED;
}

function answer(told: NotifyAnswer, { session }: OpenRequest): Outcome {
  switch (told) {
    case 'overflow':
      return enumDirReply;
    case 'cleanup':
      return STATUS_NOTIFY_CLEANUP;
    case 'deletePending':
      return STATUS_DELETE_PENDING;
    case 'cancelled':
      // LOGOFF cancels what waits; the open ends with the session.
      return session.state === 'gone' ? STATUS_NOTIFY_CLEANUP : STATUS_CANCELLED;
    default:
      return { body: encodeChangeNotifyResponse({ outputBuffer: told }) };
  }
}
