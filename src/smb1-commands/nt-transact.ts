/** MS-CIFS 3.3.5.59: NT_TRANSACT: create, ioctl, notify, rename and security descriptors. */
import { changeNotify } from '../commands/change-notify.ts';
import { Disconnect, type Outcome } from '../commands/command.ts';
import { ioctl } from '../commands/ioctl.ts';
import { querySecurity } from '../commands/query-security.ts';
import { FILE_READ_DATA, FILE_WRITE_DATA } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INVALID_HANDLE,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_NOTIFY_CLEANUP,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { encodeFullEas } from '../fscc/extended-attributes.ts';
import { STATUS_INVALID_SMB } from '../smb1/dos-errors.ts';
import { decodeFeaList } from '../smb1/extended-attributes.ts';
import {
  decodeNtTransactCreate,
  IoctlSetup,
  NotifySetup,
  NtTransactCreateAnswer,
  SecurityParameters,
} from '../smb1/nt-transact.ts';
import type { Assembly, TransactionAnswer } from '../smb1/transaction.ts';
import { SMB2_WATCH_TREE } from '../smb2/change-notify.ts';
import { CreateContextName } from '../smb2/create-contexts.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { SMB2_0_INFO_SECURITY } from '../smb2/info-types.ts';
import { SMB2_0_IOCTL_IS_FSCTL } from '../smb2/ioctl.ts';
import { slice } from '../wire/tail.ts';
import type { TreeCall } from './call.ts';
import { contextsOf, createdFields, ntWish } from './files.ts';
import { openFile, openFor, openOf, openRequest } from './opening.ts';
import { fsQuery, informationOf, setInformation } from './queries.ts';

const NOTHING = Buffer.alloc(0);
const NO_ID = { persistentId: 0, volatileId: 0 };

export async function ntCreate(call: TreeCall, { head, parameters, data }: Assembly) {
  const body = decodeNtTransactCreate(parameters, call.unicode);
  if (head.maxParameterCount < NtTransactCreateAnswer.size) return STATUS_INVALID_SMB;
  const wish = ntWish(call, body);
  if (typeof wish === 'number') return wish;
  const structure = 'NT_TRANSACT_CREATE Request';
  const sd = slice(data, 0, body.securityDescriptorLength, 0, structure);
  const eas = slice(data, (sd.length + 3) & ~3, body.eaLength, 0, structure);
  const createContexts = contextsOf(body.allocationSize);
  if (sd.length > 0) createContexts.push({ name: CreateContextName.SD_BUFFER, data: sd });
  if (eas.length > 0)
    createContexts.push({ name: CreateContextName.EA_BUFFER, data: eaBuffer(eas) });
  const opened = await openFile({ ...wish, createContexts }, call);
  if (typeof opened === 'number') return opened;
  const { file, made } = opened;
  const answer = NtTransactCreateAnswer.encode({ ...createdFields(file, made), eaErrorOffset: 0 });
  return { setup: NOTHING, parameters: answer, data: NOTHING, onSent: made.onSent };
}

/** MS-CIFS 2.2.7.1.1: an SMB_FEA_LIST; NT's own form is what Windows sends. */
function eaBuffer(eas: Buffer): Buffer {
  const isFeaList = eas.length >= 4 && eas.readUInt32LE(0) === eas.length;
  return isFeaList ? encodeFullEas(decodeFeaList(eas)).bytes : eas;
}

const bodyOf = (outcome: Outcome): Buffer | NtStatus => {
  if (typeof outcome === 'number') return outcome;
  return outcome instanceof Disconnect ? STATUS_NOT_SUPPORTED : outcome.body;
};

/** OutputBuffer of the encoded CHANGE_NOTIFY response: it lies behind the fixed 8 bytes, MS-SMB2 2.2.36. */
const NOTIFY_FIXED_BYTES = 8;

export async function ntNotify(call: TreeCall, { head }: Assembly) {
  const { completionFilter, fid, watchTree } = NotifySetup.read(head.setup);
  const file = openOf(call, fid);
  if (typeof file === 'number') return file;
  const outcome = await changeNotify(
    {
      ...NO_ID,
      flags: watchTree === 0 ? 0 : SMB2_WATCH_TREE,
      outputBufferLength: head.maxParameterCount,
      completionFilter,
    },
    openRequest(call),
  );
  const body = bodyOf(outcome);
  // The end of the open, and more changes than fit: told as no changes, which makes clients look for themselves.
  if (body === STATUS_NOTIFY_CLEANUP) return { setup: NOTHING, parameters: NOTHING, data: NOTHING };
  if (typeof body === 'number') return body;
  return { setup: NOTHING, parameters: body.subarray(NOTIFY_FIXED_BYTES), data: NOTHING };
}

