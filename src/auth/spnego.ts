/**
 * SPNEGO tokens: RFC 4178 4.2 with NegTokenInit2 of MS-SPNG 2.2.1, in the GSS wrapper of RFC 2743 3.1.
 */
import { WireError } from '../wire/wire-error.ts';
import { contextTag, type DerReader, der, readDer, Tag } from './der.ts';

/** Mechanisms as the contents of their OID, in hex: that is how they are compared. */
export const Mechanism = {
  /** 1.3.6.1.5.5.2 */
  SPNEGO: '2b0601050502',
  /** 1.3.6.1.4.1.311.2.2.10 */
  NTLMSSP: '2b06010401823702020a',
  /** 1.2.840.113554.1.2.2 */
  KRB5: '2a864886f712010202',
  /** 1.2.840.48018.1.2.2: the same with 113554 cut to 16 bits, as Windows 2000 wrote it. */
  MS_KRB5: '2a864882f712010202',
  /** 1.3.6.1.4.1.311.2.2.30 */
  NEGOEX: '2b06010401823702021e',
} as const;

export const NegState = {
  ACCEPT_COMPLETED: 0,
  ACCEPT_INCOMPLETE: 1,
  REJECT: 2,
  REQUEST_MIC: 3,
} as const;
export type NegState = (typeof NegState)[keyof typeof NegState];

/** Windows lists 5 mechanisms at most. */
export const MAXIMUM_MECHANISMS = 32;

/** MS-SPNG 3.2.5.2 */
const HINT_NAME = Buffer.from('not_defined_in_RFC4178@please_ignore', 'latin1');

export interface NegTokenInit {
  readonly kind: 'init';
  /** In the initiator's order of preference. */
  readonly mechTypes: readonly string[];
  /** The MechTypeList as it was encoded: what the mechListMIC is computed over. */
  readonly mechTypeList: Buffer;
  /** BIT STRING, undecoded: "the acceptor MUST ignore the reqFlags", MS-SPNG 3.1.5.3. */
  readonly reqFlags: Buffer | undefined;
  readonly mechToken: Buffer | undefined;
  readonly mechListMic: Buffer | undefined;
}

export interface NegTokenResp {
  readonly kind: 'resp';
  readonly negState: NegState | undefined;
  readonly supportedMech: string | undefined;
  readonly responseToken: Buffer | undefined;
  readonly mechListMic: Buffer | undefined;
}

/** A GSS token whose mechanism is not SPNEGO, unread. */
export interface OtherMechanismToken {
  readonly kind: 'other';
  readonly mechanism: string;
}

export type SpnegoToken = NegTokenInit | NegTokenResp | OtherMechanismToken;

const oid = (mechanism: string): Buffer => der(Tag.OID, Buffer.from(mechanism, 'hex'));

/** The content of the one element inside the explicit tag [n], when that is there. */
function field(sequence: DerReader, n: number, tag: number): Buffer | undefined {
  const wrapper = sequence.optional(contextTag(n));
  if (wrapper === undefined) return undefined;
  const inside = sequence.enter(wrapper);
  const { content } = inside.expect(tag);
  if (!inside.done) throw new WireError('SPNEGO', `something follows the value of field ${n}`);
  return content;
}

export function encodeMechTypeList(mechTypes: readonly string[]): Buffer {
  return der(Tag.SEQUENCE, ...mechTypes.map(oid));
}

function readInit(sequence: DerReader): NegTokenInit {
  const wrapper = sequence.expect(contextTag(0));
  const list = sequence.enter(wrapper).expect(Tag.SEQUENCE);
  const entries = sequence.enter(list);
  const mechTypes: string[] = [];
  while (!entries.done) {
    if (mechTypes.length === MAXIMUM_MECHANISMS) {
      throw new WireError('NegTokenInit', `more than ${MAXIMUM_MECHANISMS} mechanisms`);
    }
    mechTypes.push(entries.expect(Tag.OID).content.toString('hex'));
  }
  const reqFlags = field(sequence, 1, Tag.BIT_STRING);
  const mechToken = field(sequence, 2, Tag.OCTET_STRING);
  // [3] is mechListMIC in RFC 4178 and negHints, a SEQUENCE to be ignored, in MS-SPNG.
  const third = sequence.optional(contextTag(3));
  let mechListMic: Buffer | undefined;
  if (third !== undefined) {
    const value = sequence.enter(third).next();
    if (value.tag === Tag.OCTET_STRING) mechListMic = value.content;
    else if (value.tag !== Tag.SEQUENCE) throw new WireError('NegTokenInit', 'field 3');
  }
  mechListMic = field(sequence, 4, Tag.OCTET_STRING) ?? mechListMic;
  return {
    kind: 'init',
    mechTypes,
    mechTypeList: list.encoded,
    reqFlags,
    mechToken,
    mechListMic,
  };
}

