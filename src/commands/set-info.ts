/** MS-SMB2 3.3.5.21: SET_INFO; renames and deletions are in rename.ts and disposition.ts. */
import { after } from '../base/after.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_FILE_CLOSED,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { FileBasicInformation } from '../fscc/file-information.ts';
import {
  FileInformationClass as Class,
  FsInformationClass as FsClass,
} from '../fscc/information-class.ts';
import { fileSetRules, refuseFileSet, refuseFs } from '../fscc/information-rules.ts';
import type { Operation } from '../objects/caching.ts';
import {
  SMB2_0_INFO_FILE,
  SMB2_0_INFO_FILESYSTEM,
  SMB2_0_INFO_QUOTA,
  SMB2_0_INFO_SECURITY,
} from '../smb2/info-types.ts';
import { encodeSetInfoResponse, type SetInfoRequest } from '../smb2/set-info.ts';
import type { VfsHandle } from '../vfs/vfs.ts';
import { CHANGES } from './access.ts';
import { setAppleSecurity } from './apple-security.ts';
import { basicSet } from './archive.ts';
import { auditedDeletion } from './audited.ts';
import { breakFor, whileChanging } from './caching.ts';
import { changesBySetting, setsChangeTime } from './changes-by-setting.ts';
import type { MaybePromise, OpenRequest, Outcome } from './command.ts';
import { setDisposition, setDispositionEx } from './disposition.ts';
import { setFullEas } from './extended-attributes.ts';
import { setPosixSecurity } from './posix-security.ts';
import { refusePast } from './previous-versions.ts';
import { setControl, setQuotas } from './quotas.ts';
import { setLink, setLinkEx, setRename, setRenameEx } from './rename.ts';
import {
  setAllocation,
  setBasic,
  setEndOfFile,
  setMode,
  setPosition,
  setValidDataLength,
} from './set-file-info.ts';
import { setSecurity } from './set-security.ts';

const reply = { body: encodeSetInfoResponse() };

export function setInfo(body: SetInfoRequest, request: OpenRequest): MaybePromise<Outcome> {
  if (body.buffer.length > request.connection.dialect!.maxTransactSize) {
    return STATUS_INVALID_PARAMETER;
  }
  if (body.buffer.length === 0) return STATUS_INVALID_PARAMETER;
  const status = set(body, request);
  return status instanceof Promise
    ? status.then((later) => answerSet(later, body, request))
    : answerSet(status, body, request);
}

function answerSet(
  status: NtStatus,
  body: SetInfoRequest,
  request: OpenRequest,
): MaybePromise<Outcome> {
  const { open, server } = request;
  if (status !== STATUS_SUCCESS) return status;
  if (open.file === undefined) return reply;
  if (body.infoType === SMB2_0_INFO_FILE && body.fileInfoClass === Class.FileBasicInformation) {
    basicSet(open.file, FileBasicInformation.read(body.buffer));
  }
  const changes = changesBySetting(body);
  open.file.note(changes);
  if (changes !== 0 || setsChangeTime(body)) server.changes.described(open.handle!, open);
  // Its name, and whether it is to be deleted, are parts of a record.
  if (server.keptOpens !== undefined && isRecorded(body)) server.keptOpens.fileChanged(open.file);
  if (server.persistentOpens === undefined || breaking(body)?.kind === 'write') return reply;
  return after(server.persistentOpens.fileChanged(open.file), () => reply);
}

function isRecorded(body: SetInfoRequest): boolean {
  if (body.infoType !== SMB2_0_INFO_FILE) return false;
  switch (body.fileInfoClass) {
    case Class.FileRenameInformation:
    case Class.FileRenameInformationEx:
    case Class.FileDispositionInformation:
    case Class.FileDispositionInformationEx:
    case Class.FileModeInformation:
      return true;
    default:
      return false;
  }
}

function set(body: SetInfoRequest, request: OpenRequest): MaybePromise<NtStatus> {
  switch (body.infoType) {
    case SMB2_0_INFO_FILE:
      return setFile(body, request);
    case SMB2_0_INFO_FILESYSTEM:
      return body.fileInfoClass === FsClass.FileFsControlInformation
        ? setControl(body.buffer, request)
        : refuseFs(body.fileInfoClass);
    case SMB2_0_INFO_SECURITY:
      return (
        setPosixSecurity(body, request) ??
        setAppleSecurity(body, request) ??
        setSecurity(body, request)
      );
    case SMB2_0_INFO_QUOTA:
      return setQuotas(body.buffer, request);
    default:
      return STATUS_INVALID_PARAMETER;
  }
}

