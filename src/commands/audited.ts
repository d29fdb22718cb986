/**
 * What the audit log is told of files, where there is one (base/audit-log.ts), and debug output of component vfs:
 * MS-SMB2 3.3.5.9, 3.3.5.21.
 */
import type { AuditDetails, AuditEvent } from '../base/audit-log.ts';
import {
  DELETE,
  FILE_APPEND_DATA,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
  GENERIC_ALL,
  GENERIC_READ,
  GENERIC_WRITE,
  WRITE_DAC,
  WRITE_OWNER,
} from '../dtyp/access-mask.ts';
import {
  isError,
  type NtStatus,
  STATUS_PENDING,
  STATUS_SUCCESS,
  statusName,
} from '../dtyp/ntstatus.ts';
import { sessionIdText } from '../ipc/status.ts';
import type { Open } from '../objects/open.ts';
import { type CreateRequest, createActionIn } from '../smb2/create.ts';
import { FILE_CREATED, FILE_OVERWRITTEN, FILE_SUPERSEDED } from '../smb2/create-options.ts';
import { isErrno } from '../vfs/errno.ts';
import {
  Disconnect,
  type MaybePromise,
  type OpenRequest,
  type Outcome,
  type SessionRequest,
  type TreeRequest,
} from './command.ts';

const RIGHTS: readonly (readonly [string, number])[] = [
  ['read', FILE_READ_DATA | GENERIC_READ | GENERIC_ALL],
  ['write', FILE_WRITE_DATA | FILE_APPEND_DATA | GENERIC_WRITE | GENERIC_ALL],
  ['delete', DELETE | GENERIC_ALL],
  ['security', WRITE_DAC | WRITE_OWNER | GENERIC_ALL],
];
const rightsIn = (access: number): string[] =>
  RIGHTS.filter(([, bits]) => (access & bits) !== 0).map(([name]) => name);

/** 2.2.14; what was there already and is as it was is not named. */
const ACTIONS: Readonly<Record<number, string>> = {
  [FILE_SUPERSEDED]: 'superseded',
  [FILE_CREATED]: 'created',
  [FILE_OVERWRITTEN]: 'overwritten',
};

const resultOf = (status: NtStatus): string => (isError(status) ? statusName(status) : 'ok');

const where = ({ session, tree, connection }: TreeRequest) => ({
  user: session.account?.name ?? '',
  address: connection.transport.remoteAddress,
  session: sessionIdText(session.sessionId),
  share: tree.share.name,
});

const pathOf = (open: Open): string | null => {
  const path = open.handle?.path();
  return path === undefined || isErrno(path) ? null : path.join('/');
};

const isHeard = ({ server, connection }: TreeRequest, event: AuditEvent): boolean =>
  server.audit?.notes(event) === true || connection.log.debugs('vfs');

function tell(
  { server, connection }: TreeRequest,
  event: AuditEvent,
  result: string,
  details: AuditDetails,
): void {
  server.audit?.note(event, result, details);
  connection.log.debug('vfs', event, { result, ...details });
}

/** An open that came about, or why not. */
export function auditCreate(
  body: CreateRequest,
  request: TreeRequest,
  outcome: MaybePromise<Outcome>,
): MaybePromise<Outcome> {
  if (request.tree.files === undefined || !isHeard(request, 'open')) return outcome;
  const told = (done: Outcome): Outcome => {
    if (done instanceof Disconnect) return done;
    const status = typeof done === 'number' ? done : (done.status ?? STATUS_SUCCESS);
    if (status === STATUS_PENDING) return done;
    const path = body.name.replaceAll('\\', '/');
    const made = typeof done === 'number' || isError(status) ? undefined : actionOf(done.body);
    tell(request, 'open', resultOf(status), {
      ...where(request),
      path,
      access: rightsIn(request.open?.access ?? body.desiredAccess),
      ...(made !== undefined && { action: made }),
    });
    return done;
  };
  return outcome instanceof Promise ? outcome.then(told) : told(outcome);
}

const actionOf = (body: Buffer): string | undefined => ACTIONS[createActionIn(body)];

/** A share that this plane refuses, beside those that the control plane refuses and tells of itself. */
export function auditRefusedShare(request: SessionRequest, share: string, why: string): void {
  const { server, session, connection } = request;
  const user = session.account?.name ?? '';
  const address = connection.transport.remoteAddress;
  server.audit?.note('connect', why, { user, address, share });
}

/** A file that is to be deleted and may not be; those that are deleted are told when they go. */
export async function auditedDeletion(
  request: OpenRequest,
  mark: () => MaybePromise<NtStatus>,
): Promise<NtStatus> {
  const status = await mark();
  if (isError(status) && isHeard(request, 'delete')) {
    const path = pathOf(request.open);
    tell(request, 'delete', statusName(status), { ...where(request), path });
  }
  return status;
}

/** `event` of an open that is there already, by its path before and after. */
export async function audited(
  event: 'rename' | 'security',
  request: OpenRequest,
  change: () => Promise<NtStatus>,
): Promise<NtStatus> {
  if (!isHeard(request, event)) return change();
  const before = pathOf(request.open);
  const status = await change();
  const to = event === 'rename' ? { to: pathOf(request.open) } : {};
  tell(request, event, resultOf(status), { ...where(request), path: before, ...to });
  return status;
}
