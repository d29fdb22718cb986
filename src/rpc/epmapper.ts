/** The endpoint mapper (C706 appendix O, appendix L for towers; MS-RPCE 2.2.1.2): where an interface is reached. */
import { conformantArray, type NdrType, struct, u32, unique } from './ndr.ts';
import { operation } from './operation.ts';
import { contextHandle as handle } from './security-types.ts';
import { readUuid, type SyntaxId, writeUuid } from './syntax-id.ts';

/** A tower of a few floors has less than 100 octets; nothing that this server offers has more. */
const TOWER_BYTES_MAXIMUM = 2048;

const uuid: NdrType<string> = {
  alignment: 4,
  minimumSize: 16,
  write: writeUuid,
  read: (r, assign) => assign(readUuid(r)),
};

/** rpc_if_id_t. */
const interfaceId: NdrType<SyntaxId> = {
  alignment: 4,
  minimumSize: 20,
  write(w, value) {
    writeUuid(w, value.uuid);
    w.u16(value.major);
    w.u16(value.minor);
  },
  read: (r, assign) => assign({ uuid: readUuid(r), major: r.u16(), minor: r.u16() }),
};

/** twr_t: its length before the construct and in it. */
const tower: NdrType<Buffer> = {
  alignment: 4,
  minimumSize: 4,
  maximumCount: (value) => value.length,
  write(w, value) {
    w.u32(value.length);
    w.octets(value);
  },
  read(r, assign, maximumCount) {
    const length = r.u32();
    if (length !== maximumCount || length > TOWER_BYTES_MAXIMUM) r.fail('a tower of another size');
    assign(Buffer.from(r.octets(length)));
  },
};

/** ept_entry_t's annotation: a varying string of octets in 64. */
const annotation: NdrType<string> = {
  alignment: 4,
  minimumSize: 8,
  write(w, value) {
    w.u32(0);
    w.u32(value.length + 1);
    w.octets(Buffer.from(`${value}\0`, 'latin1'));
  },
  read(r, assign) {
    if (r.u32() !== 0) r.fail('the offset of a varying string is not 0');
    const count = r.u32();
    if (count > 64) r.fail(`an annotation of ${count}`);
    assign(r.octets(count).toString('latin1').replace(/\0.*$/s, ''));
  },
};

const ENTRY = struct({ object: uuid, tower: unique(tower), annotation });

/** `size_is(max), length_is(*num)`: the room is what the client says, the elements are fewer. */
function sized<T>(element: NdrType<T>): NdrType<{ room: number; elements: readonly T[] }> {
  const array = conformantArray(element);
  return {
    alignment: 4,
    minimumSize: 8,
    maximumCount: ({ room }) => room,
    write(w, { elements }) {
      w.u32(0);
      w.u32(elements.length);
      array.write(w, elements);
    },
    read(r, assign, room) {
      if (r.u32() !== 0) r.fail('the offset of a varying array is not 0');
      const count = r.u32();
      if (count > room) r.fail(`${count} elements of ${room}`);
      array.read(r, (elements) => assign({ room, elements }), count);
    },
  };
}

export const EPMAPPER = {
  name: 'epmapper',
  syntax: { uuid: 'e1af8308-5d1f-11c9-91a4-08002b14a0fa', major: 3, minor: 0 },
  operations: {
    ept_lookup: operation(
      2,
      {
        inquiryType: u32,
        object: unique(uuid),
        interfaceId: unique(interfaceId),
        versionOption: u32,
        handle,
        maxEntries: u32,
      },
      { handle, count: u32, entries: sized(ENTRY), status: u32 },
    ),
    ept_map: operation(
      3,
      { object: unique(uuid), mapTower: unique(tower), handle, maxTowers: u32 },
      { handle, count: u32, towers: sized(unique(tower)), status: u32 },
    ),
    ept_lookup_handle_free: operation(4, { handle }, { handle, status: u32 }),
  },
} as const;

/** C706 appendix I: protocol identifiers of floors. */
export const PROTOCOL = { UUID: 0x0d, NCACN: 0x0b, SMB: 0x0f, NETBIOS: 0x11, TCP: 0x07, IP: 0x09 };

export interface Floor {
  readonly protocol: number;
  /** What follows the protocol in the left hand side. */
  readonly left: Buffer;
  readonly right: Buffer;
}

/** Not aligned, whatever stands around it. */
export function encodeTower(floors: readonly Floor[]): Buffer {
  const parts = floors.flatMap(({ protocol, left, right }) => [
    word(left.length + 1),
    Buffer.from([protocol]),
    left,
    word(right.length),
    right,
  ]);
  return Buffer.concat([word(floors.length), ...parts]);
}

const word = (value: number): Buffer => {
  const b = Buffer.alloc(2);
  b.writeUInt16LE(value);
  return b;
};

/** Undefined for what is no tower. */
export function decodeTower(bytes: Buffer): Floor[] | undefined {
  const floors: Floor[] = [];
  let at = 2;
  const side = (): Buffer | undefined => {
    if (at + 2 > bytes.length) return undefined;
    const end = at + 2 + bytes.readUInt16LE(at);
    if (end > bytes.length) return undefined;
    const found = bytes.subarray(at + 2, end);
    at = end;
    return found;
  };
  if (bytes.length < 2) return undefined;
  for (let left = bytes.readUInt16LE(0); left > 0; left--) {
    const lhs = side();
    const rhs = side();
    if (lhs === undefined || rhs === undefined || lhs.length === 0) return undefined;
    floors.push({ protocol: lhs[0]!, left: lhs.subarray(1), right: rhs });
  }
  return floors;
}

/** The floor of an interface or of a transfer syntax: the minor version stands at the right. */
export function syntaxFloor({ uuid: text, major, minor }: SyntaxId): Floor {
  const [low = '', middle = '', high = '', sequence = '', node = ''] = text.split('-');
  const bytes = Buffer.alloc(18);
  bytes.writeUInt32LE(Number.parseInt(low, 16), 0);
  bytes.writeUInt16LE(Number.parseInt(middle, 16), 4);
  bytes.writeUInt16LE(Number.parseInt(high, 16), 6);
  bytes.write(sequence + node, 8, 'hex');
  bytes.writeUInt16LE(major, 16);
  return { protocol: PROTOCOL.UUID, left: bytes, right: word(minor) };
}
