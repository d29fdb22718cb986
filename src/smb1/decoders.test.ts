/** MS-CIFS 2.2 and the CIFS Unix extensions: whatever the bytes are, each decoder of this folder gives a value or a WireError. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { WireError } from '../wire/wire-error.ts';
import { type Block, readAndX, readBlock } from './block.ts';
import { decodeFeaList, decodeGeaList } from './extended-attributes.ts';
import { decodeFindFirst, decodeFindNext } from './find.ts';
import { decodeSetStandard } from './information.ts';
import { decodeReadAndX, decodeWrite, decodeWriteAndClose, decodeWriteAndX } from './io.ts';
import { decodeLocking } from './locking.ts';
import { decodeSmb1SessionSetup } from './negotiate.ts';
import { decodeNtTransactCreate } from './nt-transact.ts';
import { decodeNtCreate, decodeOldCreate, decodeOpen, decodeOpenAndX } from './open.ts';
import {
  decodeDelete,
  decodeNtRename,
  decodePath,
  decodeRename,
  decodeSetInformation,
} from './paths.ts';
import { decodeSearch } from './search.ts';
import { decodeText } from './strings.ts';
import { decodeNtTransact, decodeSecondary, decodeTransaction } from './transaction.ts';
import { decodeOldTreeConnect, decodeTreeConnectAndX } from './tree-connect.ts';
import { decodePosixAcls, decodeUnixBasic, decodeUnixInfo2, decodeUnlink } from './unix.ts';

const MESSAGE = Buffer.alloc(200);

/** By name, as they are exported. Those of a block, and those of the parameters or data of a transaction. */
const DECODERS: Readonly<Record<string, (block: Block, unicode: boolean) => unknown>> = {
  readBlock: ({ words, bytes }, unicode) => readBlock(bytes, unicode ? 0 : words.length),
  readAndX: (b) => readAndX(b),
  decodeDelete,
  decodeFeaList: (b) => decodeFeaList(b.bytes),
  decodeFindFirst: (b, unicode) => decodeFindFirst(b.bytes, unicode),
  decodeFindNext: (b, unicode) => decodeFindNext(b.bytes, unicode),
  decodeGeaList: (b) => decodeGeaList(b.bytes),
  decodeLocking: (b) => decodeLocking(b),
  decodeNtCreate,
  decodeNtRename,
  decodeNtTransact: (b) => decodeNtTransact(b, MESSAGE),
  decodeNtTransactCreate: (b, unicode) => decodeNtTransactCreate(b.bytes, unicode),
  decodeOldCreate,
  decodeOldTreeConnect,
  decodeOpen,
  decodeOpenAndX,
  decodePath,
  decodePosixAcls: (b) => decodePosixAcls(b.bytes),
  decodeReadAndX,
  decodeRename,
  decodeSearch,
  decodeSecondary: (b, nt) => decodeSecondary(b, MESSAGE, nt),
  decodeSetInformation,
  decodeSetStandard: (b) => decodeSetStandard(b.bytes),
  decodeSmb1SessionSetup,
  decodeText: (b, unicode) => decodeText(b.bytes, unicode),
  decodeTransaction: (b, unicode) => decodeTransaction(b, MESSAGE, unicode, true),
  decodeTreeConnectAndX,
  decodeUnixBasic: (b) => decodeUnixBasic(b.bytes),
  decodeUnixInfo2: (b) => decodeUnixInfo2(b.bytes),
  decodeUnlink: (b) => decodeUnlink(b.bytes),
  decodeWrite: (b) => decodeWrite(b),
  decodeWriteAndClose: (b) => decodeWriteAndClose(b),
  decodeWriteAndX: (b) => decodeWriteAndX(b, MESSAGE),
};

interface Structure {
  readonly name: string;
  readonly size: number;
  read(b: Buffer): unknown;
}

const isStructure = (thing: unknown): thing is Structure =>
  typeof thing === 'object' && thing !== null && 'read' in thing && 'size' in thing;

async function exported(): Promise<(readonly [string, unknown])[]> {
  const files = readdirSync(import.meta.dirname).filter((file) => /^[a-z-]+\.ts$/.test(file));
  const modules: object[] = await Promise.all(files.map((file) => import(`./${file}`)));
  return modules.flatMap((module) => Object.entries(module));
}

test('each decoder of this folder is among those that get arbitrary bytes', async () => {
  const decoders = (await exported()).flatMap(([name, thing]) =>
    typeof thing === 'function' && /^(decode|read(Block|AndX)$)/.test(name) ? [name] : [],
  );
  assert.deepEqual(decoders.sort(), Object.keys(DECODERS).sort());
});

/** Chance that is the same each time. */
function numbers(): () => number {
  let state = 7;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  };
}

function isTotal(name: string, decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    assert.ok(error instanceof WireError, `${name}: ${error}`);
    return false;
  }
}

/** Counts that are small, and offsets that are in the message. */
const LIKELY = [0, 0, 0, 1, 2, 100];

function arbitraryWords(random: () => number, isLikely: boolean): Buffer {
  const count = isLikely ? 24 : random() % 25;
  const words = Array.from({ length: count }, () =>
    isLikely ? LIKELY[random() % LIKELY.length]! : random(),
  );
  return Buffer.from(Uint16Array.from(words).buffer);
}

/** Data bytes as they should be: of SEARCH, of TREE_CONNECT, lists of attributes and of POSIX entries. */
const WHOLE = [
  ...['', '04', '0400050000', '040004000400', '10000000000304004f4e4500626c6168'],
  ...['09000000034f4e4500', '0100010000000106ffffffffffffffff'],
].map((one) => Buffer.from(one, 'hex'));

function arbitraryBytes(random: () => number, round: number): Buffer {
  const whole = WHOLE[round % WHOLE.length]!;
  const length = random() % 2 === 0 ? 0 : random() % 130;
  return Buffer.concat([whole, Buffer.from(Array.from({ length }, random))]);
}

test('whatever the bytes are, a decoder gives a value or a WireError', () => {
  const random = numbers();
  const values = new Set<string>();
  const errors = new Set<string>();
  for (let round = 0; round < 4_000; round++) {
    const words = arbitraryWords(random, round % 2 === 0);
    const block = { words, bytes: arbitraryBytes(random, round), bytesAt: 67 };
    for (const [name, decode] of Object.entries(DECODERS)) {
      (isTotal(name, () => decode(block, round % 3 !== 0)) ? values : errors).add(name);
    }
  }
  // Each has come to its end, and each has failed, save those of text, which is what it is.
  const never = Object.keys(DECODERS).filter((name) => !values.has(name));
  assert.deepEqual(never, []);
  const always = Object.keys(DECODERS).filter((name) => !errors.has(name));
  assert.deepEqual(always, ['decodeText']);
});

test('every structure of this folder is read whole or not at all', async () => {
  const structures = (await exported()).flatMap(([name, thing]) =>
    isStructure(thing) ? [[name, thing] as const] : [],
  );
  assert.ok(structures.length > 30);
  for (const [name, structure] of structures) {
    for (const fill of [0, 0x55, 0xff]) {
      const whole = Buffer.alloc(structure.size, fill);
      isTotal(name, () => structure.read(whole));
      for (let size = 0; size < structure.size; size++) {
        const isWhole = isTotal(name, () => structure.read(whole.subarray(0, size)));
        assert.equal(isWhole, false, `${name} of ${size} bytes`);
      }
    }
  }
});
