import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { CuttableWay } from './cuttable.ts';

const run = promisify(execFile);

test('what a port sends is held back from -I to -D, and nothing else is', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const way = await CuttableWay.open('127.0.0.1', (server.address() as AddressInfo).port);
  t.after(() => way.close());
  const program = way.options[1]!.replace('iptables_command=', '');
  const enter = async (): Promise<[client: Socket, accepted: Socket]> => {
    const accepted = once(server, 'connection');
    const client = connect(way.port, '127.0.0.1');
    await once(client, 'connect');
    return [client, (await accepted)[0] as Socket];
  };
  const [cut, ofCut] = await enter();
  const [other, ofOther] = await enter();
  const heard: string[] = [];
  for (const socket of [cut, ofCut, ofOther]) socket.on('data', (data) => heard.push(String(data)));

  const rule = ['SMBTORTURE_x', '-p', 'tcp', '--sport', String(cut.localPort), '-j', 'DROP'];
  await run(program, ['-N', 'SMBTORTURE_x']);
  await run(program, ['-I', ...rule]);
  cut.write('held back');
  ofCut.write('answer');
  await once(cut, 'data');
  other.write('other');
  await once(ofOther, 'data');
  assert.deepEqual(heard, ['answer', 'other']);

  await run(program, ['-D', ...rule]);
  if (heard.length === 2) await once(ofCut, 'data');
  assert.deepEqual(heard, ['answer', 'other', 'held back']);
  const ended = once(ofCut, 'close');
  cut.destroy();
  other.destroy();
  await ended;
});
