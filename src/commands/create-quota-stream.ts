/**
 * MS-FSA 2.1.5.1, phase 7: the stream of a volume that holds its quotas, by which Windows and Samba ask for them
 * (quotas.ts). It is no object of the disk; there is nothing to be read from it or written to it.
 */
import {
  FILE_GENERIC_EXECUTE,
  FILE_GENERIC_READ,
  FILE_READ_DATA,
  MAXIMUM_ALLOWED,
  mapGenericRights,
} from '../dtyp/access-mask.ts';
import { STATUS_ACCESS_DENIED, STATUS_OBJECT_NAME_COLLISION } from '../dtyp/ntstatus.ts';
import {
  FILE_ATTRIBUTE_ARCHIVE,
  FILE_ATTRIBUTE_DIRECTORY,
  FILE_ATTRIBUTE_HIDDEN,
  FILE_ATTRIBUTE_SYSTEM,
} from '../fscc/attributes.ts';
import type { ParsedPath } from '../fscc/names.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import type { CreateRequest } from '../smb2/create.ts';
import { FILE_CREATE, FILE_OPEN, FILE_OPEN_IF } from '../smb2/create-options.ts';
import type { Outcome, TreeRequest } from './command.ts';
import { createWithoutFile } from './create-without-file.ts';

/** Note 198 of MS-FSA. */
const FOLDER = '$EXTEND';
const FILE = '$QUOTA';
const STREAM = '$Q';

/** As Windows and Samba tell them. */
const ATTRIBUTES =
  FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM | FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_ARCHIVE;

/** There are no data in it; whether quotas may be told and set, the user's token says. */
const GRANTED = (FILE_GENERIC_READ | FILE_GENERIC_EXECUTE) & ~FILE_READ_DATA;

/** Whether a path means it, on a share whose back end may have quotas. */
export function isQuotaStream({ components, stream }: ParsedPath, tree: TreeConnect): boolean {
  if (stream?.type !== '$INDEX_ALLOCATION' || components.length !== 2) return false;
  const [folder, file] = components;
  return (
    folder!.toUpperCase() === FOLDER &&
    file!.toUpperCase() === FILE &&
    stream.name.toUpperCase() === STREAM &&
    tree.files?.quotas !== undefined
  );
}

export function openQuotaStream(body: CreateRequest, request: TreeRequest): Outcome {
  const { createDisposition } = body;
  if (createDisposition === FILE_CREATE) return STATUS_OBJECT_NAME_COLLISION;
  if (createDisposition !== FILE_OPEN && createDisposition !== FILE_OPEN_IF) {
    return STATUS_ACCESS_DENIED;
  }
  const mapped = mapGenericRights(body.desiredAccess);
  const access = (mapped & MAXIMUM_ALLOWED) !== 0 ? GRANTED : mapped & GRANTED;
  const attributes = { fileAttributes: ATTRIBUTES, allocationSize: 0 };
  return createWithoutFile(body, request, { access, ...attributes });
}
