/** The Workstation Service (MS-WKST 3.2.4): the workgroup, names and users of this machine, which is no client itself. */
import { after } from '../../base/after.ts';
import { fromUnixNanoseconds } from '../../dtyp/filetime.ts';
import type { MaybePromise } from '../../ipc/control-plane.ts';
import { collect } from '../../ipc/status.ts';
import type { InputOf, OutputOf } from '../../rpc/operation.ts';
import { PLATFORM_ID_NT } from '../../rpc/srvsvc.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import {
  WKSSVC,
  type WkstaInfo,
  type WkstaUserEnumStruct,
  type WorkstationStatistics,
} from '../../rpc/wkssvc.ts';
import { type RpcService, serveInterface } from './rpc-service.ts';
import type { ServerDescription, ServiceContext } from './share-catalogue.ts';

type Operations = typeof WKSSVC.operations;
type GetInfo = typeof WKSSVC.operations.NetrWkstaGetInfo;

export function createWkssvcService(context: ServiceContext): RpcService {
  return serveInterface(WKSSVC, {
    NetrWkstaGetInfo: (input) => wkstaGetInfo(input, context),
    NetrWkstaUserEnum: (input) => userEnum(input, context),
    NetrWkstaTransportEnum: (input) => transportEnum(input, context),
    NetrWorkstationStatisticsGet: (input) => statistics(input, context),
    NetrGetJoinInformation: () => ({
      nameBuffer: context.server.workgroup,
      nameType: NetSetupWorkgroupName,
      status: NERR_Success,
    }),
    NetrEnumerateComputerNames: ({ nameType }) => computerNames(nameType, context),
  });
}

const {
  NERR_Success,
  ERROR_ACCESS_DENIED,
  ERROR_INVALID_LEVEL,
  ERROR_INVALID_PARAMETER,
  ERROR_NOT_SUPPORTED,
} = WIN32_ERROR;
/** 2.2.3.1. */
const NetSetupWorkgroupName = 2;

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

/** 3.2.4.3: who is logged on, for administrators: by SMB, since nobody is at a file server's console. */
function userEnum(
  { userInfo, resumeHandle }: InputOf<Operations['NetrWkstaUserEnum']>,
  { administrator, dataPlane, server }: ServiceContext,
): MaybePromise<OutputOf<Operations['NetrWkstaUserEnum']>> {
  const level = userInfo.tag;
  if (level === 'other') {
    return { userInfo, totalEntries: 0, resumeHandle, status: ERROR_INVALID_LEVEL };
  }
  const failed = (status: number) => {
    const none = { tag: level, value: { entries: null } } as const;
    return { userInfo: none, totalEntries: 0, resumeHandle, status };
  };
  if (!administrator) return failed(ERROR_ACCESS_DENIED);
  const asked = dataPlane?.();
  if (asked === undefined) return failed(ERROR_NOT_SUPPORTED);
  return collect(asked, {}).then(({ sessions }) => {
    const users = [...new Set(sessions.flatMap(({ user }) => user ?? []))];
    const entries = users.map((username) => ({
      username,
      logonDomain: server.name,
      otherDomains: '',
      logonServer: server.name,
    }));
    const told: WkstaUserEnumStruct =
      level === 0 ? { tag: 0, value: { entries } } : { tag: 1, value: { entries } };
    return { userInfo: told, totalEntries: users.length, resumeHandle, status: NERR_Success };
  });
}

/** 3.2.4.4. */
function transportEnum(
  { transportInfo, resumeHandle }: InputOf<Operations['NetrWkstaTransportEnum']>,
  { administrator }: ServiceContext,
): OutputOf<Operations['NetrWkstaTransportEnum']> {
  if (transportInfo.tag === 'other') {
    return { transportInfo, totalEntries: 0, resumeHandle, status: ERROR_INVALID_LEVEL };
  }
  const entries = administrator
    ? [
        {
          qualityOfService: 0,
          numberOfVcs: 0,
          transportName: '\\Device\\NetbiosSmb',
          transportAddress: '000000000000',
          wanIsh: 1,
        },
      ]
    : null;
  return {
    transportInfo: { tag: 0, value: { entries } },
    totalEntries: entries?.length ?? 0,
    resumeHandle,
    status: administrator ? NERR_Success : ERROR_ACCESS_DENIED,
  };
}

/**
 * 3.2.4.11, of the redirector, for administrators as on Windows (note 54). This machine is no client, so all of it is none:
 * "If a member value does not apply to the server, it MUST be set to zero." Only when one began to count is known.
 */
function statistics(
  { level, options }: InputOf<Operations['NetrWorkstationStatisticsGet']>,
  { administrator, dataPlane }: ServiceContext,
): MaybePromise<OutputOf<Operations['NetrWorkstationStatisticsGet']>> {
  const failed = (status: number) => ({ buffer: null, status });
  if (level !== 0) return failed(ERROR_INVALID_LEVEL);
  if (options !== 0) return failed(ERROR_INVALID_PARAMETER);
  if (!administrator) return failed(ERROR_ACCESS_DENIED);
  const asked = dataPlane?.();
  if (asked === undefined) return failed(ERROR_NOT_SUPPORTED);
  return after(asked.summary(), ({ startedAtMs }) => {
    const statisticsStartTime = fromUnixNanoseconds(BigInt(Math.floor(startedAtMs)) * 1_000_000n);
    return { buffer: { ...NO_REDIRECTOR, statisticsStartTime }, status: NERR_Success };
  });
}

const NO_REDIRECTOR: WorkstationStatistics = {
  ...{ statisticsStartTime: 0n, bytesReceived: 0n, smbsReceived: 0n },
  ...{ pagingReadBytesRequested: 0n, nonPagingReadBytesRequested: 0n },
  ...{ cacheReadBytesRequested: 0n, networkReadBytesRequested: 0n },
  ...{ bytesTransmitted: 0n, smbsTransmitted: 0n, pagingWriteBytesRequested: 0n },
  ...{ nonPagingWriteBytesRequested: 0n, cacheWriteBytesRequested: 0n },
  ...{ networkWriteBytesRequested: 0n, initiallyFailedOperations: 0 },
  ...{ failedCompletionOperations: 0, readOperations: 0, randomReadOperations: 0, readSmbs: 0 },
  ...{ largeReadSmbs: 0, smallReadSmbs: 0, writeOperations: 0, randomWriteOperations: 0 },
  ...{ writeSmbs: 0, largeWriteSmbs: 0, smallWriteSmbs: 0, rawReadsDenied: 0, rawWritesDenied: 0 },
  ...{ networkErrors: 0, sessions: 0, failedSessions: 0, reconnects: 0, coreConnects: 0 },
  ...{ lanman20Connects: 0, lanman21Connects: 0, lanmanNtConnects: 0, serverDisconnects: 0 },
  ...{ hungSessions: 0, useCount: 0, failedUseCount: 0, currentCommands: 0 },
};

/** 3.2.4.21: NetPrimaryComputerName, NetAlternateComputerNames, NetAllComputerNames. */
function computerNames(
  nameType: number,
  { server }: ServiceContext,
): OutputOf<Operations['NetrEnumerateComputerNames']> {
  if (nameType > 2) return { computerNames: null, status: ERROR_INVALID_PARAMETER };
  return {
    computerNames: { names: nameType === 1 ? [] : [server.name] },
    status: NERR_Success,
  };
}
