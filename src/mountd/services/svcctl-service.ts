/**
 * MS-SCMR 3.1.4: the services of a file server, for those that list them. They are parts of this one program:
 * nobody starts or stops them from afar.
 */

import { NO_HANDLE } from '../../rpc/security-types.ts';
import { SVCCTL } from '../../rpc/svcctl.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import { ContextHandles } from './context-handles.ts';
import { descriptorOf, MANAGER_RIGHTS, SERVICE_RIGHTS } from './object-security.ts';
import { type RpcService, serveInterface } from './rpc-service.ts';
import type { ServiceContext } from './share-catalogue.ts';

const {
  NERR_Success,
  ERROR_ACCESS_DENIED,
  ERROR_INVALID_PARAMETER,
  ERROR_MORE_DATA,
  ERROR_NOT_SUPPORTED,
} = WIN32_ERROR;
/** SERVICE_STATE_ALL. */
const ALL_STATES = 3;
/** Owner, group, and both ACLs (2.2.1 of MS-DTYP). */
const SECURITY_PARTS = 0xf;
const ERROR_INVALID_HANDLE = 6;
const ERROR_NOT_ENOUGH_MEMORY = 8;
const ERROR_INSUFFICIENT_BUFFER = 122;
const ERROR_INVALID_LEVEL = 124;
const ERROR_SERVICE_ALREADY_RUNNING = 1056;
const ERROR_SERVICE_DISABLED = 1058;
const ERROR_SERVICE_NOT_ACTIVE = 1062;
const ERROR_INVALID_SERVICE_CONTROL = 1052;
const ERROR_SERVICE_DOES_NOT_EXIST = 1060;
const ERROR_DATABASE_DOES_NOT_EXIST = 1065;

/** 3.1.4.11: "[range(0, 1024 * 256)]". */
export const MAX_BUFFER_BYTES = 256 << 10;
const SERVICE_WIN32_SHARE_PROCESS = 0x20;
const SERVICE_STOPPED = 1;
const SERVICE_RUNNING = 4;
const SERVICE_ACTIVE = 1;
const SERVICE_INACTIVE = 2;
const SERVICE_AUTO_START = 2;
const SERVICE_DISABLED = 4;
const SERVICE_ERROR_NORMAL = 1;
const SERVICE_CONTROL_INTERROGATE = 4;
const SC_STATUS_PROCESS_INFO = 0;
const SERVICE_CONFIG_DESCRIPTION = 1;
const SERVICE_CONFIG_FAILURE_ACTIONS = 2;
/** SERVICE_FAILURE_ACTIONSW_WOW64, 2.2.40: nothing is done. */
const FAILURE_ACTIONS_BYTES = 20;
/** ENUM_SERVICE_STATUSW, 2.2.11: two offsets and a SERVICE_STATUS. */
const ENTRY_BYTES = 36;
const STATUS_BYTES = 28;

interface Service {
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  /** It is told because clients look for it, and nobody starts it. */
  readonly disabled?: true;
}

const SERVICES: readonly Service[] = [
  { name: 'LanmanServer', displayName: 'Server', description: 'Shares files of this machine.' },
  {
    name: 'LanmanWorkstation',
    displayName: 'Workstation',
    description: 'Tells what workgroup this machine is in.',
  },
  {
    name: 'RemoteRegistry',
    displayName: 'Remote Registry',
    description: 'Lets others read settings of this server.',
  },
  {
    name: 'SamSs',
    displayName: 'Security Accounts Manager',
    description: 'Keeps the accounts of this server.',
  },
  {
    name: 'Spooler',
    displayName: 'Print Spooler',
    description: 'This server has no printers.',
    disabled: true,
  },
];

type Opened =
  | { readonly kind: 'manager' }
  | { readonly kind: 'service'; readonly service: Service };

const RUNNING = {
  serviceType: SERVICE_WIN32_SHARE_PROCESS,
  currentState: SERVICE_RUNNING,
  controlsAccepted: 0,
  win32ExitCode: 0,
  serviceSpecificExitCode: 0,
  checkPoint: 0,
  waitHint: 0,
};
const STOPPED = { ...RUNNING, currentState: SERVICE_STOPPED, win32ExitCode: 1077 };

const statusOf = ({ disabled }: Service) => (disabled ? STOPPED : RUNNING);
const NO_STATUS = { ...RUNNING, serviceType: 0, currentState: 0 };
const NO_CONFIG = {
  ...{ serviceType: 0, startType: 0, errorControl: 0, binaryPathName: null, loadOrderGroup: null },
  ...{ tagId: 0, dependencies: null, serviceStartName: null, displayName: null },
};

