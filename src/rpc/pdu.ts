/**
 * Connection-oriented RPC PDUs (C706 12.6; MS-RPCE 2.2.2). One PDU is one fragment.
 *
 * Either byte order is read; little-endian is written. Verifiers are read here; pdu-security.ts writes
 * them behind what this makes.
 */
import { WireError } from '../wire/wire-error.ts';
import { NdrReader, NdrWriter } from './ndr-stream.ts';
import { readSyntaxId, readUuid, type SyntaxId, writeSyntaxId } from './syntax-id.ts';

export const PTYPE = {
  REQUEST: 0,
  RESPONSE: 2,
  FAULT: 3,
  BIND: 11,
  BIND_ACK: 12,
  BIND_NAK: 13,
  ALTER_CONTEXT: 14,
  ALTER_CONTEXT_RESP: 15,
  AUTH3: 16,
  SHUTDOWN: 17,
  CO_CANCEL: 18,
  ORPHANED: 19,
} as const;

export const PFC_FIRST_FRAG = 0x01;
export const PFC_LAST_FRAG = 0x02;
/** MS-RPCE 2.2.2.3, in BIND and ALTER_CONTEXT and their answers. */
export const PFC_SUPPORT_HEADER_SIGN = 0x04;
export const PFC_DID_NOT_EXECUTE = 0x20;
export const PFC_OBJECT_UUID = 0x80;
const WHOLE = PFC_FIRST_FRAG | PFC_LAST_FRAG;

/** Values of a FAULT's status (C706 appendix N.2; MS-RPCE 3.3.3.5). */
export const FAULT_STATUS = {
  ERROR_ACCESS_DENIED: 0x0000_0005,
  RPC_X_BAD_STUB_DATA: 0x0000_06f7,
  nca_s_op_rng_error: 0x1c01_0002,
  nca_s_unk_if: 0x1c01_0003,
  nca_s_proto_error: 0x1c01_000b,
  nca_s_fault_context_mismatch: 0x1c00_001a,
} as const;

/** Reasons of a BIND_NAK (MS-RPCE 2.2.2.5). */
export const REJECT_REASON = {
  REASON_NOT_SPECIFIED: 0,
  LOCAL_LIMIT_EXCEEDED: 2,
  PROTOCOL_VERSION_NOT_SPECIFIED: 4,
  AUTHENTICATION_TYPE_NOT_RECOGNIZED: 8,
} as const;

/** p_cont_def_result_t (MS-RPCE 2.2.2.4). */
export const CONTEXT_RESULT = {
  ACCEPTANCE: 0,
  USER_REJECTION: 1,
  PROVIDER_REJECTION: 2,
  NEGOTIATE_ACK: 3,
} as const;

/** p_provider_reason_t (C706 12.6.3.1). */
export const PROVIDER_REASON = {
  REASON_NOT_SPECIFIED: 0,
  ABSTRACT_SYNTAX_NOT_SUPPORTED: 1,
  PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED: 2,
  LOCAL_LIMIT_EXCEEDED: 3,
} as const;

/** MustRecvFragSize of C706 12.6.3.1: every implementation receives fragments this long. */
export const FRAGMENT_BYTES_MINIMUM = 1432;
/** What Windows offers and takes: four Ethernet frames of TCP payload. Longer ones are refused. */
export const FRAGMENT_BYTES_MAXIMUM = 5840;
/** What Windows and Samba offer on a named pipe. */
export const PIPE_FRAGMENT_BYTES = 4280;

export const HEADER_BYTES = 16;
const RPC_VERSION = 5;
export const SEC_TRAILER_BYTES = 8;
const STRUCTURE = 'RPC PDU';

export interface PduHeader {
  readonly versionMajor: number;
  readonly versionMinor: number;
  readonly type: number;
  readonly flags: number;
  readonly bigEndian: boolean;
  readonly fragmentBytes: number;
  readonly authBytes: number;
  readonly callId: number;
}

/** MS-RPCE 2.2.2.11 sec_trailer and its token. */
export interface AuthVerifier {
  readonly type: number;
  readonly level: number;
  readonly contextId: number;
  readonly token: Buffer;
}

export interface PresentationContext {
  readonly id: number;
  readonly abstractSyntax: SyntaxId;
  readonly transferSyntaxes: readonly SyntaxId[];
}

