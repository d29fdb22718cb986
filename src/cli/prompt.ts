/** Asks for a password on the terminal, without showing it. */
import { readSync } from 'node:fs';
import { CommandError } from './command-error.ts';

/** More than any password that is taken. */
const MAXIMUM_LINE_BYTES = 1024;

/** Asks twice; three times over, where the two differ or are empty. */
export async function promptNewPassword(user: string): Promise<string> {
  const { stdin } = process;
  if (!stdin.isTTY) return askTwice(user, async () => readLine(0));
  const terminal = new HiddenInput(stdin);
  try {
    return await askTwice(user, async (question) => {
      process.stderr.write(question);
      const line = await terminal.line();
      process.stderr.write('\n');
      return line;
    });
  } finally {
    terminal.close();
  }
}

async function askTwice(user: string, ask: (question: string) => Promise<string>): Promise<string> {
  for (let attempt = 0; attempt < 3; attempt++) {
    const first = await ask(`New password for ${user}: `);
    if (first === '') {
      process.stderr.write('An empty password is not taken.\n');
      continue;
    }
    if ((await ask('Again: ')) === first) return first;
    process.stderr.write('The two differ.\n');
  }
  throw new CommandError('no password was given');
}

const CONTROL_C = '\u0003';
const CONTROL_D = '\u0004';
const CONTROL_U = '\u0015';
const ERASE = /[\b\u007f]/;

/**
 * Raw mode: nothing is echoed, and what edits the line is handled here. It begins before the first question, so
 * that nobody who types as soon as he is asked is shown what he types, and stays until the last answer.
 */
class HiddenInput {
  readonly #terminal: NodeJS.ReadStream;
  readonly #chunks: AsyncIterator<string>;
  /** Typed and not yet read: whoever pastes gives several lines at once. */
  #typed: string[] = [];
  #afterReturn = false;

  constructor(terminal: NodeJS.ReadStream) {
    this.#terminal = terminal;
    terminal.setRawMode(true);
    terminal.setEncoding('utf8');
    this.#chunks = terminal.iterator({ destroyOnReturn: false });
  }

  async line(): Promise<string> {
    let text = '';
    for (;;) {
      const c = await this.#character();
      const isSecondOfTwo = c === '\n' && this.#afterReturn;
      this.#afterReturn = c === '\r';
      if (isSecondOfTwo) continue;
      if (c === '\r' || c === '\n') return text;
      if (c === CONTROL_C || (c === CONTROL_D && text === '')) throw new CommandError('cancelled');
      if (c === CONTROL_U) text = '';
      else if (ERASE.test(c)) text = [...text].slice(0, -1).join('');
      else if (!/\p{Cc}/u.test(c) && text.length < MAXIMUM_LINE_BYTES) text += c;
    }
  }

  async #character(): Promise<string> {
    while (this.#typed.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) throw new CommandError('the terminal closed before a password was given');
      this.#typed = [...value];
    }
    return this.#typed.shift()!;
  }

  close(): void {
    this.#terminal.setRawMode(false);
    this.#terminal.pause();
  }
}

/** A byte at a time, so that the next line stays for the next reader. */
function readLine(file: number): string {
  const bytes: number[] = [];
  const byte = Buffer.alloc(1);
  while (bytes.length < MAXIMUM_LINE_BYTES && readSync(file, byte) === 1) {
    if (byte[0] === 0x0a) break;
    bytes.push(byte[0]!);
  }
  return Buffer.from(bytes).toString().replace(/\r$/, '');
}
