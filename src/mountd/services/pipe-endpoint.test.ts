import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PipeEndpoint } from '../../ipc/control-plane.ts';
import { encodeFragments } from '../../rpc/fragments.ts';
import { conformantArray, u8, u32 } from '../../rpc/ndr.ts';
import { operation } from '../../rpc/operation.ts';
import {
  type BindAckPdu,
  decodePdu,
  encodePdu,
  FAULT_STATUS,
  type FaultPdu,
  type Pdu,
  PFC_DID_NOT_EXECUTE,
  type PresentationContext,
  REJECT_REASON,
  type ResponsePdu,
} from '../../rpc/pdu.ts';
import { bindTimeFeatureSyntax, NDR32, NDR64, NO_SYNTAX } from '../../rpc/syntax-id.ts';
import { createRpcEndpoint, QUEUED_ANSWER_BYTES_MAXIMUM } from './pipe-endpoint.ts';
import { PRESENTATION_CONTEXTS_MAXIMUM } from './presentation-contexts.ts';
import { serveInterface } from './rpc-service.ts';

/** Opnum 4 answers with as many octets as it is asked for; 5 with what it was sent. */
const TESTER = {
  name: 'tester',
  syntax: { uuid: '01020304-0506-0708-090a-0b0c0d0e0f10', major: 1, minor: 2 },
  operations: {
    Repeat: operation(4, { count: u32 }, { octets: conformantArray(u8), status: u32 }),
    Echo: operation(
      5,
      { octets: conformantArray(u8) },
      { octets: conformantArray(u8), status: u32 },
    ),
  },
} as const;

const open = (): PipeEndpoint =>
  createRpcEndpoint('\\PIPE\\tester', {
    services: () => [
      serveInterface(TESTER, {
        Repeat: ({ count }) => ({ octets: new Array(count).fill(7), status: 0 }),
        Echo: ({ octets }) => ({ octets, status: 0 }),
      }),
    ],
  });

const OTHER = { ...TESTER.syntax, major: TESTER.syntax.major + 100 };

const ndr32: PresentationContext = {
  id: 0,
  abstractSyntax: TESTER.syntax,
  transferSyntaxes: [NDR32],
};

function bind(contexts: readonly PresentationContext[] = [ndr32], maxReceiveBytes = 4280): Buffer {
  return encodePdu({
    kind: 'bind',
    callId: 1,
    maxTransmitBytes: 4280,
    maxReceiveBytes,
    associationGroup: 0,
    contexts,
  });
}

const alter = (contexts: readonly PresentationContext[]): Buffer =>
  encodePdu({
    kind: 'alter-context',
    callId: 2,
    maxTransmitBytes: 0,
    maxReceiveBytes: 0,
    associationGroup: 0,
    contexts,
  });

const u32le = (value: number): Buffer => {
  const b = Buffer.alloc(4);
  b.writeUInt32LE(value);
  return b;
};

function call(opnum: number, stub: Buffer, callId = 9, contextId = 0): Buffer[] {
  return encodeFragments({ kind: 'request', callId, contextId, opnum }, stub, 4280);
}

/** Every fragment that waits, read whole. */
function answers(pipe: PipeEndpoint): Pdu[] {
  const pdus: Pdu[] = [];
  for (;;) {
    const part = pipe.read(65536);
    if (part === undefined) return pdus;
    assert.equal(part.more, false);
    pdus.push(decodePdu(part.bytes));
  }
}

function only<K extends Pdu['kind']>(pipe: PipeEndpoint, kind: K): Pdu & { kind: K } {
  const [pdu, ...more] = answers(pipe);
  assert.equal(more.length, 0);
  assert.equal(pdu?.kind, kind);
  return pdu as Pdu & { kind: K };
}

function bound(): PipeEndpoint {
  const pipe = open();
  assert.equal(pipe.write(bind()), true);
  only(pipe, 'bind-ack');
  return pipe;
}

