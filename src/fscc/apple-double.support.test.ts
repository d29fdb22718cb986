/** Test code: AppleDouble files as macOS writes them. */

interface Content {
  readonly finderInfo: Buffer;
  readonly fork: Buffer;
  readonly attributes: readonly { readonly name: string; readonly value: Buffer }[];
}

/** As macOS lays it out: two entries, attributes behind FinderInfo, the fork at the end. */
export function appleDouble({ finderInfo, fork, attributes }: Content): Buffer {
  const names = attributes.map(({ name }) => Buffer.from(`${name}\0`));
  const heads = names.map((name) => (11 + name.length + 3) & ~3);
  const start = 120 + heads.reduce((sum, bytes) => sum + bytes, 0);
  const values = attributes.reduce((sum, { value }) => sum + value.length, 0);
  const finderBytes = attributes.length === 0 ? 32 : start + values - 50;
  const file = Buffer.alloc(50 + finderBytes + fork.length);
  Buffer.from('0005160700020000', 'hex').copy(file);
  file.write('Mac OS X        ', 8, 'latin1');
  file.writeUInt16BE(2, 24);
  for (const [index, [id, from, bytes]] of [
    [9, 50, finderBytes] as const,
    [2, 50 + finderBytes, fork.length] as const,
  ].entries()) {
    file.writeUInt32BE(id, 26 + 12 * index);
    file.writeUInt32BE(from, 30 + 12 * index);
    file.writeUInt32BE(bytes, 34 + 12 * index);
  }
  finderInfo.copy(file, 50);
  fork.copy(file, 50 + finderBytes);
  if (attributes.length === 0) return file;
  file.write('ATTR', 84, 'latin1');
  file.writeUInt32BE(50 + finderBytes, 92);
  file.writeUInt32BE(start, 96);
  file.writeUInt32BE(values, 100);
  file.writeUInt16BE(attributes.length, 118);
  let [at, from] = [120, start];
  for (const [index, { value }] of attributes.entries()) {
    file.writeUInt32BE(from, at);
    file.writeUInt32BE(value.length, at + 4);
    file.writeUInt8(names[index]!.length, at + 10);
    names[index]!.copy(file, at + 11);
    value.copy(file, from);
    from += value.length;
    at += heads[index]!;
  }
  return file;
}
