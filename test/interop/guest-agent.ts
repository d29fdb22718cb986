/** A Linux client in a QEMU guest that does what it is told, piece by piece: guest-agent.pl's other end. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Account } from '../support/target.ts';
import { type Guest, HOST_ADDRESS, need, startGuest } from './guest.ts';
import type { Kernel } from './guest-image.ts';

/** Emulated, with others beside it on the same machine. */
const BOOT_LIMIT_MS = 240_000;
const ANSWER_LIMIT_MS = 120_000;
/** What the agent answers when it is there. */
const BOOT_ID = 0;

interface Asked {
  readonly resolve: (text: string) => void;
  readonly reject: (error: Error) => void;
}

export class LinuxClient {
  readonly name: string;
  private readonly guest: Guest;
  private readonly asked = new Map<number, Asked>();
  private nextId = BOOT_ID + 1;

  private constructor(name: string, guest: Guest) {
    this.name = name;
    this.guest = guest;
  }

  static async boot(
    name: string,
    programs: { readonly qemu: string; readonly busybox: string },
    kernel: Kernel,
  ): Promise<LinuxClient> {
    const agent = readFileSync(new URL('guest-agent.pl', import.meta.url), 'utf8');
    const perl = need('perl', 'perl-base');
    const guest = startGuest(programs.qemu, kernel, {
      busybox: programs.busybox,
      script: `exec ${perl} /agent.pl\n`,
      files: [['agent.pl', agent], ...perlModules(perl)],
      programs: [perl],
    });
    const client = new LinuxClient(name, guest);
    const ready = new Promise<void>((resolve, reject) => {
      client.asked.set(BOOT_ID, { resolve: () => resolve(), reject });
    });
    void client.listen();
    try {
      await inTime(ready, BOOT_LIMIT_MS, `${name} boots`);
    } catch (error) {
      throw new Error(`${String(error)}\n${await guest.stop()}`);
    }
    return client;
  }

  /** Perl that is evaluated where the client's files and locks are kept. */
  here(code: string): Promise<string> {
    return this.ask('here', code, ANSWER_LIMIT_MS);
  }

  /** Perl in a process of its own: what waits, or must not hold what `here` holds. */
  apart(code: string, limitMs = ANSWER_LIMIT_MS): Promise<string> {
    return this.ask('apart', code, limitMs);
  }

  /** A command of the guest's shell; its output. */
  run(command: string, limitMs = ANSWER_LIMIT_MS): Promise<string> {
    return this.apart(`run(${perlString(command)})`, limitMs);
  }

  async mount(server: Mount): Promise<void> {
    const { port, share, account, options } = server;
    const all = [
      `ip=${HOST_ADDRESS},port=${port}`,
      `username=${account.user},password=${account.password}`,
      options,
    ].join(',');
    await this.run(`mount -t cifs -o '${all}' //${HOST_ADDRESS}/${share} /mnt`);
  }

  async unmount(): Promise<void> {
    await this.run('umount /mnt');
  }

  /** What its kernel has said since this was asked last, the end of it. */
  complaints(): Promise<string> {
    return this.run('dmesg -c | tail -n 8');
  }

  async stop(): Promise<void> {
    await this.guest.stop();
  }

  private ask(where: 'here' | 'apart', code: string, limitMs: number): Promise<string> {
    const id = this.nextId++;
    const answer = new Promise<string>((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
    });
    this.guest.say(`${where} ${id} ${Buffer.from(code).toString('hex')}`);
    return inTime(answer, limitMs, `${this.name}: ${code}`);
  }

  private async listen(): Promise<void> {
    for await (const line of this.guest.lines) {
      const [word, id, verdict, hex = ''] = line.split(' ');
      if (word !== 'done') continue;
      const asked = this.asked.get(Number(id));
      this.asked.delete(Number(id));
      const text = Buffer.from(hex, 'hex').toString('latin1');
      if (verdict === 'ok') asked?.resolve(text);
      else asked?.reject(new Error(`${this.name}: ${text.trim()}`));
    }
    for (const { reject } of this.asked.values()) reject(new Error(`${this.name} has ended`));
  }
}

export interface Mount {
  readonly port: number;
  readonly share: string;
  readonly account: Account;
  readonly options: string;
}

/** Those that the agent uses, where this machine has them. */
function perlModules(perl: string): (readonly [string, Buffer])[] {
  const print = 'print join "\\n", values %INC';
  const paths = execFileSync(perl, ['-Mstrict', '-Mwarnings', '-e', print], { encoding: 'utf8' });
  return paths.split('\n').map((path) => [path.slice(1), readFileSync(path)] as const);
}

export const perlString = (text: string): string =>
  `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function inTime<T>(promise: Promise<T>, limitMs: number, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`no answer within ${limitMs / 1000} s: ${what}`));
    const timer = setTimeout(late, limitMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
