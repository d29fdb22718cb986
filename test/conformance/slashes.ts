/**
 * Some of smbtorture's tests write a slash in a path, `folder/file`, which Samba's server takes for a separator and
 * MS-FSCC 2.1.5 for neither that nor part of a name. What they test has nothing to do with it, so on the way to the
 * server it is turned into the backslash that it is meant to be.
 */
import { splitCompound } from '../../src/smb2/compound.ts';
import {
  Command,
  getCommand,
  HEADER_SIZE,
  isSigned,
  protocolOf,
  readHeader,
} from '../../src/smb2/header.ts';

/** MS-SMB2 2.2.13, from the header's start: NameOffset and NameLength. */
const NAME_OFFSET_AT = HEADER_SIZE + 44;
const NAME_LENGTH_AT = HEADER_SIZE + 46;
const SLASH = '/'.charCodeAt(0);
const BACKSLASH = '\\'.charCodeAt(0);

/** In place, in each CREATE of the message; what is signed or encrypted stays as it is. */
export function turnSlashes(message: Buffer): Buffer {
  if (protocolOf(message) !== 'smb2') return message;
  for (const one of splitCompound(message)) {
    if (getCommand(one) !== Command.CREATE || isSigned(readHeader(one))) continue;
    const from = one.readUInt16LE(NAME_OFFSET_AT);
    const end = Math.min(one.length - 1, from + one.readUInt16LE(NAME_LENGTH_AT));
    for (let at = from; at < end; at += 2) {
      if (one.readUInt16LE(at) === SLASH) one.writeUInt16LE(BACKSLASH, at);
    }
  }
  return message;
}
