/**
 * MS-SMB2 3.3.5.9: CREATE. The checks that need no file are here, in the section's order; create-file.ts
 * opens files and directories, create-pipe.ts pipes.
 */
import { MAX_OPENS_PER_SESSION } from '../base/limits.ts';
import { DELETE, FILE_APPEND_DATA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BAD_IMPERSONATION_LEVEL,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
} from '../dtyp/ntstatus.ts';
import type { ServerState } from '../objects/server-state.ts';
import { decodeAppleQuestion } from '../smb2/apple.ts';
import type { CreateRequest } from '../smb2/create.ts';
import {
  decodeQueryMaximalAccessRequest,
  decodeTimewarpToken,
} from '../smb2/create-context-values.ts';
import { CreateContextName, findCreateContext } from '../smb2/create-contexts.ts';
import {
  FILE_COMPLETE_IF_OPLOCKED,
  FILE_CREATE,
  FILE_DELETE_ON_CLOSE,
  FILE_DIRECTORY_FILE,
  FILE_NO_INTERMEDIATE_BUFFERING,
  FILE_NON_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_BY_FILE_ID,
  FILE_OPEN_FOR_FREE_SPACE_QUERY,
  FILE_OPEN_IF,
  FILE_OVERWRITE_IF,
  FILE_RESERVE_OPFILTER,
  FILE_SHARE_DELETE,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
  FILE_SYNCHRONOUS_IO_ALERT,
  FILE_SYNCHRONOUS_IO_NONALERT,
  FILE_WRITE_THROUGH,
  ImpersonationLevel,
} from '../smb2/create-options.ts';
import { auditCreate } from './audited.ts';
import type { MaybePromise, Outcome, TreeRequest } from './command.ts';
import { createFile } from './create-file.ts';
import { createPipe } from './create-pipe.ts';
import { type CreateWish, durableContexts, mayPersist } from './durable.ts';
import { reconnect } from './reconnect.ts';
import { onlyOnce } from './replay.ts';

/** MS-SMB2 2.2.13: the bits of CreateOptions that mean something. */
const DEFINED_OPTIONS = 0x00ff_ffff;
/** Options that the server does not act upon: "MUST set the following flags to zero". */
const IGNORED_OPTIONS =
  FILE_COMPLETE_IF_OPLOCKED |
  FILE_SYNCHRONOUS_IO_ALERT |
  FILE_SYNCHRONOUS_IO_NONALERT |
  FILE_OPEN_FOR_FREE_SPACE_QUERY;
/** Of the NT interface; MS-SMB2 does not name it. */
const FILE_CREATE_TREE_CONNECTION = 0x80;
/** Windows refuses these with STATUS_NOT_SUPPORTED. */
const UNSUPPORTED_OPTIONS =
  FILE_OPEN_BY_FILE_ID | FILE_RESERVE_OPFILTER | FILE_CREATE_TREE_CONNECTION;
const SHARE_BITS = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
/** MS-FSA 2.1.5.1: "if any of the bits in the mask 0x0CE0FE00 are set … STATUS_ACCESS_DENIED". */
const UNDEFINED_ACCESS = 0x0ce0_fe00;
/** MS-SMB2 2.2.13: attributes that a client may name; VOLUME (8) and DEVICE (0x40) are not among them. */
const DEFINED_ATTRIBUTES = 0x0000_7fb7;

export function create(body: CreateRequest, request: TreeRequest): MaybePromise<Outcome> {
  const durable = durableContexts(body, request);
  if (typeof durable === 'number') return durable;
  if (durable?.kind === 'reconnect') return reconnect(durable, body, request);
  const createOptions = (body.createOptions & ~IGNORED_OPTIONS) | impliedOptions(request);
  const wanted = { ...body, createOptions, durable };
  const made = onlyOnce(wanted, request, () => make(wanted, request));
  return auditCreate(body, request, made);
}

/** What is written to a continuously available share is on disk before the answer, for the machine's end. */
const impliedOptions = (request: TreeRequest): number =>
  request.tree.share.continuousAvailability === true && mayPersist(request)
    ? FILE_WRITE_THROUGH
    : 0;

