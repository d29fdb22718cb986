/**
 * Names of the SMB3 POSIX extensions, in place of MS-FSCC 2.1.5: `/` and NUL alone are no part of a name,
 * `/` separates, and case matters. What such a name has and one of Windows may not have stands for the
 * private character that Windows sees (private-names.ts), so that within the server one object has one name.
 *
 * `.` and `..` lead nowhere, as in names.ts; the client has folded them away.
 */
import {
  type NtStatus,
  STATUS_INVALID_PARAMETER,
  STATUS_NAME_TOO_LONG,
  STATUS_OBJECT_NAME_INVALID,
  STATUS_OBJECT_PATH_SYNTAX_BAD,
} from '../dtyp/ntstatus.ts';
import { MAX_PATH_UNITS, type ParsedPath, refuseFilename } from './names.ts';
import { clientName } from './private-names.ts';

const DOTS = ['.', '..'];

/** The components of a path, relative to the root of the share, or why it is refused. */
export function parsePosixPath(text: string): ParsedPath | NtStatus {
  if (text.startsWith('/')) return STATUS_INVALID_PARAMETER;
  if (text.length > MAX_PATH_UNITS) return STATUS_NAME_TOO_LONG;
  const components: string[] = [];
  for (const name of text.split('/')) {
    // As POSIX has it, several slashes are one, and one at the end is none.
    if (name === '') continue;
    if (DOTS.includes(name)) return STATUS_OBJECT_PATH_SYNTAX_BAD;
    if (name.includes('\0')) return STATUS_OBJECT_NAME_INVALID;
    const component = clientName(name);
    const refusal = refuseFilename(component);
    if (refusal !== undefined) return refusal;
    components.push(component);
  }
  return { components, stream: undefined, trailingBackslash: false };
}
