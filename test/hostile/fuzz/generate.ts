/** Requests with legal structure and arbitrary content, of every command (fast-check). */
import fc from 'fast-check';
import type { ClientRequest } from '../../../src/client/exchange.ts';
import * as requests from '../../../src/client/requests.ts';
import { Fsctl } from '../../../src/smb2/fsctl.ts';
import { Command } from '../../../src/smb2/header.ts';
import { encodeOplockBreakRequest } from '../../../src/smb2/oplock-break.ts';
import { encodeSessionSetupRequest } from '../../../src/smb2/session-setup.ts';

const u8 = fc.nat(255);
const u32 = fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0, 1, 8, 64, 4096, 0xffffffff));
const flags = fc.oneof(
  fc.constant(0),
  fc.nat(31).map((bit) => (1 << bit) >>> 0),
  fc.nat(0xffffffff),
);
const offset = fc.oneof(fc.nat(100_000), fc.nat(Number.MAX_SAFE_INTEGER), fc.constant(2 ** 64));
const bytes = fc.uint8Array({ maxLength: 300 }).map((b) => Buffer.from(b));
const length = fc.oneof(fc.nat(70_000), fc.constantFrom(0, 1, 8, 65_536, 1 << 20, 0xffffffff));
const name = fc.oneof(
  fc.constantFrom('', 'fuzz', 'fuzz folder', 'fifo', '..', 'a\\b', 'fuzz:stream', 'srvsvc', '*'),
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 300 }),
);
const contextName = fc.constantFrom(
  'ExtA',
  'SecD',
  'DHnQ',
  'DHnC',
  'MxAc',
  'TWrp',
  'QFid',
  'RqLs',
  'DH2Q',
  'DH2C',
  'AAPL',
);

/** The caller puts a live FileId in its place. */
const id = Buffer.alloc(16);
const control = fc.oneof(fc.constantFrom(...Object.values(Fsctl)), fc.nat(0xffffffff));

const create: fc.Arbitrary<ClientRequest> = fc
  .record({
    name,
    access: flags,
    disposition: fc.oneof(fc.nat(5), u32),
    options: flags,
    attributes: flags,
    share: fc.oneof(fc.nat(7), u32),
    oplockLevel: u8,
    impersonationLevel: fc.oneof(fc.nat(3), u32),
    contexts: fc.array(fc.record({ name: contextName, data: bytes }), { maxLength: 4 }),
  })
  .map(({ name: path, ...how }) => {
    // Of what comes back only the structure is of interest here.
    const { contextNames: _, ...request } = requests.createRequest(path, how);
    return request;
  });

const all: fc.Arbitrary<ClientRequest>[] = [
  create,
  fc.boolean().map((postQuery) => requests.closeRequest(id, postQuery)),
  fc.constant(requests.flushRequest(id)),
  fc
    .tuple(offset, length, length)
    .map(([at, size, least]) => requests.readRequest(id, at, size, least)),
  fc.tuple(offset, bytes, flags).map(([at, data, how]) => requests.writeRequest(id, at, data, how)),
  fc
    .array(
      fc.record({
        offset: fc.bigInt(0n, 2n ** 64n - 1n),
        length: fc.bigInt(0n, 2n ** 64n - 1n),
        flags,
      }),
      { maxLength: 20 },
    )
    .map((locks) => requests.lockRequest(id, locks)),
  fc
    .tuple(control, bytes, length, flags)
    .map(([code, input, maxOutput, how]) =>
      requests.ioctlRequest(id, code, { input, maxOutput, flags: how }),
    ),
  fc
    .tuple(u8, fc.record({ pattern: name, flags: u8, fileIndex: u32, outputBytes: length }))
    .map(([informationClass, how]) => requests.queryDirectoryRequest(id, informationClass, how)),
  fc
    .tuple(
      u8,
      u8,
      fc.record({ outputBytes: length, input: bytes, additionalInformation: flags, flags }),
    )
    .map(([type, informationClass, how]) =>
      requests.queryInfoRequest(id, type, informationClass, how),
    ),
  fc
    .tuple(fc.oneof(fc.nat(4), u8), fc.oneof(fc.nat(80), u8), bytes, flags)
    .map(([type, informationClass, buffer, how]) =>
      requests.setInfoRequest(id, type, informationClass, buffer, how),
    ),
  flags.map((filter) => requests.changeNotifyRequest(id, filter, { flags: filter & 0xffff })),
  fc.string({ maxLength: 100 }).map((path) => requests.treeConnectRequest(path)),
  fc.constant(requests.echoRequest()),
  bytes.map((securityBuffer) => ({
    command: Command.SESSION_SETUP,
    body: encodeSessionSetupRequest({
      flags: 0,
      securityMode: 1,
      capabilities: 0,
      previousSessionId: 0,
      securityBuffer,
    }),
  })),
  fc.record({ oplockLevel: u8, persistentId: u32, volatileId: u32 }).map((value) => ({
    command: Command.OPLOCK_BREAK,
    body: encodeOplockBreakRequest({ kind: 'oplock', ...value }),
  })),
  fc.tuple(fc.nat(0x12), bytes).map(([command, body]) => ({ command, body })),
];

/** An endless supply, made in batches, since fast-check's sampling has a cost per call. */
export function* generateRequests(seed: number): Generator<ClientRequest, never> {
  const arbitrary = fc.oneof(...all);
  for (let batch = 0; ; batch++) {
    yield* fc.sample(arbitrary, { numRuns: 500, seed: seed + batch });
  }
}
