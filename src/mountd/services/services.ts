/** The named pipes of IPC$: name to RPC interfaces. */
import type { PipeEndpoint } from '../../ipc/control-plane.ts';
import type { SecureLogin } from '../login.ts';
import type { Authenticated } from './association-security.ts';
import { createDssetupService } from './dssetup-service.ts';
import { createLsarpcService } from './lsarpc-service.ts';
import { createMgmtService } from './mgmt-service.ts';
import { createNetdfsService } from './netdfs-service.ts';
import { createRpcEndpoint } from './pipe-endpoint.ts';
import type { RpcService } from './rpc-service.ts';
import { createSamrService } from './samr-service.ts';
import type { ServiceContext } from './share-catalogue.ts';
import { createSrvsvcService } from './srvsvc-service.ts';
import { createSvcctlService } from './svcctl-service.ts';
import { createWinregService } from './winreg-service.ts';
import { createWkssvcService } from './wkssvc-service.ts';

const SERVICES_OF_PIPE: ReadonlyMap<string, readonly ((context: ServiceContext) => RpcService)[]> =
  new Map([
    ['lsarpc', [createLsarpcService, createDssetupService]],
    ['lsass', [createLsarpcService]],
    ['netdfs', [createNetdfsService]],
    ['samr', [createSamrService]],
    ['srvsvc', [createSrvsvcService]],
    ['svcctl', [createSvcctlService]],
    ['winreg', [createWinregService]],
    ['wkssvc', [createWkssvcService]],
  ]);

export interface RpcCallers {
  /** Of who has authenticated in RPC, else of who has the pipe open; undefined to whom nothing is answered. */
  context(authenticated?: Authenticated): ServiceContext | undefined;
  readonly beginLogin?: (() => SecureLogin) | undefined;
}

/** The pipes that can be opened. */
export const pipeNames = (): readonly string[] => [...SERVICES_OF_PIPE.keys()];

/** `name` in lower case, without a leading backslash; undefined when there is no such pipe. */
export function openService(name: string, callers: RpcCallers): PipeEndpoint | undefined {
  const services = SERVICES_OF_PIPE.get(name);
  if (services === undefined) return undefined;
  return createRpcEndpoint(name, {
    services: (authenticated) => {
      const context = callers.context(authenticated);
      if (context === undefined) return undefined;
      const own = services.map((create) => create(context));
      return [...own, createMgmtService(own)];
    },
    beginLogin: callers.beginLogin,
  });
}
