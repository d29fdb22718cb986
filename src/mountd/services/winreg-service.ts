/**
 * MS-RRP 3.1.5: the registry is read by whoever may open the pipe, and written by administrators; settings of the
 * server are in smb.conf, and only told here.
 */
import type { InputOf } from '../../rpc/operation.ts';
import { NO_HANDLE } from '../../rpc/security-types.ts';
import { WIN32_ERROR } from '../../rpc/win32-error.ts';
import { WINREG } from '../../rpc/winreg.ts';
import {
  KEY_DEPTH,
  KEY_NAME_UNITS,
  type RegistryChange,
  VALUE_NAME_UNITS,
} from '../registry-store.ts';
import { ContextHandles } from './context-handles.ts';
import { descriptorOf, KEY_RIGHTS } from './object-security.ts';
import type { RegistryValue } from './registry.ts';
import { below, type KeyPath, RegistryView, type ViewedKey } from './registry-view.ts';
import { type RpcService, serveInterface } from './rpc-service.ts';
import type { ServiceContext } from './share-catalogue.ts';

type Operations = typeof WINREG.operations;

const {
  NERR_Success,
  ERROR_ACCESS_DENIED,
  ERROR_INVALID_PARAMETER,
  ERROR_MORE_DATA,
  ERROR_NOT_SUPPORTED,
} = WIN32_ERROR;
const ERROR_FILE_NOT_FOUND = 2;
const ERROR_NOT_ENOUGH_MEMORY = 8;
const ERROR_NO_MORE_ITEMS = 259;
const ERROR_INSUFFICIENT_BUFFER = 122;
const ERROR_KEY_DELETED = 1018;
/** 3.1.5.24: of Windows 2000 and later. */
const REGISTRY_VERSION = 5;
const REG_CREATED_NEW_KEY = 1;
const REG_OPENED_EXISTING_KEY = 2;

const STATUS_OF: Readonly<Record<RegistryChange, number>> = {
  done: NERR_Success,
  missing: ERROR_FILE_NOT_FOUND,
  // 3.1.5.8: "the key has subkeys"
  'has-keys': ERROR_ACCESS_DENIED,
  'too-many': ERROR_NOT_ENOUGH_MEMORY,
  unwritable: ERROR_NOT_SUPPORTED,
};

export function createWinregService(context: ServiceContext): RpcService {
  const view = new RegistryView(context);
  const handles = new ContextHandles<KeyPath>();
  const open = (path: KeyPath) => {
    if (view.at(path) === undefined) return { handle: NO_HANDLE, status: ERROR_FILE_NOT_FOUND };
    const handle = handles.open(path);
    return handle === undefined
      ? { handle: NO_HANDLE, status: ERROR_NOT_ENOUGH_MEMORY }
      : { handle, status: NERR_Success };
  };
  const root = (hive: string) => () => open([hive]);
  const held = ({ handle }: { readonly handle: Buffer }): KeyPath => handles.get(handle);
  const on = <I extends { readonly handle: Buffer }, O extends { readonly status: number }>(
    none: Omit<O, 'status'>,
    answer: (key: ViewedKey, input: I) => O,
  ) => {
    return (input: I): O => {
      const key = view.at(held(input));
      return key === undefined ? ({ ...none, status: ERROR_KEY_DELETED } as O) : answer(key, input);
    };
  };
  const { create, removeKey, setValue, removeValue } = changesOf(context, view);
  return serveInterface(WINREG, {
    OpenClassesRoot: root('HKCR'),
    OpenCurrentUser: root('HKCU'),
    OpenLocalMachine: root('HKLM'),
    OpenPerformanceData: root('HKPD'),
    OpenUsers: root('HKU'),
    OpenCurrentConfig: root('HKCC'),
    BaseRegCloseKey: ({ handle }) => ({ handle: handles.close(handle), status: NERR_Success }),
    BaseRegOpenKey: (input) => open(below(held(input), input.subKey ?? '')),
    BaseRegCreateKey: (input) => {
      const path = below(held(input), input.subKey ?? '');
      const isNew = view.at(path) === undefined;
      const status = isNew ? create(path) : NERR_Success;
      const { disposition } = input;
      if (status !== NERR_Success) return { handle: NO_HANDLE, disposition, status };
      const told = isNew ? REG_CREATED_NEW_KEY : REG_OPENED_EXISTING_KEY;
      return { disposition: disposition === null ? null : told, ...open(path) };
    },
    BaseRegDeleteKey: (input) => ({ status: removeKey(below(held(input), input.subKey ?? '')) }),
    BaseRegDeleteKeyEx: (input) => ({ status: removeKey(below(held(input), input.subKey ?? '')) }),
    BaseRegDeleteValue: (input) => ({ status: removeValue(held(input), input.valueName ?? '') }),
    BaseRegSetValue: (input) => ({ status: setValue(held(input), input) }),
    BaseRegFlushKey: (input) => {
      held(input);
      return { status: NERR_Success };
    },
    BaseRegGetKeySecurity: on({ descriptor: NO_DESCRIPTOR }, (_, input) => keySecurity(input)),
    BaseRegGetVersion: (input) => {
      held(input);
      return { version: REGISTRY_VERSION, status: NERR_Success };
    },
    BaseRegEnumKey: on(
      { name: null, className: null, lastWriteTime: null },
      ({ keys }, { index, name: roomBytes, className, lastWriteTime }) => {
        const found = keys[index];
        const more = { className: className === null ? null : '', lastWriteTime };
        if (found === undefined) return { name: null, ...more, status: ERROR_NO_MORE_ITEMS };
        const fits = 2 * (found.length + 1) <= roomBytes;
        return fits
          ? { name: found, ...more, status: NERR_Success }
          : { name: null, ...more, status: ERROR_MORE_DATA };
      },
    ),
    BaseRegEnumValue: on({ valueName: null, ...NO_DATA }, ({ values }, input) => {
      const found = values[input.index];
      if (found === undefined) return { valueName: null, ...NO_DATA, status: ERROR_NO_MORE_ITEMS };
      if (2 * (found.name.length + 1) > input.valueName) {
        return { valueName: null, ...NO_DATA, status: ERROR_INSUFFICIENT_BUFFER };
      }
      return { valueName: found.name, ...told(found, input) };
    }),
    BaseRegQueryInfoKey: on(NO_INFORMATION, information),
    BaseRegQueryValue: on(NO_DATA, ({ values }, input) => {
      const wanted = (input.valueName ?? '').toLowerCase();
      const found = values.find(({ name }) => name.toLowerCase() === wanted);
      return found === undefined
        ? { ...NO_DATA, status: ERROR_FILE_NOT_FOUND }
        : told(found, input);
    }),
  });
}

