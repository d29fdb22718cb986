/**
 * What the keeper and the process that it keeps (docs/adr/0008-workers.md) tell each other, one packet a message; with some of
 * them a descriptor goes along. Total: whatever comes is a message within its bounds, or a WireError.
 */
import { MAX_HANDED_SOCKETS, MAX_KEPT_VALUE_BYTES, MAX_SOCKET_NAME_BYTES } from '../base/limits.ts';
import {
  blob,
  decode,
  encode,
  flag,
  list,
  oneOf,
  record,
  text,
  u32,
  type Value,
  variant,
  whole,
} from '../ipc/fields.ts';

/** What a service manager is told. */
const MAX_STATUS_BYTES = 8 * 1024;

const kept = record({ key: whole, value: blob(MAX_KEPT_VALUE_BYTES) });

/** From the process that serves. */
const toKeeper = variant({
  /** With a descriptor, or none: it stays the one that came with this key before. */
  put: kept,
  delete: record({ key: whole }),
  /** All that was put is of no account. */
  reset: record({}),
  /** It has taken over what it was given at its start. */
  state: record({
    state: oneOf('ready', 'reloading', 'stopping'),
    status: text(MAX_STATUS_BYTES),
  }),
  alive: record({}),
});

/** To it: `begin`, each that there is, `done`; nothing more. */
const toServer = variant({
  begin: record({
    /** It is not the first: who started the keeper has been told where to find it. */
    isAgain: flag,
    maxDescriptors: u32,
    /** How often it has to say that it is alive; 0: nobody wants to know. */
    watchdogMs: u32,
    /** Names of the sockets that listen, which are its descriptors from FIRST_SOCKET_FD on. */
    sockets: list(text(MAX_SOCKET_NAME_BYTES), MAX_HANDED_SOCKETS),
  }),
  kept,
  done: record({}),
});

export type ToKeeper = Value<typeof toKeeper>;
export type ToServer = Value<typeof toServer>;

/** A packet holds any message: its kind, its fields, and the one value that is long. */
export const MAX_PACKET_BYTES =
  Math.max(MAX_KEPT_VALUE_BYTES, MAX_HANDED_SOCKETS * (MAX_SOCKET_NAME_BYTES + 4)) + 1024;

export const encodeToKeeper = (message: ToKeeper): Buffer => encode(toKeeper, message);
export const encodeToServer = (message: ToServer): Buffer => encode(toServer, message);

export const decodeToKeeper = (packet: Buffer): ToKeeper =>
  decode(toKeeper, packet, 'message to the keeper');
export const decodeToServer = (packet: Buffer): ToServer =>
  decode(toServer, packet, 'message from the keeper');
