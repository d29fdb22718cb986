/** MS-RAP 3.2.5: what is answered about sessions, users and printers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DataPlane, SessionRecord } from '../../ipc/data-plane.ts';
import { context } from './connect.support.test.ts';
import { answerRap } from './rap-service.ts';

const word = (value: number): Buffer => {
  const b = Buffer.alloc(2);
  b.writeUInt16LE(value);
  return b;
};
const text = (value: string): Buffer => Buffer.from(`${value}\0`, 'latin1');
const RECEIVE = word(4096);

/** Opcode, ParamDesc, DataDesc, and what ParamDesc announces. */
const request = (opcode: number, parameters: string, data: string, ...rest: Buffer[]): Buffer =>
  Buffer.concat([word(opcode), text(parameters), text(data), ...rest]);

const session = (user: string, address: string): SessionRecord => ({
  sessionId: 1,
  state: 'valid',
  user,
  account: 'user',
  createdAtMs: Date.now() - 60_000,
  signing: 'offered',
  encryption: 'none',
  channels: [{ address, dialect: 'NT LM 0.12', idleMs: 2_000 } as SessionRecord['channels'][0]],
  trees: [],
  opens: 3,
  watches: 0,
});

const listing = <T>(all: readonly T[]) => {
  const pages = [all];
  return { next: () => pages.shift() };
};

const SESSIONS = [session('anna', '10.0.0.1'), session('bob', '10.0.0.2')];
const dataPlane = (): DataPlane =>
  ({
    summary: () => ({}),
    connections: () => listing([]),
    sessions: ({ user }: { user?: string }) =>
      listing(SESSIONS.filter((one) => user === undefined || one.user === user)),
    opens: () => listing([]),
  }) as unknown as DataPlane;

const SESSION_DATA = 'zzWWWDDDz';
const sessionEnum = (level = 2) => request(6, 'WrLeh', SESSION_DATA, word(level), RECEIVE);
const told = (data: Buffer, at: number): string => {
  const from = data.readUInt16LE(at);
  return data.toString('latin1', from, data.indexOf(0, from));
};

test('an administrator is told of all sessions, others of their own', async () => {
  const all = await answerRap(sessionEnum(), context({ administrator: true, dataPlane }));
  assert.equal(all.parameters.toString('hex'), '0000000002000200');
  // Two pointers, three numbers of two bytes, three of four, a pointer.
  const entry = 4 + 4 + 6 + 12 + 4;
  assert.deepEqual([told(all.data, 0), told(all.data, 4)], ['10.0.0.1', 'anna']);
  assert.deepEqual([told(all.data, entry), told(all.data, entry + 4)], ['10.0.0.2', 'bob']);
  assert.equal(all.data.readUInt16LE(10), 3, 'opens');
  assert.equal(all.data.readUInt32LE(14), 60, 'seconds');
  assert.equal(told(all.data, entry - 4), 'NT LM 0.12');
  const own = await answerRap(sessionEnum(), context({ dataPlane }));
  assert.equal(own.parameters.toString('hex'), '0000000001000100');
  assert.equal(told(own.data, 4), 'anna');
});

test('a session by its client, and what is refused', async () => {
  const by = (client: string, level = 2) =>
    answerRap(
      request(7, 'zWrLh', SESSION_DATA, text(client), word(level), RECEIVE),
      context({ dataPlane }),
    );
  assert.equal(told((await by('\\\\10.0.0.1')).data, 4), 'anna');
  // Somebody else's: NERR_ClientNameNotFound.
  assert.equal((await by('\\\\10.0.0.2')).parameters.readUInt16LE(0), 2312);
  assert.equal((await by('10.0.0.1', 1)).parameters.readUInt16LE(0), 124);
  const other = await answerRap(sessionEnum(10), context({ dataPlane }));
  assert.equal(other.parameters.readUInt16LE(0), 124);
  const unknown = await answerRap(sessionEnum(), context());
  assert.equal(unknown.parameters.readUInt16LE(0), 50);
});

