/**
 * The Workstation Service interface (MS-WKST 2.2.5, 3.2.4, chapter 6): what this server answers of it.
 */
import { type NdrValue, struct, u32, union, unique, wstring } from './ndr.ts';
import { operation } from './operation.ts';

const text = unique(wstring);

const WKSTA_INFO_100 = struct({
  platformId: u32,
  computername: text,
  langroup: text,
  verMajor: u32,
  verMinor: u32,
});
const WKSTA_INFO_101 = struct({
  platformId: u32,
  computername: text,
  langroup: text,
  verMajor: u32,
  verMinor: u32,
  lanroot: text,
});
const WKSTA_INFO_102 = struct({
  platformId: u32,
  computername: text,
  langroup: text,
  verMajor: u32,
  verMinor: u32,
  lanroot: text,
  loggedOnUsers: u32,
});

/** WKSTA_INFO, 2.2.4.1. */
export const WKSTA_INFO = union({
  100: unique(WKSTA_INFO_100),
  101: unique(WKSTA_INFO_101),
  102: unique(WKSTA_INFO_102),
});
export type WkstaInfo = NdrValue<typeof WKSTA_INFO>;

export const WKSSVC = {
  name: 'wkssvc',
  syntax: { uuid: '6bffd098-a112-3610-9833-46c3f87e345a', major: 1, minor: 0 },
  operations: {
    NetrWkstaGetInfo: operation(
      0,
      { serverName: text, level: u32 },
      { wkstaInfo: WKSTA_INFO, status: u32 },
    ),
  },
} as const;
