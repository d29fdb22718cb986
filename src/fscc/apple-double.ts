/**
 * AppleDouble, RFC 1740, as macOS writes it beside a file on a disk that has no streams: `._NAME` holds what the Finder knows of NAME,
 * its resource fork, and behind FinderInfo its extended attributes ("ATTR", of xnu's vfs_xattr.c). Integers are big-endian.
 *
 * Whoever unpacks one throws it away after. So what is not understood to the last entry is no AppleDouble here: undefined.
 */

/** RFC 1740: AppleDouble, version 2, big-endian. */
export const SIGNATURE = Buffer.from([0x00, 0x05, 0x16, 0x07, 0x00, 0x02, 0x00, 0x00]);
export const COUNT_AT = 24;
export const ENTRIES_AT = 26;
export const ENTRY_BYTES = 12;
const RESOURCE_FORK = 2;
export const FINDER_INFO = 9;
const FINDER_INFO_BYTES = 32;
/** It has two. */
const MAX_ENTRIES = 16;

const ATTRIBUTES_SIGNATURE = Buffer.from('ATTR', 'latin1');
/** Behind FinderInfo and two bytes that align it. */
const ATTRIBUTES_AFTER = FINDER_INFO_BYTES + 2;
const ATTRIBUTES_HEADER_BYTES = 36;
const ATTRIBUTE_COUNT_AT = 34;
const ATTRIBUTE_HEADER_BYTES = 11;
/** As many as fit into the 64 KiB that macOS has for them, of a few bytes each. */
const MAX_ATTRIBUTES = 1024;

/** What macOS puts where there is no resource fork: an empty one that says so. */
const BLANK_FORK_BYTES = 286;
const BLANK_FORK_TEXT = Buffer.from('This resource fork intentionally left blank', 'latin1');
const BLANK_FORK_TEXT_AT = 16;

export interface AppleDouble {
  /** 32 bytes; undefined: none, or all zeros, which is none. */
  readonly finderInfo: Buffer | undefined;
  /** Undefined: none, or one without content. */
  readonly resourceFork: Buffer | undefined;
  readonly attributes: readonly { readonly name: string; readonly value: Buffer }[];
}

interface Entry {
  readonly id: number;
  readonly from: number;
  readonly bytes: number;
}

/** Views of `file`; undefined where it is something else, cut, or has more in it than this. */
export function decodeAppleDouble(file: Buffer): AppleDouble | undefined {
  const entries = entriesOf(file);
  if (entries === undefined) return undefined;
  let finder: Entry | undefined;
  let fork: Entry | undefined;
  for (const entry of entries) {
    if (entry.id === FINDER_INFO && finder === undefined) finder = entry;
    else if (entry.id === RESOURCE_FORK && fork === undefined) fork = entry;
    else if (entry.bytes > 0) return undefined;
  }
  if (finder !== undefined && finder.bytes < FINDER_INFO_BYTES) return undefined;
  const attributes = finder === undefined ? [] : attributesOf(file, finder);
  if (attributes === undefined) return undefined;
  const info = finder && file.subarray(finder.from, finder.from + FINDER_INFO_BYTES);
  const resources = fork && file.subarray(fork.from, fork.from + fork.bytes);
  return {
    finderInfo: info?.some((byte) => byte !== 0) ? info : undefined,
    resourceFork: resources === undefined || isBlank(resources) ? undefined : resources,
    attributes,
  };
}

function entriesOf(file: Buffer): Entry[] | undefined {
  if (file.length < ENTRIES_AT || !file.subarray(0, SIGNATURE.length).equals(SIGNATURE)) {
    return undefined;
  }
  const count = file.readUInt16BE(COUNT_AT);
  if (count > MAX_ENTRIES || ENTRIES_AT + count * ENTRY_BYTES > file.length) return undefined;
  const entries: Entry[] = [];
  for (let at = ENTRIES_AT; at < ENTRIES_AT + count * ENTRY_BYTES; at += ENTRY_BYTES) {
    const entry = {
      id: file.readUInt32BE(at),
      from: file.readUInt32BE(at + 4),
      bytes: file.readUInt32BE(at + 8),
    };
    if (entry.from + entry.bytes > file.length) return undefined;
    entries.push(entry);
  }
  return entries;
}

const isBlank = (fork: Buffer): boolean =>
  fork.length === 0 ||
  (fork.length === BLANK_FORK_BYTES &&
    fork.subarray(BLANK_FORK_TEXT_AT).indexOf(BLANK_FORK_TEXT) === 0);

function attributesOf(file: Buffer, finder: Entry): AppleDouble['attributes'] | undefined {
  const header = finder.from + ATTRIBUTES_AFTER;
  const end = finder.from + finder.bytes;
  // Without them there is FinderInfo and nothing, whatever aligns it.
  if (finder.bytes < ATTRIBUTES_AFTER + ATTRIBUTES_HEADER_BYTES) {
    return isEmpty(file.subarray(finder.from + FINDER_INFO_BYTES, end)) ? [] : undefined;
  }
  if (!file.subarray(header, header + 4).equals(ATTRIBUTES_SIGNATURE)) {
    return isEmpty(file.subarray(finder.from + FINDER_INFO_BYTES, end)) ? [] : undefined;
  }
  const count = file.readUInt16BE(header + ATTRIBUTE_COUNT_AT);
  if (count > MAX_ATTRIBUTES) return undefined;
  const attributes: { name: string; value: Buffer }[] = [];
  for (let at = header + ATTRIBUTES_HEADER_BYTES; attributes.length < count; ) {
    if (at + ATTRIBUTE_HEADER_BYTES > end) return undefined;
    const from = file.readUInt32BE(at);
    const bytes = file.readUInt32BE(at + 4);
    const nameBytes = file.readUInt8(at + 10);
    const nameAt = at + ATTRIBUTE_HEADER_BYTES;
    if (nameAt + nameBytes > end || from < header || from + bytes > end) return undefined;
    const name = nameOf(file.subarray(nameAt, nameAt + nameBytes));
    if (name === undefined || attributes.some((other) => other.name === name)) return undefined;
    attributes.push({ name, value: file.subarray(from, from + bytes) });
    at += align4(ATTRIBUTE_HEADER_BYTES + nameBytes);
  }
  return attributes;
}

/** Of UTF-8, with a zero at its end; undefined for none, and for what is no text. */
function nameOf(bytes: Buffer): string | undefined {
  const end = bytes.indexOf(0);
  if (end !== bytes.length - 1 || end === 0) return undefined;
  const name = bytes.toString('utf8', 0, end);
  return Buffer.from(name).equals(bytes.subarray(0, end)) ? name : undefined;
}

const isEmpty = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0);
const align4 = (bytes: number): number => (bytes + 3) & ~3;