test('accounts by name, at each level as long as its descriptor says', async () => {
  const list = await answerRap(request(0x35, 'WrLeh', 'B21', word(0), RECEIVE), context());
  assert.equal(list.data.toString('latin1').replaceAll('\0', ' ').split(/ +/)[0], 'anna');
  assert.equal(list.data.length, 42);
  const sizes: [number, number][] = [
    [0, 21],
    [1, 21 + 1 + 16 + 4 + 2 + 8 + 2 + 4],
    [2, 21 + 1 + 16 + 4 + 2 + 8 + 2 + 4 + 4 + 16 + 16 + 2 + 4 + 4 + 4 + 4],
    [10, 21 + 1 + 12],
    [11, 21 + 1 + 12 + 2 + 8 + 8 + 8 + 4 + 4 + 2 + 4 + 4 + 2 + 4 + 2],
  ];
  for (const [level, size] of sizes) {
    const asked = request(0x38, 'zWrLh', '', text('BOB'), word(level), RECEIVE);
    const { parameters, data } = await answerRap(asked, context());
    assert.equal(parameters.readUInt16LE(0), 0, `level ${level}`);
    assert.equal(data.toString('latin1', 0, 4), 'bob\0');
    // The first string lies where the fixed part ends.
    if (level >= 10) assert.equal(data.readUInt16LE(22), size, `level ${level}`);
    else if (level > 0) assert.equal(data.readUInt16LE(44), size, `level ${level}`);
    else assert.equal(data.length, size);
  }
  const at = (user: string, level: number) =>
    answerRap(request(0x38, 'zWrLh', '', text(user), word(level), RECEIVE), context());
  assert.equal((await at('carl', 0)).parameters.readUInt16LE(0), 2221);
  assert.equal((await at('bob', 3)).parameters.readUInt16LE(0), 124);
});

test('there are no printers', async () => {
  const queues = await answerRap(request(0x45, 'WrLeh', 'B13', word(0), RECEIVE), context());
  assert.equal(queues.parameters.toString('hex'), '0000000000000000');
  const level = await answerRap(request(0x45, 'WrLeh', 'B13', word(6), RECEIVE), context());
  assert.equal(level.parameters.readUInt16LE(0), 124);
  const queue = request(0x46, 'zWrLh', 'z', text('laser'), word(5), RECEIVE);
  assert.equal((await answerRap(queue, context())).parameters.readUInt16LE(0), 2150);
  const job = await answerRap(request(0x51, 'W', '', word(4)), context());
  assert.equal(job.parameters.readUInt16LE(0), 2151);
});

test('the groups of a user, and what is refused', async () => {
  const groups = (user: string, level = 0) =>
    answerRap(request(0x3b, 'zWrLeh', 'B21', text(user), word(level), RECEIVE), context());
  const { parameters, data } = await groups('BOB');
  assert.equal(parameters.toString('hex'), '0000000001000100');
  assert.equal(data.toString('latin1'), 'None'.padEnd(21, '\0'));
  assert.equal((await groups('carl')).parameters.readUInt16LE(0), 2221);
  assert.equal((await groups('bob', 1)).parameters.readUInt16LE(0), 124);
});

test('servers and domains: by type, of this domain, from a name on (NetServerEnum3)', async () => {
  const { server } = context();
  const dword = (value: number): Buffer => {
    const b = Buffer.alloc(4);
    b.writeUInt32LE(value);
    return b;
  };
  const names = async (type: number, domain = '', first?: string): Promise<string | number> => {
    const [opcode, parameters] = first === undefined ? [0x68, 'WrLehDz'] : [0xd7, 'WrLehDzz'];
    const more = first === undefined ? [] : [text(first)];
    const rest = [word(0), RECEIVE, dword(type), text(domain), ...more];
    const told = await answerRap(
      request(opcode as number, parameters as string, 'B16', ...rest),
      context(),
    );
    const status = told.parameters.readUInt16LE(0);
    return status === 0 ? told.data.toString('latin1').replaceAll('\0', '') : status;
  };
  for (const type of [0xffff_ffff, 0x4000_0000, 0x4000_0002, 0x2]) {
    assert.equal(await names(type), server.name, type.toString(16));
  }
  assert.equal(await names(0x4), '', 'no SQL server');
  assert.equal(await names(0x8000_0000), server.workgroup);
  assert.equal(await names(0xc000_0000), server.workgroup);
  // ERROR_INVALID_FUNCTION
  assert.equal(await names(0x8000_0002), 1);
  assert.equal(await names(0xffff_ffff, server.workgroup.toLowerCase()), server.name);
  assert.equal(await names(0xffff_ffff, 'ELSEWHERE'), '');
  assert.equal(await names(0xffff_ffff, '', ''), server.name);
  assert.equal(await names(0xffff_ffff, '', server.name.toLowerCase()), server.name);
  assert.equal(await names(0xffff_ffff, '', 'ZZZ'), '');
  assert.equal(await names(0x8000_0000, '', server.workgroup), server.workgroup);
});
