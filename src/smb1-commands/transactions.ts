/**
 * MS-CIFS 3.3.5.28, 3.3.5.46, 3.3.5.58: TRANSACTION, TRANSACTION2 and NT_TRANSACT with their secondaries. Parts are
 * put together by PID and MID; what is whole goes to its subcommand.
 */
import {
  isWarning,
  type NtStatus,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_NOT_IMPLEMENTED,
  STATUS_NOT_SUPPORTED,
} from '../dtyp/ntstatus.ts';
import { STATUS_INVALID_SMB } from '../smb1/dos-errors.ts';
import { decodeText, untilNul } from '../smb1/strings.ts';
import {
  Assembly,
  decodeNtTransact,
  decodeSecondary,
  decodeTransaction,
  encodeTransactionAnswer,
  interimBlock,
  NtTransact,
  type Primary,
  Trans2,
  type TransactionAnswer,
} from '../smb1/transaction.ts';
import {
  type MaybePromise,
  SILENT,
  type Smb1Messages,
  type Smb1Outcome,
  type TreeCall,
} from './call.ts';
import { FIRST_ENTRY_AT, setEasOfOpened } from './eas.ts';
import { findFirst, findNext } from './find.ts';
import {
  NO_SETUP,
  queryFile,
  queryFs,
  queryPath,
  setFile,
  setFileSystem,
  setPath,
} from './information.ts';
import {
  ntCreate,
  ntIoctl,
  ntNotify,
  ntQuerySecurity,
  ntRenameTransact,
  ntSetSecurity,
} from './nt-transact.ts';
import { open2 } from './old-opens.ts';
import { makeDirectory } from './path-commands.ts';
import { transactPipe } from './pipes.ts';
import { ntQueryQuota, ntSetQuota } from './quotas.ts';
import { getReferral } from './referrals.ts';

/** Transactions of one connection whose parts are still coming. */
const MAX_ASSEMBLIES = 64;

export type Subcommand = (
  call: TreeCall,
  assembly: Assembly,
) => MaybePromise<TransactionAnswer | NtStatus | (TransactionAnswer & { status: NtStatus })>;

const SUBCOMMANDS: Readonly<Record<number, Subcommand>> = {
  [Trans2.OPEN2]: open2,
  [Trans2.FIND_FIRST2]: findFirst,
  [Trans2.FIND_NEXT2]: findNext,
  [Trans2.QUERY_FS_INFORMATION]: queryFs,
  [Trans2.QUERY_PATH_INFORMATION]: queryPath,
  [Trans2.SET_PATH_INFORMATION]: setPath,
  [Trans2.QUERY_FILE_INFORMATION]: queryFile,
  [Trans2.SET_FILE_INFORMATION]: setFile,
  [Trans2.CREATE_DIRECTORY]: createDirectory2,
  [Trans2.SET_FS_INFORMATION]: setFs,
  [Trans2.GET_DFS_REFERRAL]: getReferral,
};

const NT_SUBCOMMANDS: Readonly<Record<number, Subcommand>> = {
  [NtTransact.CREATE]: ntCreate,
  [NtTransact.IOCTL]: ntIoctl,
  [NtTransact.NOTIFY_CHANGE]: ntNotify,
  [NtTransact.RENAME]: ntRenameTransact,
  [NtTransact.QUERY_SECURITY_DESC]: ntQuerySecurity,
  [NtTransact.SET_SECURITY_DESC]: ntSetSecurity,
  [NtTransact.QUERY_QUOTA]: ntQueryQuota,
  [NtTransact.SET_QUOTA]: ntSetQuota,
};

async function setFs(call: TreeCall, assembly: Assembly) {
  const status = await setFileSystem(call, assembly);
  return status === 0 ? { setup: NO_SETUP, parameters: NO_SETUP, data: NO_SETUP } : status;
}

type Kind = 'named' | 'two' | 'nt';

async function createDirectory2(call: TreeCall, { parameters, data }: Assembly) {
  const text = untilNul(decodeText(parameters.subarray(4), call.unicode));
  const made = await makeDirectory(call, text, (request) => setEasOfOpened(request, data, true));
  if (typeof made === 'number') return made;
  // "relative to the start of the ExtendedAttributeList.FEAList", unlike elsewhere.
  const eaErrorOffset = Buffer.alloc(2);
  eaErrorOffset.writeUInt16LE(Math.max(0, made.errorOffset - FIRST_ENTRY_AT));
  return { status: made.status, setup: NO_SETUP, parameters: eaErrorOffset, data: NO_SETUP };
}

