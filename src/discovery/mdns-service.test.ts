/** A responder of multicast DNS, asked on the loopback's own network, where nobody else is. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Logger, SILENT_LOGGER } from '../base/log.ts';
import type { Services } from './announcement.ts';
import {
  type DnsMessage,
  type DnsRecord,
  DnsType,
  decodeDns,
  encodeDns,
  encodeName,
  sameName,
} from './dns-message.ts';
import { addressRecords, serviceRecords } from './dns-sd-records.ts';
import {
  answersTo,
  besides,
  MDNS_GROUP as GROUP,
  MdnsService,
  MDNS_PORT as PORT,
} from './mdns-service.ts';
import { placesOf } from './places.ts';

const HERE = '127.0.0.1';
const SMB = ['_smb', '_tcp', 'local'];
const names = { instance: 'OFFICE', host: 'nas' };
const told: Services = {
  ...{ instance: 'OFFICE', port: 445, model: 'MacSamba', backupDisks: ['backups'] },
};
const records = [
  ...serviceRecords(names, told),
  ...addressRecords(names, ['10.0.0.1', 'fe80::1:2', '2001:db8::5']),
];
const question = (name: readonly string[], type: number) => ({ name, type, unicast: false });
const typesOf = (all: readonly DnsRecord[]): number[] => all.map(({ type }) => type);
const ask = (name: readonly string[], type: number, known: readonly DnsRecord[] = []) =>
  answersTo({ questions: [question(name, type)], answers: known }, records);

test('a kind of service leads to the instance, and that to port and addresses', () => {
  const answers = ask(SMB, DnsType.PTR);
  assert.deepEqual(
    answers.map(({ data }) => data),
    [encodeName(['OFFICE', ...SMB])],
  );
  const { SRV, TXT, NSEC, A, AAAA } = DnsType;
  assert.deepEqual(typesOf(besides(answers, records)), [SRV, TXT, NSEC, A, AAAA, AAAA]);
  const [service] = ask(['office', ...SMB], SRV);
  assert.equal(
    service?.data.toString('hex'),
    `0000000001bd${encodeName(['nas', 'local']).toString('hex')}`,
  );
  assert.deepEqual(typesOf(besides([service!], records)), [A, AAAA, AAAA]);
});

test('addresses, and what there is of a name that has no such record', () => {
  const dataOf = (type: number) =>
    ask(['nas', 'local'], type).map(({ data }) => data.toString('hex'));
  assert.deepEqual(dataOf(DnsType.A), ['0a000001']);
  assert.deepEqual(dataOf(DnsType.AAAA), [
    'fe800000000000000000000000010002',
    '20010db8000000000000000000000005',
  ]);
  // Types 1 and 28 in the first window.
  assert.deepEqual(dataOf(DnsType.TXT), [
    `${encodeName(['nas', 'local']).toString('hex')}000440000008`,
  ]);
  assert.deepEqual(ask(['other', 'local'], DnsType.A), []);
});

test('what the asker knows for long enough is not told again', () => {
  const [known] = ask(SMB, DnsType.PTR);
  assert.deepEqual(ask(SMB, DnsType.PTR, [{ ...known!, ttl: known!.ttl / 2 }]), []);
  assert.equal(ask(SMB, DnsType.PTR, [{ ...known!, ttl: known!.ttl / 2 - 1 }]).length, 1);
});

test('a disk for Time Machine, and none', () => {
  const kind = ['_adisk', '_tcp', 'local'];
  const [txt] = ask(['OFFICE', ...kind], DnsType.TXT);
  const [first = '', second = ''] = ['sys=waMa=0,adVF=0x100', 'dk0=adVN=backups,adVF=0x82'];
  const wanted = [first, second].map((text) => String.fromCharCode(text.length) + text).join('');
  assert.equal(txt?.data.toString(), wanted);
  const without = serviceRecords(names, { ...told, backupDisks: [] });
  assert.ok(!without.some(({ name }) => sameName(name, kind)));
});

/** Hears what is sent to all, and asks. */
async function listener(): Promise<{ socket: Socket; heard: DnsMessage[] }> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  const heard: DnsMessage[] = [];
  socket.on('message', (bytes) => {
    const message = decodeDns(bytes);
    if (message?.isResponse === true) heard.push(message);
  });
  await new Promise<void>((resolve) => socket.bind(PORT, () => resolve()));
  socket.addMembership(GROUP, HERE);
  socket.setMulticastInterface(HERE);
  after(() => socket.close());
  return { socket, heard };
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, what);
    await delay(20);
  }
}

/** What the responder has logged of its names. */
function serving(port: number): { service: MdnsService; now: () => unknown } {
  let now: unknown;
  const log: Logger = {
    ...SILENT_LOGGER,
    info: (_message, details) => {
      now = details?.name;
    },
  };
  const places = () => placesOf([HERE]);
  const services = { ...told, instance: 'TEST OFFICE', port };
  const options = { services, host: 'usmbd-test', places, addressesAt: () => [HERE], log };
  return { service: new MdnsService(options), now: () => now };
}

test('announced, asked, in the way of another, and gone', async () => {
  const { socket, heard } = await listener();
  const first = serving(445);
  await first.service.start();
  const instance = ['TEST OFFICE', ...SMB];
  const has = (name: readonly string[], isGone = false) =>
    heard.some(({ answers }) =>
      answers.some((one) => sameName(one.name, name) && (one.ttl === 0) === isGone),
    );
  await until(() => has(instance), 'it is announced');
  assert.equal(first.now(), 'TEST OFFICE');

  await delay(1200);
  heard.length = 0;
  socket.send(encodeDns({ questions: [question(SMB, DnsType.PTR)] }), PORT, GROUP);
  await until(() => has(SMB), 'a question to all is answered to all');

  const alone = createSocket('udp4');
  after(() => alone.close());
  const answered = new Promise<Buffer>((resolve) => alone.once('message', resolve));
  await new Promise<void>((resolve) => alone.bind(0, HERE, resolve));
  alone.setMulticastInterface(HERE);
  alone.send(encodeDns({ id: 77, questions: [question(instance, DnsType.SRV)] }), PORT, GROUP);
  const answer = decodeDns(await answered);
  assert.equal(answer?.id, 77, 'a plain resolver gets its own answer');
  assert.deepEqual(
    answer?.answers.map(({ type, ttl, unique }) => [type, ttl, unique]),
    [[DnsType.SRV, 10, false]],
  );

  const second = serving(4450);
  await second.service.start();
  await until(() => second.now() !== undefined, 'the second one finds a name');
  assert.notEqual(second.now(), 'TEST OFFICE');
  assert.match(String(second.now()), /^TEST OFFICE \(\d+\)$/);
  await second.service.close();

  heard.length = 0;
  await first.service.close();
  await until(() => has(instance, true), 'it says goodbye');
});

test('an address that the machine does not have yet is no reason to give up', async () => {
  const [loopback] = networkInterfaces().lo!;
  const away = { address: '192.0.2.77', cidr: '192.0.2.77/24', internal: false };
  const places = () => placesOf(undefined, { eth9: [{ ...loopback!, ...away }] });
  const options = { services: told, host: 'usmbd-test', places, addressesAt: () => [] };
  const service = new MdnsService({ ...options, log: SILENT_LOGGER });
  await service.start();
  await service.close();
});

test('closed while it asks whether its name is free', async () => {
  const { service } = serving(445);
  await service.start();
  await service.close();
});
