/** MS-SMB 3.3.5.11.2 and 3.3.5.11.3: NT_TRANSACT_QUERY_QUOTA and NT_TRANSACT_SET_QUOTA, which are SMB2's by other names. */
import { queryQuotas, setQuotas } from '../commands/quotas.ts';
import { type NtStatus, STATUS_NO_MORE_ENTRIES, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { QueryQuotaParameters, SetQuotaParameters } from '../smb1/nt-transact.ts';
import type { Assembly, TransactionAnswer } from '../smb1/transaction.ts';
import { SMB2_0_INFO_QUOTA } from '../smb2/info-types.ts';
import { encodeQueryQuotaHead } from '../smb2/query-quota-info.ts';
import type { TreeCall } from './call.ts';
import { openOf, openRequest } from './opening.ts';
import { fsQuery, informationOf } from './queries.ts';

const NOTHING = Buffer.alloc(0);

/** DataLength stands in the parameters, also where there are no more. */
function told(bytes: Buffer, status: NtStatus): TransactionAnswer & { status: NtStatus } {
  const parameters = Buffer.alloc(4);
  parameters.writeUInt32LE(bytes.length);
  return { status, setup: NOTHING, parameters, data: bytes };
}

export async function ntQueryQuota(call: TreeCall, { head, parameters, data }: Assembly) {
  const body = QueryQuotaParameters.read(parameters);
  const file = openOf(call, body.fid);
  if (typeof file === 'number') return file;
  const { returnSingleEntry: returnSingle, ...rest } = body;
  const inputBuffer = Buffer.concat([encodeQueryQuotaHead({ ...rest, returnSingle }), data]);
  const query = { ...fsQuery(SMB2_0_INFO_QUOTA, 0, head.maxDataCount), inputBuffer };
  const found = informationOf(await queryQuotas(query, openRequest(call)));
  if (typeof found !== 'number') return told(found.bytes, found.status);
  return found === STATUS_NO_MORE_ENTRIES ? told(NOTHING, found) : found;
}

export async function ntSetQuota(
  call: TreeCall,
  { parameters, data }: Assembly,
): Promise<TransactionAnswer | NtStatus> {
  const { fid } = SetQuotaParameters.read(parameters);
  const file = openOf(call, fid);
  if (typeof file === 'number') return file;
  const status = await setQuotas(data, openRequest(call));
  return status === STATUS_SUCCESS
    ? { setup: NOTHING, parameters: NOTHING, data: NOTHING }
    : status;
}
