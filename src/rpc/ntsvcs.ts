/** Plug and Play (no document of Microsoft's open ones has it; as Samba's clients declare it): devices of a machine. */
import { conformantVaryingArray, u16, u32, unique, varyingOctets, wstring } from './ndr.ts';
import { operation } from './operation.ts';

export const NTSVCS = {
  name: 'ntsvcs',
  syntax: { uuid: '8d9f4e40-a03d-11ce-8f69-08003e30051b', major: 1, minor: 0 },
  operations: {
    PNP_GetVersion: operation(2, {}, { version: u16, status: u32 }),
    PNP_ValidateDeviceInstance: operation(6, { devicePath: wstring, flags: u32 }, { status: u32 }),
    PNP_GetDeviceList: operation(
      10,
      { filter: unique(wstring), length: u32, flags: u32 },
      { buffer: conformantVaryingArray(u16), length: u32, status: u32 },
    ),
    PNP_GetDeviceListSize: operation(
      11,
      { filter: unique(wstring), flags: u32 },
      { size: u32, status: u32 },
    ),
    PNP_GetDeviceRegProp: operation(
      13,
      { devicePath: wstring, property: u32, dataType: u32, size: u32, needed: u32, flags: u32 },
      { dataType: u32, buffer: varyingOctets, size: u32, needed: u32, status: u32 },
    ),
  },
} as const;