export function createSvcctlService({ administrator }: ServiceContext): RpcService {
  const handles = new ContextHandles<Opened>();
  const open = (object: Opened) => {
    const handle = handles.open(object);
    return handle === undefined
      ? { handle: NO_HANDLE, status: ERROR_NOT_ENOUGH_MEMORY }
      : { handle, status: NERR_Success };
  };
  const serviceOf = (handle: Buffer): Service | undefined => {
    const object = handles.get(handle);
    return object.kind === 'service' ? object.service : undefined;
  };
  const query = (handle: Buffer, bufferBytes: number, make: () => Buffer | number) =>
    serviceOf(handle) === undefined
      ? failed(bufferBytes, ERROR_INVALID_HANDLE)
      : fill(bufferBytes, make());
  return serveInterface(SVCCTL, {
    RCloseServiceHandle: ({ handle }) => ({ handle: handles.close(handle), status: NERR_Success }),
    ROpenSCManagerW: ({ databaseName }) =>
      databaseName === null || /^services(active|failed)$/i.test(databaseName)
        ? open({ kind: 'manager' })
        : { handle: NO_HANDLE, status: ERROR_DATABASE_DOES_NOT_EXIST },
    ROpenServiceW: ({ handle, serviceName }) => {
      if (handles.get(handle).kind !== 'manager') {
        return { handle: NO_HANDLE, status: ERROR_INVALID_HANDLE };
      }
      const wanted = serviceName.toLowerCase();
      const service = SERVICES.find(({ name }) => name.toLowerCase() === wanted);
      return service === undefined
        ? { handle: NO_HANDLE, status: ERROR_SERVICE_DOES_NOT_EXIST }
        : open({ kind: 'service', service });
    },
    RQueryServiceStatus: ({ handle }) =>
      serviceOf(handle) === undefined
        ? { serviceStatus: NO_STATUS, status: ERROR_INVALID_HANDLE }
        : { serviceStatus: statusOf(serviceOf(handle)!), status: NERR_Success },
    RControlService: ({ handle, control }) => {
      const service = serviceOf(handle);
      if (service === undefined) {
        return { serviceStatus: NO_STATUS, status: ERROR_INVALID_HANDLE };
      }
      if (!administrator) return { serviceStatus: NO_STATUS, status: ERROR_ACCESS_DENIED };
      if (control < 1 || control > 255) {
        return { serviceStatus: NO_STATUS, status: ERROR_INVALID_PARAMETER };
      }
      const asks = control === SERVICE_CONTROL_INTERROGATE;
      const serviceStatus = statusOf(service);
      if (service.disabled) return { serviceStatus, status: ERROR_SERVICE_NOT_ACTIVE };
      return {
        serviceStatus,
        status: asks ? NERR_Success : ERROR_INVALID_SERVICE_CONTROL,
      };
    },
    RStartServiceW: ({ handle }) => {
      const service = serviceOf(handle);
      if (service === undefined) return { status: ERROR_INVALID_HANDLE };
      if (!administrator) return { status: ERROR_ACCESS_DENIED };
      return { status: service.disabled ? ERROR_SERVICE_DISABLED : ERROR_SERVICE_ALREADY_RUNNING };
    },
    RQueryServiceObjectSecurity: ({ handle, securityInformation, bufferBytes }) => {
      const rights = handles.get(handle).kind === 'manager' ? MANAGER_RIGHTS : SERVICE_RIGHTS;
      return (securityInformation & SECURITY_PARTS) === 0
        ? failed(bufferBytes, ERROR_INVALID_PARAMETER)
        : fill(bufferBytes, descriptorOf(rights, securityInformation));
    },
    // 3.1.4.6: what it has already may be said again.
    RSetServiceObjectSecurity: ({ handle, securityInformation, descriptor }) => {
      const rights = handles.get(handle).kind === 'manager' ? MANAGER_RIGHTS : SERVICE_RIGHTS;
      if (!administrator) return { status: ERROR_ACCESS_DENIED };
      const same = descriptor.equals(descriptorOf(rights, securityInformation));
      return { status: same ? NERR_Success : ERROR_NOT_SUPPORTED };
    },
    REnumDependentServicesW: ({ handle, serviceState, bufferBytes }) => ({
      ...query(handle, bufferBytes, () =>
        serviceState < 1 || serviceState > ALL_STATES ? ERROR_INVALID_PARAMETER : Buffer.alloc(0),
      ),
      servicesReturned: 0,
    }),
    REnumServicesStatusW: ({ handle, serviceType, serviceState, bufferBytes, resumeIndex }) => {
      const isManager = handles.get(handle).kind === 'manager';
      const isWanted = ({ disabled }: Service): boolean =>
        (serviceType & SERVICE_WIN32_SHARE_PROCESS) !== 0 &&
        (serviceState & (disabled ? SERVICE_INACTIVE : SERVICE_ACTIVE)) !== 0;
      const from = resumeIndex ?? 0;
      return isManager
        ? enumerate(SERVICES.filter(isWanted).slice(from), bufferBytes, resumeIndex, from)
        : { ...failed(bufferBytes, ERROR_INVALID_HANDLE), servicesReturned: 0, resumeIndex };
    },
    RQueryServiceConfigW: ({ handle, bufferBytes }) => {
      const service = serviceOf(handle);
      if (service === undefined) {
        return { config: NO_CONFIG, bytesNeeded: 0, status: ERROR_INVALID_HANDLE };
      }
      const bytesNeeded = STATUS_BYTES + 2 * (service.displayName.length + 40);
      if (bufferBytes < bytesNeeded) {
        return { config: NO_CONFIG, bytesNeeded, status: ERROR_INSUFFICIENT_BUFFER };
      }
      const config = {
        ...NO_CONFIG,
        serviceType: SERVICE_WIN32_SHARE_PROCESS,
        startType: service.disabled ? SERVICE_DISABLED : SERVICE_AUTO_START,
        errorControl: SERVICE_ERROR_NORMAL,
        binaryPathName: 'usmbd',
        ...{ loadOrderGroup: '', dependencies: '', serviceStartName: 'LocalSystem' },
        displayName: service.displayName,
      };
      return { config, bytesNeeded, status: NERR_Success };
    },
    RQueryServiceConfig2W: ({ handle, infoLevel, bufferBytes }) =>
      query(handle, bufferBytes, () =>
        infoLevel === SERVICE_CONFIG_DESCRIPTION
          ? description(serviceOf(handle)!)
          : infoLevel === SERVICE_CONFIG_FAILURE_ACTIONS
            ? Buffer.alloc(FAILURE_ACTIONS_BYTES)
            : ERROR_INVALID_LEVEL,
      ),
    RQueryServiceStatusEx: ({ handle, infoLevel, bufferBytes }) =>
      query(handle, bufferBytes, () =>
        infoLevel === SC_STATUS_PROCESS_INFO
          ? Buffer.concat([statusBytes(serviceOf(handle)!), Buffer.alloc(8)])
          : ERROR_INVALID_LEVEL,
      ),
  });
}