/** Faults with `status`, takes no more, and says so. */
function assertBroken(pipe: PipeEndpoint, status: number): void {
  assert.equal((only(pipe, 'fault') as FaultPdu).status, status);
  assert.equal(pipe.write(bind()), false);
  assert.equal(pipe.read(100), undefined);
}

test('BIND: what Windows proposes gets its three results in order (MS-RPCE 3.3.1.5.3, 3.3.1.5.6)', () => {
  const pipe = open();
  const proposal = [NDR32, NDR64, bindTimeFeatureSyntax(3)];
  pipe.write(bind(proposal.map((syntax, id) => ({ ...ndr32, id, transferSyntaxes: [syntax] }))));
  const ack = only(pipe, 'bind-ack') as BindAckPdu;
  assert.deepEqual(ack.results, [
    { result: 0, reason: 0, transferSyntax: NDR32 },
    { result: 2, reason: 2, transferSyntax: NO_SYNTAX },
    { result: 3, reason: 2, transferSyntax: NO_SYNTAX },
  ]);
  assert.equal(ack.secondaryAddress, '\\PIPE\\tester');
  assert.equal(ack.maxTransmitBytes, 4280);
  assert.equal(ack.maxReceiveBytes, 4280);
  assert.notEqual(ack.associationGroup, 0);
});

test('BIND: NDR32 is chosen among several syntaxes of one context', () => {
  const pipe = open();
  pipe.write(bind([{ ...ndr32, transferSyntaxes: [NDR64, NDR32] }]));
  assert.deepEqual((only(pipe, 'bind-ack') as BindAckPdu).results, [
    { result: 0, reason: 0, transferSyntax: NDR32 },
  ]);
});

test('BIND: the interface and its version are checked', () => {
  const { syntax } = TESTER;
  for (const [wanted, result] of [
    [{ ...syntax, minor: 0 }, 0],
    [{ ...syntax, minor: 3 }, 2],
    [{ ...syntax, major: 2 }, 2],
    [{ ...syntax, uuid: NDR32.uuid }, 2],
  ] as const) {
    const pipe = open();
    pipe.write(bind([{ ...ndr32, abstractSyntax: wanted }]));
    const [first] = (only(pipe, 'bind-ack') as BindAckPdu).results;
    assert.deepEqual([first?.result, first?.reason], [result, result === 2 ? 1 : 0]);
  }
});

test('BIND: what cannot be served gets a BIND_NAK, and the association is over', () => {
  const withVersion4 = bind();
  withVersion4[0] = 4;
  const cut = bind();
  cut.writeUInt16LE(40, 8);
  // An NTLMSSP verifier: eight octets of trailer and a token.
  const signed = Buffer.concat([bind(), Buffer.from('0a05000001000000deadbeef', 'hex')]);
  signed.writeUInt16LE(signed.length, 8);
  signed.writeUInt16LE(4, 10);
  const many = Array.from({ length: PRESENTATION_CONTEXTS_MAXIMUM + 1 }, (_, id) => ({
    ...ndr32,
    id,
  }));
  for (const [message, reason] of [
    [signed, REJECT_REASON.AUTHENTICATION_TYPE_NOT_RECOGNIZED],
    [withVersion4, REJECT_REASON.PROTOCOL_VERSION_NOT_SPECIFIED],
    [cut, REJECT_REASON.PROTOCOL_VERSION_NOT_SPECIFIED],
    [bind([]), REJECT_REASON.PROTOCOL_VERSION_NOT_SPECIFIED],
    [bind(many), REJECT_REASON.LOCAL_LIMIT_EXCEEDED],
  ] as const) {
    const pipe = open();
    assert.equal(pipe.write(message), true);
    const nak = only(pipe, 'bind-nak');
    assert.equal(nak.kind === 'bind-nak' && nak.reason, reason);
    assert.equal(pipe.write(bind()), false);
  }
  const twice = bound();
  twice.write(bind());
  only(twice, 'bind-nak');
});

