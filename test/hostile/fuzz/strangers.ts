/** Messages before authentication: NEGOTIATE and SESSION_SETUP, changed, out of order, and rubbish. */
import { FrameSocket } from '../../../src/client/frame-socket.ts';
import { HEADER_SIZE, isAsync, protocolOf, readHeader } from '../../../src/smb2/header.ts';
import { compressedLie } from './compressed.ts';
import type { Corpus, FuzzTarget } from './corpus.ts';
import type { Findings } from './findings.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';

/** One in so many messages is cut or changed in its frame. */
const FRAME_FAULT = 0.02;
const STATUS_INTERNAL_ERROR = 0xc00000e5;
/** An answer that comes later than this is not waited for: wrong passwords are answered slowly. */
const WAIT_MS = 20;
const MAX_MESSAGES = 14;

/** One connection of a stranger, with up to 14 messages. */
export async function strangerConnection(
  target: FuzzTarget,
  corpus: Corpus,
  random: Random,
  findings: Findings,
): Promise<void> {
  const localAddress = `127.77.${random.below(250)}.${1 + random.below(250)}`;
  const socket = await FrameSocket.open({ ...target, localAddress, timeoutMs: 5_000 });
  findings.connections += 1;
  let answers = 0;
  let wake: (() => void) | undefined;
  socket.onFrame = (frame) => {
    answers += 1;
    if (protocolOf(frame) !== 'smb2')
      findings.problem('a stranger got no SMB2', frame.toString('hex'));
    else if (frame.length >= HEADER_SIZE && !isAsync(readHeader(frame))) {
      const { status } = readHeader(frame);
      findings.answered(status);
      if (status === STATUS_INTERNAL_ERROR)
        findings.problem('an internal error', frame.toString('hex'));
    }
    wake?.();
  };
  socket.onEnd = () => wake?.();
  const count = 1 + random.below(MAX_MESSAGES);
  const orderly = random.chance(0.7);
  const negotiate = random.pick(corpus.strangers.filter(isNegotiate));
  for (let i = 0; i < count && !socket.isEnded; i++) {
    const chosen = orderly && i === 0 ? negotiate : random.pick(corpus.strangers);
    const whole = orderly && i === 0 && random.chance(0.8);
    const message = whole ? Buffer.from(chosen) : changed(random, chosen, corpus);
    if (orderly && message.length >= HEADER_SIZE && protocolOf(message) === 'smb2') {
      message.writeBigUInt64LE(BigInt(i), 24);
      message.writeUInt16LE(16, 14);
    }
    findings.sent += 1;
    findings.fromStrangers += 1;
    if (random.chance(FRAME_FAULT)) {
      socket.sendBytes(random.bytes(1 + random.below(300)));
    } else socket.send([message]);
    const before = answers;
    const until = performance.now() + WAIT_MS;
    while (answers === before && !socket.isEnded && performance.now() < until) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, WAIT_MS);
      });
    }
  }
  if (random.chance(0.2)) socket.destroy(true);
  else socket.destroy();
  await socket.ended;
}

const isNegotiate = (m: Buffer): boolean => protocolOf(m) !== 'smb2' || m.readUInt16LE(12) === 0;

function changed(random: Random, chosen: Buffer, { strangers, commands }: Corpus): Buffer {
  const kind = random.below(20);
  if (kind === 0) return random.bytes(random.below(400));
  if (kind === 1) return Buffer.from(random.pick(commands));
  if (kind === 3) return compressedLie(random, chosen, random.pick(strangers));
  if (kind === 2) return mutate(random, chosen, 0, random.pick(strangers));
  return mutate(random, chosen, Math.min(HEADER_SIZE, chosen.length), random.pick(strangers));
}
