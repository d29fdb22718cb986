/** The Workstation Service (MS-WKST 3.2.4): NetrWkstaGetInfo, which tells a client the workgroup. */
import type { InputOf, OutputOf } from '../../rpc/operation.ts';
import { PLATFORM_ID_NT } from '../../rpc/srvsvc.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import { WKSSVC, type WkstaInfo } from '../../rpc/wkssvc.ts';
import { type RpcService, serveInterface } from './rpc-service.ts';
import type { ServerDescription, ServiceContext } from './share-catalogue.ts';

type GetInfo = typeof WKSSVC.operations.NetrWkstaGetInfo;

export function createWkssvcService(context: ServiceContext): RpcService {
  return serveInterface(WKSSVC, { NetrWkstaGetInfo: (input) => wkstaGetInfo(input, context) });
}

/** 3.2.4.1. Level 102 counts users, and is for administrators, as on Windows (note 29). */
function wkstaGetInfo(
  { level }: InputOf<GetInfo>,
  { administrator, server }: ServiceContext,
): OutputOf<GetInfo> {
  if (level !== 100 && level !== 101 && level !== 102) {
    const wkstaInfo = { tag: 'other', value: level } as const;
    return { wkstaInfo, status: WIN32_ERROR.ERROR_INVALID_LEVEL };
  }
  if (level === 102 && !administrator) {
    return { wkstaInfo: { tag: 102, value: null }, status: WIN32_ERROR.ERROR_ACCESS_DENIED };
  }
  return { wkstaInfo: wkstaInfo(level, server), status: WIN32_ERROR.NERR_Success };
}

function wkstaInfo(level: 100 | 101 | 102, server: ServerDescription): WkstaInfo {
  const info100 = {
    platformId: PLATFORM_ID_NT,
    computername: server.name,
    langroup: server.workgroup,
    verMajor: server.versionMajor,
    verMinor: server.versionMinor,
  };
  switch (level) {
    case 100:
      return { tag: 100, value: info100 };
    case 101:
      return { tag: 101, value: { ...info100, lanroot: null } };
    case 102:
      // Nobody is logged on at a file server's console.
      return { tag: 102, value: { ...info100, lanroot: null, loggedOnUsers: 0 } };
  }
}