const keyOf = ({ pid, header }: TreeCall): string => `${pid}.${header.mid}.${header.uid}`;

function begin(call: TreeCall, primary: Primary, kind: Kind): MaybePromise<Smb1Outcome> {
  const assembly = new Assembly(primary);
  if (assembly.complete) return perform(call, assembly, kind);
  const { assemblies } = call.link;
  if (assemblies.size >= MAX_ASSEMBLIES) return STATUS_INSUFFICIENT_RESOURCES;
  assemblies.set(keyOf(call), assembly);
  return { blocks: [interimBlock()] };
}

function goOn(call: TreeCall, kind: Kind): MaybePromise<Smb1Outcome> {
  const { assemblies, signing } = call.link;
  const key = keyOf(call);
  const assembly = assemblies.get(key);
  if (assembly === undefined) return STATUS_INVALID_SMB;
  try {
    assembly.add(decodeSecondary(call.block, call.message, kind === 'nt'));
  } catch (error) {
    assemblies.delete(key);
    throw error;
  }
  if (!assembly.complete) {
    signing?.withoutResponse();
    return SILENT;
  }
  assemblies.delete(key);
  return perform(call, assembly, kind);
}

function subcommandOf({ head }: Assembly, kind: Kind): Subcommand | undefined {
  switch (kind) {
    case 'named':
      return transactPipe;
    case 'two':
      return SUBCOMMANDS[head.function];
    case 'nt':
      return NT_SUBCOMMANDS[head.function];
  }
}

/** 2.2.6: TRANS2_FSCTL, _IOCTL2, _FIND_NOTIFY_FIRST and _NEXT, _SESSION_SETUP, _REPORT_DFS_INCONSISTENCY. */
const NEVER_MADE: readonly number[] = [0x09, 0x0a, 0x0b, 0x0c, 0x0e, 0x11];

/** 3.3.5.50: no such function; 2.2.6.10 to 2.2.6.17: "MUST return STATUS_NOT_IMPLEMENTED". */
function unknown({ head }: Assembly, kind: Kind): NtStatus {
  if (kind === 'nt') return STATUS_INVALID_SMB;
  return kind === 'two' && NEVER_MADE.includes(head.function)
    ? STATUS_NOT_IMPLEMENTED
    : STATUS_NOT_SUPPORTED;
}

function perform(call: TreeCall, assembly: Assembly, kind: Kind): MaybePromise<Smb1Outcome> {
  const subcommand = subcommandOf(assembly, kind);
  if (subcommand === undefined) return unknown(assembly, kind);
  const outcome = subcommand(call, assembly);
  const answer = (settled: Awaited<typeof outcome>): Smb1Outcome =>
    typeof settled === 'number' ? refused(call, settled, kind) : encoded(call, settled, kind);
  return outcome instanceof Promise ? outcome.then(answer) : answer(outcome);
}

/** A warning comes with a whole answer: clients take it for no error and look for the rest. */
function refused(call: TreeCall, status: NtStatus, kind: Kind): Smb1Outcome {
  if (!isWarning(status) || kind === 'named') return status;
  return encoded(
    call,
    { status, setup: NO_SETUP, parameters: Buffer.alloc(2), data: NO_SETUP },
    kind,
  );
}

function encoded(
  { link }: TreeCall,
  answer: TransactionAnswer & { status?: NtStatus; onSent?: (() => void) | undefined },
  kind: Kind,
): Smb1Messages {
  const blocks = encodeTransactionAnswer(answer, kind === 'nt', link.clientBufferBytes);
  const { status, onSent } = answer;
  return { blocks, ...(status !== undefined && { status }), onSent };
}

export const transaction = (call: TreeCall) =>
  begin(call, decodeTransaction(call.block, call.message, call.unicode, true), 'named');
export const transaction2 = (call: TreeCall) =>
  begin(call, decodeTransaction(call.block, call.message, call.unicode, false), 'two');
export const ntTransact = (call: TreeCall) =>
  begin(call, decodeNtTransact(call.block, call.message), 'nt');
export const transactionSecondary = (call: TreeCall) => goOn(call, 'named');
export const transaction2Secondary = (call: TreeCall) => goOn(call, 'two');
export const ntTransactSecondary = (call: TreeCall) => goOn(call, 'nt');
