/** The NetBIOS name service: packets by their bytes (RFC 1002 4.2), who is answered and what, and one over UDP. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { createLogger } from '../base/log.ts';
import { createServer } from '../create-server.ts';
import { WireError } from '../wire/wire-error.ts';
import { decodeNameRequest } from './name-packet.ts';
import { answerTo, neighbourOf, ownNames, serveNames } from './name-service.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** A name in half bytes, by its letters. */
function encoded(name: string, suffix: number, filler = ' '): string {
  const bytes = Buffer.from(name.padEnd(15, filler) + String.fromCharCode(suffix), 'latin1');
  const letters = [...bytes].flatMap((byte) => [0x41 + (byte >> 4), 0x41 + (byte & 15)]);
  return `20${Buffer.from(letters).toString('hex')}00`;
}

const query = (name: string, suffix: number, type: string, filler = ' '): Buffer =>
  hex(`1234 0110 0001 0000 0000 0000 ${encoded(name, suffix, filler)} ${type} 0001`);
const registration = (name: string, suffix: number): Buffer =>
  hex(
    `1234 2910 0001 0000 0000 0001 ${encoded(name, suffix)} 0020 0001
     c00c 0020 0001 00000000 0006 0000 0a000009`,
  );

const NAMES = ownNames('files', 'Workgroup');
const AT = { address: '10.0.0.1', mac: '02:00:00:00:00:07' };
const told = (packet: Buffer) => answerTo(decodeNameRequest(packet)!, NAMES, AT);

test('a name is told with the address, authoritatively', () => {
  assert.deepEqual(
    told(query('FILES', 0x20, '0020')),
    hex(`1234 8500 0000 0001 0000 0000 ${encoded('FILES', 0x20)} 0020 0001 00000e10 0006
         0000 0a000001`),
  );
  const group = told(query('WORKGROUP', 0x1e, '0020'))!;
  assert.equal(group.readUInt16BE(group.length - 6), 0x8000);
});

test('the status of a node has all its names', () => {
  const status = told(query('*', 0, '0021', '\0'))!;
  const data = status.subarray(12 + 34 + 10);
  assert.equal(data[0], NAMES.length);
  const names = NAMES.map((_, i) => data.toString('latin1', 1 + 18 * i, 16 + 18 * i).trim());
  assert.deepEqual(names, ['FILES', 'FILES', 'FILES', 'WORKGROUP', 'WORKGROUP']);
  assert.deepEqual(data.subarray(1 + 18 * NAMES.length).subarray(0, 6), hex('020000000007'));
});

test('who claims a name of its own is told that it is taken; others are left alone', () => {
  const taken = told(registration('FILES', 0x20))!;
  assert.equal(taken.readUInt16BE(2) & 0x800f, 0x8006);
  assert.equal(told(registration('OTHER', 0x20)), undefined);
  assert.equal(told(registration('WORKGROUP', 0x00)), undefined);
  assert.equal(told(query('OTHER', 0x20, '0020')), undefined);
  assert.equal(told(query('FILES', 0x1b, '0020')), undefined);
});

test('only neighbours are answered', () => {
  const info = { family: 'IPv4', address: '10.1.2.3', cidr: '10.1.2.3/24' } as never;
  assert.equal(neighbourOf('10.1.2.77', { eth0: [info] }), info);
  assert.equal(neighbourOf('10.1.3.77', { eth0: [info] }), undefined);
});

test('every cut, and whatever else comes, is a request, no request, or a WireError', () => {
  const whole = query('FILES', 0x20, '0020');
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeNameRequest(whole.subarray(0, length)), WireError);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      try {
        decodeNameRequest(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof WireError);
      }
    }),
  );
});

test('while it is off nothing of it is loaded', () => {
  const script = fileURLToPath(new URL('../../test/support/loaded-modules.ts', import.meta.url));
  const loaded = (...words: readonly string[]): string[] =>
    execFileSync(process.execPath, [script, String(0x0202), ...words], { encoding: 'utf8' })
      .split('\n')
      .filter((url) => url.includes('/src/netbios/'));
  assert.deepEqual(loaded(), []);
  // The same look finds it where it is.
  assert.ok(loaded('netbios').length > 0);
});

async function asked(port: number, packet: Buffer): Promise<Buffer> {
  const socket = createSocket('udp4');
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('message', resolve);
      socket.send(packet, port, '127.0.0.1');
    });
  } finally {
    socket.close();
  }
}

test('over UDP, and what is malformed does no harm', async () => {
  const names = await serveNames({
    ...{ name: 'files', workgroup: 'W', port: 0, address: '127.0.0.1', log: createLogger() },
  });
  try {
    const junk = createSocket('udp4');
    await new Promise((resolve) =>
      junk.send(Buffer.alloc(20, 1), names.port, '127.0.0.1', resolve),
    );
    junk.close();
    const answer = await asked(names.port, query('FILES', 0x20, '0020'));
    assert.deepEqual(answer.subarray(-4), Buffer.from([127, 0, 0, 1]));
  } finally {
    await names.close();
  }
});

test('a server serves all its ports', async () => {
  const free = async (): Promise<number> => {
    const one = await serveNames({
      ...{ name: 'x', workgroup: 'W', port: 0, address: '127.0.0.1', log: createLogger() },
    });
    await one.close();
    return one.port;
  };
  const [first, second] = [await free(), await free()];
  const server = createServer({ global: { smbPorts: [first, second], disableNetbios: true } });
  try {
    const listening = await server.listen({ address: '127.0.0.1' });
    assert.equal(listening.port, first);
    const { FrameSocket } = await import('../client/frame-socket.ts');
    for (const port of [first, second]) {
      const socket = await FrameSocket.open({ host: '127.0.0.1', port, timeoutMs: 2_000 });
      socket.destroy();
    }
  } finally {
    await server.close();
  }
});
