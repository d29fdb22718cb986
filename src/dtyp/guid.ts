/**
 * MS-DTYP 2.3.4: GUIDs, held as their 16 wire bytes. The first three groups of the text are little-endian on
 * the wire, the last two are in order.
 */

export const GUID_BYTES = 16;

export const ZERO_GUID: Buffer = Buffer.alloc(GUID_BYTES);

const TEXT = /^(?:\{([^{}]+)\}|([^{}]+))$/;
const GROUPS = /^([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})$/i;

/** Where each byte of the text stands on the wire. */
const ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

/** From text, with braces or without; undefined when it is none. */
export function parseGuid(text: string): Buffer | undefined {
  const unbraced = TEXT.exec(text);
  const groups = GROUPS.exec(unbraced?.[1] ?? unbraced?.[2] ?? '');
  if (groups === null) return undefined;
  return reorder(Buffer.from(groups.slice(1).join(''), 'hex'));
}

/** In lower case, without braces: `f81d4fae-7dec-11d0-a765-00a0c91e6bf6`. */
export function formatGuid(guid: Uint8Array): string {
  if (guid.length !== GUID_BYTES) throw new RangeError(`a GUID of ${guid.length} bytes`);
  const hex = reorder(guid).toString('hex');
  const cuts = [0, 8, 12, 16, 20, 32];
  return cuts
    .slice(1)
    .map((end, i) => hex.slice(cuts[i], end))
    .join('-');
}

/** The exchange is its own inverse. */
const reorder = (bytes: Uint8Array): Buffer => Buffer.from(ORDER.map((at) => bytes[at]!));

const VERSION_AT = 7;
const VARIANT_AT = 8;

/** A random GUID (RFC 9562, version 4). */
export function randomGuid(): Buffer {
  const guid = Buffer.alloc(GUID_BYTES);
  globalThis.crypto.getRandomValues(guid);
  guid[VERSION_AT] = 0x40 | (guid[VERSION_AT]! & 0x0f);
  guid[VARIANT_AT] = 0x80 | (guid[VARIANT_AT]! & 0x3f);
  return guid;
}
