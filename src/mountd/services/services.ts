/** The named pipes of IPC$: name to RPC interfaces. */
import type { PipeEndpoint } from '../../ipc/control-plane.ts';
import { DSSETUP } from '../../rpc/dssetup.ts';
import { LSARPC } from '../../rpc/lsarpc.ts';
import { NETDFS } from '../../rpc/netdfs.ts';
import { NTSVCS } from '../../rpc/ntsvcs.ts';
import { FAULT_STATUS } from '../../rpc/pdu.ts';
import { AUTHENTICATION_LEVEL } from '../../rpc/pdu-security.ts';
import { SAMR } from '../../rpc/samr.ts';
import { SRVSVC } from '../../rpc/srvsvc.ts';
import { SVCCTL } from '../../rpc/svcctl.ts';
import { UNIXINFO } from '../../rpc/unixinfo.ts';
import { WINREG } from '../../rpc/winreg.ts';
import { WKSSVC } from '../../rpc/wkssvc.ts';
import type { Authenticated, BeginRpcLogin } from './association-security.ts';
import { createDssetupService } from './dssetup-service.ts';
import { createEpmapperService, type OfferedInterface } from './epmapper-service.ts';
import { createLsarpcService } from './lsarpc-service.ts';
import { createMgmtService } from './mgmt-service.ts';
import { createNetdfsService } from './netdfs-service.ts';
import { createNtsvcsService } from './ntsvcs-service.ts';
import { createRpcEndpoint } from './pipe-endpoint.ts';
import { RpcFault } from './rpc-fault.ts';
import type { RpcService } from './rpc-service.ts';
import { createSamrService } from './samr-service.ts';
import type { ServiceContext } from './share-catalogue.ts';
import { createSrvsvcService } from './srvsvc-service.ts';
import { createSvcctlService } from './svcctl-service.ts';
import { createUnixinfoService } from './unixinfo-service.ts';
import { createWinregService } from './winreg-service.ts';
import { createWkssvcService } from './wkssvc-service.ts';

type Create = (context: ServiceContext) => RpcService;

const SERVICES_OF_PIPE: ReadonlyMap<string, readonly Create[]> = new Map<string, readonly Create[]>(
  [
    ['epmapper', [createMapper]],
    ['lsarpc', [createLsarpcService, createDssetupService]],
    ['lsass', [createLsarpcService]],
    ['netdfs', [createNetdfsService]],
    ['ntsvcs', [createNtsvcsService]],
    ['plugplay', [createNtsvcsService]],
    ['samr', [createSamrService]],
    ['srvsvc', [createSrvsvcService]],
    ['svcctl', [createSvcctlService]],
    ['unixinfo', [createUnixinfoService]],
    ['winreg', [createWinregService]],
    ['wkssvc', [createWkssvcService]],
  ],
);

/** What the endpoint mapper tells of. */
const OFFERED: readonly OfferedInterface[] = [
  { ...LSARPC, pipe: 'lsarpc' },
  { ...DSSETUP, name: 'dssetup', pipe: 'lsarpc' },
  { ...NETDFS, pipe: 'netdfs' },
  { ...NTSVCS, pipe: 'ntsvcs' },
  { ...SAMR, pipe: 'samr' },
  { ...SRVSVC, pipe: 'srvsvc' },
  { ...SVCCTL, pipe: 'svcctl' },
  { ...UNIXINFO, pipe: 'unixinfo' },
  { ...WINREG, pipe: 'winreg' },
  { ...WKSSVC, pipe: 'wkssvc' },
].map(({ name, syntax, pipe }) => ({ annotation: name, syntax, pipe }));

function createMapper({ server, rpcPort }: ServiceContext): RpcService {
  return createEpmapperService({ host: server.name, tcp: rpcPort, offered: () => OFFERED });
}

/** Each interface once, in one order. */
const OVER_TCP: readonly Create[] = [
  ...new Set([...SERVICES_OF_PIPE.values()].flat().filter((create) => create !== createMapper)),
];

export interface RpcCallers {
  /** Of who has authenticated in RPC, else of who has the pipe open; undefined to whom nothing is answered. */
  context(authenticated?: Authenticated): ServiceContext | undefined;
  readonly beginLogin?: BeginRpcLogin | undefined;
}

export interface TcpCallers extends RpcCallers {
  /** Of whoever has not said who it is; undefined: to them nothing is answered. */
  context(authenticated?: Authenticated): ServiceContext | undefined;
  /** What tells the interfaces, where the former is undefined. */
  readonly stranger: ServiceContext;
}

/** The pipes that can be opened. */
export const pipeNames = (): readonly string[] => [...SERVICES_OF_PIPE.keys()];

/** `name` in lower case, without a leading backslash; undefined when there is no such pipe. */
export function openService(name: string, callers: RpcCallers): PipeEndpoint | undefined {
  const services = SERVICES_OF_PIPE.get(name);
  if (services === undefined) return undefined;
  return createRpcEndpoint(`\\PIPE\\${name}`, {
    services: (authenticated) => {
      const context = callers.context(authenticated);
      return context && withMgmt(services, context);
    },
    beginLogin: callers.beginLogin,
  });
}

/** The endpoint mapper as clients reach it by TCP: without a login, or with one, which tells nobody more. */
export function openMapper(
  port: number,
  context: ServiceContext,
  beginLogin: BeginRpcLogin,
): PipeEndpoint {
  return createRpcEndpoint(String(port), {
    services: () => withMgmt([createMapper], context),
    beginLogin,
  });
}

/**
 * All interfaces on one port, for who has logged in by RPC's own means and signs what it sends: nothing else protects it
 * here. Strangers learn which interfaces there are, as from the mapper, and no more.
 */
export function openServices(port: number, callers: TcpCallers): PipeEndpoint {
  return createRpcEndpoint(String(port), {
    minimumLevel: AUTHENTICATION_LEVEL.PKT_INTEGRITY,
    services: (authenticated) => {
      const context = callers.context(authenticated);
      if (context !== undefined) return withMgmt(OVER_TCP, context);
      if (authenticated !== undefined) return undefined;
      return withMgmt(OVER_TCP, callers.stranger).map(closed);
    },
    beginLogin: callers.beginLogin,
  });
}

function withMgmt(services: readonly Create[], context: ServiceContext): RpcService[] {
  const own = services.map((create) => create(context));
  return [...own, createMgmtService(own)];
}

const closed = ({ syntax }: RpcService): RpcService => ({
  syntax,
  call() {
    throw new RpcFault(FAULT_STATUS.ERROR_ACCESS_DENIED);
  },
});
