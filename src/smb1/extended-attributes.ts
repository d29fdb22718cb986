/** MS-CIFS 2.2.1.2: SMB_FEA, SMB_FEA_LIST, SMB_GEA and SMB_GEA_LIST. */
import { decodeOem, encodeOem } from '../fscc/code-page.ts';
import { WireError } from '../wire/wire-error.ts';

interface Attribute {
  readonly name: string;
  readonly value: Buffer;
}

/** Names of one list; a file has some at most. */
const MAX_ATTRIBUTES = 1024;

/** ExtendedAttributeFlag and both lengths. */
const FEA_HEAD_BYTES = 4;
const LIST_SIZE_BYTES = 4;

export function feaList(attributes: readonly Attribute[]): Buffer {
  const parts = attributes.map(({ name, value }) => {
    const text = encodeOem(`${name}\0`);
    const head = Buffer.alloc(4);
    head[1] = text.length - 1;
    head.writeUInt16LE(value.length, 2);
    return Buffer.concat([head, text, value]);
  });
  const size = Buffer.alloc(4);
  size.writeUInt32LE(4 + parts.reduce((sum, part) => sum + part.length, 0));
  return Buffer.concat([size, ...parts]);
}

/** The bytes of a list behind its size, which counts itself. */
function listed(b: Buffer): Buffer {
  if (b.length < 4) throw new WireError('SMB_FEA_LIST', `${b.length} bytes`);
  const size = b.readUInt32LE(0);
  if (size < 4 || size > b.length) throw new WireError('SMB_FEA_LIST', `SizeOfListInBytes ${size}`);
  return b.subarray(4, size);
}

/** An entry of an SMB_FEA_LIST. */
export interface Fea extends Attribute {
  readonly flags: number;
  /** Where it begins, in bytes from the list's SizeOfListInBytes on. */
  readonly at: number;
}

export interface FeaList {
  readonly attributes: readonly Fea[];
  /** Where what is no SMB_FEA begins, as `at`; those before it are read. 0: SizeOfListInBytes is none. */
  readonly brokenAt: number | undefined;
}

/** `list` is without its size. */
function feaAt(list: Buffer, begin: number): Fea | undefined {
  if (list.length - begin < FEA_HEAD_BYTES) return undefined;
  const nameAt = begin + FEA_HEAD_BYTES;
  const valueAt = nameAt + list[begin + 1]! + 1;
  const end = valueAt + list.readUInt16LE(begin + 2);
  if (end > list.length) return undefined;
  return {
    at: LIST_SIZE_BYTES + begin,
    flags: list[begin]!,
    name: decodeOem(list.subarray(nameAt, valueAt - 1)),
    value: list.subarray(valueAt, end),
  };
}

/** Never throws: its sender is told where it breaks off. */
export function readFeaList(b: Buffer): FeaList {
  const size = b.length < LIST_SIZE_BYTES ? 0 : b.readUInt32LE(0);
  const attributes: Fea[] = [];
  if (size < LIST_SIZE_BYTES || size > b.length) return { attributes, brokenAt: 0 };
  const list = b.subarray(LIST_SIZE_BYTES, size);
  for (let begin = 0; begin < list.length; ) {
    const fea = attributes.length < MAX_ATTRIBUTES ? feaAt(list, begin) : undefined;
    if (fea === undefined) return { attributes, brokenAt: LIST_SIZE_BYTES + begin };
    attributes.push(fea);
    begin += FEA_HEAD_BYTES + list[begin + 1]! + 1 + fea.value.length;
  }
  return { attributes, brokenAt: undefined };
}

export function decodeFeaList(b: Buffer): readonly Fea[] {
  const { attributes, brokenAt } = readFeaList(b);
  if (brokenAt !== undefined) throw new WireError('SMB_FEA_LIST', `broken at ${brokenAt}`);
  return attributes;
}

export function decodeGeaList(b: Buffer): string[] {
  const list = listed(b);
  const names: string[] = [];
  for (let at = 0; at < list.length; ) {
    const length = list[at]!;
    if (at + 2 + length > list.length || names.length === MAX_ATTRIBUTES) {
      throw new WireError('SMB_GEA', `name at ${at} of ${list.length} bytes`);
    }
    names.push(decodeOem(list.subarray(at + 1, at + 1 + length)));
    at += length + 2;
  }
  return names;
}
