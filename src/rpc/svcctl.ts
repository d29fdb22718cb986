/** The Service Control Manager (MS-SCMR 2.2, 3.1.4): what this server answers of it. */
import { octets, struct, u32, unique, wstring } from './ndr.ts';
import { operation } from './operation.ts';
import { contextHandle as handle } from './security-types.ts';

const text = unique(wstring);

/** 2.2.47. */
export const SERVICE_STATUS = struct({
  serviceType: u32,
  currentState: u32,
  controlsAccepted: u32,
  win32ExitCode: u32,
  serviceSpecificExitCode: u32,
  checkPoint: u32,
  waitHint: u32,
});

/** 2.2.15. */
const QUERY_SERVICE_CONFIGW = struct({
  serviceType: u32,
  startType: u32,
  errorControl: u32,
  binaryPathName: text,
  loadOrderGroup: text,
  tagId: u32,
  dependencies: text,
  serviceStartName: text,
  displayName: text,
});

const opened = { handle, status: u32 };
const filled = { buffer: octets, bytesNeeded: u32 };

export const SVCCTL = {
  name: 'svcctl',
  syntax: { uuid: '367abb81-9844-35f1-ad32-98f038001003', major: 2, minor: 0 },
  operations: {
    RCloseServiceHandle: operation(0, { handle }, opened),
    RControlService: operation(
      1,
      { handle, control: u32 },
      { serviceStatus: SERVICE_STATUS, status: u32 },
    ),
    RQueryServiceObjectSecurity: operation(
      4,
      { handle, securityInformation: u32, bufferBytes: u32 },
      { ...filled, status: u32 },
    ),
    RSetServiceObjectSecurity: operation(
      5,
      { handle, securityInformation: u32, descriptor: octets, bufferBytes: u32 },
      { status: u32 },
    ),
    RQueryServiceStatus: operation(6, { handle }, { serviceStatus: SERVICE_STATUS, status: u32 }),
    REnumDependentServicesW: operation(
      13,
      { handle, serviceState: u32, bufferBytes: u32 },
      { ...filled, servicesReturned: u32, status: u32 },
    ),
    REnumServicesStatusW: operation(
      14,
      { handle, serviceType: u32, serviceState: u32, bufferBytes: u32, resumeIndex: unique(u32) },
      { ...filled, servicesReturned: u32, resumeIndex: unique(u32), status: u32 },
    ),
    ROpenSCManagerW: operation(
      15,
      { machineName: text, databaseName: text, desiredAccess: u32 },
      opened,
    ),
    ROpenServiceW: operation(16, { handle, serviceName: wstring, desiredAccess: u32 }, opened),
    RQueryServiceConfigW: operation(
      17,
      { handle, bufferBytes: u32 },
      { config: QUERY_SERVICE_CONFIGW, bytesNeeded: u32, status: u32 },
    ),
    RStartServiceW: operation(19, { handle, argc: u32 }, { status: u32 }),
    RQueryServiceConfig2W: operation(
      39,
      { handle, infoLevel: u32, bufferBytes: u32 },
      { ...filled, status: u32 },
    ),
    RQueryServiceStatusEx: operation(
      40,
      { handle, infoLevel: u32, bufferBytes: u32 },
      { ...filled, status: u32 },
    ),
  },
} as const;