test('a call goes through, and READ before WRITE finds nothing', () => {
  const pipe = bound();
  assert.equal(pipe.read(4280), undefined);
  assert.equal(pipe.write(call(4, u32le(3))[0]!), true);
  const response = only(pipe, 'response') as ResponsePdu;
  assert.equal(response.callId, 9);
  assert.equal(response.contextId, 0);
  assert.equal(response.stub.toString('hex'), '03000000070707' + '00' + '00000000');
});

test('an answer longer than a fragment comes in several, and short reads in several more', () => {
  const pipe = open();
  pipe.write(bind([ndr32], 2000));
  assert.equal((only(pipe, 'bind-ack') as BindAckPdu).maxTransmitBytes, 2000);
  pipe.write(call(4, u32le(10_000))[0]!);
  const stubs: Buffer[] = [];
  let last = false;
  while (!last) {
    const pieces: Buffer[] = [];
    for (let more = true; more; ) {
      const part = pipe.read(700);
      assert.ok(part !== undefined && part.bytes.length <= 700);
      pieces.push(part.bytes);
      more = part.more;
    }
    const wire = Buffer.concat(pieces);
    assert.ok(wire.length <= 2000);
    const pdu = decodePdu(wire) as Pdu & ResponsePdu;
    stubs.push(pdu.stub);
    last = (pdu.flags & 2) !== 0;
  }
  assert.equal(pipe.read(700), undefined);
  assert.equal(Buffer.concat(stubs).length, 4 + 10_000 + 4);
  assert.ok(stubs.length > 5);
});

test('a fragment size below what everybody must take is raised to it', () => {
  const pipe = open();
  pipe.write(bind([ndr32], 0));
  assert.equal((only(pipe, 'bind-ack') as BindAckPdu).maxTransmitBytes, 1432);
});

test('B01: PDUs split at any octet, or all in one write, are the same', () => {
  const octets = Buffer.alloc(9000, 5);
  const stub = Buffer.concat([u32le(octets.length), octets]);
  const stream = Buffer.concat([bind(), ...call(5, stub), ...call(4, u32le(2), 10)]);
  const expected = (() => {
    const pipe = open();
    assert.equal(pipe.write(stream), true);
    return answers(pipe);
  })();
  assert.deepEqual(
    expected.map(({ kind }) => kind),
    ['bind-ack', 'response', 'response', 'response', 'response'],
  );
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length), { maxLength: 12 }), (cuts) => {
      const pipe = open();
      const edges = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
      for (const [i, edge] of edges.slice(1).entries()) {
        // The caller's buffer is its own: it is overwritten once written.
        const message = Buffer.from(stream.subarray(edges[i], edge));
        assert.equal(pipe.write(message), true);
        message.fill(0xff);
      }
      assert.deepEqual(answers(pipe), expected);
    }),
    { numRuns: 50 },
  );
});

test('A11: an opnum that is none faults, and the pipe stays usable', () => {
  const pipe = bound();
  for (const opnum of [0, 3, 6, 0xffff]) {
    pipe.write(call(opnum, Buffer.alloc(8))[0]!);
    const fault = only(pipe, 'fault') as FaultPdu;
    assert.equal(fault.status, FAULT_STATUS.nca_s_op_rng_error);
    assert.equal(fault.status, 0x1c010002);
    assert.ok(fault.flags & PFC_DID_NOT_EXECUTE);
    assert.equal(fault.callId, 9);
  }
  pipe.write(call(4, u32le(1))[0]!);
  only(pipe, 'response');
});

test('a stub that is not the input faults, and the pipe stays usable', () => {
  const pipe = bound();
  for (const stub of [Buffer.alloc(0), u32le(0xffffffff), u32le(5)]) {
    pipe.write(call(5, stub)[0]!);
    assert.equal((only(pipe, 'fault') as FaultPdu).status, FAULT_STATUS.RPC_X_BAD_STUB_DATA);
  }
  pipe.write(call(4, u32le(1))[0]!);
  only(pipe, 'response');
});

