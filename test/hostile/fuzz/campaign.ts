/** Strangers, users, a witness and dead peers, all at once, until so many messages are sent. */
import { setTimeout as sleep } from 'node:timers/promises';
import { FrameSocket } from '../../../src/client/frame-socket.ts';
import { encodeFrameHeader } from '../../../src/smb2/framing.ts';
import { type Corpus, type FuzzTarget, recordCorpus } from './corpus.ts';
import { Findings } from './findings.ts';
import { generateRequests } from './generate.ts';
import { createRandom } from './random.ts';
import { strangerConnection } from './strangers.ts';
import { userConnection } from './users.ts';
import { startWitness } from './witness.ts';

export interface CampaignOptions {
  readonly target: FuzzTarget;
  readonly messages: number;
  readonly seed: number;
  /** Connections at work at once. */
  readonly lanes?: number;
  /** Called now and then; false ends the campaign. */
  readonly onProgress?: (findings: Findings) => boolean;
}

export interface CampaignResult {
  readonly findings: Findings;
  readonly corpus: Corpus;
  readonly slowestMs: number;
  readonly operations: number;
}

const MESSAGES_PER_CONNECTION = 200;
const DEAD_PEERS = 5;
/** No message sent for so long is a fault, of the server's or of ours. */
const STALL_MS = 20_000;
/** Of all messages. Theirs are dearer, since each needs a connection of few messages. */
const STRANGERS_SHARE = 0.4;

export async function campaign(options: CampaignOptions): Promise<CampaignResult> {
  const { target, messages, seed, lanes = 6 } = options;
  const corpus = await recordCorpus(target);
  const findings = new Findings();
  const witness = await startWitness(target, findings);
  const dead = await Promise.all(Array.from({ length: DEAD_PEERS }, (_, i) => deadPeer(target, i)));
  let going = true;
  const lane = async (seedOfLane: number): Promise<void> => {
    const random = createRandom(seedOfLane);
    const generated = generateRequests(seedOfLane);
    while (going && findings.sent < messages) {
      try {
        // The mix is the same from the first to the last message.
        if (findings.fromStrangers < findings.sent * STRANGERS_SHARE) {
          await strangerConnection(target, corpus, random, findings);
        } else {
          const count = MESSAGES_PER_CONNECTION;
          await userConnection(target, corpus, random, findings, generated, count);
        }
      } catch (error) {
        findings.problem('a connection could not be made', String(error));
        await sleep(200);
      }
      going &&= options.onProgress?.(findings) ?? true;
    }
  };
  let seen = -1;
  let stalled: () => void = () => undefined;
  const stall = new Promise<void>((resolve) => {
    stalled = resolve;
  });
  const workers = Array.from({ length: lanes }, (_, i) => lane(seed + i * 7919));
  const watchdog = setInterval(() => {
    if (findings.sent === seen) {
      findings.problem('nothing goes on', `for ${STALL_MS} ms`);
      going = false;
      stalled();
    }
    seen = findings.sent;
  }, STALL_MS);
  await Promise.race([Promise.all(workers), stall]);
  clearInterval(watchdog);
  const { slowestMs, operations } = await witness.stop();
  for (const peer of dead) peer.destroy();
  return { findings, corpus, slowestMs, operations };
}

/** Says that a message comes, sends a part of it, and is silent. */
async function deadPeer({ host, port }: FuzzTarget, i: number): Promise<FrameSocket> {
  const socket = await FrameSocket.open({
    host,
    port,
    localAddress: `127.79.0.${i + 1}`,
    timeoutMs: 5_000,
  });
  socket.sendBytes(Buffer.concat([encodeFrameHeader(60_000), Buffer.alloc(i * 1000)]));
  return socket;
}