const NO_DESCRIPTOR = { descriptor: null, size: 0, length: 0 };
const NO_DATA = { type: 0, data: null, dataBytes: 0, dataLength: 0 };

/** Keys below which only what is in smb.conf counts. */
const SETTINGS =
  /^HKLM\\(SOFTWARE\\usmbd|SYSTEM\\CurrentControlSet\\Services\\LanmanServer)(\\|$)/i;

/** What administrators change, each with its status; what the server tells of itself stays. */
function changesOf({ administrator, registry, account }: ServiceContext, view: RegistryView) {
  const allowed = (change: () => number): number =>
    administrator && account.kind === 'user' ? change() : ERROR_ACCESS_DENIED;
  return {
    create: (path: KeyPath) =>
      allowed(() => {
        const tooLong = path.some((name) => name.length > KEY_NAME_UNITS);
        if (tooLong || path.length > KEY_DEPTH) return ERROR_INVALID_PARAMETER;
        if (SETTINGS.test(path.join('\\'))) return ERROR_ACCESS_DENIED;
        return STATUS_OF[view.create(path)];
      }),
    removeKey: (path: KeyPath) =>
      allowed(() => {
        if (view.at(path) === undefined) return ERROR_FILE_NOT_FOUND;
        return view.isOwn(path) ? ERROR_ACCESS_DENIED : STATUS_OF[registry.remove(path)];
      }),
    setValue: (
      path: KeyPath,
      { valueName, type, data, dataBytes }: InputOf<Operations['BaseRegSetValue']>,
    ) =>
      allowed(() => {
        const name = valueName ?? '';
        if (view.at(path) === undefined) return ERROR_KEY_DELETED;
        if (dataBytes > data.length || name.length > VALUE_NAME_UNITS) {
          return ERROR_INVALID_PARAMETER;
        }
        // What stands beside the server's own values would look like one of them, and do nothing.
        if (view.isOwn(path)) return ERROR_ACCESS_DENIED;
        const value = { name, type, data: data.subarray(0, dataBytes) };
        return STATUS_OF[registry.setValue(path, value)];
      }),
    removeValue: (path: KeyPath, name: string) =>
      allowed(() =>
        view.isOwnValue(path, name)
          ? ERROR_ACCESS_DENIED
          : STATUS_OF[registry.removeValue(path, name)],
      ),
  };
}

/** 3.1.5.13: with the size that it has where there is no room for it. */
function keySecurity({
  securityInformation,
  descriptor: { size },
}: InputOf<Operations['BaseRegGetKeySecurity']>) {
  const descriptor = descriptorOf(KEY_RIGHTS, securityInformation);
  const { length } = descriptor;
  return length > size
    ? { descriptor: { ...NO_DESCRIPTOR, size: length }, status: ERROR_INSUFFICIENT_BUFFER }
    : { descriptor: { descriptor, size: length, length }, status: NERR_Success };
}

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

const NO_INFORMATION = {
  ...{ className: '', subKeys: 0, maxSubKeyLength: 0, maxClassLength: 0, values: 0 },
  ...{ maxValueNameLength: 0, maxValueLength: 0, securityDescriptorBytes: 0, lastWriteTime: 0n },
};

function information({ keys, values }: ViewedKey) {
  const longest = (names: readonly string[]): number =>
    names.reduce((most, name) => Math.max(most, 2 * (name.length + 1)), 0);
  return {
    ...NO_INFORMATION,
    subKeys: keys.length,
    maxSubKeyLength: longest(keys),
    values: values.length,
    maxValueNameLength: longest(values.map(({ name }) => name)),
    maxValueLength: values.reduce((most, { data }) => Math.max(most, data.length), 0),
    status: NERR_Success,
  };
}
