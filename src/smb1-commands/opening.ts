/**
 * MS-CIFS 3.3.5.49 to 3.3.5.51 by way of MS-SMB2 3.3.5.9: every command of SMB1 that names a file by its path opens
 * it as CREATE of SMB2 does. With a FID for the client, or for the command alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { after } from '../base/after.ts';
import { Disconnect, type FoundFile, type OpenRequest, type Outcome } from '../commands/command.ts';
import { create } from '../commands/create.ts';
import { withoutDfsPrefix } from '../commands/dfs.ts';
import { FILE_READ_ATTRIBUTES } from '../dtyp/access-mask.ts';
import {
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_HANDLE,
  STATUS_SHARING_VIOLATION,
  STATUS_STOPPED_ON_SYMLINK,
  STATUS_TOO_MANY_OPENED_FILES,
} from '../dtyp/ntstatus.ts';
import type { Open } from '../objects/open.ts';
import { closeOpen } from '../objects/teardown.ts';
import { readCreateResponseBody } from '../smb2/create.ts';
import { type CreateContext, CreateContextName } from '../smb2/create-contexts.ts';
import {
  FILE_DIRECTORY_FILE,
  FILE_OPEN,
  FILE_OPEN_REPARSE_POINT,
  FILE_SHARE_DELETE,
  FILE_SHARE_READ,
  FILE_SHARE_WRITE,
  ImpersonationLevel,
} from '../smb2/create-options.ts';
import { SMB2_OPLOCK_LEVEL_NONE } from '../smb2/oplock-levels.ts';
import type { MaybePromise, TreeCall } from './call.ts';
import type { OpenFile } from './link.ts';
import { namesPosix, withDfsPrefix } from './paths.ts';

export interface Wish {
  /** Relative to the share. */
  readonly name: string;
  readonly access: number;
  readonly share: number;
  readonly disposition: number;
  readonly options: number;
  readonly attributes: number;
  readonly oplockLevel?: number;
  readonly impersonationLevel?: number;
  readonly createContexts?: readonly CreateContext[];
  /** Permission bits of what is made, of a client that names files as POSIX has it. */
  readonly mode?: number;
}

export interface Made {
  readonly open: Open;
  readonly response: ReturnType<typeof readCreateResponseBody>;
  readonly onSent: (() => void) | undefined;
  readonly found: FoundFile | undefined;
}

const NO_CONTEXTS: readonly CreateContext[] = [];
/** MODE of the create context: the client has no wish. */
const NO_MODE = 0xffff_ffff;

/** Who names files as POSIX has it opens them so as well, by the create context that SMB3 has for that. */
function asNamed(wish: Wish, call: TreeCall) {
  const { createContexts: contexts = NO_CONTEXTS, mode = NO_MODE } = wish;
  const name = withDfsPrefix(call, wish.name);
  if (!namesPosix(call)) return { name, contexts };
  const data = Buffer.alloc(4);
  data.writeUInt32LE(mode);
  const own = withoutDfsPrefix(name, call.request);
  const prefix = name.slice(0, name.length - own.length);
  return {
    name: prefix + own.replaceAll('\\', '/'),
    contexts: [...contexts, { name: CreateContextName.POSIX, data }],
  };
}

export const SHARE_ALL = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

export function openWish(wish: Wish, call: TreeCall): MaybePromise<Made | NtStatus> {
  const { request, link } = call;
  const { name, contexts } = asNamed(wish, call);
  const { oplockLevel = SMB2_OPLOCK_LEVEL_NONE } = wish;
  const body = {
    requestedOplockLevel: link.grantsOplocks ? oplockLevel : SMB2_OPLOCK_LEVEL_NONE,
    impersonationLevel: wish.impersonationLevel ?? ImpersonationLevel.Impersonation,
    desiredAccess: wish.access,
    fileAttributes: wish.attributes,
    shareAccess: wish.share,
    createDisposition: wish.disposition,
    createOptions: wish.options,
    name,
    createContexts: contexts,
  };
  request.open = undefined;
  const made = (outcome: Outcome): Made | NtStatus => {
    if (typeof outcome === 'number') return outcome;
    if (outcome instanceof Disconnect) return STATUS_INVALID_HANDLE;
    // SMB1 has no place for where a link leads.
    if (outcome.status === STATUS_STOPPED_ON_SYMLINK) return STATUS_ACCESS_DENIED;
    const response = readCreateResponseBody(outcome.body);
    const { onSent, found } = outcome;
    return { open: request.open!, response, onSent, found };
  };
  return after(create(body, request), made);
}

/** Windows tries five times, 200 ms apart, before it says that others are in the way; clients count on it. */
const SHARING_PATIENCE_MS = 1_000;
const SHARING_RETRY_MS = 50;

