/**
 * Messages under a context of Kerberos' (RFC 4121 4.2.6) as RPC has them, by MIT's gss_wrap_iov: the data are sealed where
 * they lie, what is around them is signed with them, and the token stands apart (GSS_C_DCE_STYLE, MS-KILE 3.4.5.4).
 */
import type { MessageParts, SealedMessage, SignatureSizes } from '../base/message-parts.ts';
import { copyFrom } from './arena.ts';
import { type Address, type GssCalls, isError } from './gss-calls.ts';

const CONFIDENTIAL = 1;
const GSS_C_QOP_DEFAULT = 0;
/** GSS_IOV_BUFFER_TYPE_* */
const DATA = 1;
const HEADER = 2;
const SIGN_ONLY = 11;
const MIC_TOKEN = 12;
/** gss_iov_buffer_desc: type, and a gss_buffer_desc. */
const IOV_BYTES = 24;
const LENGTH_AT = 8;
const VALUE_AT = 16;

/** No error, and none of the bits that tell of a message that came twice, late, or behind a gap. */
export const isNextMessage = (major: number): boolean => major === 0;

type Part = readonly [type: number, address: Address, length: number];

function vector({ arena }: GssCalls, parts: readonly Part[]): Address {
  const first = arena.zeros(IOV_BYTES * parts.length);
  for (const [index, [type, address, length]] of parts.entries()) {
    const at = first + index * IOV_BYTES;
    arena.setU32(at, type);
    arena.setPointer(at + LENGTH_AT, length);
    arena.setPointer(at + VALUE_AT, address);
  }
  return first;
}

function partsOf({ arena }: GssCalls, { before, data, behind }: MessageParts) {
  const at = arena.put(data);
  const all: readonly Part[] = [
    [SIGN_ONLY, arena.put(before), before.length],
    [DATA, at, data.length],
    [SIGN_ONLY, arena.put(behind), behind.length],
  ];
  return { at, parts: all };
}

export function signatureSizes(calls: GssCalls, context: Address): SignatureSizes {
  const { c, arena, minor } = calls;
  const sealed = vector(calls, [
    [HEADER, 0, 0],
    [DATA, 0, 0],
  ]);
  const wrap = c.gss_wrap_iov_length(
    ...[minor, context, CONFIDENTIAL, GSS_C_QOP_DEFAULT, 0, sealed, 2],
  );
  if (isError(wrap)) throw calls.error('gss_wrap_iov_length', wrap);
  const signed = vector(calls, [
    [DATA, 0, 0],
    [MIC_TOKEN, 0, 0],
  ]);
  const mic = c.gss_get_mic_iov_length(minor, context, GSS_C_QOP_DEFAULT, signed, 2);
  if (isError(mic)) throw calls.error('gss_get_mic_iov_length', mic);
  return {
    sealed: arena.pointer(sealed + LENGTH_AT),
    signed: arena.pointer(signed + IOV_BYTES + LENGTH_AT),
  };
}

export function sealMessage(
  calls: GssCalls,
  context: Address,
  message: MessageParts,
): SealedMessage {
  const { c, arena, minor } = calls;
  const length = signatureSizes(calls, context).sealed;
  const token = arena.zeros(length);
  const { at, parts } = partsOf(calls, message);
  const all = vector(calls, [[HEADER, token, length], ...parts]);
  const state = arena.zeros(4);
  const major = c.gss_wrap_iov(
    ...[minor, context, CONFIDENTIAL, GSS_C_QOP_DEFAULT, state, all, parts.length + 1],
  );
  if (isError(major)) throw calls.error('gss_wrap_iov', major);
  return {
    data: copyFrom(at, message.data.length),
    token: copyFrom(token, arena.pointer(all + LENGTH_AT)),
  };
}

/** The data in the clear; undefined where they are not what the peer was to send next. */
export function unsealMessage(
  calls: GssCalls,
  context: Address,
  message: MessageParts,
  token: Buffer,
): Buffer | undefined {
  const { c, arena, minor } = calls;
  const { at, parts } = partsOf(calls, message);
  const all = vector(calls, [[HEADER, arena.put(token), token.length], ...parts]);
  const state = arena.zeros(4);
  const major = c.gss_unwrap_iov(minor, context, state, 0, all, parts.length + 1);
  // Without a seal it would be the peer's, but read by everybody on its way.
  if (!isNextMessage(major) || arena.u32(state) === 0) return undefined;
  return copyFrom(at, message.data.length);
}
