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

/** The bytes of a list behind its size, which counts itself; undefined where that is none. */
function listed(b: Buffer): Buffer | undefined {
  const size = b.length < LIST_SIZE_BYTES ? 0 : b.readUInt32LE(0);
  return size < LIST_SIZE_BYTES || size > b.length ? undefined : b.subarray(LIST_SIZE_BYTES, size);
}

/** An entry of an SMB_FEA_LIST. */
export interface Fea extends Attribute {
  readonly flags: number;
  /** Where it begins, in bytes from the list's SizeOfListInBytes on. */
  readonly at: number;
}

export interface BrokenList {
  /** Where what is no entry begins, as `at`; those before it are read. 0: SizeOfListInBytes is none. */
  readonly brokenAt: number | undefined;
}

export interface FeaList extends BrokenList {
  readonly attributes: readonly Fea[];
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
  const list = listed(b);
  const attributes: Fea[] = [];
  if (list === undefined) return { attributes, brokenAt: 0 };
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

export interface GeaList extends BrokenList {
  readonly names: readonly string[];
}

/** Never throws, as readFeaList. */
export function readGeaList(b: Buffer): GeaList {
  const list = listed(b);
  const names: string[] = [];
  if (list === undefined) return { names, brokenAt: 0 };
  for (let at = 0; at < list.length; ) {
    const length = list[at]!;
    if (at + 2 + length > list.length || names.length === MAX_ATTRIBUTES) {
      return { names, brokenAt: LIST_SIZE_BYTES + at };
    }
    names.push(decodeOem(list.subarray(at + 1, at + 1 + length)));
    at += length + 2;
  }
  return { names, brokenAt: undefined };
}

export function decodeGeaList(b: Buffer): readonly string[] {
  const { names, brokenAt } = readGeaList(b);
  if (brokenAt !== undefined) throw new WireError('SMB_GEA_LIST', `broken at ${brokenAt}`);
  return names;
}
