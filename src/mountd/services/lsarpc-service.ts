/** The Local Security Authority (MS-LSAT 3.1.4): LsarGetUserName, which tells a client who it is here. */
import { STATUS_SUCCESS } from '../../dtyp/ntstatus.ts';
import { LSARPC, unicodeString } from '../../rpc/lsarpc.ts';
import type { InputOf, OutputOf } from '../../rpc/operation.ts';
import { type RpcService, serveInterface } from './rpc-service.ts';
import type { ServiceContext } from './share-catalogue.ts';

type GetUserName = typeof LSARPC.operations.LsarGetUserName;

export function createLsarpcService(context: ServiceContext): RpcService {
  return serveInterface(LSARPC, { LsarGetUserName: (input) => getUserName(input, context) });
}

/** 3.1.4.4. Accounts are this machine's; who is nobody has the name that MS-DTYP 2.4.2.4 gives S-1-5-7. */
function getUserName(
  { domainName }: InputOf<GetUserName>,
  { account, server }: ServiceContext,
): OutputOf<GetUserName> {
  const [domain, user] =
    account.kind === 'anonymous'
      ? ['NT AUTHORITY', 'ANONYMOUS LOGON']
      : [server.name, account.name];
  return {
    userName: unicodeString(user),
    domainName: domainName === null ? null : unicodeString(domain),
    status: STATUS_SUCCESS,
  };
}
