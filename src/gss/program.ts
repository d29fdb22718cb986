/**
 * The process that calls the GSS library: `node program.ts SETUP`, a child of the control plane's. It reads one
 * order after the other from its standard input and answers on its standard output, and waits in
 * nothing but the calls themselves. When the library fails in a way that ends the process, that is all that ends.
 */
import { readSync, writeSync } from 'node:fs';
import { GssError } from '../native/gss-calls.ts';
import { GssLibrary } from '../native/gssapi.ts';
import { tryCrypto } from '../native/krb5-crypto.ts';
import {
  FRAME_HEAD_BYTES,
  frameOfAnswer,
  type GssAnswer,
  type GssOrder,
  type GssSetup,
  MAXIMUM_FRAME_BYTES,
  MAXIMUM_REASON_BYTES,
  readOrder,
} from './messages.ts';

/** Undefined at the end of the input. */
function read(length: number): Buffer | undefined {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const count = readSync(0, bytes, at, length - at, null);
    if (count === 0) return undefined;
    at += count;
  }
  return bytes;
}

function send(answer: GssAnswer): void {
  const bytes = frameOfAnswer(answer);
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

function failure(error: unknown): GssAnswer {
  const text = error instanceof Error ? error.message : String(error);
  const message = Buffer.from(text)
    .subarray(0, MAXIMUM_REASON_BYTES - 3)
    .toString();
  return { kind: 'failed', reason: error instanceof GssError ? error.reason : 'other', message };
}

function carryOut(library: GssLibrary, setup: GssSetup, order: GssOrder): GssAnswer {
  const keys = { keytab: setup.keytab, service: setup.service };
  switch (order.kind) {
    case 'accept':
      return { kind: 'accepted', ...library.accept(order.context, keys, order.token) };
    case 'sign':
      return { kind: 'signed', mic: library.sign(order.context, order.message) };
    case 'verify':
      return { kind: 'verified', ...library.verify(order.context, order.message, order.mic) };
    case 'sizes':
      return { kind: 'sizes', ...library.sizes(order.context) };
    case 'seal':
      return { kind: 'sealed', ...library.seal(order.context, order) };
    case 'unseal':
      return { kind: 'unsealed', data: library.unseal(order.context, order, order.token) };
    case 'release':
      library.release(order.context);
      return { kind: 'released' };
  }
}

/** Where it cannot work at all it says why, and ends. */
function start(setup: GssSetup): GssLibrary | undefined {
  try {
    const library = new GssLibrary(setup.library);
    // First what may end the process.
    tryCrypto();
    library.check({ keytab: setup.keytab, service: setup.service });
    send({ kind: 'ready' });
    return library;
  } catch (error) {
    send(failure(error));
    return undefined;
  }
}

function run(setup: GssSetup): void {
  const library = start(setup);
  if (library === undefined) return;
  for (;;) {
    const length = read(FRAME_HEAD_BYTES)?.readUInt32LE();
    if (length === undefined || length > MAXIMUM_FRAME_BYTES) return;
    const body = read(length);
    if (body === undefined) return;
    let answer: GssAnswer;
    try {
      answer = carryOut(library, setup, readOrder(body));
    } catch (error) {
      answer = failure(error);
    }
    send(answer);
  }
}

run(JSON.parse(process.argv[2] ?? '{}') as GssSetup);
