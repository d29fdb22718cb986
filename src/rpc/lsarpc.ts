/** The Local Security Authority's lookups (MS-LSAT 2.2, 3.1.4, chapter 6): what this server answers of them. */
import { conformantVaryingArray, type NdrValue, struct, u16, u32, unique, wstring } from './ndr.ts';
import { operation } from './operation.ts';

/** MS-DTYP 2.3.10; the lengths are in octets. */
export const RPC_UNICODE_STRING = struct({
  length: u16,
  maximumLength: u16,
  buffer: unique(conformantVaryingArray(u16)),
});
export type RpcUnicodeString = NdrValue<typeof RPC_UNICODE_STRING>;

export function unicodeString(text: string): RpcUnicodeString {
  const buffer = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  return { length: 2 * text.length, maximumLength: 2 * text.length, buffer };
}

export const textOf = ({ buffer }: RpcUnicodeString): string =>
  String.fromCharCode(...(buffer ?? []));

const pointer = unique(RPC_UNICODE_STRING);

export const LSARPC = {
  name: 'lsarpc',
  syntax: { uuid: '12345778-1234-abcd-ef00-0123456789ab', major: 0, minor: 0 },
  operations: {
    LsarGetUserName: operation(
      45,
      { systemName: unique(wstring), userName: pointer, domainName: unique(pointer) },
      { userName: pointer, domainName: unique(pointer), status: u32 },
    ),
  },
} as const;
