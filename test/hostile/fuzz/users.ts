/** Messages after authentication, signed or encrypted as they should be, so that their bodies are looked at. */

import {
  AnswerTimeout,
  ConnectionEnded,
  ProtocolViolation,
} from '../../../src/client/client-error.ts';
import { connect } from '../../../src/client/connect.ts';
import type { ClientConnection } from '../../../src/client/connection.ts';
import type { ClientRequest, Exchange } from '../../../src/client/exchange.ts';
import type { ClientTree } from '../../../src/client/tree.ts';
import { FILE_ALL_ACCESS } from '../../../src/dtyp/access-mask.ts';
import {
  STATUS_NETWORK_NAME_DELETED,
  STATUS_USER_SESSION_DELETED,
} from '../../../src/dtyp/ntstatus.ts';
import { FILE_OPEN_IF } from '../../../src/smb2/create-options.ts';
import { fileIdOffset } from '../../../src/smb2/file-id.ts';
import { Command, commandName, HEADER_SIZE } from '../../../src/smb2/header.ts';
import { compressedLie, someTerms } from './compressed.ts';
import type { Corpus, FuzzTarget } from './corpus.ts';
import type { Findings } from './findings.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';

/** Messages under way at once. */
const DEPTH = 8;
const PATIENCE_MS = 5_000;
const MAX_PAYLOAD_BYTES = 4 * 65_536;
const STATUS_INTERNAL_ERROR = 0xc00000e5;
/** Allocating is no mere number on a real disk: nobody is to fill it. */
const FILE_ALLOCATION_INFORMATION = 19;

/** What ends all that follows comes seldom. */
const ENDS: ReadonlySet<number> = new Set([
  Command.SESSION_SETUP,
  Command.LOGOFF,
  Command.TREE_DISCONNECT,
  Command.CLOSE,
]);

interface Mount {
  readonly connection: ClientConnection;
  readonly trees: readonly ClientTree[];
  /** Live FileIds: of a file, a folder, a pipe. */
  readonly fileIds: readonly Buffer[];
}

/** One connection of a user, with up to `count` messages. */
export async function userConnection(
  target: FuzzTarget,
  corpus: Corpus,
  random: Random,
  findings: Findings,
  generated: Generator<ClientRequest, never>,
  count: number,
): Promise<void> {
  const encrypt = random.chance(0.3);
  const { connection, trees, fileIds } = await mount(target, random, encrypt);
  findings.connections += 1;
  let wild = false;
  const end = findings.sent + count;
  while (findings.sent < end && connection.problem === undefined) {
    const exchanges: Exchange[] = [];
    for (let i = 0; i < DEPTH; i++) {
      const tree = random.chance(0.85) ? trees[0]! : trees[1]!;
      const inHeader = random.chance(0.01);
      wild ||= inHeader;
      const request = random.chance(0.4)
        ? fresh(random, generated.next().value, fileIds)
        : recorded(random, corpus, fileIds, inHeader);
      if (fillsDisk(request) || (ENDS.has(request.command) && random.chance(0.95))) continue;
      findings.sent += 1;
      const isCompressed = random.chance(0.004);
      const inFrame = isCompressed || random.chance(0.003);
      wild ||= inFrame;
      // As it is on the wire: signed, or encrypted.
      const other = random.pick(corpus.commands);
      const frame = (m: Buffer): Buffer =>
        isCompressed ? compressedLie(random, m, other) : mutate(random, m, 0, other);
      const compress = random.chance(0.3) ? { head: random.pick([0, HEADER_SIZE]) } : undefined;
      const options = inFrame ? { frame } : { compress };
      const sent = await tree.submit([request], options).catch(() => []);
      // What was changed on the wire may have become anything, also what is never answered.
      if (!inFrame) exchanges.push(...sent);
    }
    if (await settle(connection, exchanges, findings)) break;
  }
  judge(connection, wild, findings);
  await connection.close();
}

