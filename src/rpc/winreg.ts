/** The Windows Remote Registry (MS-RRP 2.2, 3.1.5): what this server answers of it. */
import { hyper, type NdrType, octets, struct, u8, u16, u32, unique, varyingOctets } from './ndr.ts';
import { operation } from './operation.ts';
import { contextHandle as handle } from './security-types.ts';

const text = unique(sizedText());

/** UTF-16 units with a NUL at their end, of which the value is without; clients send it with and without. */
function sizedText(): NdrType<string> {
  return {
    alignment: 4,
    minimumSize: 8,
    maximumCount: (value) => value.length + 1,
    write(w, value) {
      w.u32(0);
      w.u32(value.length + 1);
      w.text(`${value}\0`);
    },
    read(r, assign, maximumCount) {
      if (r.u32() !== 0) r.fail('the offset of a varying array is not 0');
      const count = r.u32();
      if (count > maximumCount) r.fail(`a string of ${count} in room for ${maximumCount}`);
      assign(r.text(r.bounded(count, 2)).replace(/\0.*$/s, ''));
    },
  };
}

/** RRP_UNICODE_STRING, 2.2.4: its length counts the NUL. */
const registryString: NdrType<string | null> = {
  alignment: 4,
  minimumSize: 8,
  write(w, value) {
    const length = value === null ? 0 : 2 * (value.length + 1);
    w.u16(length);
    w.u16(length);
    text.write(w, value);
  },
  read(r, assign) {
    r.u16();
    r.u16();
    text.read(r, assign, 0);
  },
};

/** The same with room to fill: only how much there is matters. */
const room: NdrType<number> = {
  alignment: 4,
  minimumSize: 8,
  write(w, value) {
    w.u16(0);
    w.u16(value);
    text.write(w, null);
  },
  read(r, assign) {
    r.u16();
    const bytes = r.u16();
    text.read(r, () => assign(bytes), 0);
  },
};

const SECURITY_DESCRIPTOR = struct({ descriptor: unique(varyingOctets), size: u32, length: u32 });
const opened = { handle, status: u32 };
const openRoot = (opnum: number) =>
  operation(opnum, { serverName: unique(u16), desiredAccess: u32 }, opened);

export const WINREG = {
  name: 'winreg',
  syntax: { uuid: '338cd001-2244-31f1-aaaa-900038001003', major: 1, minor: 0 },
  operations: {
    OpenClassesRoot: openRoot(0),
    OpenCurrentUser: openRoot(1),
    OpenLocalMachine: openRoot(2),
    OpenPerformanceData: openRoot(3),
    OpenUsers: openRoot(4),
    BaseRegCloseKey: operation(5, { handle }, opened),
    BaseRegCreateKey: operation(
      6,
      {
        handle,
        subKey: registryString,
        className: registryString,
        options: u32,
        desiredAccess: u32,
        securityAttributes: unique(
          struct({ length: u32, descriptor: SECURITY_DESCRIPTOR, inheritHandle: u8 }),
        ),
        disposition: unique(u32),
      },
      { handle, disposition: unique(u32), status: u32 },
    ),
    BaseRegDeleteKey: operation(7, { handle, subKey: registryString }, { status: u32 }),
    BaseRegDeleteValue: operation(8, { handle, valueName: registryString }, { status: u32 }),
    BaseRegEnumKey: operation(
      9,
      { handle, index: u32, name: room, className: unique(room), lastWriteTime: unique(hyper8()) },
      {
        name: registryString,
        className: unique(registryString),
        lastWriteTime: unique(hyper8()),
        status: u32,
      },
    ),
    BaseRegEnumValue: operation(
      10,
      {
        handle,
        index: u32,
        valueName: room,
        type: unique(u32),
        data: unique(varyingOctets),
        dataBytes: unique(u32),
        dataLength: unique(u32),
      },
      {
        valueName: registryString,
        type: unique(u32),
        data: unique(varyingOctets),
        dataBytes: unique(u32),
        dataLength: unique(u32),
        status: u32,
      },
    ),
    BaseRegFlushKey: operation(11, { handle }, { status: u32 }),
    BaseRegGetKeySecurity: operation(
      12,
      { handle, securityInformation: u32, descriptor: SECURITY_DESCRIPTOR },
      { descriptor: SECURITY_DESCRIPTOR, status: u32 },
    ),
    BaseRegOpenKey: operation(
      15,
      { handle, subKey: registryString, options: u32, desiredAccess: u32 },
      opened,
    ),
    BaseRegQueryInfoKey: operation(
      16,
      { handle, className: room },
      {
        className: registryString,
        subKeys: u32,
        maxSubKeyLength: u32,
        maxClassLength: u32,
        values: u32,
        maxValueNameLength: u32,
        maxValueLength: u32,
        securityDescriptorBytes: u32,
        lastWriteTime: hyper8(),
        status: u32,
      },
    ),
    BaseRegQueryValue: operation(
      17,
      {
        handle,
        valueName: registryString,
        type: unique(u32),
        data: unique(varyingOctets),
        dataBytes: unique(u32),
        dataLength: unique(u32),
      },
      {
        type: unique(u32),
        data: unique(varyingOctets),
        dataBytes: unique(u32),
        dataLength: unique(u32),
        status: u32,
      },
    ),
    BaseRegSetValue: operation(
      22,
      { handle, valueName: registryString, type: u32, data: octets, dataBytes: u32 },
      { status: u32 },
    ),
    BaseRegGetVersion: operation(26, { handle }, { version: u32, status: u32 }),
    OpenCurrentConfig: openRoot(27),
    BaseRegDeleteKeyEx: operation(
      35,
      { handle, subKey: registryString, accessMask: u32, reserved: u32 },
      { status: u32 },
    ),
  },
} as const;

/** FILETIME, 2.3.3 of MS-DTYP: two halves, so it is aligned as one of them. */
function hyper8(): NdrType<bigint> {
  return {
    ...hyper,
    alignment: 4,
    write(w, value) {
      w.u32(Number(value & 0xffff_ffffn));
      w.u32(Number((value >> 32n) & 0xffff_ffffn));
    },
    read(r, assign) {
      const low = BigInt(r.u32());
      assign((BigInt(r.u32()) << 32n) | low);
    },
  };
}
