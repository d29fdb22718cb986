/** The bytes of an open file by node:fs: what one call leaves over, the next one takes. */
import fs from 'node:fs';
import type { Errno } from '../errno.ts';
import { errnoOf } from './attempt.ts';
import type { Descriptor } from './descriptor.ts';

type Transfer = (fd: number, buffer: Uint8Array, position: number) => Promise<number>;

const readSome: Transfer = (fd, buffer, position) =>
  new Promise((resolve) => {
    fs.read(fd, buffer, 0, buffer.length, position, (error, count) => {
      resolve(error === null ? count : errnoOf(error));
    });
  });

const writeSome: Transfer = (fd, buffer, position) =>
  new Promise((resolve) => {
    fs.write(fd, buffer, 0, buffer.length, position, (error, count) => {
      resolve(error === null ? count : errnoOf(error));
    });
  });

/** Until all is there, the file ends, or an error comes first. */
async function transfer(
  some: Transfer,
  descriptor: Descriptor,
  buffer: Uint8Array,
  position: number,
): Promise<number> {
  descriptor.hold();
  try {
    let done = 0;
    while (done < buffer.length) {
      const count = await some(descriptor.fd, buffer.subarray(done), position + done);
      if (count < 0) return count;
      if (count === 0) break;
      done += count;
    }
    return done;
  } finally {
    descriptor.drop();
  }
}

export const readAll = (descriptor: Descriptor, buffer: Uint8Array, position: number) =>
  transfer(readSome, descriptor, buffer, position);

export const writeAll = (descriptor: Descriptor, buffer: Uint8Array, position: number) =>
  transfer(writeSome, descriptor, buffer, position);

export async function truncateTo(descriptor: Descriptor, length: number): Promise<Errno | 0> {
  descriptor.hold();
  try {
    return await new Promise((resolve) => {
      fs.ftruncate(descriptor.fd, length, (error) => {
        resolve(error === null ? 0 : errnoOf(error));
      });
    });
  } finally {
    descriptor.drop();
  }
}
