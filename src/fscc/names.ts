/**
 * MS-FSCC 2.1.5 Pathname and MS-FSA 2.1.5.1 (phases 1 and 5): which names a client may send, taken
 * apart into components. Where the documents leave a choice:
 *
 * - A leading backslash is STATUS_INVALID_PARAMETER: names are relative to the share (as Windows).
 * - `.` and `..` "MUST NOT be sent over the wire" (2.1.5.1), but Windows and Samba take a `..` that has a
 *   name before it and fold both away, by the text alone. One that has none would lead out of the
 *   share: OBJECT_PATH_SYNTAX_BAD, as smbtorture (smb2.mkdir) expects of Windows. No path that comes
 *   out of here holds either.
 * - Too long a name is STATUS_NAME_TOO_LONG, which POSIX clients know, not OBJECT_NAME_INVALID.
 * - An empty component (`a\\b`) is invalid; one trailing backslash is allowed and told to the caller,
 *   since it is wrong for anything but a directory.
 * - CON, NUL, COM1 and their like are names as any other, trailing periods and blanks belong to a
 *   name: 2.1.5.2 does not exclude them, and on this side they are no devices.
 * - An unpaired surrogate is no character, hence OBJECT_NAME_INVALID; U+FFFF is one.
 */
import {
  type NtStatus,
  STATUS_INVALID_PARAMETER,
  STATUS_NAME_TOO_LONG,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
  STATUS_OBJECT_TYPE_MISMATCH,
} from '../dtyp/ntstatus.ts';
import { isWildcard } from './wildcard.ts';

/** MS-FSCC 2.1.5.2 and 2.1.5.3, in UTF-16 units. */
export const MAX_COMPONENT_UNITS = 255;
/** MS-FSCC 2.1.5, in UTF-16 units. */
export const MAX_PATH_UNITS = 32_760;

/** MS-FSA 2.1.5.1 phase 7: the two stream types that can be opened. */
export type StreamType = '$DATA' | '$INDEX_ALLOCATION';

export interface StreamName {
  /** Empty for the default stream of its type, as in `name::$DATA`. */
  readonly name: string;
  readonly type: StreamType;
}

export interface ParsedPath {
  /** Legal file names; none for the root of the share. */
  readonly components: readonly string[];
  /** Present when the last component had a colon. */
  readonly stream: StreamName | undefined;
  readonly trailingBackslash: boolean;
}

const BACKSLASH = 0x5c;
const DOT_DOT = '..';
const UNPAIRED_SURROGATE = /\p{Surrogate}/u;
const ASCII_END = 0x80;

/** 2.1.5.2: control characters and " \ / : | < > * ? are illegal in a file name. */
const illegalInFilename = new Uint8Array(ASCII_END);
illegalInFilename.fill(1, 0, 0x20);
for (const character of '"\\/:|<>*?') illegalInFilename[character.charCodeAt(0)] = 1;

/** 2.1.5.3: NUL and \ / : are illegal in the name of a stream. */
const illegalInStreamname = new Uint8Array(ASCII_END);
for (const character of '\0\\/:') illegalInStreamname[character.charCodeAt(0)] = 1;

/** Is `status` the refusal of a name, not a parsed one? */
export const isRefusedName = (result: ParsedPath | NtStatus): result is NtStatus =>
  typeof result === 'number';

const root: ParsedPath = { components: [], stream: undefined, trailingBackslash: false };

/** The components of the path in a CREATE, relative to the root of the share, or why it is refused. */
export function parsePath(text: string): ParsedPath | NtStatus {
  if (text.length === 0) return root;
  if (text.charCodeAt(0) === BACKSLASH) return STATUS_INVALID_PARAMETER;
  if (text.length > MAX_PATH_UNITS) return STATUS_NAME_TOO_LONG;
  const trailingBackslash = text.charCodeAt(text.length - 1) === BACKSLASH;
  const components = (trailingBackslash ? text.slice(0, -1) : text).split('\\');
  const last = components[components.length - 1]!;
  const colon = last.indexOf(':');
  let stream: StreamName | undefined;
  if (colon >= 0) {
    const parsed = parseStream(last.slice(colon + 1));
    if (typeof parsed === 'number') return parsed;
    stream = parsed;
    components[components.length - 1] = last.slice(0, colon);
    // Without a file name the stream is one of the share's root.
    if (colon === 0 && components.length === 1) components.pop();
  }
  const folded = foldDotDots(components, stream);
  if (typeof folded === 'number') return folded;
  for (const component of folded) {
    const refusal = refuseFilename(component);
    if (refusal !== undefined) return refusal;
  }
  return { components: folded, stream, trailingBackslash };
}