function readResp(sequence: DerReader): NegTokenResp {
  const state = field(sequence, 0, Tag.ENUMERATED);
  if (state !== undefined && (state.length !== 1 || state[0]! > NegState.REQUEST_MIC)) {
    throw new WireError('NegTokenResp', 'negState');
  }
  return {
    kind: 'resp',
    negState: state?.[0] as NegState | undefined,
    supportedMech: field(sequence, 1, Tag.OID)?.toString('hex'),
    responseToken: field(sequence, 2, Tag.OCTET_STRING),
    mechListMic: field(sequence, 3, Tag.OCTET_STRING),
  };
}

/** Reads a NegotiationToken, with the GSS wrapper (as initial tokens have it) or without. */
export function decodeSpnego(token: Buffer): SpnegoToken {
  const outer = readDer(token);
  let body = outer;
  if (token[0] === Tag.APPLICATION_0) {
    body = outer.enter(outer.next());
    const mechanism = body.expect(Tag.OID).content.toString('hex');
    if (mechanism !== Mechanism.SPNEGO) return { kind: 'other', mechanism };
  }
  const choice = body.next();
  const sequence = body.enter(body.enter(choice).expect(Tag.SEQUENCE));
  switch (choice.tag) {
    case contextTag(0):
      return readInit(sequence);
    case contextTag(1):
      return readResp(sequence);
    default:
      throw new WireError('SPNEGO', `NegotiationToken with tag ${choice.tag}`);
  }
}

const octets = (n: number, value: Buffer | undefined): Buffer[] =>
  value === undefined ? [] : [der(contextTag(n), der(Tag.OCTET_STRING, value))];

const wrapped = (...fields: readonly Buffer[]): Buffer =>
  der(Tag.APPLICATION_0, oid(Mechanism.SPNEGO), der(contextTag(0), der(Tag.SEQUENCE, ...fields)));

export function encodeNegTokenInit(init: {
  readonly mechTypes: readonly string[];
  readonly mechToken?: Buffer | undefined;
  readonly mechListMic?: Buffer | undefined;
}): Buffer {
  return wrapped(
    der(contextTag(0), encodeMechTypeList(init.mechTypes)),
    ...octets(2, init.mechToken),
    ...octets(3, init.mechListMic),
  );
}

/** The hint in a NEGOTIATE response, MS-SPNG 3.2.5.2. */
export function encodeNegTokenInit2(mechTypes: readonly string[]): Buffer {
  const hints = der(Tag.SEQUENCE, der(contextTag(0), der(Tag.GENERAL_STRING, HINT_NAME)));
  return wrapped(der(contextTag(0), encodeMechTypeList(mechTypes)), der(contextTag(3), hints));
}

export function encodeNegTokenResp(resp: {
  readonly negState?: NegState | undefined;
  readonly supportedMech?: string | undefined;
  readonly responseToken?: Buffer | undefined;
  readonly mechListMic?: Buffer | undefined;
}): Buffer {
  const fields: Buffer[] = [];
  if (resp.negState !== undefined) {
    fields.push(der(contextTag(0), der(Tag.ENUMERATED, Buffer.from([resp.negState]))));
  }
  if (resp.supportedMech !== undefined) fields.push(der(contextTag(1), oid(resp.supportedMech)));
  fields.push(...octets(2, resp.responseToken), ...octets(3, resp.mechListMic));
  return der(contextTag(1), der(Tag.SEQUENCE, ...fields));
}
