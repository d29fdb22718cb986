/**
 * Quotas of users: MS-SMB2 3.3.5.20.4 and MS-FSA 2.1.5.21 (asking), MS-SMB2 3.3.5.21.4 and MS-FSA 2.1.5.22 (setting),
 * FileFsControlInformation (MS-FSA 2.1.5.13.6, 2.1.5.16.6). Asked of any open of the volume, of which Windows takes
 * `$Extend\$Quota` alone. Administrators see and set what everybody has; others see what they have themselves.
 */
import { MAX_QUOTAS_PER_REQUEST } from '../base/limits.ts';
import type { AccessToken } from '../dtyp/access-check.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_MATCH,
  STATUS_NO_MORE_ENTRIES,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
  STATUS_VOLUME_NOT_UPGRADED,
} from '../dtyp/ntstatus.ts';
import { BUILTIN_ADMINISTRATORS, type Sid } from '../dtyp/sid.ts';
import {
  FILE_VC_QUOTA_ENFORCE,
  FILE_VC_QUOTA_TRACK,
  FileFsControlInformation,
} from '../fscc/fs-information.ts';
import {
  decodeQuotas,
  encodeQuotas,
  type FileQuotaInformation,
  NO_QUOTA_LIMIT,
  QUOTA_IS_DELETED,
} from '../fscc/quota-information.ts';
import type { Open } from '../objects/open.ts';
import type { TreeConnect } from '../objects/tree-connect.ts';
import type { QueryInfoRequest } from '../smb2/query-info.ts';
import { decodeQueryQuotaInfo, type QueryQuotaInfo } from '../smb2/query-quota-info.ts';
import { ENOENT, EOPNOTSUPP, type Errno, isErrno, type Result } from '../vfs/errno.ts';
import type { VfsQuota, VfsQuotaLimits, VfsQuotaState, VfsQuotas } from '../vfs/quotas.ts';
import type { OpenRequest } from './command.ts';
import { statusOfErrno } from './errno-status.ts';
import type { QueryResult } from './query-info.ts';

const isAdministrator = ({ sids }: AccessToken): boolean => sids.includes(BUILTIN_ADMINISTRATORS);

/** Those of the share's file system, while it keeps some. */
async function quotasOf(tree: TreeConnect): Promise<VfsQuotas | Errno> {
  const quotas = tree.files?.quotas;
  if (quotas === undefined) return EOPNOTSUPP;
  const state = await quotas.state();
  return isErrno(state) ? state : quotas;
}

/** 3.3.5.20.4 */
export async function queryQuotas(
  body: QueryInfoRequest,
  { tree, open }: OpenRequest,
): Promise<QueryResult> {
  const quotas = await quotasOf(tree);
  if (isErrno(quotas)) return statusOfErrno(quotas);
  const asked = decodeQueryQuotaInfo(body.inputBuffer);
  if (asked.sids !== undefined) {
    const sids = asked.returnSingle ? asked.sids.slice(0, 1) : asked.sids;
    return ofSids(sids, quotas, tree.token, body.outputBufferLength);
  }
  const begun = await startOf(asked, open, quotas);
  if (isErrno(begun)) return begun === ENOENT ? STATUS_INVALID_PARAMETER : statusOfErrno(begun);
  return following(asked, begun, { open, quotas, token: tree.token }, body.outputBufferLength);
}

/** An entry for each SID, also of those who have none. */
async function ofSids(
  sids: readonly Sid[],
  quotas: VfsQuotas,
  token: AccessToken,
  maxBytes: number,
): Promise<QueryResult> {
  if (!isAdministrator(token)) {
    const own = await quotas.own();
    if (isErrno(own)) return statusOfErrno(own);
    if (sids.some((sid) => sid !== own.owner && sid !== token.user)) return STATUS_ACCESS_DENIED;
  }
  if (sids.length > MAX_QUOTAS_PER_REQUEST) return STATUS_INSUFFICIENT_RESOURCES;
  const found: FileQuotaInformation[] = [];
  for (const sid of sids) {
    const quota = await (sid === token.user ? quotas.own() : quotas.of(sid));
    if (isErrno(quota) && quota !== ENOENT) return statusOfErrno(quota);
    found.push(isErrno(quota) ? NOBODY : informationOf(quota));
  }
  const { bytes, count } = encodeQuotas(found, maxBytes);
  return count < found.length ? STATUS_BUFFER_TOO_SMALL : { status: STATUS_SUCCESS, bytes };
}

/** Open.CurrentQuotaIndex to begin with. */
async function startOf(
  { startSid, restartScan }: QueryQuotaInfo,
  open: Open,
  quotas: VfsQuotas,
): Promise<number | Errno> {
  if (startSid === undefined) return restartScan ? 0 : open.nextQuota;
  const quota = await quotas.of(startSid);
  return isErrno(quota) ? quota : quota.index + 1;
}

interface Scan {
  readonly open: Open;
  readonly quotas: VfsQuotas;
  readonly token: AccessToken;
}

/** Of the smallest entry that there may be: how many are asked for before they are encoded. */
const LEAST_ENTRY_BYTES = 56;

async function following(
  { returnSingle }: QueryQuotaInfo,
  start: number,
  { open, quotas, token }: Scan,
  maxBytes: number,
): Promise<QueryResult> {
  const room = Math.max(1, Math.floor(maxBytes / LEAST_ENTRY_BYTES));
  const most = returnSingle ? 1 : Math.min(room, MAX_QUOTAS_PER_REQUEST);
  const seesAll = isAdministrator(token);
  const found: VfsQuota[] = [];
  for (let index = start; found.length < most; ) {
    const quota = await (seesAll ? quotas.from(index) : ownFrom(index, quotas));
    if (quota === ENOENT) break;
    if (isErrno(quota)) return statusOfErrno(quota);
    found.push(quota);
    index = quota.index + 1;
  }
  if (found.length === 0) return STATUS_NO_MORE_ENTRIES;
  const { bytes, count } = encodeQuotas(found.map(informationOf), maxBytes);
  if (count === 0) return STATUS_BUFFER_TOO_SMALL;
  open.nextQuota = found[count - 1]!.index + 1;
  return { status: STATUS_SUCCESS, bytes };
}

