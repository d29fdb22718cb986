/** MS-CIFS 2.2.6.16 and 3.3.5.58.11: TRANS2_GET_DFS_REFERRAL, whose data are those of FSCTL_DFS_GET_REFERRALS. */
import { Disconnect } from '../commands/command.ts';
import { getReferrals } from '../commands/dfs.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_NO_SUCH_DEVICE,
  STATUS_NOT_SUPPORTED,
} from '../dtyp/ntstatus.ts';
import type { Assembly, TransactionAnswer } from '../smb1/transaction.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { SMB2_0_IOCTL_IS_FSCTL } from '../smb2/ioctl.ts';
import { ALL_ONES } from '../wire/struct.ts';
import type { TreeCall } from './call.ts';
import { ioctlOutput } from './nt-transact.ts';

const NOTHING = Buffer.alloc(0);

export async function getReferral(
  call: TreeCall,
  { head, parameters }: Assembly,
): Promise<TransactionAnswer | NtStatus> {
  if (!call.link.server.isDfsCapable) return STATUS_NO_SUCH_DEVICE;
  // "does not match with the TID of an active connection to the IPC$ share".
  if (call.request.tree.files !== undefined) return STATUS_ACCESS_DENIED;
  const body = {
    persistentId: ALL_ONES,
    volatileId: ALL_ONES,
    ctlCode: Fsctl.FSCTL_DFS_GET_REFERRALS,
    maxInputResponse: 0,
    maxOutputResponse: head.maxDataCount,
    flags: SMB2_0_IOCTL_IS_FSCTL,
    input: parameters,
    output: NOTHING,
  };
  const outcome = await getReferrals(body, call.request);
  if (typeof outcome === 'number') return outcome;
  if (outcome instanceof Disconnect) return STATUS_NOT_SUPPORTED;
  return { setup: NOTHING, parameters: NOTHING, data: ioctlOutput(outcome.body) };
}
