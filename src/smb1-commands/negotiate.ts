/** MS-CIFS 3.3.5.42 and MS-SMB 3.3.5.2: NEGOTIATE, where the client speaks nothing newer than NT LM 0.12. */
import { randomBytes } from 'node:crypto';
import { Disconnect } from '../commands/command.ts';
import * as filetime from '../dtyp/filetime.ts';
import type { DialectTraits } from '../objects/connection.ts';
import type { ServerOptions, ServerState } from '../objects/server-state.ts';
import { SMB_FLAGS2_EXTENDED_SECURITY } from '../smb1/header.ts';
import {
  CAP_DFS,
  CAP_EXTENDED_SECURITY,
  CAP_INFOLEVEL_PASSTHRU,
  CAP_LARGE_FILES,
  CAP_LARGE_READX,
  CAP_LARGE_WRITEX,
  CAP_LEVEL_II_OPLOCKS,
  CAP_LOCK_AND_READ,
  CAP_NT_FIND,
  CAP_NT_SMBS,
  CAP_RPC_REMOTE_APIS,
  CAP_STATUS32,
  CAP_UNICODE,
  CAP_UNIX,
  extendedNegotiateBytes,
  NEGOTIATE_ENCRYPT_PASSWORDS,
  NEGOTIATE_SECURITY_SIGNATURES_ENABLED,
  NEGOTIATE_SECURITY_SIGNATURES_REQUIRED,
  NEGOTIATE_USER_SECURITY,
  NO_DIALECT,
  plainNegotiateBytes,
  Smb1NegotiateWords,
} from '../smb1/negotiate.ts';
import { decodeSmb1NegotiateRequest, SMB1_DIALECT_NT_LM_012 } from '../smb2/smb1-negotiate.ts';
import type { Call, Smb1Outcome } from './call.ts';

/** Requests that a client may have under way at once, as Windows has it. */
const MAX_MPX_COUNT = 50;
/** Of messages that are not large READs and WRITEs; Windows and Samba have the same. */
export const MAX_BUFFER_BYTES = 16_644;
/** What a READ_ANDX or WRITE_ANDX moves at most. */
const MAX_LARGE_BYTES = 1024 * 1024;
/** Of READ_RAW and WRITE_RAW, which are not offered. */
const MAX_RAW_BYTES = 65_536;

const CAPABILITIES =
  CAP_UNICODE |
  CAP_LARGE_FILES |
  CAP_NT_SMBS |
  CAP_RPC_REMOTE_APIS |
  CAP_STATUS32 |
  CAP_LEVEL_II_OPLOCKS |
  CAP_LOCK_AND_READ |
  CAP_NT_FIND |
  CAP_INFOLEVEL_PASSTHRU |
  CAP_LARGE_READX |
  CAP_LARGE_WRITEX;

/** No leases, no credits, no encryption: what the commands of SMB2 ask a connection for. */
const traits = (options: ServerOptions): DialectTraits => ({
  revision: 0x0100,
  name: SMB1_DIALECT_NT_LM_012,
  multiCredit: false,
  smb3: false,
  preauthIntegrity: false,
  encryption: 'none',
  leasing: false,
  directoryLeasing: false,
  lockSequence: false,
  remoteInvalidation: false,
  normalizedNames: false,
  maxTransactSize: options.maxTransactSize,
  maxReadSize: MAX_LARGE_BYTES,
  maxWriteSize: MAX_LARGE_BYTES,
});

/** MS-CIFS 2.2.4.52.2, 2.2.4.53.2: the domain or workgroup that the server belongs to. */
export const domainOf = ({ options }: ServerState): string =>
  options.workgroup ?? options.serverName;

export function negotiate(call: Call): Smb1Outcome {
  const { link, message, header } = call;
  const { connection, server } = link;
  if (connection.state !== 'fresh') return new Disconnect('a second NEGOTIATE');
  const { dialects } = decodeSmb1NegotiateRequest(message);
  const dialectIndex = dialects.indexOf(SMB1_DIALECT_NT_LM_012);
  if (dialectIndex < 0) {
    const words = Buffer.alloc(2);
    words.writeUInt16LE(NO_DIALECT);
    return { words };
  }
  connection.state = 'negotiated';
  connection.dialect = traits(server.options);
  connection.posixExtensions = server.options.smb1UnixExtensions === true;
  connection.log.debug('smb', 'negotiated', { dialect: connection.dialect.name });
  link.extendedSecurity = (header.flags2 & SMB_FLAGS2_EXTENDED_SECURITY) !== 0;
  link.challenge = randomBytes(8);
  const { requireSigning, serverName } = server.options;
  const extended = link.extendedSecurity;
  const words = Smb1NegotiateWords.encode({
    dialectIndex,
    securityMode:
      NEGOTIATE_USER_SECURITY |
      NEGOTIATE_ENCRYPT_PASSWORDS |
      NEGOTIATE_SECURITY_SIGNATURES_ENABLED |
      (requireSigning ? NEGOTIATE_SECURITY_SIGNATURES_REQUIRED : 0),
    maxMpxCount: MAX_MPX_COUNT,
    maxNumberVcs: 1,
    maxBufferSize: MAX_BUFFER_BYTES,
    maxRawSize: MAX_RAW_BYTES,
    sessionKey: process.pid,
    capabilities:
      (CAPABILITIES |
        (connection.posixExtensions ? CAP_UNIX : 0) |
        (server.isDfsCapable ? CAP_DFS : 0) |
        (extended ? CAP_EXTENDED_SECURITY : 0)) >>>
      0,
    systemTime: filetime.now(),
    serverTimeZone: 0,
    challengeLength: extended ? 0 : link.challenge.length,
  });
  const bytes = extended
    ? extendedNegotiateBytes(server.guid, server.controlPlane.negotiateToken)
    : plainNegotiateBytes(link.challenge, [domainOf(server), serverName], call.unicode);
  return { words, bytes };
}
