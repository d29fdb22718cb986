/** MS-RRP 3.1.5: reading the registry. Nothing is written by it: settings are in smb.conf. */
import type { InputOf } from '../../rpc/operation.ts';
import { NO_HANDLE } from '../../rpc/security-types.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import { WINREG } from '../../rpc/winreg.ts';
import { ContextHandles } from './context-handles.ts';
import {
  EMPTY_ROOT,
  findKey,
  localMachine,
  type RegistryKey,
  type RegistryValue,
} from './registry.ts';
import { type RpcService, serveInterface } from './rpc-service.ts';
import type { ServiceContext } from './share-catalogue.ts';

type Operations = typeof WINREG.operations;

const { NERR_Success, ERROR_ACCESS_DENIED, ERROR_MORE_DATA } = WIN32_ERROR;
const ERROR_FILE_NOT_FOUND = 2;
const ERROR_NOT_ENOUGH_MEMORY = 8;
const ERROR_NO_MORE_ITEMS = 259;
const ERROR_INSUFFICIENT_BUFFER = 122;
/** 3.1.5.24: of Windows 2000 and later. */
const REGISTRY_VERSION = 5;
const REG_OPENED_EXISTING_KEY = 2;
const NO_DESCRIPTOR = { descriptor: null, size: 0, length: 0 };
const DENIED = { status: ERROR_ACCESS_DENIED };

export function createWinregService(context: ServiceContext): RpcService {
  const handles = new ContextHandles<RegistryKey>();
  const open = (key: RegistryKey | undefined) => {
    if (key === undefined) return { handle: NO_HANDLE, status: ERROR_FILE_NOT_FOUND };
    const handle = handles.open(key);
    return handle === undefined
      ? { handle: NO_HANDLE, status: ERROR_NOT_ENOUGH_MEMORY }
      : { handle, status: NERR_Success };
  };
  const root = (name: string) => () => open(EMPTY_ROOT(name));
  const denied = ({ handle }: { readonly handle: Buffer }) => {
    handles.get(handle);
    return DENIED;
  };
  return serveInterface(WINREG, {
    OpenClassesRoot: root('HKCR'),
    OpenCurrentUser: root('HKCU'),
    OpenLocalMachine: () => open(localMachine(context)),
    OpenPerformanceData: root('HKPD'),
    OpenUsers: root('HKU'),
    OpenCurrentConfig: root('HKCC'),
    BaseRegCloseKey: ({ handle }) => ({ handle: handles.close(handle), status: NERR_Success }),
    BaseRegOpenKey: ({ handle, subKey }) => open(findKey(handles.get(handle), subKey ?? '')),
    BaseRegCreateKey: ({ handle, subKey, disposition }) => {
      const found = findKey(handles.get(handle), subKey ?? '');
      if (found === undefined) return { handle: NO_HANDLE, disposition, ...DENIED };
      return { disposition: disposition && REG_OPENED_EXISTING_KEY, ...open(found) };
    },
    BaseRegDeleteKey: denied,
    BaseRegDeleteValue: denied,
    BaseRegSetValue: denied,
    BaseRegFlushKey: ({ handle }) => {
      handles.get(handle);
      return { status: NERR_Success };
    },
    BaseRegGetKeySecurity: ({ handle }) => {
      handles.get(handle);
      return { descriptor: NO_DESCRIPTOR, ...DENIED };
    },
    BaseRegGetVersion: ({ handle }) => {
      handles.get(handle);
      return { version: REGISTRY_VERSION, status: NERR_Success };
    },
    BaseRegEnumKey: ({ handle, index, name: roomBytes, className, lastWriteTime }) => {
      const found = handles.get(handle).keys[index];
      const more = { className: className === null ? null : '', lastWriteTime };
      if (found === undefined) return { name: null, ...more, status: ERROR_NO_MORE_ITEMS };
      const fits = 2 * (found.name.length + 1) <= roomBytes;
      return fits
        ? { name: found.name, ...more, status: NERR_Success }
        : { name: null, ...more, status: ERROR_MORE_DATA };
    },
    BaseRegEnumValue: (input) => {
      const found = handles.get(input.handle).values[input.index];
      if (found === undefined) return { valueName: null, ...NO_DATA, status: ERROR_NO_MORE_ITEMS };
      if (2 * (found.name.length + 1) > input.valueName) {
        return { valueName: null, ...NO_DATA, status: ERROR_INSUFFICIENT_BUFFER };
      }
      return { valueName: found.name, ...told(found, input) };
    },
    BaseRegQueryInfoKey: ({ handle }) => information(handles.get(handle)),
    BaseRegQueryValue: (input) => {
      const wanted = (input.valueName ?? '').toLowerCase();
      const found = handles
        .get(input.handle)
        .values.find(({ name }) => name.toLowerCase() === wanted);
      return found === undefined
        ? { ...NO_DATA, status: ERROR_FILE_NOT_FOUND }
        : told(found, input);
    },
  });
}

const NO_DATA = { type: 0, data: null, dataBytes: 0, dataLength: 0 };

/** 3.1.5.17: the type and the length always; the data where there is room for them. */
function told(
  { type, data }: RegistryValue,
  asked: Pick<InputOf<Operations['BaseRegQueryValue']>, 'data' | 'dataBytes'>,
) {
  const length = data.length;
  const roomBytes = asked.dataBytes ?? 0;
  if (asked.data === null || length > roomBytes) {
    const status = asked.data === null ? NERR_Success : ERROR_MORE_DATA;
    return { type, data: null, dataBytes: length, dataLength: 0, status };
  }
  return { type, data, dataBytes: length, dataLength: length, status: NERR_Success };
}

function information({ keys, values }: RegistryKey) {
  const longest = (names: readonly { readonly name: string }[]): number =>
    names.reduce((most, { name }) => Math.max(most, 2 * (name.length + 1)), 0);
  return {
    className: '',
    subKeys: keys.length,
    maxSubKeyLength: longest(keys),
    maxClassLength: 0,
    values: values.length,
    maxValueNameLength: longest(values),
    maxValueLength: values.reduce((most, { data }) => Math.max(most, data.length), 0),
    securityDescriptorBytes: 0,
    lastWriteTime: 0n,
    status: NERR_Success,
  };
}
