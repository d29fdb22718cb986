/**
 * The verification trailer (MS-RPCE 2.2.2.13): what a client says once more, behind a request's stub, of the
 * parts of its messages that its security provider does not protect.
 */
import { WireError } from '../wire/wire-error.ts';
import { NdrReader } from './ndr-stream.ts';
import { PTYPE } from './pdu.ts';
import { readSyntaxId, type SyntaxId, sameSyntax } from './syntax-id.ts';

const SIGNATURE = Buffer.from('8ae3137102f43671', 'hex');
/** The commands of today make a trailer of 80 bytes; what lies farther from the end is data. */
const SEARCHED_BYTES = 512;

const COMMAND = { BITMASK_1: 1, PCONTEXT: 2, HEADER2: 3 } as const;
const COMMAND_TYPE = 0x3fff;
const SEC_VT_COMMAND_END = 0x4000;
const SEC_VT_MUST_PROCESS_COMMAND = 0x8000;
const CLIENT_SUPPORT_HEADER_SIGNING = 1;

/** What the server has understood of the request and its association. */
export interface Understood {
  readonly callId: number;
  readonly contextId: number;
  readonly opnum: number;
  readonly abstractSyntax: SyntaxId;
  readonly transferSyntax: SyntaxId;
  /** PFC_SUPPORT_HEADER_SIGN was in the BIND. */
  readonly headerSigning: boolean;
}

/** False when a trailer is there and says something else. */
export function agreesWithTrailer(stub: Buffer, understood: Understood): boolean {
  const from = Math.max(0, stub.length - SEARCHED_BYTES);
  const found = stub.subarray(from).lastIndexOf(SIGNATURE);
  const at = from + found;
  if (found < 0 || at % 4 !== 0) return true;
  try {
    return commandsAgree(new NdrReader(stub.subarray(at + SIGNATURE.length)), understood);
  } catch (error) {
    if (error instanceof WireError) return false;
    throw error;
  }
}

function commandsAgree(r: NdrReader, understood: Understood): boolean {
  for (;;) {
    const command = r.u16();
    const content = r.octets(r.u16());
    if (!commandAgrees(command, content, understood)) return false;
    if ((command & SEC_VT_COMMAND_END) !== 0) return true;
  }
}

function commandAgrees(command: number, content: Buffer, understood: Understood): boolean {
  const r = new NdrReader(content);
  switch (command & COMMAND_TYPE) {
    case COMMAND.BITMASK_1:
      return (r.u32() & CLIENT_SUPPORT_HEADER_SIGNING) === 0 || understood.headerSigning;
    case COMMAND.PCONTEXT:
      return (
        sameSyntax(readSyntaxId(r), understood.abstractSyntax) &&
        sameSyntax(readSyntaxId(r), understood.transferSyntax)
      );
    case COMMAND.HEADER2: {
      const type = r.u8();
      r.octets(7);
      const { callId, contextId, opnum } = understood;
      return (
        type === PTYPE.REQUEST && r.u32() === callId && r.u16() === contextId && r.u16() === opnum
      );
    }
    default:
      return (command & SEC_VT_MUST_PROCESS_COMMAND) === 0;
  }
}
