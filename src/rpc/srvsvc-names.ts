/** MS-SRVS 3.1.4.29 to 3.1.4.34: what a path or a name is, its canonical form, and whether two are the same. */
import { conformantArray, i32, octets, u16, u32, unique, wstring } from './ndr.ts';
import { operation } from './operation.ts';

const serverName = unique(wstring);

export const NAME_OPERATIONS = {
  NetprPathType: operation(
    30,
    { serverName, pathName: wstring, flags: u32 },
    { pathType: u32, status: u32 },
  ),
  NetprPathCanonicalize: operation(
    31,
    { serverName, pathName: wstring, outbufLen: u32, prefix: wstring, pathType: u32, flags: u32 },
    { outbuf: octets, pathType: u32, status: u32 },
  ),
  NetprPathCompare: operation(
    32,
    { serverName, pathName1: wstring, pathName2: wstring, pathType: u32, flags: u32 },
    { status: i32 },
  ),
  NetprNameValidate: operation(
    33,
    { serverName, name: wstring, nameType: u32, flags: u32 },
    { status: u32 },
  ),
  NetprNameCanonicalize: operation(
    34,
    { serverName, name: wstring, outbufLen: u32, nameType: u32, flags: u32 },
    { outbuf: conformantArray(u16), status: u32 },
  ),
  NetprNameCompare: operation(
    35,
    { serverName, name1: wstring, name2: wstring, nameType: u32, flags: u32 },
    { status: i32 },
  ),
} as const;
