/** Users and strangers of SMB1: what they send, and what is judged of the answers. */
import { setTimeout as sleep } from 'node:timers/promises';
import { FrameSocket } from '../../../../src/client/frame-socket.ts';
import { readBlock } from '../../../../src/smb1/block.ts';
import {
  SMB_FLAGS2_DFS,
  SMB_FLAGS2_NT_STATUS,
  SMB_FLAGS2_UNICODE,
  SMB1_HEADER_SIZE,
  Smb1Command,
  Smb1Header,
  smb1CommandName,
} from '../../../../src/smb1/header.ts';
import { Trans2 } from '../../../../src/smb1/transaction.ts';
import { UnixFsLevel } from '../../../../src/smb1/unix.ts';
import { FILE_DIRECTORY_FILE } from '../../../../src/smb2/create-options.ts';
import { protocolOf } from '../../../../src/smb2/header.ts';
import { fidOf, ntCreate, Smb1Client, transact2 } from '../../../support/smb1-client.ts';
import type { FuzzTarget } from '../corpus.ts';
import type { Findings } from '../findings.ts';
import { mutate } from '../mutate.ts';
import type { Random } from '../random.ts';
import { draftBlocks } from './drafts.ts';
import { type Ground, type Live, pack } from './ground.ts';

/** Messages after which an ECHO wants its answer. */
const DEPTH = 8;
const PATIENCE_MS = 5_000;
const STATUS_INTERNAL_ERROR = 0xc000_00e5;
/** Behind those of the drafts. */
const FIRST_ECHO_MID = 0xff00;
const MAX_STRANGERS_MESSAGES = 8;
const WAIT_MS = 20;

interface Mount {
  readonly client: Smb1Client;
  readonly live: readonly Live[];
  readonly posix: boolean;
}

const FLAGS2_AT = 10;
/** AllocationSize of NT_CREATE_ANDX from its fourth byte on: nobody is to fill a disk. */
const ALLOCATION = { command: Smb1Command.NT_CREATE_ANDX, from: SMB1_HEADER_SIZE + 1 + 22, to: 59 };

/** A whole message, mostly with something wrong in it. */
function message(mount: Mount, random: Random, other: Buffer): Buffer {
  const { client, live, posix } = mount;
  const { tid, fid } = random.pick(live);
  const unicode = random.chance(0.85);
  const ground: Ground = { random, unicode, fid, posix: posix && random.chance(0.8) };
  const { command, blocks } = draftBlocks(ground);
  const mid = 1 + random.below(FIRST_ECHO_MID - 1);
  const whole = Buffer.concat([
    client
      .encode({ command, tid: random.chance(0.95) ? tid : random.below(9) }, mid)
      .subarray(0, SMB1_HEADER_SIZE),
    blocks,
  ]);
  let flags2 = whole.readUInt16LE(FLAGS2_AT);
  if (!unicode) flags2 &= ~SMB_FLAGS2_UNICODE;
  if (random.chance(0.1)) flags2 &= ~SMB_FLAGS2_NT_STATUS;
  if (random.chance(0.05)) flags2 |= SMB_FLAGS2_DFS;
  whole.writeUInt16LE(flags2, FLAGS2_AT);
  if (random.chance(0.4)) return whole;
  const from = random.chance(0.02) ? 4 : SMB1_HEADER_SIZE;
  const changed = mutate(random, whole, from, other);
  if (changed[4] === ALLOCATION.command) changed.subarray(ALLOCATION.from, ALLOCATION.to).fill(0);
  return changed;
}

/** What came: each answer is whole, and an ECHO's is waited for. */
class Ear {
  readonly #findings: Findings;
  readonly #echoes = new Map<number, () => void>();

  constructor(client: Smb1Client, findings: Findings) {
    this.#findings = findings;
    client.onMessage = (answer) => this.#hear(answer);
  }

  #hear(answer: Buffer): void {
    // READ_RAW's refusal.
    if (answer.length === 0) return;
    try {
      const header = Smb1Header.read(answer);
      readBlock(answer, SMB1_HEADER_SIZE);
      this.#findings.answered(header.status);
      if (header.status === STATUS_INTERNAL_ERROR) {
        const command = smb1CommandName(header.command);
        this.#findings.problem(`an internal error: ${command}`, answer.toString('hex'));
      }
      if (header.command === Smb1Command.ECHO) this.#echoes.get(header.mid)?.();
    } catch (error) {
      this.#findings.problem(
        'an answer that real clients refuse',
        `${error} ${answer.toString('hex')}`,
      );
    }
  }

  echo(mid: number): Promise<void> {
    return new Promise((resolve) => {
      this.#echoes.set(mid, resolve);
    });
  }
}

