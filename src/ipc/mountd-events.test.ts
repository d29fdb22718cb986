/** What travels between the planes' processes is read as it was written, or refused, whatever bytes come. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WireError } from '../wire/wire-error.ts';
import { decode, encode, type Field } from './fields.ts';
import { MOUNTD_EVENTS, MOUNTD_NOTICES } from './mountd-events.ts';

const MESSAGES = Number(process.env.USMBD_FUZZ_STUBS ?? 4000);

/** A generator that a seed repeats (Mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const ACCOUNT = { name: 'ann', kind: 'user', identity: undefined, domain: undefined } as const;
const encoded = <T>(field: Field<T>, value: T): Buffer => Buffer.from(encode(field, value));

const GOOD: readonly Buffer[] = [
  encoded(MOUNTD_EVENTS.hello.request, { processId: 7 }),
  encoded(MOUNTD_EVENTS.heartbeat.response, {
    accountIds: [0, 1000],
    negotiateToken: Buffer.alloc(30, 6),
  }),
  encoded(MOUNTD_EVENTS.loginStep.request, {
    ...{ loginId: 1, address: '192.0.2.1', serverChallenge: undefined },
    ...{ seed: { challenge: Buffer.alloc(8, 1), time: 5n }, before: [Buffer.alloc(9)] },
    token: Buffer.alloc(40, 2),
  }),
  encoded(MOUNTD_EVENTS.connectShare.request, {
    ...{ account: { ...ACCOUNT, asked: { user: 'Ann', machine: undefined } }, share: 'data' },
    ...{ address: '192.0.2.1', localAddress: '192.0.2.2', dialect: undefined },
  }),
  encoded(MOUNTD_EVENTS.connectShare.response, {
    ...{ kind: 'granted', readOnly: false, identity: undefined },
    token: { user: 'S-1-1-0', primaryGroup: 'S-1-1-0', sids: [], privileges: 0 },
    place: { name: 'data', path: '/srv/ann' },
  }),
  encoded(MOUNTD_EVENTS.writePipe.request, {
    pipeId: 1,
    open: {
      account: ACCOUNT,
      name: 'srvsvc',
      client: { address: '192.0.2.1', sessionKey: Buffer.alloc(16) },
    },
    message: Buffer.alloc(60, 5),
  }),
  encoded(MOUNTD_EVENTS.fetchPipe.response, {
    ...{ taken: true, answers: [Buffer.alloc(20)], left: false },
  }),
  encoded(MOUNTD_NOTICES.shareUsed.request, { share: 'data', currentUses: 3 }),
];

const FIELDS: readonly Field<unknown>[] = [
  ...Object.values(MOUNTD_EVENTS).flatMap(({ request, response }) => [request, response]),
  ...Object.values(MOUNTD_NOTICES).map(({ request }) => request),
] as Field<unknown>[];

test(`${MESSAGES} changed and random messages are values or WireErrors at each event`, () => {
  const draw = random(MESSAGES);
  let taken = 0;
  for (let i = 0; i < MESSAGES; i++) {
    const message = Buffer.from(GOOD[draw(GOOD.length)]!);
    for (let n = draw(4); n > 0; n--) message[draw(message.length)] = draw(256);
    const cut = draw(4) === 0 ? message.subarray(0, draw(message.length + 1)) : message;
    for (const field of FIELDS) {
      try {
        const value = decode(field, cut, 'event');
        // What was taken is within its bounds, so it can be written again.
        assert.ok(encode(field, value).length <= 2 * cut.length + 1024);
        taken += 1;
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
      }
    }
  }
  assert.ok(taken > MESSAGES / 10, `${taken} of ${MESSAGES} were taken`);
});
