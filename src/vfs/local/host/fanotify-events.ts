/**
 * What is read from a fanotify(7) descriptor with FAN_REPORT_DFID_NAME_TARGET: records of struct
 * fanotify_event_metadata, each with struct fanotify_event_info_fid of a directory and a name in it, and
 * one of the object itself.
 */
import { textOfName } from '../../../base/disk-names.ts';

/** A directory and a name in it; `.` is the directory itself. */
export interface HandleAndName {
  /** The file system's id and a struct file_handle, in latin1. */
  readonly directory: string;
  readonly name: string;
}

export interface FanotifyEvent {
  readonly mask: number;
  readonly pid: number;
  /** Undefined for an object whose name the kernel does not know; the old one of a rename. */
  readonly at: HandleAndName | undefined;
  /** Of a rename. */
  readonly to: HandleAndName | undefined;
  /** The object itself, in the same form. */
  readonly target: string | undefined;
}

/** struct fanotify_event_metadata: u32 length, u8, u8, u16 its own length, u64 mask, s32, s32 pid. */
const METADATA_BYTES = 24;
const METADATA_LENGTH_AT = 6;
const MASK_AT = 8;
const PID_AT = 20;
const INFO_HEADER_BYTES = 4;
export const FSID_BYTES = 8;
const HANDLE_HEADER_BYTES = 8;

const FAN_EVENT_INFO_TYPE_FID = 1;
const FAN_EVENT_INFO_TYPE_DFID_NAME = 2;
const FAN_EVENT_INFO_TYPE_OLD_DFID_NAME = 10;
const FAN_EVENT_INFO_TYPE_NEW_DFID_NAME = 12;

/** Adds the events of one read that are `wanted`, in order. A name that is no UTF-8 is left out. */
export function decodeFanotifyEvents(
  bytes: Buffer,
  wanted: (mask: number, pid: number) => boolean,
  into: FanotifyEvent[],
): void {
  for (let at = 0; at + METADATA_BYTES <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    if (length < METADATA_BYTES || at + length > bytes.length) break;
    // The upper half of the mask is not used.
    const mask = bytes.readUInt32LE(at + MASK_AT);
    const pid = bytes.readInt32LE(at + PID_AT);
    if (wanted(mask, pid)) into.push(decodeEvent(mask, pid, bytes.subarray(at, at + length)));
    at += length;
  }
}

function decodeEvent(mask: number, pid: number, bytes: Buffer): FanotifyEvent {
  let at: HandleAndName | undefined;
  let to: HandleAndName | undefined;
  let target: string | undefined;
  for (
    let start = bytes.readUInt16LE(METADATA_LENGTH_AT);
    start + INFO_HEADER_BYTES <= bytes.length;
  ) {
    const type = bytes[start]!;
    const length = bytes.readUInt16LE(start + 2);
    if (length < INFO_HEADER_BYTES || start + length > bytes.length) break;
    const info = bytes.subarray(start + INFO_HEADER_BYTES, start + length);
    start += length;
    if (type === FAN_EVENT_INFO_TYPE_FID) target = handleOf(info);
    else if (type === FAN_EVENT_INFO_TYPE_NEW_DFID_NAME) to = handleAndName(info);
    else if (type === FAN_EVENT_INFO_TYPE_DFID_NAME || type === FAN_EVENT_INFO_TYPE_OLD_DFID_NAME) {
      at = handleAndName(info);
    }
  }
  return { mask, pid, at, to, target };
}

function handleOf(info: Buffer): string | undefined {
  if (info.length < FSID_BYTES + HANDLE_HEADER_BYTES) return undefined;
  const end = FSID_BYTES + HANDLE_HEADER_BYTES + info.readUInt32LE(FSID_BYTES);
  return end > info.length ? undefined : info.toString('latin1', 0, end);
}

function handleAndName(info: Buffer): HandleAndName | undefined {
  const directory = handleOf(info);
  if (directory === undefined) return undefined;
  const rest = info.subarray(directory.length);
  const end = rest.indexOf(0);
  const name = end < 0 ? rest : rest.subarray(0, end);
  return { directory, name: textOfName(name) };
}