async function mount(target: FuzzTarget, random: Random, encrypt: boolean): Promise<Mount> {
  const { host, port, user, password, share } = target;
  const dialects = random.chance(0.7)
    ? undefined
    : [random.pick([0x0202, 0x0210, 0x0300, 0x0302] as const)];
  const seals = encrypt && (dialects?.[0] ?? 0x0311) >= 0x0300;
  const connection = await connect({
    host,
    port,
    localAddress: `127.78.0.${1 + random.below(250)}`,
    timeoutMs: PATIENCE_MS,
    ...(dialects !== undefined && { dialects }),
    compression: random.chance(0.8) ? someTerms(random) : undefined,
  });
  const session = await connection.login({ user, secret: password, encrypt: seals });
  const trees = [await session.treeConnect(share), await session.treeConnect('IPC$')];
  const all = { access: FILE_ALL_ACCESS, disposition: FILE_OPEN_IF };
  const opens = [
    trees[0]!.open(`fuzz ${random.below(20)}`, all),
    trees[0]!.open('', { options: 1 }),
    trees[1]!.open('srvsvc', { access: 3 }),
  ];
  const settled = await Promise.allSettled(opens);
  const fileIds = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value.fileId] : []));
  return { connection, trees, fileIds: fileIds.length > 0 ? fileIds : [Buffer.alloc(16)] };
}

/** A generated request on a live file. */
function fresh(random: Random, request: ClientRequest, fileIds: readonly Buffer[]): ClientRequest {
  const at = fileIdOffset(request.command);
  const body = Buffer.from(request.body);
  if (at !== undefined && body.length >= at + 16) random.pick(fileIds).copy(body, at);
  // Nobody holds the credits for 4 GiB.
  const payloadBytes = Math.min(request.payloadBytes ?? 0, MAX_PAYLOAD_BYTES);
  return { ...request, body, payloadBytes, craft: (m) => m };
}

/** A recorded message with a live FileId, then changed. */
function recorded(
  random: Random,
  { commands }: Corpus,
  fileIds: readonly Buffer[],
  inHeader: boolean,
): ClientRequest {
  const original = random.pick(commands);
  const command = original.readUInt16LE(12);
  const body = Buffer.from(original.subarray(HEADER_SIZE));
  const at = fileIdOffset(command);
  if (at !== undefined && body.length >= at + 16) random.pick(fileIds).copy(body, at);
  const whole = Buffer.concat([original.subarray(0, HEADER_SIZE), body]);
  const changed = mutate(random, whole, HEADER_SIZE, random.pick(commands)).subarray(HEADER_SIZE);
  const other = random.pick(commands);
  const payloadBytes = Math.min(changed.length, MAX_PAYLOAD_BYTES);
  return {
    command,
    body: Buffer.from(changed),
    payloadBytes,
    craft: (m) => (inHeader ? atLeastHeader(mutate(random, m, 4, other), m) : m),
  };
}

/** What is signed has a header; shorter ones are for strangers. */
const atLeastHeader = (changed: Buffer, original: Buffer): Buffer =>
  changed.length >= HEADER_SIZE ? changed : original;

function fillsDisk({ command, body }: ClientRequest): boolean {
  if (command === Command.SET_INFO) return body[3] === FILE_ALLOCATION_INFORMATION;
  return command === Command.CREATE && body.includes('AlSi');
}

/** Waits for the answers; what has only an interim one is cancelled. True when the session is gone. */
async function settle(
  connection: ClientConnection,
  exchanges: readonly Exchange[],
  findings: Findings,
): Promise<boolean> {
  let isGone = false;
  const isCancel = ({ expected, sent }: Exchange): boolean =>
    expected.command === Command.CANCEL || sent.readUInt16LE(12) === Command.CANCEL;
  const waiting = exchanges.filter((exchange) => !isCancel(exchange));
  await Promise.all(
    waiting.map(async (exchange) => {
      void exchange.interim.then(async (interim) => {
        if (interim !== undefined) await connection.cancel(exchange).catch(() => undefined);
      });
      try {
        const { status } = await connection.answerOf(exchange);
        findings.answered(status);
        isGone ||= status === STATUS_USER_SESSION_DELETED || status === STATUS_NETWORK_NAME_DELETED;
        if (status === STATUS_INTERNAL_ERROR) {
          findings.problem(`an internal error: ${nameOf(exchange)}`, exchange.sent.toString('hex'));
        }
      } catch (error) {
        if (error instanceof AnswerTimeout) {
          findings.problem(`no answer to ${nameOf(exchange)}`, exchange.sent.toString('hex'));
        }
      }
    }),
  );
  return isGone;
}

const nameOf = ({ sent }: Exchange): string => commandName(sent.readUInt16LE(12));

function judge({ problem }: ClientConnection, wild: boolean, findings: Findings): void {
  // Who changes a MessageId gets an answer that he does not expect.
  if (problem instanceof ProtocolViolation && !wild) {
    findings.problem('an answer that real clients refuse', problem.message);
  } else if (problem !== undefined && !(problem instanceof ConnectionEnded) && !wild) {
    findings.problem('a connection that ended strangely', String(problem.stack));
  }
}