export async function ntIoctl(call: TreeCall, { head, data }: Assembly) {
  const { functionCode, fid, isFsctl } = IoctlSetup.read(head.setup);
  const file = openFor(call, fid, fsctlRights(functionCode));
  if (typeof file === 'number') return file;
  if (isFsctl === 0) return STATUS_NOT_SUPPORTED;
  const { persistentId, volatileId } = file.open;
  const outcome = await ioctl(
    {
      persistentId,
      volatileId,
      ctlCode: functionCode,
      maxInputResponse: 0,
      maxOutputResponse: head.maxDataCount,
      flags: SMB2_0_IOCTL_IS_FSCTL,
      input: data,
      output: NOTHING,
    },
    call.request,
  );
  const body = bodyOf(outcome);
  // "a complete NT_TRANSACT_IOCTL response", whatever the error.
  if (typeof body === 'number') return ioctlAnswer(body, NOTHING);
  const { status = STATUS_SUCCESS } = outcome as { status?: NtStatus };
  return ioctlAnswer(status, ioctlOutput(body));
}

function ioctlAnswer(status: NtStatus, output: Buffer) {
  const setup = Buffer.alloc(2);
  setup.writeUInt16LE(Math.min(output.length, 0xffff));
  return { status, setup, parameters: NOTHING, data: output };
}

/** What changes a file, though its code asks for no right: MS-FSCC 2.3. */
const CHANGING: readonly number[] = [
  Fsctl.FSCTL_SET_SPARSE,
  Fsctl.FSCTL_SET_REPARSE_POINT,
  Fsctl.FSCTL_DELETE_REPARSE_POINT,
  Fsctl.FSCTL_SET_OBJECT_ID,
  Fsctl.FSCTL_SET_OBJECT_ID_EXTENDED,
  Fsctl.FSCTL_DELETE_OBJECT_ID,
  Fsctl.FSCTL_CREATE_OR_GET_OBJECT_ID,
  // Into this FID.
  Fsctl.FSCTL_SRV_COPYCHUNK,
  Fsctl.FSCTL_SRV_COPYCHUNK_WRITE,
];
/** The bits of a control code that say with which rights the file has to be open: FILE_READ_ACCESS, FILE_WRITE_ACCESS. */
const READ_ACCESS = 0x4000;
const WRITE_ACCESS = 0x8000;

/** Any of which a FID needs that has less than its open. */
function fsctlRights(functionCode: number): number {
  if (CHANGING.includes(functionCode) || (functionCode & WRITE_ACCESS) !== 0) {
    return FILE_WRITE_DATA;
  }
  const reads = functionCode === Fsctl.FSCTL_SRV_REQUEST_RESUME_KEY;
  return reads || (functionCode & READ_ACCESS) !== 0 ? FILE_READ_DATA : ~0;
}

/** MS-SMB2 2.2.32: OutputOffset counts from the header, which is not here. */
export function ioctlOutput(body: Buffer): Buffer {
  const offset = body.readUInt32LE(32) - 64;
  const count = body.readUInt32LE(36);
  return count === 0 ? NOTHING : body.subarray(offset, offset + count);
}

export async function ntQuerySecurity(call: TreeCall, { head, parameters }: Assembly) {
  const { fid, securityInfoFields } = SecurityParameters.read(parameters);
  const file = openOf(call, fid);
  if (typeof file === 'number') return file;
  const query = { ...fsQuery(SMB2_0_INFO_SECURITY, 0), additionalInformation: securityInfoFields };
  const found = informationOf(await querySecurity(query, openRequest(call)));
  if (typeof found === 'number') return found;
  const needed = Buffer.alloc(4);
  needed.writeUInt32LE(found.bytes.length);
  const fits = found.bytes.length <= head.maxDataCount;
  const status = fits ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL;
  return { status, setup: NOTHING, parameters: needed, data: fits ? found.bytes : NOTHING };
}

export async function ntSetSecurity(
  call: TreeCall,
  { parameters, data }: Assembly,
): Promise<TransactionAnswer | NtStatus> {
  const { fid, securityInfoFields } = SecurityParameters.read(parameters);
  const file = openOf(call, fid);
  if (typeof file === 'number') return file;
  const request = openRequest(call);
  const status = await setInformation(request, 0, data, SMB2_0_INFO_SECURITY, securityInfoFields);
  return status === STATUS_SUCCESS
    ? { setup: NOTHING, parameters: NOTHING, data: NOTHING }
    : status;
}

/**
 * MS-CIFS 2.2.7.5: "reserved but not implemented"; Windows and Samba look at the FID and do nothing, and that is
 * what clients see (raw.rename.nttransrename).
 */
export function ntRenameTransact(call: TreeCall, { parameters }: Assembly) {
  if (parameters.length < 2) return STATUS_INVALID_PARAMETER;
  const file = openOf(call, parameters.readUInt16LE(0));
  if (typeof file === 'number') return STATUS_INVALID_HANDLE;
  return { setup: NOTHING, parameters: NOTHING, data: NOTHING };
}
