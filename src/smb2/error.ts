/** MS-SMB2 2.2.2: the ERROR response, the body of every answer that failed. */
import { is, pad, struct, u8, u16, u32 } from '../wire/struct.ts';
import { align8, slice, utf16, utf16Bytes } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import { behind, withBuffer } from './body.ts';
import { HEADER_SIZE } from './header.ts';

export const SMB2_ERROR_ID_DEFAULT = 0x00000000;
export const SMB2_ERROR_ID_SHARE_REDIRECT = 0x72645253;

/** 2.2.2.1: how SMB 3.1.1 wraps error data; below it stands bare. */
export interface ErrorContext {
  readonly errorId: number;
  readonly errorContextData: Buffer;
}

export interface ErrorResponse {
  /** Bare data, for dialects below 3.1.1. */
  readonly errorData?: Buffer;
  /** SMB 3.1.1. When there are any, `errorData` is not written. */
  readonly errorContexts?: readonly ErrorContext[];
}

const Response = struct('SMB2 ERROR Response', '2.2.2', {
  structureSize: is(u16, 9),
  errorContextCount: u8,
  reserved: pad(1),
  byteCount: u32,
});
const DATA_AT = behind(Response);

const Context = struct('SMB2 ERROR Context', '2.2.2.1', { errorDataLength: u32, errorId: u32 });

function encodeErrorContexts(contexts: readonly ErrorContext[]): Buffer {
  const parts = contexts.map(({ errorId, errorContextData }, i) => {
    const end = Context.size + errorContextData.length;
    const part = Buffer.alloc(i === contexts.length - 1 ? end : align8(end));
    part.set(
      errorContextData,
      Context.write(part, { errorDataLength: errorContextData.length, errorId }),
    );
    return part;
  });
  return Buffer.concat(parts);
}

function decodeErrorContexts(data: Buffer, count: number): ErrorContext[] {
  const contexts: ErrorContext[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const { errorDataLength, errorId } = Context.read(data, at);
    const dataAt = at + Context.size;
    contexts.push({
      errorId,
      errorContextData: slice(data, dataAt, errorDataLength, dataAt, Context.name),
    });
    at = align8(dataAt + errorDataLength);
  }
  return contexts;
}

/**
 * 9 bytes at least: an ErrorData of no bytes still takes one, and clients that compute the length from
 * StructureSize stumble over 8.
 */
export function encodeErrorResponse(v: ErrorResponse): Buffer {
  const contexts = v.errorContexts ?? [];
  const data = contexts.length > 0 ? encodeErrorContexts(contexts) : v.errorData;
  return withBuffer(
    Response,
    { errorContextCount: contexts.length, byteCount: data?.length ?? 0 },
    data ?? Buffer.alloc(0),
  );
}

/** `errorData` is all data, the contexts' too. */
export function decodeErrorResponse(message: Buffer): Required<ErrorResponse> {
  const { errorContextCount, byteCount } = Response.read(message, HEADER_SIZE);
  const errorData = slice(message, DATA_AT, byteCount, DATA_AT, Response.name);
  return { errorData, errorContexts: decodeErrorContexts(errorData, errorContextCount) };
}

/** The same data in the form that the dialect wants: in one default context at 3.1.1, bare below. */
export const errorWithData = (data: Buffer, inContext: boolean): ErrorResponse =>
  inContext
    ? { errorContexts: [{ errorId: SMB2_ERROR_ID_DEFAULT, errorContextData: data }] }
    : { errorData: data };

/** The data of an error, whether it came bare or in a default context. */
export const errorDataOf = ({ errorData, errorContexts }: Required<ErrorResponse>): Buffer =>
  errorContexts.length === 0
    ? errorData
    : (errorContexts.find(({ errorId }) => errorId === SMB2_ERROR_ID_DEFAULT)?.errorContextData ??
      Buffer.alloc(0));

const NeededSize = struct('STATUS_BUFFER_TOO_SMALL', '2.2.2.2', { minimumBufferLength: u32 });
/** 2.2.2.2: what STATUS_BUFFER_TOO_SMALL carries. */
export const encodeBufferTooSmall = (minimumBufferLength: number): Buffer =>
  NeededSize.encode({ minimumBufferLength });
export const decodeBufferTooSmall = (data: Buffer): number =>
  NeededSize.read(data).minimumBufferLength;

export const SYMLINK_FLAG_RELATIVE = 0x00000001;
const IO_REPARSE_TAG_SYMLINK = 0xa000000c;

const SymbolicLink = struct('Symbolic Link Error Response', '2.2.2.2.1', {
  symLinkLength: u32,
  symLinkErrorTag: is(u32, 0x4c4d5953),
  reparseTag: is(u32, IO_REPARSE_TAG_SYMLINK),
  reparseDataLength: u16,
  unparsedPathLength: u16,
  substituteNameOffset: u16,
  substituteNameLength: u16,
  printNameOffset: u16,
  printNameLength: u16,
  flags: u32,
});

export interface SymbolicLinkError {
  /** Bytes of the path, at its end, that stand behind the link. */
  readonly unparsedPathLength: number;
  readonly substituteName: string;
  readonly printName: string;
  /** 0 or SYMLINK_FLAG_RELATIVE. */
  readonly flags: number;
}

/** What ReparseDataLength counts of the fixed part. */
const REPARSE_FIXED_BYTES = 12;

/** 2.2.2.2.1: what STATUS_STOPPED_ON_SYMLINK carries. */
export function encodeSymbolicLinkError(v: SymbolicLinkError): Buffer {
  const substituteName = utf16Bytes(v.substituteName);
  const printName = utf16Bytes(v.printName);
  const pathBytes = substituteName.length + printName.length;
  const fixed = SymbolicLink.encode({
    symLinkLength: SymbolicLink.size - 4 + pathBytes,
    reparseDataLength: REPARSE_FIXED_BYTES + pathBytes,
    unparsedPathLength: v.unparsedPathLength,
    substituteNameOffset: 0,
    substituteNameLength: substituteName.length,
    printNameOffset: substituteName.length,
    printNameLength: printName.length,
    flags: v.flags,
  });
  return Buffer.concat([fixed, substituteName, printName]);
}

export function decodeSymbolicLinkError(data: Buffer): SymbolicLinkError {
  const fixed = SymbolicLink.read(data);
  if (fixed.symLinkLength > data.length - 4) {
    throw new WireError(SymbolicLink.name, `symLinkLength is ${fixed.symLinkLength}`);
  }
  const name = (offset: number, length: number): string =>
    utf16(
      slice(data, SymbolicLink.size + offset, length, SymbolicLink.size, SymbolicLink.name),
      SymbolicLink.name,
    );
  return {
    unparsedPathLength: fixed.unparsedPathLength,
    substituteName: name(fixed.substituteNameOffset, fixed.substituteNameLength),
    printName: name(fixed.printNameOffset, fixed.printNameLength),
    flags: fixed.flags,
  };
}