function make(wanted: CreateWish, request: TreeRequest): MaybePromise<Outcome> {
  const { server, session, tree } = request;
  const refused = refuse(wanted, server);
  if (refused !== undefined) return refused;
  // Opens that nobody has reclaimed yet make room for those that are wanted.
  if (server.opens.size >= server.options.maxOpens) void server.durables.makeRoom();
  if (session.opens.size >= MAX_OPENS_PER_SESSION || server.opens.size >= server.options.maxOpens) {
    return STATUS_INSUFFICIENT_RESOURCES;
  }
  return tree.files === undefined ? createPipe(wanted, request) : createFile(wanted, request);
}

/** MS-FSA 2.1.5.1 phase 1, as far as it concerns neither name nor file. */
function refuse(body: CreateRequest, server: ServerState): NtStatus | undefined {
  const { createOptions, createDisposition, desiredAccess, shareAccess } = body;
  if (body.impersonationLevel > ImpersonationLevel.Delegate) return STATUS_BAD_IMPERSONATION_LEVEL;
  if ((createOptions & ~DEFINED_OPTIONS) !== 0) return STATUS_INVALID_PARAMETER;
  if ((createOptions & UNSUPPORTED_OPTIONS) !== 0) return STATUS_NOT_SUPPORTED;
  if (createDisposition > FILE_OVERWRITE_IF) return STATUS_INVALID_PARAMETER;
  if ((shareAccess & ~SHARE_BITS) !== 0) return STATUS_INVALID_PARAMETER;
  // Windows looks at the access before the attributes (smb2.create.gentest).
  if (desiredAccess === 0 || (desiredAccess & UNDEFINED_ACCESS) !== 0) return STATUS_ACCESS_DENIED;
  if ((body.fileAttributes & ~DEFINED_ATTRIBUTES) !== 0) return STATUS_INVALID_PARAMETER;
  const directory = (createOptions & FILE_DIRECTORY_FILE) !== 0;
  if (directory && (createOptions & FILE_NON_DIRECTORY_FILE) !== 0) return STATUS_INVALID_PARAMETER;
  const opensOnly =
    createDisposition === FILE_CREATE ||
    createDisposition === FILE_OPEN ||
    createDisposition === FILE_OPEN_IF;
  if (directory && !opensOnly) return STATUS_INVALID_PARAMETER;
  const unbuffered = (createOptions & FILE_NO_INTERMEDIATE_BUFFERING) !== 0;
  if (unbuffered && desiredAccess === FILE_APPEND_DATA) return STATUS_INVALID_PARAMETER;
  const deleteOnClose = (createOptions & FILE_DELETE_ON_CLOSE) !== 0;
  if (deleteOnClose && !mayDelete(desiredAccess)) return STATUS_INVALID_PARAMETER;
  return refuseContexts(body, server);
}

const GENERIC_ALL = 0x1000_0000;
/** MAXIMUM_ALLOWED asks for no right by name, and so not for this one. */
const mayDelete = (access: number): boolean => (access & (DELETE | GENERIC_ALL)) !== 0;

/** Contexts that are malformed, or ask for what is not there. */
function refuseContexts(
  { createContexts }: CreateRequest,
  server: ServerState,
): NtStatus | undefined {
  if (createContexts.length === 0) return undefined;
  // Malformed, it must not leave a file behind.
  const access = findCreateContext(createContexts, CreateContextName.QUERY_MAXIMAL_ACCESS);
  if (access !== undefined) decodeQueryMaximalAccessRequest(access);
  const apple = findCreateContext(createContexts, CreateContextName.AAPL);
  if (apple !== undefined && server.options.apple !== undefined) decodeAppleQuestion(apple);
  const timewarp = findCreateContext(createContexts, CreateContextName.TIMEWARP_TOKEN);
  if (timewarp !== undefined) decodeTimewarpToken(timewarp);
  return undefined;
}