/** 3.3.5.21.1 */
function setFile(body: SetInfoRequest, request: OpenRequest): MaybePromise<NtStatus> {
  const { open, tree } = request;
  const rule = fileSetRules[body.fileInfoClass];
  if (rule === undefined) return refuseFileSet(body.fileInfoClass);
  if (body.buffer.length < rule.fixedSize) return STATUS_INFO_LENGTH_MISMATCH;
  if (open.handle === undefined) return STATUS_NOT_SUPPORTED;
  if ((rule.requiredAccess & ~open.access) !== 0) return STATUS_ACCESS_DENIED;
  if (tree.readOnly && (rule.requiredAccess & CHANGES) !== 0) return STATUS_ACCESS_DENIED;
  const past = refusePast(open, body.fileInfoClass);
  if (past !== undefined) return past;
  const operation = breaking(body);
  const waiting =
    operation === undefined || open.file === undefined
      ? undefined
      : breakFor(request, open.file, operation, open);
  if (waiting === undefined) return perform(body, request, open.handle);
  const { handle } = open;
  return Promise.resolve(waiting).then((given) => given ?? perform(body, request, handle));
}

/** MS-FSA 2.1.4.12, case SET_INFORMATION: which of them others' caches do not survive. */
function breaking(body: SetInfoRequest): Operation | undefined {
  switch (body.fileInfoClass) {
    case Class.FileAllocationInformation:
    case Class.FileEndOfFileInformation:
      return { kind: 'write' };
    case Class.FileRenameInformation:
    case Class.FileRenameInformationEx:
    case Class.FileLinkInformation:
    case Class.FileLinkInformationEx:
      return { kind: 'rename' };
    case Class.FileDispositionInformation:
    case Class.FileDispositionInformationEx:
      return (body.buffer[0]! & 1) === 0 ? undefined : { kind: 'delete' };
    default:
      return undefined;
  }
}

function perform(
  body: SetInfoRequest,
  request: OpenRequest,
  handle: VfsHandle,
): MaybePromise<NtStatus> {
  const { open } = request;
  if (open.closed) return STATUS_FILE_CLOSED;
  const done = change(body, request, handle);
  const changesData = open.file !== undefined && breaking(body)?.kind === 'write';
  return changesData && done instanceof Promise ? whileChanging(request, open.file!, done) : done;
}

function change(
  body: SetInfoRequest,
  request: OpenRequest,
  handle: VfsHandle,
): MaybePromise<NtStatus> {
  const { open } = request;
  switch (body.fileInfoClass) {
    case Class.FileBasicInformation:
      return setBasic(body.buffer, open, handle);
    case Class.FileRenameInformation:
      return setRename(body.buffer, request);
    case Class.FileRenameInformationEx:
      return setRenameEx(body.buffer, request);
    case Class.FileLinkInformation:
      return setLink(body.buffer, request);
    case Class.FileLinkInformationEx:
      return setLinkEx(body.buffer, request);
    case Class.FileDispositionInformation:
      return auditedDeletion(request, () =>
        setDisposition(body.buffer, open, handle, request.server.files),
      );
    case Class.FileDispositionInformationEx:
      return auditedDeletion(request, () =>
        setDispositionEx(body.buffer, open, handle, request.server.files),
      );
    case Class.FilePositionInformation:
      return setPosition(body.buffer, open);
    case Class.FileModeInformation:
      return setMode(body.buffer, open);
    case Class.FileFullEaInformation:
      return setFullEas(body.buffer, handle);
    case Class.FileAllocationInformation:
      return setAllocation(body.buffer, open, handle);
    case Class.FileEndOfFileInformation:
      return setEndOfFile(body.buffer, open, handle);
    case Class.FileValidDataLengthInformation:
      return setValidDataLength(body.buffer, handle);
    default:
      return STATUS_NOT_SUPPORTED;
  }
}
