/** Directory Services Setup (MS-DSSP 3.2.5): this machine is a server of its own, in a workgroup. */
import { DSSETUP, DsRole_RoleStandaloneServer } from '../../rpc/dssetup.ts';
import type { InputOf, OutputOf } from '../../rpc/operation.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import { type RpcService, serveInterface } from './rpc-service.ts';
import type { ServiceContext } from './share-catalogue.ts';

type GetInformation = typeof DSSETUP.operations.DsRolerGetPrimaryDomainInformation;

export const createDssetupService = (context: ServiceContext): RpcService =>
  serveInterface(DSSETUP, {
    DsRolerGetPrimaryDomainInformation: (input) => information(input, context),
  });

function information(
  { infoLevel }: InputOf<GetInformation>,
  { server }: ServiceContext,
): OutputOf<GetInformation> {
  const status = WIN32_ERROR.NERR_Success;
  switch (infoLevel) {
    case 1: {
      const value = {
        machineRole: DsRole_RoleStandaloneServer,
        flags: 0,
        domainNameFlat: server.workgroup,
        domainNameDns: null,
        domainForestName: null,
        domainGuid: Buffer.alloc(16),
      };
      return { domainInfo: { tag: 1, value }, status };
    }
    case 2:
      return {
        domainInfo: { tag: 2, value: { operationState: 0, previousServerState: 0 } },
        status,
      };
    case 3:
      return { domainInfo: { tag: 3, value: { operationState: 0 } }, status };
    default:
      return { domainInfo: null, status: WIN32_ERROR.ERROR_INVALID_PARAMETER };
  }
}
