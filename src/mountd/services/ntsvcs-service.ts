/** Plug and Play of a file server: it has no devices, and says so. */
import { NTSVCS } from '../../rpc/ntsvcs.ts';
import { type RpcService, serveInterface } from './rpc-service.ts';

/** Configuration Manager's own codes. */
const CR_SUCCESS = 0;
const CR_INVALID_POINTER = 3;
const CR_NO_SUCH_DEVINST = 13;
const CR_BUFFER_SMALL = 26;

/** Of Windows 2000 and later. */
const VERSION = 0x0400;
/** CM_GETIDLIST_FILTER_*: those of them that a name comes with. */
const FILTERS = 0x3;
/** The list of no names: the NUL at its end. */
const EMPTY_LIST = [0];

export const createNtsvcsService = (): RpcService =>
  serveInterface(NTSVCS, {
    PNP_GetVersion: () => ({ version: VERSION, status: CR_SUCCESS }),
    PNP_ValidateDeviceInstance: () => ({ status: CR_NO_SUCH_DEVINST }),
    PNP_GetDeviceList: ({ filter, length, flags }) => {
      const failed = (status: number) => ({ buffer: [], length: 0, status });
      if (filter === null && (flags & FILTERS) !== 0) return failed(CR_INVALID_POINTER);
      if (length < EMPTY_LIST.length) return failed(CR_BUFFER_SMALL);
      return { buffer: EMPTY_LIST, length: EMPTY_LIST.length, status: CR_SUCCESS };
    },
    PNP_GetDeviceListSize: ({ filter, flags }) =>
      filter === null && (flags & FILTERS) !== 0
        ? { size: 0, status: CR_INVALID_POINTER }
        : { size: EMPTY_LIST.length, status: CR_SUCCESS },
    PNP_GetDeviceRegProp: ({ dataType }) => ({
      ...{ dataType, buffer: Buffer.alloc(0), size: 0, needed: 0 },
      status: CR_NO_SUCH_DEVINST,
    }),
  });
