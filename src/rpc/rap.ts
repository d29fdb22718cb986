/**
 * MS-RAP 2.5: the Remote Administration Protocol, what OS/2 and DOS ask a server by way of \PIPE\LANMAN. A request says
 * in two descriptors what it holds and what it wants; an answer is fixed structures and, behind them, their strings.
 */
import { WireError } from '../wire/wire-error.ts';

export const RapFunction = {
  NetShareEnum: 0x0000,
  NetShareGetInfo: 0x0001,
  NetSessionEnum: 0x0006,
  NetSessionGetInfo: 0x0007,
  NetServerGetInfo: 0x000d,
  NetUserEnum: 0x0035,
  NetUserGetInfo: 0x0038,
  NetUserGetGroups: 0x003b,
  NetWkstaGetInfo: 0x003f,
  NetPrintQEnum: 0x0045,
  NetPrintQGetInfo: 0x0046,
  NetPrintQPause: 0x004a,
  NetPrintQContinue: 0x004b,
  NetPrintJobEnum: 0x004c,
  NetPrintJobGetInfo: 0x004d,
  NetPrintJobDelete: 0x0051,
  NetPrintJobPause: 0x0052,
  NetPrintJobContinue: 0x0053,
  NetPrintDestEnum: 0x0054,
  NetPrintDestGetInfo: 0x0055,
  NetRemoteTOD: 0x005b,
  NetPrintQPurge: 0x0067,
  NetServerEnum2: 0x0068,
  NetPrintJobSetInfo: 0x0093,
  NetServerEnum3: 0x00d7,
} as const;

/** MS-RAP 2.5.1.1, Win32ErrorCode. */
export const RapStatus = {
  NERR_Success: 0,
  ERROR_INVALID_FUNCTION: 1,
  ERROR_NOT_SUPPORTED: 50,
  ERROR_INVALID_PARAMETER: 87,
  ERROR_INVALID_LEVEL: 124,
  ERROR_MORE_DATA: 234,
  NERR_BufTooSmall: 2123,
  NERR_QNotFound: 2150,
  NERR_JobNotFound: 2151,
  NERR_DestNotFound: 2152,
  NERR_UserNotFound: 2221,
  NERR_NetNameNotFound: 2310,
  NERR_ClientNameNotFound: 2312,
} as const;

export interface RapRequest {
  readonly function: number;
  readonly dataDescriptor: string;
  /** The numbers that ParamDesc announces, in its order: W, D, T. */
  readonly numbers: readonly number[];
  /** Those of z. */
  readonly strings: readonly string[];
  /** L: what the client takes of data. */
  readonly receiveBytes: number;
}

/** Descriptors of real requests have a dozen characters. */
const MAX_DESCRIPTOR = 64;

export function decodeRapRequest(parameters: Buffer): RapRequest {
  let at = 0;
  const take = (size: number): number => {
    if (parameters.length - at < size) throw new WireError('RAP request', `ends at ${at}`);
    at += size;
    return size === 2 ? parameters.readUInt16LE(at - 2) : parameters.readUInt32LE(at - 4);
  };
  const text = (): string => {
    const end = parameters.indexOf(0, at);
    if (end < 0) throw new WireError('RAP request', `a string at ${at} does not end`);
    const from = at;
    at = end + 1;
    return parameters.toString('latin1', from, end);
  };
  const code = take(2);
  const parameterDescriptor = text();
  const dataDescriptor = text();
  if (parameterDescriptor.length > MAX_DESCRIPTOR) throw new WireError('RAP request', 'ParamDesc');
  const numbers: number[] = [];
  const strings: string[] = [];
  let receiveBytes = 0;
  for (const character of parameterDescriptor) {
    if (character === 'W' || character === 'T') numbers.push(take(2));
    else if (character === 'D') numbers.push(take(4));
    else if (character === 'L') receiveBytes = take(2);
    else if (character === 'z') strings.push(text());
  }
  return { function: code, dataDescriptor, numbers, strings, receiveBytes };
}

/** What a structure holds: a fixed name, numbers of one, two or four bytes, or a string that lies behind. */
export type RapField =
  | { readonly kind: 'name'; readonly text: string; readonly size: number }
  | { readonly kind: 'number'; readonly value: number; readonly size: 1 | 2 | 4 }
  | { readonly kind: 'string'; readonly text: string };

export type RapEntry = readonly RapField[];

export const name = (text: string, size: number): RapField => ({ kind: 'name', text, size });
export const number = (value: number, size: 1 | 2 | 4): RapField => ({
  kind: 'number',
  value,
  size,
});
export const string = (text: string): RapField => ({ kind: 'string', text });

const sizeOf = (field: RapField): number => (field.kind === 'string' ? 4 : field.size);
const fixedSize = (entry: RapEntry): number => entry.reduce((sum, field) => sum + sizeOf(field), 0);
const stringBytes = (entry: RapEntry): number =>
  entry.reduce((sum, field) => sum + (field.kind === 'string' ? field.text.length + 1 : 0), 0);

/** As many entries as fit; pointers are offsets in the data. */
export function encodeRapEntries(entries: readonly RapEntry[], limit: number) {
  let size = 0;
  let count = 0;
  for (const entry of entries) {
    const more = fixedSize(entry) + stringBytes(entry);
    if (size + more > limit) break;
    size += more;
    count += 1;
  }
  const told = entries.slice(0, count);
  const data = Buffer.alloc(size);
  let at = 0;
  let stringAt = told.reduce((sum, entry) => sum + fixedSize(entry), 0);
  for (const field of told.flat()) {
    if (field.kind === 'number') data.writeUIntLE(field.value, at, field.size);
    else if (field.kind === 'name') data.write(field.text.slice(0, field.size - 1), at, 'latin1');
    else {
      data.writeUInt32LE(stringAt, at);
      stringAt += data.write(`${field.text}\0`, stringAt, 'latin1');
    }
    at += sizeOf(field);
  }
  return { data, count };
}

/** Bytes that all of it takes. */
export const rapBytes = (entry: RapEntry): number => fixedSize(entry) + stringBytes(entry);

/** Status, Converter (none: pointers are right as they are), then what the function tells. */
export function encodeRapParameters(status: number, ...told: readonly number[]): Buffer {
  const b = Buffer.alloc(4 + 2 * told.length);
  b.writeUInt16LE(status);
  for (const [i, value] of told.entries()) b.writeUInt16LE(value & 0xffff, 4 + 2 * i);
  return b;
}