export interface ContextResult {
  readonly result: number;
  readonly reason: number;
  readonly transferSyntax: SyntaxId;
}

interface Common {
  readonly callId: number;
}
interface Negotiation extends Common {
  readonly maxTransmitBytes: number;
  readonly maxReceiveBytes: number;
  readonly associationGroup: number;
}
export interface BindPdu extends Negotiation {
  readonly kind: 'bind' | 'alter-context';
  readonly contexts: readonly PresentationContext[];
}
export interface BindAckPdu extends Negotiation {
  readonly kind: 'bind-ack' | 'alter-context-response';
  /** Without its terminating NUL. */
  readonly secondaryAddress: string;
  readonly results: readonly ContextResult[];
}
export interface BindNakPdu extends Common {
  readonly kind: 'bind-nak';
  readonly reason: number;
}
interface Fragment extends Common {
  /** PFC flags. */
  readonly flags: number;
  readonly allocHint: number;
  readonly contextId: number;
  readonly bigEndian: boolean;
  /** A view of the input. */
  readonly stub: Buffer;
}
export interface RequestPdu extends Fragment {
  readonly kind: 'request';
  readonly opnum: number;
}
export interface ResponsePdu extends Fragment {
  readonly kind: 'response';
}
export interface FaultPdu extends Common {
  readonly kind: 'fault';
  readonly flags: number;
  readonly contextId: number;
  readonly status: number;
}
/** PDUs without a body that matters here. */
export interface SignalPdu extends Common {
  readonly kind: 'auth3' | 'cancel' | 'orphaned' | 'shutdown';
}
export type PduBody =
  | BindPdu
  | BindAckPdu
  | BindNakPdu
  | RequestPdu
  | ResponsePdu
  | FaultPdu
  | SignalPdu;
export type Pdu = PduBody & { readonly auth: AuthVerifier | undefined };

// --- Reading -------------------------------------------------------------------------------------

/** The common header; the rest need not be there yet. Lengths are checked, the version is not. */
export function decodeHeader(b: Buffer): PduHeader {
  if (b.length < HEADER_BYTES) throw new WireError(STRUCTURE, `a header of ${b.length} bytes`);
  const bigEndian = (b[4]! & 0xf0) === 0;
  const r = new NdrReader(b, bigEndian, 8);
  const header = {
    versionMajor: b[0]!,
    versionMinor: b[1]!,
    type: b[2]!,
    flags: b[3]!,
    bigEndian,
    fragmentBytes: r.u16(),
    authBytes: r.u16(),
    callId: r.u32(),
  };
  const { fragmentBytes, authBytes } = header;
  if (fragmentBytes < HEADER_BYTES || fragmentBytes > FRAGMENT_BYTES_MAXIMUM) {
    throw new WireError(STRUCTURE, `a fragment of ${fragmentBytes} bytes`);
  }
  if (authBytes > 0 && authBytes + SEC_TRAILER_BYTES + HEADER_BYTES > fragmentBytes) {
    throw new WireError(STRUCTURE, `a verifier of ${authBytes} bytes in ${fragmentBytes}`);
  }
  return header;
}

export const supportsVersion = (header: PduHeader): boolean =>
  header.versionMajor === RPC_VERSION && header.versionMinor <= 1;

/** `fragment` holds exactly the PDU that its header announces, or more. */
export function decodePdu(fragment: Buffer): Pdu {
  const header = decodeHeader(fragment);
  if (!supportsVersion(header)) throw new WireError(STRUCTURE, `version ${header.versionMajor}`);
  if (fragment.length < header.fragmentBytes) {
    throw new WireError(STRUCTURE, `${fragment.length} bytes of ${header.fragmentBytes}`);
  }
  const { auth, bodyEnd } = readVerifier(fragment, header);
  const r = new NdrReader(fragment.subarray(0, bodyEnd), header.bigEndian, HEADER_BYTES);
  return { ...readBody(r, header), auth };
}

/** The verifier is at the end, wherever the body ends; its padding counts neither as one nor other. */
export function readVerifier(
  fragment: Buffer,
  { fragmentBytes, authBytes, bigEndian }: PduHeader,
): { readonly auth: AuthVerifier | undefined; readonly bodyEnd: number } {
  if (authBytes === 0) return { auth: undefined, bodyEnd: fragmentBytes };
  const trailer = fragmentBytes - authBytes - SEC_TRAILER_BYTES;
  const r = new NdrReader(fragment.subarray(trailer, fragmentBytes), bigEndian);
  const type = r.u8();
  const level = r.u8();
  const bodyEnd = trailer - r.u8();
  r.u8();
  if (bodyEnd < HEADER_BYTES) throw new WireError(STRUCTURE, 'padding longer than the body');
  return { auth: { type, level, contextId: r.u32(), token: r.octets(authBytes) }, bodyEnd };
}