/** 2.1.5.1: `..` takes the name before it away, which need not be anything's but must be legal. */
function foldDotDots(
  components: readonly string[],
  stream: StreamName | undefined,
): readonly string[] | NtStatus {
  if (!components.includes(DOT_DOT)) return components;
  if (stream !== undefined && components.at(-1) === DOT_DOT) return STATUS_OBJECT_PATH_SYNTAX_BAD;
  const folded: string[] = [];
  for (const component of components) {
    if (component !== DOT_DOT) {
      folded.push(component);
      continue;
    }
    const taken = folded.pop();
    const refusal = taken === undefined ? STATUS_OBJECT_PATH_SYNTAX_BAD : refuseFilename(taken);
    if (refusal !== undefined) return refusal;
  }
  return folded;
}

/** What stands behind the first colon: `streamname` or `streamname:streamtype`. */
function parseStream(text: string): StreamName | NtStatus {
  const colon = text.indexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  const type = colon < 0 ? '$DATA' : text.slice(colon + 1).toUpperCase();
  // "The streamname, if specified, MAY be zero-length only if streamtype is also specified."
  if (colon < 0 && name.length === 0) return STATUS_OBJECT_NAME_INVALID;
  if (type !== '$DATA' && type !== '$INDEX_ALLOCATION') return STATUS_OBJECT_NAME_INVALID;
  if (name.length > MAX_COMPONENT_UNITS) return STATUS_NAME_TOO_LONG;
  if (!consistsOf(name, illegalInStreamname)) return STATUS_OBJECT_NAME_INVALID;
  return { name, type };
}

/**
 * MS-FSA 2.1.5.15.12.1: the new name of a stream, `:name` or `:name:$DATA`. A type that is left out is
 * $DATA, as Windows has it (smb2.streams.rename).
 */
export function parseNewStreamName(text: string): StreamName | NtStatus {
  const [, name, type, ...rest] = text.split(':');
  if (name === undefined || rest.length > 1 || text.endsWith(':')) return STATUS_INVALID_PARAMETER;
  if (name.length > MAX_COMPONENT_UNITS || !consistsOf(name, illegalInStreamname)) {
    return STATUS_INVALID_PARAMETER;
  }
  const isData = rest.length === 0 && (type === undefined || type.toUpperCase() === '$DATA');
  return isData ? { name, type: '$DATA' } : STATUS_OBJECT_TYPE_MISMATCH;
}

/** Why `name` cannot name a file or directory; undefined when it can. */
export function refuseFilename(name: string): NtStatus | undefined {
  if (name.length === 0) return STATUS_OBJECT_NAME_INVALID;
  if (name === DOT_DOT) return STATUS_OBJECT_PATH_SYNTAX_BAD;
  if (name === '.') return STATUS_OBJECT_NAME_INVALID;
  if (!consistsOf(name, illegalInFilename)) return STATUS_OBJECT_NAME_INVALID;
  return name.length > MAX_COMPONENT_UNITS ? STATUS_NAME_TOO_LONG : undefined;
}

/** Can a client name this file? What a listing finds on disk may hold what a path cannot. */
export const isLegalFilename = (name: string): boolean => refuseFilename(name) === undefined;

/**
 * MS-FSA 2.1.5.6.3: the pattern of a QUERY_DIRECTORY is a file name in which wildcards may stand; `.`
 * and `..` are patterns too, and so is none at all.
 */
export function refusePattern(pattern: string): NtStatus | undefined {
  for (let i = 0; i < pattern.length; i++) {
    const unit = pattern.charCodeAt(i);
    if (unit < ASCII_END && illegalInFilename[unit] === 1 && !isWildcard(unit)) {
      return STATUS_OBJECT_NAME_INVALID;
    }
  }
  if (UNPAIRED_SURROGATE.test(pattern) || pattern.length > MAX_COMPONENT_UNITS) {
    return STATUS_OBJECT_NAME_INVALID;
  }
  return undefined;
}

function consistsOf(name: string, illegal: Uint8Array): boolean {
  let isAscii = true;
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit >= ASCII_END) isAscii = false;
    else if (illegal[unit] === 1) return false;
  }
  return isAscii || !UNPAIRED_SURROGATE.test(name);
}

/** An absolute pathname as FileNameInformation has it: `\a\b`, and `\` for the root. */
export const formatPath = (components: readonly string[]): string => `\\${components.join('\\')}`;

/** The name of a stream as FileStreamInformation has it: `:name:$DATA`. */
export const formatStream = (stream: StreamName): string => `:${stream.name}:${stream.type}`;