/** Buffers have the size that the client says, whatever is in them. */
const failed = (bufferBytes: number, status: number, bytesNeeded = 0) =>
  bufferBytes > MAX_BUFFER_BYTES
    ? { buffer: Buffer.alloc(0), bytesNeeded, status: ERROR_INVALID_PARAMETER }
    : { buffer: Buffer.alloc(bufferBytes), bytesNeeded, status };

function fill(bufferBytes: number, made: Buffer | number) {
  if (typeof made === 'number') return failed(bufferBytes, made);
  if (made.length > bufferBytes) return failed(bufferBytes, ERROR_INSUFFICIENT_BUFFER, made.length);
  const filled = failed(bufferBytes, NERR_Success, made.length);
  if (filled.status === NERR_Success) made.copy(filled.buffer);
  return filled;
}

function statusBytes(service: Service): Buffer {
  const b = Buffer.alloc(STATUS_BYTES);
  for (const [i, field] of Object.values(statusOf(service)).entries())
    b.writeUInt32LE(field, 4 * i);
  return b;
}

/** SERVICE_DESCRIPTION_WOW64, 2.2.36: an offset, and the text there. */
function description({ description: text }: Service): Buffer {
  const offset = Buffer.alloc(4);
  offset.writeUInt32LE(4);
  return Buffer.concat([offset, Buffer.from(`${text}\0`, 'utf16le')]);
}

/** Entries from the front, their strings from the back, as on Windows. */
function enumerate(
  services: readonly Service[],
  bufferBytes: number,
  resumeIndex: number | null,
  from: number,
) {
  const bytesOf = ({ name, displayName }: Service): number =>
    ENTRY_BYTES + 2 * (name.length + displayName.length + 2);
  let used = 0;
  let count = 0;
  for (; count < services.length && used + bytesOf(services[count]!) <= bufferBytes; count++) {
    used += bytesOf(services[count]!);
  }
  const left = services.slice(count).reduce((sum, service) => sum + bytesOf(service), 0);
  const { buffer, status: refused } = failed(bufferBytes, NERR_Success);
  if (refused !== NERR_Success) {
    return { buffer, bytesNeeded: 0, servicesReturned: 0, resumeIndex, status: refused };
  }
  let end = bufferBytes;
  const put = (text: string): number => {
    const bytes = Buffer.from(`${text}\0`, 'utf16le');
    end -= bytes.length;
    bytes.copy(buffer, end);
    return end;
  };
  for (const [i, service] of services.slice(0, count).entries()) {
    buffer.writeUInt32LE(put(service.name), i * ENTRY_BYTES);
    buffer.writeUInt32LE(put(service.displayName), i * ENTRY_BYTES + 4);
    statusBytes(service).copy(buffer, i * ENTRY_BYTES + 8);
  }
  return {
    buffer,
    bytesNeeded: left,
    servicesReturned: count,
    resumeIndex: resumeIndex === null ? null : left > 0 ? from + count : 0,
    status: left > 0 ? ERROR_MORE_DATA : NERR_Success,
  };
}
