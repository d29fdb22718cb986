/** MS-CIFS 2.2.1.2: SMB_FEA, SMB_FEA_LIST, SMB_GEA and SMB_GEA_LIST. */
import { decodeOem, encodeOem } from '../fscc/code-page.ts';
import { WireError } from '../wire/wire-error.ts';

interface Attribute {
  readonly name: string;
  readonly value: Buffer;
}

/** Names of one list; a file has some at most. */
const MAX_ATTRIBUTES = 1024;

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

export function decodeFeaList(b: Buffer): (Attribute & { readonly flags: number })[] {
  const list = listed(b);
  const attributes: (Attribute & { readonly flags: number })[] = [];
  for (let at = 0; at < list.length; ) {
    if (list.length - at < 4 || attributes.length === MAX_ATTRIBUTES) {
      throw new WireError('SMB_FEA', `attribute at ${at} of ${list.length} bytes`);
    }
    const nameLength = list[at + 1]!;
    const valueLength = list.readUInt16LE(at + 2);
    const valueAt = at + 4 + nameLength + 1;
    if (valueAt + valueLength > list.length) throw new WireError('SMB_FEA', 'beyond the list');
    attributes.push({
      flags: list[at]!,
      name: decodeOem(list.subarray(at + 4, at + 4 + nameLength)),
      value: list.subarray(valueAt, valueAt + valueLength),
    });
    at = valueAt + valueLength;
  }
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
