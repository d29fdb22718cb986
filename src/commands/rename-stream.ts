/** MS-FSA 2.1.5.15.12.1: a new name for a stream. */
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_OBJECT_NAME_COLLISION,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { parseNewStreamName } from '../fscc/names.ts';
import { equalIgnoreCase, foldKey } from '../fscc/upcase.ts';
import { isErrno } from '../vfs/errno.ts';
import type { OpenRequest } from './command.ts';
import { statusOfErrno } from './errno-status.ts';
import { streamRules } from './stream-rules.ts';

export interface NewStreamName {
  readonly rootDirectory: number;
  /** `:name` or `:name:$DATA`. */
  readonly fileName: string;
  readonly replace: boolean;
}

export async function renameStream(
  { rootDirectory, fileName, replace }: NewStreamName,
  { open, server }: OpenRequest,
): Promise<NtStatus> {
  const named = parseNewStreamName(fileName);
  if (typeof named === 'number') return named;
  const handle = open.handle!;
  const file = open.file!;
  if (rootDirectory !== 0 || handle.kind === 'directory') return STATUS_INVALID_PARAMETER;
  // The unnamed stream neither gives up its bytes to a named one nor takes those of one.
  if (handle.base === undefined || named.name === '') return STATUS_NOT_SUPPORTED;
  if (file.isDoomed(open.handle!)) return STATUS_ACCESS_DENIED;
  const own = handle.streamName();
  if (isErrno(own)) return statusOfErrno(own);
  if (equalIgnoreCase(named.name, own!)) return STATUS_SUCCESS;
  const streams = await handle.streams(streamRules(open.session, open.home));
  if (isErrno(streams)) return statusOfErrno(streams);
  const target = streams.find(({ name }) => equalIgnoreCase(name, named.name));
  if (target !== undefined) {
    if (!replace) return STATUS_OBJECT_NAME_COLLISION;
    const isOpen = file.base!.streams?.has(foldKey(named.name)) === true;
    if (isOpen || target.size !== 0) return STATUS_INVALID_PARAMETER;
  }
  // Nobody may open the new name before the open stream has it as well.
  const renaming = handle.renameStream(named.name, target !== undefined);
  const result = renaming instanceof Promise ? await renaming : renaming;
  if (isErrno(result)) return statusOfErrno(result);
  server.files.renamed(file, named.name);
  return STATUS_SUCCESS;
}
