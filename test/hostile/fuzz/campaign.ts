/** Strangers, users, a witness and dead peers, all at once, until so many messages are sent. */
import { setTimeout as sleep } from 'node:timers/promises';
import { FrameSocket } from '../../../src/client/frame-socket.ts';
import { encodeFrameHeader } from '../../../src/smb2/framing.ts';
import { type Corpus, type FuzzTarget, recordCorpus } from './corpus.ts';
import { Findings } from './findings.ts';
import { generateRequests } from './generate.ts';
import { createRandom, type Random } from './random.ts';
import { smb1Stranger, smb1User } from './smb1/peers.ts';
import { strangerConnection } from './strangers.ts';
import { userConnection } from './users.ts';
import { startWitness } from './witness.ts';

export interface CampaignOptions {
  readonly target: FuzzTarget;
  readonly messages: number;
  readonly seed: number;
  /** The peers speak SMB1, all but the witness. */
  readonly smb1?: boolean;
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

interface Peers {
  stranger(): Promise<void>;
  /** Up to `count` messages. */
  user(count: number): Promise<void>;
}

type MakePeers = (random: Random, seed: number, findings: Findings) => Peers;

function smb2Peers(target: FuzzTarget, corpus: Corpus): MakePeers {
  return (random, seed, findings) => {
    const generated = generateRequests(seed);
    return {
      stranger: () => strangerConnection(target, corpus, random, findings),
      user: (count) => userConnection(target, corpus, random, findings, generated, count),
    };
  };
}

const smb1Peers =
  (target: FuzzTarget): MakePeers =>
  (random, _, findings) => ({
    stranger: () => smb1Stranger(target, random, findings),
    user: (count) => smb1User(target, random, findings, count),
  });

const NO_CORPUS: Corpus = { commands: [], strangers: [] };

export async function campaign(options: CampaignOptions): Promise<CampaignResult> {
  const { target, messages, seed, smb1 = false, lanes = 6 } = options;
  const corpus = smb1 ? NO_CORPUS : await recordCorpus(target);
  const makePeers = smb1 ? smb1Peers(target) : smb2Peers(target, corpus);
  const findings = new Findings();
  const witness = await startWitness(target, findings);
  const dead = await Promise.all(Array.from({ length: DEAD_PEERS }, (_, i) => deadPeer(target, i)));
  let going = true;
  const lane = async (seedOfLane: number): Promise<void> => {
    const peers = makePeers(createRandom(seedOfLane), seedOfLane, findings);
    while (going && findings.sent < messages) {
      try {
        // The mix is the same from the first to the last message.
        if (findings.fromStrangers < findings.sent * STRANGERS_SHARE) {
          await peers.stranger();
        } else await peers.user(MESSAGES_PER_CONNECTION);
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
