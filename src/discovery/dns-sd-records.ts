/**
 * What is told of a server by DNS-SD (RFC 6763): _smb._tcp, _device-info._tcp for its picture in the Finder, and
 * _adisk._tcp where a share takes backups of Time Machine (Apple, "Time Machine over SMB Specification").
 */
import { isIPv4 } from 'node:net';
import type { Services } from './announcement.ts';
import { type DnsName, type DnsRecord, DnsType, encodeName } from './dns-message.ts';

/** Seconds; RFC 6762 10: short where a host's addresses are in it. */
const HOST_TTL = 120;
const OTHER_TTL = 4500;
/** RFC 863, for what has no port of its own. */
const DISCARD_PORT = 9;
const MAX_STRING_BYTES = 255;
/** Of _adisk: there are disks below (sys), and each takes backups by SMB (dk). */
const SYSTEM_FLAGS = '0x100';
const SMB_DISK_FLAGS = '0x82';

const ALL_TYPES: DnsName = ['_services', '_dns-sd', '_udp', 'local'];

/** Names that have to be free on the network. */
export interface OwnNames {
  /** Of the services. */
  readonly instance: string;
  /** Of the machine, without ".local". */
  readonly host: string;
}

interface Service {
  readonly type: string;
  readonly port: number;
  readonly txt: readonly string[];
}

function services({ port, model, backupDisks }: Services): Service[] {
  const disks = backupDisks
    .map((share, i) => `dk${i}=adVN=${share},adVF=${SMB_DISK_FLAGS}`)
    .filter((text) => Buffer.byteLength(text) <= MAX_STRING_BYTES);
  const adisk = [`sys=waMa=0,adVF=${SYSTEM_FLAGS}`, ...disks];
  return [
    { type: '_smb', port, txt: [] },
    { type: '_device-info', port: DISCARD_PORT, txt: [`model=${model}`] },
    ...(disks.length > 0 ? [{ type: '_adisk', port: DISCARD_PORT, txt: adisk }] : []),
  ];
}

/** RFC 6763 6.1: without any there is an empty one. */
function txtData(strings: readonly string[]): Buffer {
  const texts = (strings.length > 0 ? strings : ['']).map((text) => Buffer.from(text));
  return Buffer.concat(texts.flatMap((text) => [Buffer.from([text.length]), text]));
}

function srvData(port: number, target: DnsName): Buffer {
  const fixed = Buffer.alloc(6);
  fixed.writeUInt16BE(port, 4);
  return Buffer.concat([fixed, encodeName(target)]);
}

/** An IPv6 address without a zone. */
function bytesOfV6(address: string): Buffer {
  const [before = '', after] = address.split('::');
  const groups = (text: string): number[] =>
    text.split(':').flatMap((group) => (group === '' ? [] : Number.parseInt(group, 16)));
  const first = groups(before);
  const last = groups(after ?? '');
  const bytes = Buffer.alloc(16);
  for (const [i, group] of first.entries()) bytes.writeUInt16BE(group, 2 * i);
  for (const [i, group] of last.entries()) bytes.writeUInt16BE(group, 16 - 2 * (last.length - i));
  return bytes;
}

/** RFC 6762 6.1: of this name there are these types and no others. */
function nsecOf(name: DnsName, types: readonly number[], ttl: number): DnsRecord {
  const bits = Buffer.alloc(Math.floor(Math.max(...types) / 8) + 1);
  for (const type of types) bits[type >> 3]! |= 0x80 >> (type & 7);
  const data = Buffer.concat([encodeName(name), Buffer.from([0, bits.length]), bits]);
  return { name, type: DnsType.NSEC, unique: true, ttl, data };
}

export const hostName = ({ host }: OwnNames): DnsName => [host, 'local'];

const own = (name: DnsName, type: number, ttl: number, data: Buffer): DnsRecord => ({
  ...{ name, type, unique: true, ttl, data },
});
const shared = (name: DnsName, target: DnsName): DnsRecord => ({
  ...{ name, type: DnsType.PTR, unique: false, ttl: OTHER_TTL, data: encodeName(target) },
});

/** Of the machine itself, by these addresses of one of its interfaces. */
export function addressRecords(names: OwnNames, addresses: readonly string[]): DnsRecord[] {
  const host = hostName(names);
  const records = addresses.map((address) =>
    isIPv4(address)
      ? own(host, DnsType.A, HOST_TTL, Buffer.from(address.split('.').map(Number)))
      : own(host, DnsType.AAAA, HOST_TTL, bytesOfV6(address)),
  );
  const types = [...new Set(records.map(({ type }) => type))];
  return types.length === 0 ? [] : [...records, nsecOf(host, types, HOST_TTL)];
}

/** Of all services, without the addresses. */
export function serviceRecords(names: OwnNames, told: Services): DnsRecord[] {
  return services(told).flatMap(({ type, port, txt }) => {
    const kind: DnsName = [type, '_tcp', 'local'];
    const instance: DnsName = [names.instance, ...kind];
    return [
      shared(ALL_TYPES, kind),
      shared(kind, instance),
      own(instance, DnsType.SRV, HOST_TTL, srvData(port, hostName(names))),
      own(instance, DnsType.TXT, OTHER_TTL, txtData(txt)),
      nsecOf(instance, [DnsType.TXT, DnsType.SRV], OTHER_TTL),
    ];
  });
}