function readBody(r: NdrReader, header: PduHeader): PduBody {
  const { callId, type } = header;
  switch (type) {
    case PTYPE.BIND:
      return { kind: 'bind', callId, ...readNegotiation(r), contexts: readContexts(r) };
    case PTYPE.ALTER_CONTEXT:
      return { kind: 'alter-context', callId, ...readNegotiation(r), contexts: readContexts(r) };
    case PTYPE.BIND_ACK:
      return { kind: 'bind-ack', callId, ...readAck(r) };
    case PTYPE.ALTER_CONTEXT_RESP:
      return { kind: 'alter-context-response', callId, ...readAck(r) };
    case PTYPE.BIND_NAK:
      return { kind: 'bind-nak', callId, reason: r.u16() };
    case PTYPE.REQUEST:
      return readRequest(r, header);
    case PTYPE.RESPONSE:
      return readResponse(r, header);
    case PTYPE.FAULT:
      return readFault(r, header);
    case PTYPE.AUTH3:
      return { kind: 'auth3', callId };
    case PTYPE.CO_CANCEL:
      return { kind: 'cancel', callId };
    case PTYPE.ORPHANED:
      return { kind: 'orphaned', callId };
    case PTYPE.SHUTDOWN:
      return { kind: 'shutdown', callId };
    default:
      throw new WireError(STRUCTURE, `type ${type}`);
  }
}

function readNegotiation(r: NdrReader): Omit<Negotiation, 'callId'> {
  return {
    maxTransmitBytes: r.u16(),
    maxReceiveBytes: r.u16(),
    associationGroup: r.u32(),
  };
}

function readContexts(r: NdrReader): PresentationContext[] {
  const contexts: PresentationContext[] = [];
  const count = r.u8();
  r.octets(3);
  for (let i = 0; i < count; i++) {
    r.align(4);
    const id = r.u16();
    const transferCount = r.u8();
    r.u8();
    const abstractSyntax = readSyntaxId(r);
    const transferSyntaxes: SyntaxId[] = [];
    for (let j = 0; j < transferCount; j++) transferSyntaxes.push(readSyntaxId(r));
    contexts.push({ id, abstractSyntax, transferSyntaxes });
  }
  return contexts;
}

function readAck(r: NdrReader): Omit<BindAckPdu, 'kind' | 'callId'> {
  const negotiation = readNegotiation(r);
  const address = r.octets(r.u16());
  const nul = address.indexOf(0);
  const secondaryAddress = address.toString('latin1', 0, nul < 0 ? address.length : nul);
  r.align(4);
  const count = r.u8();
  r.octets(3);
  const results: ContextResult[] = [];
  for (let i = 0; i < count; i++) {
    results.push({ result: r.u16(), reason: r.u16(), transferSyntax: readSyntaxId(r) });
  }
  return { ...negotiation, secondaryAddress, results };
}

function readRequest(r: NdrReader, { callId, flags, bigEndian }: PduHeader): RequestPdu {
  const allocHint = r.u32();
  const contextId = r.u16();
  const opnum = r.u16();
  // The object UUID selects among implementations of one interface; these have one each.
  if ((flags & PFC_OBJECT_UUID) !== 0) readUuid(r);
  const stub = r.octets(r.remaining);
  return { kind: 'request', callId, flags, allocHint, contextId, opnum, bigEndian, stub };
}

function readResponse(r: NdrReader, { callId, flags, bigEndian }: PduHeader): ResponsePdu {
  const allocHint = r.u32();
  const contextId = r.u16();
  r.octets(2);
  const stub = r.octets(r.remaining);
  return { kind: 'response', callId, flags, allocHint, contextId, bigEndian, stub };
}

function readFault(r: NdrReader, { callId, flags }: PduHeader): FaultPdu {
  r.u32();
  const contextId = r.u16();
  r.octets(2);
  return { kind: 'fault', callId, flags, contextId, status: r.u32() };
}