const openPatiently = (wish: Wish, call: TreeCall): MaybePromise<Made | NtStatus> =>
  after(openWish(wish, call), (made) =>
    made === STATUS_SHARING_VIOLATION ? tryAgain(wish, call) : made,
  );

async function tryAgain(wish: Wish, call: TreeCall): Promise<Made | NtStatus> {
  const deadlineMs = performance.now() + SHARING_PATIENCE_MS;
  for (;;) {
    // A directory's opens are not waited for, as Samba has it: clients ask for those in bulk.
    if ((wish.options & FILE_DIRECTORY_FILE) !== 0) return STATUS_SHARING_VIOLATION;
    if (!call.request.mayPend) return STATUS_SHARING_VIOLATION;
    const signal = call.request.pend();
    await sleep(SHARING_RETRY_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return STATUS_SHARING_VIOLATION;
    const made = await openWish(wish, call);
    if (made !== STATUS_SHARING_VIOLATION || performance.now() >= deadlineMs) return made;
  }
}

interface Opened {
  readonly file: OpenFile;
  readonly made: Made;
}

/** What is known of a FID in compatibility mode. */
type Compatible = Pick<OpenFile, 'compatible' | 'rights'>;

/** The same with a FID. */
export function openFile(
  wish: Wish,
  call: TreeCall,
  old?: Compatible,
): MaybePromise<Opened | NtStatus> {
  // Compatibility mode has its own way around.
  const made = old === undefined ? openPatiently(wish, call) : openWish(wish, call);
  return after(made, (one) => (typeof one === 'number' ? one : numbered(call, one, old)));
}

function numbered(
  call: TreeCall,
  made: Made,
  old: Compatible | undefined,
): MaybePromise<Opened | NtStatus> {
  const { uid, tid } = call.header;
  const file = call.link.addFile(made.open, { uid, tid, pid: call.pid, ...old });
  if (file !== undefined) {
    call.opened = file;
    return { file, made };
  }
  made.onSent?.();
  return after(closeOpen(call.link.server, made.open), () => STATUS_TOO_MANY_OPENED_FILES);
}

/** Opens a file that is there, for one thing to be done with it. */
export const withOpen = <T>(
  call: TreeCall,
  wish: Partial<Wish> & Pick<Wish, 'name'>,
  work: (request: OpenRequest, made: Made) => MaybePromise<T>,
): MaybePromise<T | NtStatus> =>
  after(openWish({ ...lookingOf(call), ...wish }, call), (made) => {
    if (typeof made === 'number') return made;
    made.onSent?.();
    const request = call.request as OpenRequest;
    let done: MaybePromise<T>;
    try {
      done = work(request, made);
    } catch (error) {
      done = Promise.reject(error);
    }
    if (done instanceof Promise) return done.finally(() => closed(call, made));
    const given = done;
    return after(closed(call, made), () => given);
  });

/** A handler may have closed it, which is no fault. */
function closed(call: TreeCall, { open }: Made): MaybePromise<void> {
  call.request.open = undefined;
  return closeOpen(call.link.server, open);
}

const LOOKING: Omit<Wish, 'name'> = {
  access: FILE_READ_ATTRIBUTES,
  share: SHARE_ALL,
  disposition: FILE_OPEN,
  options: FILE_OPEN_REPARSE_POINT,
  attributes: 0,
};

/** Who knows nothing of links looks at what they lead to, where the server follows them. */
const THROUGH_LINKS: Omit<Wish, 'name'> = { ...LOOKING, options: 0 };

const lookingOf = ({ link, request }: TreeCall): Omit<Wish, 'name'> =>
  request.tree.share.followsLinks === true && !link.speaksUnix ? THROUGH_LINKS : LOOKING;

/** The open of a FID, which the request has from now on; a chained one goes before. */
export function openOf(call: TreeCall, fid: number): OpenFile | NtStatus {
  const file = call.chained ?? call.link.file(fid);
  const { session, tree } = call.request;
  if (file === undefined || file.open.session !== session || file.open.tree !== tree) {
    return STATUS_INVALID_HANDLE;
  }
  call.request.open = file.open;
  return file;
}

/** What this FID may, which is less than its open may where several share one: MS-CIFS 2.2.4.3.1. */
export const grantedTo = ({ open, rights = ~0 }: Pick<OpenFile, 'open' | 'rights'>): number =>
  (open.access & rights) >>> 0;

/** The same where the FID has at least one of `rights`; of one that has all of its open's the command itself asks. */
export function openFor(call: TreeCall, fid: number, rights: number): OpenFile | NtStatus {
  const file = openOf(call, fid);
  if (typeof file === 'number' || file.rights === undefined) return file;
  return (file.rights & rights) !== 0 ? file : STATUS_ACCESS_DENIED;
}

export const openRequest = (call: TreeCall): OpenRequest => call.request as OpenRequest;
