/**
 * Interface and transfer syntax identifiers (C706 12.6.3.1 p_syntax_id_t; MS-RPCE 2.2.4.12, 2.2.5,
 * 3.3.1.5.3).
 */
import type { NdrReader, NdrWriter } from './ndr-stream.ts';

export interface SyntaxId {
  /** Lower case, with hyphens. */
  readonly uuid: string;
  readonly major: number;
  readonly minor: number;
}

export const NDR32: SyntaxId = {
  uuid: '8a885d04-1ceb-11c9-9fe8-08002b104860',
  major: 2,
  minor: 0,
};

export const NDR64: SyntaxId = {
  uuid: '71710533-beba-4937-8319-b5dbef9ccc36',
  major: 1,
  minor: 0,
};

/** In the place of a context that was not accepted. */
export const NO_SYNTAX: SyntaxId = {
  uuid: '00000000-0000-0000-0000-000000000000',
  major: 0,
  minor: 0,
};

const BIND_TIME_FEATURES = '6cb71c2c-9812-4540-';

/** MS-RPCE 2.2.2.14 and 2.2.2.15: the server keeps the connection after an orphaned PDU. */
export const KEEP_CONNECTION_ON_ORPHAN = 0x02;

/** The first octet of a BindTimeFeatureNegotiationBitmask; undefined for a real transfer syntax. */
export function bindTimeFeatures(syntax: SyntaxId): number | undefined {
  if (!syntax.uuid.startsWith(BIND_TIME_FEATURES) || syntax.major !== 1) return undefined;
  return Number.parseInt(syntax.uuid.slice(BIND_TIME_FEATURES.length).slice(0, 2), 16);
}

/** A transfer syntax identifier that proposes these features. */
export function bindTimeFeatureSyntax(features: number): SyntaxId {
  const first = features.toString(16).padStart(2, '0');
  return { uuid: `${BIND_TIME_FEATURES}${first}00-000000000000`, major: 1, minor: 0 };
}

export const sameSyntax = (a: SyntaxId, b: SyntaxId): boolean =>
  a.uuid === b.uuid && a.major === b.major && a.minor === b.minor;

/** C706 12.6.4.3: an interface serves a client of the same major and no higher minor version. */
export const serves = (offered: SyntaxId, wanted: SyntaxId): boolean =>
  offered.uuid === wanted.uuid && offered.major === wanted.major && offered.minor >= wanted.minor;

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

export function readUuid(r: NdrReader): string {
  r.align(4);
  const low = hex(r.u32(), 8);
  const middle = hex(r.u16(), 4);
  const high = hex(r.u16(), 4);
  const rest = r.octets(8).toString('hex');
  return `${low}-${middle}-${high}-${rest.slice(0, 4)}-${rest.slice(4)}`;
}

export function writeUuid(w: NdrWriter, uuid: string): void {
  const [low = '', middle = '', high = '', sequence = '', node = ''] = uuid.split('-');
  w.u32(Number.parseInt(low, 16));
  w.u16(Number.parseInt(middle, 16));
  w.u16(Number.parseInt(high, 16));
  w.octets(Buffer.from(sequence + node, 'hex'));
}

/** The version is one 32-bit integer, the major number in its low half. */
export function readSyntaxId(r: NdrReader): SyntaxId {
  const uuid = readUuid(r);
  const version = r.u32();
  return { uuid, major: version & 0xffff, minor: version >>> 16 };
}

export function writeSyntaxId(w: NdrWriter, syntax: SyntaxId): void {
  writeUuid(w, syntax.uuid);
  w.u32(((syntax.minor << 16) | syntax.major) >>> 0);
}
