/** Asks for a password on the terminal, without showing it. */
import { readSync } from 'node:fs';
import { CommandError } from './command-error.ts';

/** More than any password that is taken. */
const MAXIMUM_LINE_BYTES = 1024;

/** Asks twice; three times over, where the two differ or are empty. */
export async function promptNewPassword(user: string): Promise<string> {
  for (let attempt = 0; attempt < 3; attempt++) {
    const first = await promptSecret(`New password for ${user}: `);
    if (first === '') {
      process.stderr.write('An empty password is not taken.\n');
      continue;
    }
    if ((await promptSecret('Again: ')) === first) return first;
    process.stderr.write('The two differ.\n');
  }
  throw new CommandError('no password was given');
}

/** From the terminal; from standard input, line by line, where that is something else. */
async function promptSecret(question: string): Promise<string> {
  if (!process.stdin.isTTY) return readLine(0);
  process.stderr.write(question);
  try {
    return await readHidden(process.stdin);
  } finally {
    process.stderr.write('\n');
  }
}

const ENTER = /[\r\n]/;
const CONTROL_C = '\u0003';
const CONTROL_D = '\u0004';
const CONTROL_U = '\u0015';
const ERASE = /[\b\u007f]/;

/** Raw mode: nothing is echoed, and what edits the line is handled here. */
async function readHidden(terminal: NodeJS.ReadStream): Promise<string> {
  terminal.setRawMode(true);
  terminal.setEncoding('utf8');
  let text = '';
  try {
    for await (const chunk of terminal.iterator({ destroyOnReturn: false })) {
      for (const c of chunk as string) {
        if (ENTER.test(c)) return text;
        if (c === CONTROL_C || (c === CONTROL_D && text === ''))
          throw new CommandError('cancelled');
        if (c === CONTROL_U) text = '';
        else if (ERASE.test(c)) text = [...text].slice(0, -1).join('');
        else if (!/\p{Cc}/u.test(c) && text.length < MAXIMUM_LINE_BYTES) text += c;
      }
    }
    throw new CommandError('the terminal closed before a password was given');
  } finally {
    terminal.setRawMode(false);
    terminal.pause();
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