/** One connection of a user, with up to `count` messages. */
export async function smb1User(
  target: FuzzTarget,
  random: Random,
  findings: Findings,
  count: number,
): Promise<void> {
  const mount = await open(target, random);
  const { client } = mount;
  findings.connections += 1;
  let isEnded = false;
  const ended = client.ended.then(() => {
    isEnded = true;
  });
  const ear = new Ear(client, findings);
  let other = client.encode({ command: Smb1Command.ECHO, words: pack('h', 1) }, 1);
  let recent: Buffer[] = [];
  let echoMid = FIRST_ECHO_MID;
  for (const end = findings.sent + count; findings.sent < end && !isEnded; ) {
    recent = [];
    for (let i = 0; i < DEPTH; i++) {
      const sent = message(mount, random, other);
      other = sent;
      recent.push(sent);
      findings.sent += 1;
      client.sendRaw(sent);
    }
    echoMid = echoMid === 0xfffe ? FIRST_ECHO_MID : echoMid + 1;
    const answered = ear.echo(echoMid);
    client.sendRaw(
      client.encode({ command: Smb1Command.ECHO, words: pack('h', 1), tid: 0 }, echoMid),
    );
    const late = sleep(PATIENCE_MS, 'late' as const, { ref: false });
    if ((await Promise.race([answered, ended, late])) === 'late') {
      findings.problem('no answer to ECHO', recent.map((one) => one.toString('hex')).join(' '));
      break;
    }
  }
  await client.close();
}

async function open(target: FuzzTarget, random: Random): Promise<Mount> {
  const localAddress = `127.78.1.${1 + random.below(250)}`;
  const client = await Smb1Client.open({ ...target, localAddress }, { signs: false });
  await client.negotiate();
  const { status } = await client.login(target.user, target.password);
  if (status !== 0) throw new Error(`SMB1: the login's status is 0x${status.toString(16)}`);
  await client.treeConnect('IPC$');
  const pipe = await ntCreate(client, { name: '\\srvsvc', access: 3 });
  const live = pipe.status === 0 ? [{ tid: client.tid, fid: fidOf(pipe) }] : [];
  await client.treeConnect(target.share);
  const wishes = [
    { name: `\\fuzz ${random.below(20)}`, access: 0x001f_01ff },
    { name: `\\own ${random.below(1000)}`, flags: random.pick([0, 2, 6]) },
    { name: '\\', disposition: 1, options: FILE_DIRECTORY_FILE },
  ];
  for (const wish of wishes) {
    const made = await ntCreate(client, wish);
    if (made.status === 0) live.push({ tid: client.tid, fid: fidOf(made) });
  }
  const posix = random.chance(0.5);
  if (posix) {
    const told = pack('hhq', 1, 0, 0x33);
    await transact2(client, Trans2.SET_FS_INFORMATION, pack('hh', 0, UnixFsLevel.CIFS_UNIX), told);
  }
  return { client, live: live.length > 0 ? live : [{ tid: client.tid, fid: 1 }], posix };
}

/** One connection of a stranger, whose first message is mostly a NEGOTIATE as it should be. */
export async function smb1Stranger(
  target: FuzzTarget,
  random: Random,
  findings: Findings,
): Promise<void> {
  const localAddress = `127.77.${random.below(250)}.${1 + random.below(250)}`;
  const socket = await FrameSocket.open({ ...target, localAddress, timeoutMs: PATIENCE_MS });
  findings.connections += 1;
  let wake: (() => void) | undefined;
  socket.onFrame = (answer) => {
    if (answer.length >= SMB1_HEADER_SIZE && protocolOf(answer) === 'smb1') {
      const { status, command } = Smb1Header.read(answer);
      findings.answered(status);
      if (status === STATUS_INTERNAL_ERROR) {
        findings.problem(`an internal error: ${smb1CommandName(command)}`, answer.toString('hex'));
      }
    }
    wake?.();
  };
  socket.onEnd = () => wake?.();
  const isOrderly = random.chance(0.8);
  let isFirst = true;
  let other: Buffer = Buffer.alloc(SMB1_HEADER_SIZE);
  for (let i = 1 + random.below(MAX_STRANGERS_MESSAGES); i > 0 && !socket.isEnded; i--) {
    const sent = strangersMessage(random, other, isFirst && isOrderly);
    isFirst = false;
    findings.sent += 1;
    findings.fromStrangers += 1;
    other = sent;
    socket.send([sent]);
    const heard = new Promise<void>((resolve) => {
      wake = resolve;
    });
    await Promise.race([heard, sleep(WAIT_MS)]);
  }
  socket.destroy(random.chance(0.2));
  await socket.ended;
}

function strangersMessage(random: Random, other: Buffer, begins: boolean): Buffer {
  const ground: Ground = { random, unicode: true, fid: 1, posix: false };
  const chosen = begins ? 'NEGOTIATE' : random.chance(0.7) ? 'SESSION_SETUP_ANDX' : undefined;
  const { command, blocks } = draftBlocks(ground, chosen);
  const extended = random.chance(0.5) ? 0xc853 : 0xc053;
  const header = Smb1Header.encode({
    ...{ command, status: 0, flags: 0x18, flags2: extended, pidHigh: 0 },
    ...{ tid: 0xffff, pidLow: 1, uid: random.below(3), mid: 1 + random.below(100) },
  });
  // SMB2 is offered by none of its dialects: then the connection is one of SMB1.
  const plain = Buffer.concat([header, command === Smb1Command.NEGOTIATE ? NEGOTIATE : blocks]);
  if (begins) return plain;
  return random.chance(0.2)
    ? plain
    : mutate(random, plain, random.chance(0.1) ? 0 : SMB1_HEADER_SIZE, other);
}

const NEGOTIATE = Buffer.concat([pack('bh', 0, 12), Buffer.from('\x02NT LM 0.12\0')]);
