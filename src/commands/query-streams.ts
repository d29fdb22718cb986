/** MS-FSA 2.1.5.12.29: FileStreamInformation, the streams of a file or directory, asked through any of its opens. */
import { STATUS_BUFFER_OVERFLOW, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { formatStream } from '../fscc/names.ts';
import { encodeStreamInformation, type StreamInformation } from '../fscc/stream-information.ts';
import type { Open } from '../objects/open.ts';
import type { QueryInfoRequest } from '../smb2/query-info.ts';
import { EOPNOTSUPP, isErrno, type Result } from '../vfs/errno.ts';
import type { MaybePromise, VfsHandle, VfsStat, VfsStream } from '../vfs/vfs.ts';
import { statusOfErrno } from './errno-status.ts';
import type { QueryResult } from './query-info.ts';
import { streamRules } from './stream-rules.ts';

export function queryStreams(
  body: QueryInfoRequest,
  open: Open,
  handle: VfsHandle,
): MaybePromise<QueryResult> {
  const object = handle.base ?? handle;
  const stat = object.stat();
  const streams = object.streams(streamRules(open.session, open.home));
  const answer = (known: Result<VfsStat>, named: Result<readonly VfsStream[]>): QueryResult => {
    if (isErrno(known)) return statusOfErrno(known);
    if (!isErrno(named)) return encode(body, known, named);
    return named === EOPNOTSUPP ? encode(body, known, []) : statusOfErrno(named);
  };
  return stat instanceof Promise || streams instanceof Promise
    ? Promise.all([stat, streams]).then(([known, named]) => answer(known, named))
    : answer(stat, streams);
}

/** A file has its unnamed stream first; a directory has none, and nothing at all is an answer, too. */
function encode(
  body: QueryInfoRequest,
  { kind, size, allocationSize }: VfsStat,
  named: readonly VfsStream[],
): QueryResult {
  const list: StreamInformation[] = named.map((stream) => ({
    streamName: formatStream({ name: stream.name, type: '$DATA' }),
    streamSize: stream.size,
    streamAllocationSize: stream.allocationSize,
  }));
  if (kind === 'file') {
    const unnamed = formatStream({ name: '', type: '$DATA' });
    list.unshift({
      streamName: unnamed,
      streamSize: size,
      streamAllocationSize: allocationSize,
    });
  }
  const { bytes, complete } = encodeStreamInformation(list, body.outputBufferLength);
  return { status: complete ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW, bytes };
}
