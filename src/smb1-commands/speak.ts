/** MS-CIFS 3.3.5.1 and 3.3.5.2: SMB1 on a server that speaks it: the only door into this folder. */
import type { Connection } from '../objects/connection.ts';
import type { ServerState } from '../objects/server-state.ts';
import { SMB_FLAGS_REPLY, Smb1Command, Smb1Header } from '../smb1/header.ts';
import { Dialect } from '../smb2/dialect.ts';
import {
  decodeSmb1NegotiateRequest,
  SMB1_DIALECT_SMB2_002,
  SMB1_DIALECT_SMB2_WILDCARD,
} from '../smb2/smb1-negotiate.ts';
import { Exchange } from './exchange.ts';
import { Link } from './link.ts';

/** From now on the server speaks SMB1 with those who ask for nothing newer. */
export function speakSmb1(server: ServerState): void {
  server.smb1 = (connection, message) => take(server, connection, message);
}

/** MS-SMB2 3.3.5.3: whoever offers SMB2 as well gets that, where the server has it. */
function take(server: ServerState, connection: Connection, message: Buffer): boolean {
  if (connection.smb1 === undefined) {
    if (connection.state !== 'fresh' || message[4] !== Smb1Command.NEGOTIATE) return false;
    if (offersSmb2(server, message)) return false;
    const link: Link = new Link(server, connection, (one) => receive(link, one));
    connection.smb1 = link;
  }
  connection.smb1.receive(message);
  return true;
}

function offersSmb2({ options }: ServerState, message: Buffer): boolean {
  if (options.maxDialect < Dialect.SMB2_02) return false;
  const { dialects } = decodeSmb1NegotiateRequest(message);
  if (dialects.includes(SMB1_DIALECT_SMB2_WILDCARD)) return options.maxDialect > Dialect.SMB2_02;
  return dialects.includes(SMB1_DIALECT_SMB2_002);
}

function receive(link: Link, message: Buffer): void {
  const { connection } = link;
  const header = Smb1Header.read(message);
  if ((header.flags & SMB_FLAGS_REPLY) !== 0) {
    connection.transport.close('a request that says it is a response');
    return;
  }
  if (header.command !== Smb1Command.NEGOTIATE && connection.state !== 'negotiated') {
    connection.transport.close('a request out of place: NEGOTIATE comes first');
    return;
  }
  const sequence = link.signing?.take();
  if (sequence !== undefined && !link.signing!.verify(message, sequence)) {
    // The numbers of both sides have parted, or somebody is in between.
    connection.transport.close('a signature is wrong');
    return;
  }
  new Exchange(link, header, message, sequence).run();
}