async function ownFrom(index: number, quotas: VfsQuotas): Promise<Result<VfsQuota>> {
  const own = await quotas.own();
  return isErrno(own) || own.index >= index ? own : ENOENT;
}

/** When the kernel's quotas were changed nobody knows. */
const NOT_KNOWN = 0n;
const NOBODY: FileQuotaInformation = {
  changeTime: 0n,
  quotaUsed: 0n,
  quotaThreshold: 0n,
  quotaLimit: 0n,
  sid: undefined,
};

const wireLimit = (bytes: number | undefined): bigint =>
  bytes === undefined ? NO_QUOTA_LIMIT : BigInt(bytes);

const informationOf = ({ owner, used, threshold, limit }: VfsQuota): FileQuotaInformation => ({
  changeTime: NOT_KNOWN,
  quotaUsed: BigInt(used),
  quotaThreshold: wireLimit(threshold),
  quotaLimit: wireLimit(limit),
  sid: owner,
});

/** Negative ones, -1 first, set no limit. */
const bytesOf = (wire: bigint): number | undefined =>
  BigInt.asIntN(64, wire) < 0n ? undefined : Number(wire);

/** 3.3.5.21.4: all that are named, or those before the first that cannot be set. */
export async function setQuotas(buffer: Buffer, { tree }: OpenRequest): Promise<NtStatus> {
  const quotas = await quotasOf(tree);
  if (isErrno(quotas)) return statusOfErrno(quotas);
  if (tree.readOnly || !isAdministrator(tree.token)) return STATUS_ACCESS_DENIED;
  const all = decodeQuotas(buffer);
  if (all.length > MAX_QUOTAS_PER_REQUEST) return STATUS_INSUFFICIENT_RESOURCES;
  for (const wanted of all) {
    const status = await setOne(wanted, quotas);
    if (status !== STATUS_SUCCESS) return status;
  }
  return STATUS_SUCCESS;
}

async function setOne(wanted: FileQuotaInformation, quotas: VfsQuotas): Promise<NtStatus> {
  const { sid, quotaLimit } = wanted;
  if (sid === undefined) return STATUS_INVALID_PARAMETER;
  if (sid === BUILTIN_ADMINISTRATORS) {
    // Nobody's files are theirs here, so that there is nothing to count.
    return quotaLimit === NO_QUOTA_LIMIT ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
  }
  const result = await quotas.set(sid, limitsOf(wanted));
  if (result === ENOENT) {
    return quotaLimit === QUOTA_IS_DELETED ? STATUS_NO_MATCH : STATUS_INVALID_PARAMETER;
  }
  return isErrno(result) ? statusOfErrno(result) : STATUS_SUCCESS;
}

/** An entry that is deleted goes on being counted, without limits. */
const limitsOf = ({ quotaThreshold, quotaLimit }: FileQuotaInformation): VfsQuotaLimits =>
  quotaLimit === QUOTA_IS_DELETED
    ? { threshold: undefined, limit: undefined }
    : { threshold: bytesOf(quotaThreshold), limit: bytesOf(quotaLimit) };

const NOTHING_KEPT: VfsQuotaState & { readonly flags: number } = {
  isEnforced: false,
  defaults: { threshold: undefined, limit: undefined },
  flags: 0,
};

/** MS-FSA 2.1.5.13.6. Without quotas there are none, and no limits. */
export async function queryControl(tree: TreeConnect): Promise<Result<Buffer>> {
  const state = await (tree.files?.quotas?.state() ?? EOPNOTSUPP);
  if (isErrno(state) && state !== EOPNOTSUPP) return state;
  const { defaults, flags } = isErrno(state)
    ? NOTHING_KEPT
    : { ...state, flags: state.isEnforced ? FILE_VC_QUOTA_ENFORCE : FILE_VC_QUOTA_TRACK };
  return FileFsControlInformation.encode({
    freeSpaceStartFiltering: 0n,
    freeSpaceThreshold: 0n,
    freeSpaceStopFiltering: 0n,
    defaultQuotaThreshold: wireLimit(defaults.threshold),
    defaultQuotaLimit: wireLimit(defaults.limit),
    fileSystemControlFlags: flags,
  });
}

/** MS-FSA 2.1.5.16.6: the limits of who has none. Quotas are switched on and off on the host, as MS-FSCC 2.5.2 has it. */
export async function setControl(buffer: Buffer, { tree }: OpenRequest): Promise<NtStatus> {
  if (buffer.length < FileFsControlInformation.size) return STATUS_INFO_LENGTH_MISMATCH;
  const quotas = await quotasOf(tree);
  if (quotas === EOPNOTSUPP) return STATUS_VOLUME_NOT_UPGRADED;
  if (isErrno(quotas)) return statusOfErrno(quotas);
  if (tree.readOnly || !isAdministrator(tree.token)) return STATUS_ACCESS_DENIED;
  const { defaultQuotaThreshold, defaultQuotaLimit } = FileFsControlInformation.read(buffer);
  const result = await quotas.setDefaults({
    threshold: bytesOf(defaultQuotaThreshold),
    limit: bytesOf(defaultQuotaLimit),
  });
  if (result === EOPNOTSUPP) return STATUS_NOT_SUPPORTED;
  return isErrno(result) ? statusOfErrno(result) : STATUS_SUCCESS;
}
