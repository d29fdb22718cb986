/** MS-CIFS 3.3.5.57: TRANSACTION on named pipes: messages go to the DCE/RPC endpoints that SMB2 reaches, too. */
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_OVERFLOW,
  STATUS_CANCELLED,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_PIPE_DISCONNECTED,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import type { Assembly, TransactionAnswer } from '../smb1/transaction.ts';
import type { TreeCall } from './call.ts';
import { openOf } from './opening.ts';

/** MS-CIFS 2.2.5: subcommands of TRANSACTION. */
const TRANS_SET_NMPIPE_STATE = 0x0001;
const TRANS_QUERY_NMPIPE_STATE = 0x0021;
const TRANS_TRANSACT_NMPIPE = 0x0026;
const TRANS_WAIT_NMPIPE = 0x0053;

const NOTHING = Buffer.alloc(0);

const answered = (data: Buffer, more: boolean): TransactionAnswer & { status: NtStatus } => ({
  status: more ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS,
  setup: NOTHING,
  parameters: NOTHING,
  data,
});

/** MS-RAP 2.1: TRANSACTION on \PIPE\LANMAN, which nobody opens. */
async function remoteAdministration(call: TreeCall, parameters: Buffer) {
  const { link, request } = call;
  const answer = await link.server.controlPlane.rap(request.session.account!, parameters);
  return answer === undefined ? STATUS_ACCESS_DENIED : { setup: NOTHING, ...answer };
}

export async function transactPipe(call: TreeCall, { head, parameters, data }: Assembly) {
  const { setup, name } = head;
  if (/^\\pipe\\lanman$/i.test(name)) return remoteAdministration(call, parameters);
  if (!/^\\pipe/i.test(name)) return STATUS_NOT_SUPPORTED;
  if (head.function === TRANS_WAIT_NMPIPE) return answered(NOTHING, false);
  if (setup.length < 4) return STATUS_INVALID_PARAMETER;
  const file = openOf(call, setup.readUInt16LE(2));
  if (typeof file === 'number') return file;
  const { pipe } = file.open;
  if (pipe === undefined) return STATUS_NOT_SUPPORTED;
  switch (head.function) {
    case TRANS_SET_NMPIPE_STATE:
      return answered(NOTHING, false);
    case TRANS_QUERY_NMPIPE_STATE: {
      const parameters = Buffer.from([0xff, 0x05]);
      return { setup: NOTHING, parameters, data: NOTHING };
    }
    case TRANS_TRANSACT_NMPIPE: {
      if (!(await pipe.write(Buffer.from(data)))) return STATUS_PIPE_DISCONNECTED;
      const limit = head.maxDataCount;
      const found = pipe.readNow(limit) ?? (await pipe.read(limit, call.request.pend()));
      if (found !== undefined) return answered(found.bytes, found.more);
      return call.request.cancelled ? STATUS_CANCELLED : STATUS_PIPE_DISCONNECTED;
    }
    default:
      return STATUS_NOT_SUPPORTED;
  }
}
