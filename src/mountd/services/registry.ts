/**
 * MS-RRP 3.1.1: the registry of a server that has none: the keys that clients read of a file server, made of what it
 * is and how it is set. Shares and settings are for administrators.
 */
import type { ServiceContext, ShareEntry } from './share-catalogue.ts';

/** 3.1.1.5. */
export const REG_SZ = 1;
export const REG_DWORD = 4;
export const REG_MULTI_SZ = 7;

export interface RegistryValue {
  readonly name: string;
  readonly type: number;
  readonly data: Buffer;
}

export interface RegistryKey {
  readonly name: string;
  readonly keys: readonly RegistryKey[];
  readonly values: readonly RegistryValue[];
}

const text = (name: string, value: string): RegistryValue => ({
  name,
  type: REG_SZ,
  data: Buffer.from(`${value}\0`, 'utf16le'),
});

const number = (name: string, value: number): RegistryValue => {
  const data = Buffer.alloc(4);
  data.writeUInt32LE(value);
  return { name, type: REG_DWORD, data };
};

const texts = (name: string, values: readonly string[]): RegistryValue => ({
  name,
  type: REG_MULTI_SZ,
  data: Buffer.from(`${values.map((value) => `${value}\0`).join('')}\0`, 'utf16le'),
});

/** Parts are values or keys below. */
const key = (name: string, ...parts: readonly (RegistryKey | RegistryValue)[]): RegistryKey => ({
  name,
  keys: parts.filter((part): part is RegistryKey => 'keys' in part),
  values: parts.filter((part): part is RegistryValue => 'data' in part),
});

/** A way down to one key with these parts. */
const path = (names: string, ...parts: readonly (RegistryKey | RegistryValue)[]): RegistryKey => {
  const [first = '', ...rest] = names.split('\\');
  return rest.length === 0 ? key(first, ...parts) : key(first, path(rest.join('\\'), ...parts));
};

/** Below `HKEY_LOCAL_MACHINE`. */
export function localMachine(context: ServiceContext): RegistryKey {
  return key('HKLM', software(context), system(context));
}

function software({ server, administrator, settings }: ServiceContext): RegistryKey {
  const { versionMajor, versionMinor } = server;
  const windows = path(
    'Windows NT\\CurrentVersion',
    text('CurrentVersion', `${versionMajor}.${versionMinor}`),
    text('CurrentBuild', '0'),
    text('CurrentBuildNumber', '0'),
    text('ProductName', 'usmbd'),
    text('RegisteredOwner', ''),
    text('RegisteredOrganization', server.workgroup),
    text('SystemRoot', 'C:\\Windows'),
  );
  const own =
    administrator && settings !== undefined
      ? [path('usmbd\\smb.conf', ...settingsOf(settings()))]
      : [];
  return key('SOFTWARE', key('Microsoft', windows), ...own);
}

/** A key for each section of the configuration, with its parameters as they count. */
const settingsOf = (sections: readonly SettingsSection[]): RegistryKey[] =>
  sections.map(({ name, parameters }) =>
    key(name, ...parameters.map(([parameter, value]) => text(parameter, value))),
  );

export interface SettingsSection {
  readonly name: string;
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

function system(context: ServiceContext): RegistryKey {
  const { server, administrator, catalogue, account } = context;
  const shares = administrator
    ? catalogue.shares(account).filter(({ kind }) => kind === 'disk')
    : [];
  const control = key(
    'Control',
    path('ComputerName\\ComputerName', text('ComputerName', server.name)),
    key('Print', key('Printers')),
    key('ProductOptions', text('ProductType', 'ServerNT')),
    key('Lsa', number('RestrictAnonymous', 0)),
  );
  const services = key(
    'Services',
    key(
      'LanmanServer',
      key('Parameters', text('srvcomment', server.comment)),
      key('Shares', ...shares.map(shareValue)),
    ),
    path('Netlogon\\Parameters', number('DisablePasswordChange', 1)),
    path('Tcpip\\Parameters', text('Hostname', server.name.toLowerCase()), text('Domain', '')),
  );
  return key('SYSTEM', key('CurrentControlSet', control, services));
}

/** As Windows has shares there: a list of `Name=value`. */
const shareValue = ({ name, path: folder, comment, maxUses, flags }: ShareEntry): RegistryValue =>
  texts(name, [
    `CSCFlags=${flags & 0x30}`,
    `MaxUses=${maxUses ?? 0xffff_ffff}`,
    `Path=${folder}`,
    'Permissions=0',
    `Remark=${comment}`,
    `ShareName=${name}`,
    'Type=0',
  ]);

/** By its path below `from`, without regard to case; undefined where there is none. */
export function findKey(from: RegistryKey, names: string): RegistryKey | undefined {
  let found: RegistryKey | undefined = from;
  for (const name of names.split('\\')) {
    if (name === '') continue;
    const wanted = name.toLowerCase();
    found = found?.keys.find((each) => each.name.toLowerCase() === wanted);
  }
  return found;
}

export const EMPTY_ROOT = (name: string): RegistryKey => key(name);
