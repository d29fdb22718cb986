/** Where a password comes from, and what one must be. */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { MAXIMUM_PASSWORD_BYTES } from '../config/user-db.ts';
import { CommandError } from './command-error.ts';

export function checkPassword(password: string): string {
  if (password === '') throw new CommandError('an empty password is not taken');
  if (Buffer.byteLength(password) > MAXIMUM_PASSWORD_BYTES) {
    throw new CommandError(`a password has at most ${MAXIMUM_PASSWORD_BYTES} bytes`);
  }
  return password;
}

/** The first line of the file. */
export function readPasswordFile(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`the password file cannot be read: ${reason}`, { cause: error });
  }
  const password = text.split(/\r?\n/, 1)[0]!;
  if (password === '')
    throw new CommandError(`the first line of ${file} is empty; it is the password`);
  return checkPassword(password);
}

/** Without letters that look alike in some font, and easy to read out. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';
const GROUPS = 4;
const GROUP_LENGTH = 4;

/** 80 bits, more than anyone can try out over a network or against a captured login. */
export function makePassword(): string {
  const letter = (): string => ALPHABET[randomInt(ALPHABET.length)]!;
  const group = (): string => Array.from({ length: GROUP_LENGTH }, letter).join('');
  return Array.from({ length: GROUPS }, group).join('-');
}