test('a context that was not accepted faults, and the pipe stays usable', () => {
  const pipe = open();
  pipe.write(bind([ndr32, { ...ndr32, id: 1, transferSyntaxes: [NDR64] }]));
  only(pipe, 'bind-ack');
  for (const contextId of [1, 2]) {
    pipe.write(call(4, u32le(1), 9, contextId)[0]!);
    assert.equal((only(pipe, 'fault') as FaultPdu).status, FAULT_STATUS.nca_s_unk_if);
  }
  pipe.write(call(4, u32le(1))[0]!);
  only(pipe, 'response');
});

test('a big-endian request is understood', () => {
  const pipe = bound();
  const wire = call(4, Buffer.from([0, 0, 0, 2]), 9)[0]!;
  wire[4] = 0;
  wire.subarray(8, 10).swap16();
  wire.subarray(12, 24).fill(0);
  wire.writeUInt32BE(9, 12);
  wire.writeUInt16BE(4, 22);
  pipe.write(wire);
  assert.equal((only(pipe, 'response') as ResponsePdu).stub.length, 12);
});

test('ALTER_CONTEXT adds contexts, up to the limit', () => {
  const pipe = bound();
  pipe.write(alter([{ ...ndr32, id: 7 }]));
  const altered = only(pipe, 'alter-context-response') as BindAckPdu;
  assert.equal(altered.results[0]?.result, 0);
  assert.equal(altered.secondaryAddress, '');
  assert.equal(altered.maxTransmitBytes, 4280);
  pipe.write(call(4, u32le(1), 9, 7)[0]!);
  assert.equal((only(pipe, 'response') as ResponsePdu).contextId, 7);
  let accepted = 0;
  for (let id = 0; id < 100; id++) {
    pipe.write(alter([{ ...ndr32, id: id + 100 }]));
    const [result] = (only(pipe, 'alter-context-response') as BindAckPdu).results;
    if (result?.result === 0) accepted++;
    else assert.deepEqual([result?.result, result?.reason], [2, 3]);
  }
  assert.equal(accepted, PRESENTATION_CONTEXTS_MAXIMUM - 2);
});

test('AUTH3 and CO_CANCEL are passed over; ORPHANED drops its call only', () => {
  const pipe = bound();
  pipe.write(encodePdu({ kind: 'auth3', callId: 1 }));
  pipe.write(encodePdu({ kind: 'cancel', callId: 9 }));
  const fragments = call(5, Buffer.concat([u32le(9000), Buffer.alloc(9000)]));
  pipe.write(fragments[0]!);
  pipe.write(encodePdu({ kind: 'orphaned', callId: 8 }));
  pipe.write(fragments[1]!);
  pipe.write(encodePdu({ kind: 'orphaned', callId: 9 }));
  pipe.write(call(4, u32le(1), 10)[0]!);
  assert.equal((only(pipe, 'response') as ResponsePdu).callId, 10);
});