// --- Writing -------------------------------------------------------------------------------------

/** One PDU without a verifier. The caller keeps it within the negotiated fragment size. */
export function encodePdu(pdu: PduBody): Buffer {
  switch (pdu.kind) {
    case 'bind':
      return write(PTYPE.BIND, WHOLE, pdu.callId, (w) => writeBind(w, pdu));
    case 'alter-context':
      return write(PTYPE.ALTER_CONTEXT, WHOLE, pdu.callId, (w) => writeBind(w, pdu));
    case 'bind-ack':
      return write(PTYPE.BIND_ACK, WHOLE, pdu.callId, (w) => writeAck(w, pdu));
    case 'alter-context-response':
      return write(PTYPE.ALTER_CONTEXT_RESP, WHOLE, pdu.callId, (w) => writeAck(w, pdu));
    case 'bind-nak':
      return write(PTYPE.BIND_NAK, WHOLE, pdu.callId, (w) => {
        w.u16(pdu.reason);
        w.octets(Buffer.of(1, RPC_VERSION, 0));
      });
    case 'request':
      return write(PTYPE.REQUEST, pdu.flags & ~PFC_OBJECT_UUID, pdu.callId, (w) => {
        w.u32(pdu.allocHint);
        w.u16(pdu.contextId);
        w.u16(pdu.opnum);
        w.octets(pdu.stub);
      });
    case 'response':
      return write(PTYPE.RESPONSE, pdu.flags, pdu.callId, (w) => {
        w.u32(pdu.allocHint);
        w.u16(pdu.contextId);
        w.u16(0);
        w.octets(pdu.stub);
      });
    case 'fault':
      return write(PTYPE.FAULT, pdu.flags, pdu.callId, (w) => writeFault(w, pdu));
    case 'auth3':
      return write(PTYPE.AUTH3, WHOLE, pdu.callId, (w) => w.u32(0));
    case 'cancel':
      return write(PTYPE.CO_CANCEL, WHOLE, pdu.callId, () => {});
    case 'orphaned':
      return write(PTYPE.ORPHANED, WHOLE, pdu.callId, () => {});
    case 'shutdown':
      return write(PTYPE.SHUTDOWN, WHOLE, pdu.callId, () => {});
  }
}

function write(type: number, flags: number, callId: number, body: (w: NdrWriter) => void): Buffer {
  const w = new NdrWriter();
  // The data representation: little-endian, ASCII, IEEE.
  w.octets(Buffer.of(RPC_VERSION, 0, type, flags, 0x10, 0, 0, 0));
  w.u32(0);
  w.u32(callId);
  body(w);
  const b = w.finish();
  b.writeUInt16LE(b.length, 8);
  return b;
}

function writeNegotiation(w: NdrWriter, pdu: Negotiation): void {
  w.u16(pdu.maxTransmitBytes);
  w.u16(pdu.maxReceiveBytes);
  w.u32(pdu.associationGroup);
}

function writeBind(w: NdrWriter, pdu: BindPdu): void {
  writeNegotiation(w, pdu);
  w.octets(Buffer.of(pdu.contexts.length, 0, 0, 0));
  for (const { id, abstractSyntax, transferSyntaxes } of pdu.contexts) {
    w.u16(id);
    w.octets(Buffer.of(transferSyntaxes.length, 0));
    writeSyntaxId(w, abstractSyntax);
    for (const syntax of transferSyntaxes) writeSyntaxId(w, syntax);
  }
}

function writeAck(w: NdrWriter, pdu: BindAckPdu): void {
  writeNegotiation(w, pdu);
  const text = pdu.secondaryAddress;
  const address = Buffer.from(text === '' ? '' : `${text}\0`, 'latin1');
  w.u16(address.length);
  w.octets(address);
  w.align(4);
  w.octets(Buffer.of(pdu.results.length, 0, 0, 0));
  for (const { result, reason, transferSyntax } of pdu.results) {
    w.u16(result);
    w.u16(reason);
    writeSyntaxId(w, transferSyntax);
  }
}

/** The size of a FAULT without extended error information, which Windows gives as alloc_hint. */
const FAULT_BYTES = 32;

function writeFault(w: NdrWriter, pdu: FaultPdu): void {
  w.u32(FAULT_BYTES);
  w.u16(pdu.contextId);
  w.u16(0);
  w.u32(pdu.status);
  w.u32(0);
}
