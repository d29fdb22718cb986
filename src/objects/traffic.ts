/** What has been answered since the server's start, for who watches it from outside: docs/metrics.md. */
import {
  isError,
  type NtStatus,
  STATUS_ACCESS_DENIED,
  STATUS_LOGON_FAILURE,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_PENDING,
  STATUS_SUCCESS,
} from '../dtyp/ntstatus.ts';
import { Command, type CommandName } from '../smb2/header.ts';
import type { Request } from './request.ts';

const COMMANDS = Object.keys(Command).length;
/** Of the bodies of READ and WRITE responses, 2.2.20 and 2.2.22: how much there was. */
const COUNT_AT = 4;
/** 2.2.20, DataRemaining: what went by RDMA. */
const REMAINING_AT = 8;

export interface ShareTraffic {
  readBytes: number;
  writtenBytes: number;
}

export interface CommandTally {
  readonly command: CommandName;
  readonly done: number;
  readonly failed: number;
}

export class Traffic {
  /** For each command what was done, then what was refused or failed. */
  readonly #answers = new Float64Array(COMMANDS * 2);
  readonly #shares = new Map<string, ShareTraffic>();
  #sessions = 0;
  #loginFailures = 0;
  #accessesDenied = 0;

  /** An answer leaves: its status, and its body without the header. */
  note(request: Request, status: NtStatus, body: Buffer): void {
    const { command } = request.header;
    if (status === STATUS_PENDING || command >= COMMANDS) return;
    // 3.3.5.5.3: a login goes on.
    if (isError(status) && status !== STATUS_MORE_PROCESSING_REQUIRED) {
      this.#answers[command * 2 + 1]! += 1;
      if (status === STATUS_ACCESS_DENIED) this.#accessesDenied++;
      else if (status === STATUS_LOGON_FAILURE) this.#loginFailures++;
      return;
    }
    this.#answers[command * 2]! += 1;
    if (status !== STATUS_SUCCESS) return;
    if (command !== Command.READ && command !== Command.WRITE) {
      if (command === Command.SESSION_SETUP) this.#sessions++;
      return;
    }
    const share = request.tree?.share;
    if (share?.type !== 'disk') return;
    const traffic = this.of(share.name);
    if (command === Command.WRITE) traffic.writtenBytes += body.readUInt32LE(COUNT_AT);
    else traffic.readBytes += body.readUInt32LE(COUNT_AT) + body.readUInt32LE(REMAINING_AT);
  }

  /** For NetrServerStatisticsGet (MS-SMB2 3.3.4.24): as they are now, at the cost of the shares that there are. */
  get statistics() {
    let [readBytes, writtenBytes] = [0, 0];
    for (const traffic of this.#shares.values()) {
      readBytes += traffic.readBytes;
      writtenBytes += traffic.writtenBytes;
    }
    return {
      opensCreated: this.#answers[Command.CREATE * 2]!,
      sessionsEstablished: this.#sessions,
      loginFailures: this.#loginFailures,
      accessesDenied: this.#accessesDenied,
      readBytes,
      writtenBytes,
    };
  }

  of(shareName: string): ShareTraffic {
    const known = this.#shares.get(shareName);
    if (known !== undefined) return known;
    const traffic = { readBytes: 0, writtenBytes: 0 };
    this.#shares.set(shareName, traffic);
    return traffic;
  }

  *commands(): Generator<CommandTally> {
    for (const command of Object.keys(Command) as CommandName[]) {
      const at = Command[command] * 2;
      yield { command, done: this.#answers[at]!, failed: this.#answers[at + 1]! };
    }
  }

  /** Those that data were read from or written to. */
  shares(): IterableIterator<[string, ShareTraffic]> {
    return this.#shares.entries();
  }
}