test('protocol errors fault once and end the association (MS-RPCE 3.3.3.5.7)', () => {
  const { nca_s_proto_error, ERROR_ACCESS_DENIED } = FAULT_STATUS;
  const fragments = call(5, Buffer.alloc(9000));
  const signed = Buffer.concat([
    call(4, u32le(1))[0]!,
    Buffer.from('0a0500000100000011223344', 'hex'),
  ]);
  signed.writeUInt16LE(signed.length, 8);
  signed.writeUInt16LE(4, 10);
  const unknownType = call(4, u32le(1))[0]!;
  unknownType[2] = 9;
  const short = call(4, Buffer.alloc(0))[0]!.subarray(0, 20);
  short.writeUInt16LE(20, 8);
  const cases: readonly (readonly [PipeEndpoint, readonly Buffer[], number])[] = [
    [open(), call(4, u32le(1)), nca_s_proto_error],
    [open(), [alter([ndr32])], nca_s_proto_error],
    [bound(), [alter([])], nca_s_proto_error],
    // A context does not become another interface's.
    [bound(), [alter([{ ...ndr32, abstractSyntax: OTHER }])], nca_s_proto_error],
    [bound(), [fragments[1]!], nca_s_proto_error],
    [bound(), [fragments[0]!, fragments[0]!], nca_s_proto_error],
    [bound(), [unknownType], nca_s_proto_error],
    [bound(), [short], nca_s_proto_error],
    [bound(), [encodePdu({ kind: 'shutdown', callId: 0 })], nca_s_proto_error],
    [bound(), [signed], ERROR_ACCESS_DENIED],
    [bound(), call(5, Buffer.alloc((1 << 20) + 1)), ERROR_ACCESS_DENIED],
  ];
  for (const [pipe, messages, status] of cases) {
    for (const message of messages) pipe.write(message);
    assertBroken(pipe, status);
  }
});

test('what is no PDU at all is refused in silence', () => {
  for (const message of [
    Buffer.alloc(16),
    Buffer.alloc(5000, 0xff),
    Buffer.from('GET / HTTP/1.1\r\n'),
  ]) {
    const pipe = open();
    assert.equal(pipe.write(message), false);
    assert.equal(pipe.read(100), undefined);
    assert.equal(pipe.write(bind()), false);
  }
  // A fragment longer than the BIND agreed.
  const pipe = bound();
  const long = encodeFragments(
    { kind: 'request', callId: 9, contextId: 0, opnum: 5 },
    Buffer.alloc(5500),
    5840,
  );
  assert.equal(pipe.write(long[0]!), false);
});

test('answers that nobody reads are bounded', () => {
  const pipe = bound();
  const [message] = call(4, u32le(50_000));
  let taken = 0;
  while (pipe.write(message!)) {
    taken++;
    assert.ok(taken < 100);
  }
  assert.ok(taken * 50_000 > QUEUED_ANSWER_BYTES_MAXIMUM);
  assert.ok(taken * 50_000 < QUEUED_ANSWER_BYTES_MAXIMUM + 100_000);
  // Reading frees the room again.
  const other = bound();
  for (let i = 0; i < 100; i++) {
    assert.equal(other.write(message!), true);
    answers(other);
  }
});

test('close forgets everything', () => {
  const pipe = bound();
  pipe.write(call(4, u32le(1))[0]!);
  pipe.close();
  assert.equal(pipe.read(100), undefined);
  assert.equal(pipe.write(bind()), false);
});

test('mutated conversations never throw', () => {
  const octets = Buffer.concat([u32le(5000), Buffer.alloc(5000)]);
  const stream = Buffer.concat([
    bind([ndr32, { ...ndr32, id: 1, transferSyntaxes: [bindTimeFeatureSyntax(3)] }]),
    alter([{ ...ndr32, id: 3 }]),
    ...call(4, u32le(40)),
    ...call(5, octets, 10),
  ]);
  const change = fc.tuple(
    fc.oneof(fc.nat(stream.length - 1), fc.nat(250)),
    fc.integer({ min: 0, max: 255 }),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 5 }), fc.nat(300), (changes, cut) => {
      const input = Buffer.from(stream);
      for (const [at, value] of changes) input[at] = value;
      const pipe = createRpcEndpoint('\\PIPE\\tester', {
        services: () => [
          serveInterface(TESTER, {
            Repeat: () => ({ octets: [1, 2], status: 0 }),
            Echo: (values) => ({ ...values, status: 0 }),
          }),
        ],
      });
      pipe.write(input.subarray(0, cut));
      pipe.write(input.subarray(cut));
      answers(pipe);
      pipe.close();
    }),
    { numRuns: 500 },
  );
});
