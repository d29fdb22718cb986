/**
 * MS-SMB2 3.3.5.15.2 and MS-DFSC 3.2.5: namespaces of this server's own. A share with "msdfs root" is one; its links are
 * symbolic links as Samba stores them, `msdfs:server\share,server\share`, anywhere below. With "msdfs proxy" all
 * of the share is elsewhere. Who meets a link is told PATH_NOT_COVERED, asks for a referral, and goes there.
 */
import {
  STATUS_FS_DRIVER_REQUIRED,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_FOUND,
} from '../dtyp/ntstatus.ts';
import type { Request } from '../objects/request.ts';
import type { DfsNamespace, Share } from '../objects/share.ts';
import {
  decodeReferralRequest,
  decodeReferralRequestEx,
  encodeReferral,
  type Referral,
} from '../smb2/dfs-referral.ts';
import { Fsctl } from '../smb2/fsctl.ts';
import { SMB2_FLAGS_DFS_OPERATIONS } from '../smb2/header.ts';
import type { IoctlRequest } from '../smb2/ioctl.ts';
import { isErrno } from '../vfs/errno.ts';
import type { VfsHandle, VfsTree } from '../vfs/vfs.ts';
import type { Outcome, TreeRequest } from './command.ts';
import { respond } from './ioctl-reply.ts';
import { clientOf } from './tree-connect.ts';

const LINK_PREFIX = 'msdfs:';
/** What Samba and Windows have for links: ten minutes. */
const TIME_TO_LIVE_SECONDS = 600;
/** Samba reads no more of a link either; a referral with all of them stays below what a client takes. */
export const MAX_LINK_TARGETS = 64;
/** Components of a path that are looked at for a link; each costs a look at the disk. */
const MAX_COMPONENTS = 128;

/** `server\share`, with either slash, as `\server\share`; undefined for what is none. */
function targetsOf(list: string): readonly string[] | undefined {
  const targets = list
    .split(',')
    .map((each) => each.trim().replaceAll('/', '\\').replace(/^\\+/, ''))
    .filter((each) => /^[^\\]+\\[^\\]/.test(each))
    .slice(0, MAX_LINK_TARGETS)
    .map((each) => `\\${each.replace(/\\+$/, '')}`);
  return targets.length === 0 ? undefined : targets;
}

/** Where a symbolic link leads that is one of the namespace; undefined for any other. */
export async function dfsTargets(handle: VfsHandle): Promise<readonly string[] | undefined> {
  if (handle.kind !== 'symlink') return undefined;
  const link = await handle.readLink();
  if (typeof link === 'number' || !link.toLowerCase().startsWith(LINK_PREFIX)) return undefined;
  return targetsOf(link.slice(LINK_PREFIX.length));
}

export const isDfsRequest = ({ header }: TreeRequest): boolean =>
  (header.flags & SMB2_FLAGS_DFS_OPERATIONS) !== 0;

/** 3.3.5.9: with the flag, and on such a share, server and share stand before the name; macOS leads with backslashes. */
export function withoutDfsPrefix(name: string, request: TreeRequest): string {
  if (request.tree.share.dfs === undefined || !isDfsRequest(request)) return name;
  return /^\\*[^\\]*(?:\\[^\\]*(?:\\(.*))?)?$/s.exec(name)?.[1] ?? '';
}

/** A client of the namespace is sent on also where it would open the link itself; others see it as it is. */
export const leadsElsewhere = async (handle: VfsHandle, request: TreeRequest): Promise<boolean> =>
  isDfsRequest(request) && (await dfsTargets(handle)) !== undefined;

/** "msdfs proxy": nothing of the share is here. */
export const isProxied = ({ tree }: TreeRequest): boolean => tree.share.dfs?.proxy !== undefined;

/** FSCTL_DFS_GET_REFERRALS and its extended form. */
export async function getReferrals(body: IoctlRequest, request: Request): Promise<Outcome> {
  const { server } = request;
  // "If IsDfsCapable is FALSE … STATUS_FS_DRIVER_REQUIRED."
  if (!server.isDfsCapable) return STATUS_FS_DRIVER_REQUIRED;
  const isEx = body.ctlCode === Fsctl.FSCTL_DFS_GET_REFERRALS_EX;
  const asked = (isEx ? decodeReferralRequestEx : decodeReferralRequest)(body.input);
  if (asked.maxReferralLevel === 0) return STATUS_INVALID_PARAMETER;
  const referral = await referralFor(asked.requestFileName, request);
  if (referral === undefined) return STATUS_NOT_FOUND;
  return respond(body, undefined, encodeReferral(referral, asked.maxReferralLevel));
}

async function referralFor(name: string, request: Request): Promise<Referral | undefined> {
  const [host = '', shareName = '', ...rest] = name.replace(/^\\+/, '').split('\\');
  const components = rest.filter((each) => each !== '');
  const share = request.server.shares.get(shareName.toLowerCase());
  if (host === '' || share?.dfs === undefined || components.length > MAX_COMPONENTS)
    return undefined;
  const leading = name.length - name.replace(/^\\+/, '').length;
  const rootLength = leading + host.length + 1 + shareName.length;
  const root = { host, shareName, rootLength, name };
  const { dfs } = share;
  if (dfs.proxy !== undefined) return whole(root, dfs);
  if (components.length === 0) {
    return { ...covering(root, rootLength), kind: 'root', targets: [`\\${host}\\${shareName}`] };
  }
  const found = await findLink(share, components, request);
  if (found === undefined) return undefined;
  let end = rootLength;
  for (let i = 0; i < found.components; i++) {
    while (name[end] === '\\') end += 1;
    while (end < name.length && name[end] !== '\\') end += 1;
  }
  return { ...covering(root, end), kind: 'link', targets: found.targets };
}

interface Root {
  readonly name: string;
  readonly rootLength: number;
}

const covering = ({ name }: Root, pathConsumed: number) => ({
  pathConsumed,
  dfsPath: `\\${name.slice(0, pathConsumed).replace(/^\\+/, '')}`,
  timeToLiveSeconds: TIME_TO_LIVE_SECONDS,
});

function whole(root: Root, { proxy = '' }: DfsNamespace): Referral | undefined {
  const targets = targetsOf(proxy);
  return targets && { ...covering(root, root.rootLength), kind: 'link', targets };
}

/** The first link on the path, as far as who asks may see. */
async function findLink(share: Share, path: readonly string[], request: Request) {
  const { server, session, connection } = request;
  const client = clientOf(connection);
  const decision = await server.controlPlane.connectShare(session!.account!, share.name, client);
  if (decision.kind !== 'granted') return undefined;
  const files = await share.vfs?.attach(decision.identity);
  if (files === undefined || isErrno(files)) return undefined;
  try {
    return await walk(files, path);
  } finally {
    files.close();
  }
}

async function walk(files: VfsTree, path: readonly string[]) {
  for (let components = 1; components <= path.length; components++) {
    const handle = await files.lookup(path.slice(0, components));
    if (isErrno(handle)) return undefined;
    const targets = await dfsTargets(handle);
    const isDirectory = handle.kind === 'directory';
    handle.close();
    if (targets !== undefined) return { components, targets };
    if (!isDirectory) return undefined;
  }
  return undefined;
}
