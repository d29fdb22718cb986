/**
 * Samba's unixinfo: whose SIDs the users and groups of this machine are. As Samba's clients declare it, who send a SID
 * without the count that RPC_SID has before it: its own second octet is the only one.
 */
import type { Sid } from '../dtyp/sid.ts';
import { conformantArray, hyper, type NdrType, u32 } from './ndr.ts';
import type { NdrReader, NdrWriter } from './ndr-stream.ts';
import { operation } from './operation.ts';
import { rpcSid } from './security-types.ts';

/** MS-DTYP 2.4.2.1. */
const MAX_SUB_AUTHORITIES = 15;

const plainSid: NdrType<Sid> = {
  alignment: rpcSid.alignment,
  minimumSize: rpcSid.minimumSize,
  write: (w, sid) => rpcSid.write(w, sid),
  read: (r, assign) => rpcSid.read(r, assign, Math.min(r.peek(1), MAX_SUB_AUTHORITIES)),
};

/** `[string, charset(UTF8)] uint8 text[]` within a structure: of the last one the room stands before the structure. */
function writeText(w: NdrWriter, text: string, hasRoom: boolean): void {
  const octets = Buffer.from(`${text}\0`);
  if (hasRoom) w.u32(octets.length);
  w.u32(0);
  w.u32(octets.length);
  w.octets(octets);
}

function readText(r: NdrReader, given?: number): string {
  const room = given ?? r.u32();
  const offset = r.u32();
  const count = r.u32();
  if (offset !== 0 || count > room) r.fail(`a string of ${count} in room for ${room}`);
  return r.octets(count).toString().replace(/\0$/, '');
}

interface GetPWUidInfo {
  readonly status: number;
  readonly homedir: string;
  readonly shell: string;
}

const GET_PW_UID_INFO: NdrType<GetPWUidInfo> = {
  alignment: 4,
  minimumSize: 28,
  write(w, { status, homedir, shell }) {
    w.align(4);
    w.u32(Buffer.byteLength(shell) + 1);
    w.u32(status);
    writeText(w, homedir, true);
    writeText(w, shell, false);
  },
  read(r, assign) {
    const room = r.u32();
    const status = r.u32();
    const homedir = readText(r);
    assign({ status, homedir, shell: readText(r, room) });
  },
};

/** "range(0,1023)". */
export const MAX_UIDS = 1023;

export const UNIXINFO = {
  name: 'unixinfo',
  syntax: { uuid: '9c54e310-a955-4885-bd31-78787147dfa6', major: 0, minor: 0 },
  operations: {
    SidToUid: operation(0, { sid: plainSid }, { uid: hyper, status: u32 }),
    UidToSid: operation(1, { uid: hyper }, { sid: plainSid, status: u32 }),
    SidToGid: operation(2, { sid: plainSid }, { gid: hyper, status: u32 }),
    GidToSid: operation(3, { gid: hyper }, { sid: plainSid, status: u32 }),
    GetPWUid: operation(
      4,
      { count: u32, uids: conformantArray(hyper) },
      { count: u32, infos: conformantArray(GET_PW_UID_INFO), status: u32 },
    ),
  },
} as const;
