import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { configure } from './config/configuration.ts';
import { portByTables, sortSockets } from './handed-sockets.ts';
import { socketPair } from './native/descriptors.ts';
import { missing } from './native/library.ts';
import { listeningAddress, listenSocket, localAddress } from './native/listen-socket.ts';
import { tcpSocket } from './native/socket.ts';

const skip = missing !== undefined || process.platform !== 'linux';
const LOOPBACK = Uint8Array.of(127, 0, 0, 1);

interface Made {
  readonly fd: number;
  readonly port: number;
}

function listening(): Made {
  const fd = listenSocket(LOOPBACK, 0, false);
  assert.ok(fd >= 0);
  return { fd, port: localAddress(fd)!.port };
}

const close = (...made: readonly Made[]): void => {
  for (const { fd } of made) closeSync(fd);
};

test('a socket is for what its name says, else for what has its port, else for SMB', {
  skip,
}, () => {
  const sockets = Array.from({ length: 8 }, listening);
  const [direct, metrics, mapper, rpc, plain, ...named] = sockets;
  const { global } = configure({
    global: {
      smbDirect: true,
      smbDirectPort: direct!.port,
      metricsPort: metrics!.port,
      rpcOverTcp: true,
      rpcMapperPort: mapper!.port,
      rpcServerPort: rpc!.port,
    },
  });
  const names = [
    'usmbd.socket',
    'unknown',
    '',
    'usmbd.socket',
    'usmbd.socket',
    'smb-direct',
    'epmap',
  ];
  const handed = [...names, 'smb'].map((name, i) => ({ fd: sockets[i]!.fd, name }));
  assert.deepEqual(sortSockets(global, handed), {
    served: [
      { fd: direct!.fd, use: 'smb-direct' },
      { fd: metrics!.fd, use: 'metrics' },
      { fd: plain!.fd, use: 'smb' },
      { fd: named[0]!.fd, use: 'smb-direct' },
      { fd: named[2]!.fd, use: 'smb' },
    ],
    mapper: [mapper!.fd, named[1]!.fd],
    rpc: [rpc!.fd],
  });
  close(...sockets);
});

test('what nobody would serve is refused, and it is said what to set', { skip }, () => {
  const made = listening();
  const { global } = configure({});
  const refused = (name: string, text: RegExp): void =>
    assert.throws(() => sortSockets(global, [{ fd: made.fd, name }]), text);
  refused('smb-direct', /is off: set "smb direct = yes" under \[global\]/);
  refused('metrics', /set "metrics port"/);
  refused('epmap', /set "rpc over tcp = yes"/);
  refused('rpc', /set "rpc over tcp = yes"/);
  close(made);
});

test('what is no TCP socket that listens is refused, with native calls and without', {
  skip,
}, () => {
  const { global } = configure({});
  const [one, other] = socketPair('stream') as readonly [number, number];
  const file = openSync('/dev/null', 'r');
  const mute = tcpSocket();
  const refused = (fd: number, text: RegExp): void =>
    assert.throws(() => sortSockets(global, [{ fd, name: 'unknown' }]), text);
  refused(
    one,
    /^SetupError: descriptor \d+ \("unknown"\), handed over, is no TCP socket: .*ListenStream=/,
  );
  refused(file, /is no socket: /);
  refused(mute, /does not listen: .*Accept=no/);
  refused(9999, /is no socket: /);
  assert.equal(portByTables(one), 'no TCP socket');
  assert.equal(portByTables(file), 'no socket');
  assert.equal(portByTables(9999), 'no socket');
  // One that has no port yet is in none of the tables.
  assert.equal(portByTables(mute), 'no TCP socket');
  const made = listening();
  assert.equal(portByTables(made.fd), made.port);
  assert.deepEqual(listeningAddress(made.fd), { address: '127.0.0.1', port: made.port });
  for (const fd of [one, other, file, mute, made.fd]) closeSync(fd);
});
