/**
 * An open file descriptor that is not closed while an operation uses it: a number that is closed under a
 * running read would be another file's by the time the read begins.
 */
import fs from 'node:fs';

export class Descriptor {
  readonly fd: number;
  #users = 0;
  #closing = false;

  constructor(fd: number) {
    this.fd = fd;
  }

  hold(): void {
    this.#users++;
  }

  drop(): void {
    this.#users--;
    if (this.#closing && this.#users === 0) fs.closeSync(this.fd);
  }

  /** Ends it as soon as nobody holds it. */
  close(): void {
    this.#closing = true;
    if (this.#users === 0) fs.closeSync(this.fd);
  }
}
