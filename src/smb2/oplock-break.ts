/**
 * MS-SMB2 2.2.23 to 2.2.25: OPLOCK_BREAK. Notification, acknowledgment and response; each for an oplock
 * or for a lease, which StructureSize tells apart.
 */
import { bytes, id64, is, pad, struct, u8, u16, u32, type Wire } from '../wire/struct.ts';
import { WireError } from '../wire/wire-error.ts';
import { HEADER_SIZE } from './header.ts';

const OPLOCK_SIZE = 24;
const LEASE_SIZE = 36;
const LEASE_NOTIFICATION_SIZE = 44;

/** Notification, acknowledgment and response of an oplock have one form. */
const Oplock = struct('SMB2 OPLOCK_BREAK', '2.2.24.1', {
  structureSize: is(u16, OPLOCK_SIZE),
  oplockLevel: u8,
  reserved: pad(1),
  reserved2: pad(4),
  persistentId: id64,
  volatileId: id64,
});

/** Acknowledgment and response of a lease. */
const Lease = struct('SMB2 Lease Break Acknowledgment', '2.2.24.2', {
  structureSize: is(u16, LEASE_SIZE),
  reserved: pad(2),
  flags: pad(4),
  leaseKey: bytes(16),
  leaseState: u32,
  leaseDuration: pad(8),
});

const LeaseNotification = struct('SMB2 Lease Break Notification', '2.2.23.2', {
  structureSize: is(u16, LEASE_NOTIFICATION_SIZE),
  newEpoch: u16,
  flags: u32,
  leaseKey: bytes(16),
  currentLeaseState: u32,
  newLeaseState: u32,
  breakReason: pad(4),
  accessMaskHint: pad(4),
  shareMaskHint: pad(4),
});

export type OplockBreak = { readonly kind: 'oplock' } & Wire<typeof Oplock>;
export type LeaseBreak = { readonly kind: 'lease' } & Wire<typeof Lease>;
export type LeaseBreakNotification = { readonly kind: 'lease' } & Wire<typeof LeaseNotification>;

/** An acknowledgment, 2.2.24. */
export type OplockBreakRequest = OplockBreak | LeaseBreak;
/** 2.2.25 */
export type OplockBreakResponse = OplockBreak | LeaseBreak;
/** What the server sends unasked, 2.2.23. */
export type OplockBreakNotification = OplockBreak | LeaseBreakNotification;

function structureSize(message: Buffer): number {
  if (message.length < HEADER_SIZE + 2) throw new WireError(Oplock.name, 'no StructureSize');
  return message.readUInt16LE(HEADER_SIZE);
}

function decodeBreak(message: Buffer): OplockBreak | LeaseBreak {
  return structureSize(message) === LEASE_SIZE
    ? { kind: 'lease', ...Lease.read(message, HEADER_SIZE) }
    : { kind: 'oplock', ...Oplock.read(message, HEADER_SIZE) };
}

const encodeBreak = (v: OplockBreak | LeaseBreak): Buffer =>
  v.kind === 'lease' ? Lease.encode(v) : Oplock.encode(v);

export const decodeOplockBreakRequest = (message: Buffer): OplockBreakRequest =>
  decodeBreak(message);
export const encodeOplockBreakRequest = (v: OplockBreakRequest): Buffer => encodeBreak(v);
export const decodeOplockBreakResponse = (message: Buffer): OplockBreakResponse =>
  decodeBreak(message);
export const encodeOplockBreakResponse = (v: OplockBreakResponse): Buffer => encodeBreak(v);

export const decodeOplockBreakNotification = (message: Buffer): OplockBreakNotification =>
  structureSize(message) === LEASE_NOTIFICATION_SIZE
    ? { kind: 'lease', ...LeaseNotification.read(message, HEADER_SIZE) }
    : { kind: 'oplock', ...Oplock.read(message, HEADER_SIZE) };
export const encodeOplockBreakNotification = (v: OplockBreakNotification): Buffer =>
  v.kind === 'lease' ? LeaseNotification.encode(v) : Oplock.encode(v);
