/** MS-SMB2 3.3.5.2.7 and 3.2.4.1.4: several messages in one, chained by NextCommand. */
import { MAX_COMPOUND_MESSAGES } from '../base/limits.ts';
import { align8 } from '../wire/tail.ts';
import { WireError } from '../wire/wire-error.ts';
import { HEADER_SIZE, PROTOCOL_ID, setNextCommand } from './header.ts';

const NAME = 'SMB2 compound';
const NEXT_COMMAND_AT = 20;

/**
 * Views of the messages in `payload`, each with the padding that follows it, since signatures cover
 * that. A chain that is not one throws; a single message is a chain of one. Headers are checked as far
 * as the chain goes: whole, with the right ProtocolId.
 */
export function splitCompound(payload: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  let at = 0;
  for (;;) {
    const left = payload.length - at;
    if (left < HEADER_SIZE) throw new WireError(NAME, `${left} bytes for a header at ${at}`);
    if (messages.length === MAX_COMPOUND_MESSAGES) {
      throw new WireError(NAME, `more than ${MAX_COMPOUND_MESSAGES} messages`);
    }
    if (payload.readUInt32LE(at) !== PROTOCOL_ID) throw new WireError(NAME, `ProtocolId at ${at}`);
    const next = payload.readUInt32LE(at + NEXT_COMMAND_AT);
    if (next === 0) {
      messages.push(at === 0 ? payload : payload.subarray(at));
      return messages;
    }
    if (next % 8 !== 0 || next < HEADER_SIZE || next > left - HEADER_SIZE) {
      throw new WireError(NAME, `NextCommand is ${next} with ${left} bytes left`);
    }
    messages.push(payload.subarray(at, at + next));
    at += next;
  }
}

/** Whether the payload is one message, as nearly all are: what `splitCompound` would give back as it is. */
export const isAlone = (payload: Buffer): boolean =>
  payload.length >= HEADER_SIZE &&
  payload.readUInt32LE(0) === PROTOCOL_ID &&
  payload.readUInt32LE(NEXT_COMMAND_AT) === 0;

const PADDING = Buffer.alloc(8);

/**
 * Chains messages, each given as its parts in order, the first of which begins with the header: pads all
 * but the last to 8 bytes by a further part, and sets NextCommand. To be called before signing.
 */
export function joinCompound(messages: readonly (readonly Buffer[])[]): Buffer[][] {
  return messages.map((parts, i) => {
    const isLast = i === messages.length - 1;
    let length = 0;
    for (const part of parts) length += part.length;
    const padded = isLast ? length : align8(length);
    setNextCommand(parts[0]!, isLast ? 0 : padded);
    return padded > length ? [...parts, PADDING.subarray(0, padded - length)] : [...parts];
  });
}
