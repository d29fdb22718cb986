/** Where the scripts are played: a server in this process, and personas that come to it. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import type { ClientConnection } from '../../src/client/connection.ts';
import type { Answer } from '../../src/client/exchange.ts';
import { createRequest, type OpenOptions } from '../../src/client/requests.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { type ConfigurationInput, configure } from '../../src/config/configuration.ts';
import type { NtStatus } from '../../src/dtyp/ntstatus.ts';
import type { ServerOptions } from '../../src/server-interface.ts';
import { createMemoryVfs, type MemoryVfs } from '../../src/vfs/memory/memory.ts';
import type { Vfs } from '../../src/vfs/vfs.ts';
import { credentials, SHARE, startServer, type TestServer } from '../support/in-process-server.ts';
import { AS_IT_IS, type Persona, type Protection, win11 } from './personas.ts';

export interface Stage {
  readonly server: TestServer;
  readonly memory: MemoryVfs;
  /** A connection of its own, logged in, with the share. */
  enter(persona?: Persona, protection?: Protection): Promise<ClientTree>;
}

/** A server that leaves signing to its clients and takes unknown users for guests. */
export const LENIENT: NonNullable<ConfigurationInput['global']> = {
  signing: 'auto',
  mapToGuest: 'bad user',
  restrictAnonymous: 0,
};

export interface StageOptions {
  readonly global?: NonNullable<ConfigurationInput['global']>;
  readonly share?: Partial<NonNullable<ConfigurationInput['shares']>[number]>;
  /** Instead of files in memory. */
  readonly vfs?: Vfs;
  /** Whether the share is open to guests: true unless told. */
  readonly guests?: boolean;
}

/** For one test file: it ends with the file's tests. No answer may take longer than PATIENCE_MS there. */
export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const memory = createMemoryVfs();
  const server = await startServer(serverOptions(options, memory));
  after(() => server.close());
  return {
    server,
    memory,
    async enter(persona = win11, protection = AS_IT_IS) {
      const connection = await server.connect({ ...persona.connect, ...protection.connect });
      const session = await connection.login({
        ...credentials,
        ...persona.login,
        ...protection.login,
      });
      return session.treeConnect(SHARE);
    },
  };
}

function serverOptions(
  { global = LENIENT, share = {}, vfs, guests = true }: StageOptions,
  memory: MemoryVfs,
): ServerOptions {
  return {
    configuration: configure({
      global,
      shares: [{ name: SHARE, path: '/', readOnly: false, guestOk: guests, ...share }],
    }),
    shares: [{ name: SHARE, vfs: vfs ?? memory }],
  };
}

const hex = (status: NtStatus): string => `0x${status.toString(16).padStart(8, '0')}`;

/** Statuses in hexadecimal, as they stand in the documents. */
export function assertStatus(answer: Answer, expected: NtStatus, about = ''): void {
  assert.equal(hex(answer.status), hex(expected), about);
}

export function assertStatuses(answers: readonly Answer[], expected: readonly NtStatus[]): void {
  assert.deepEqual(
    answers.map(({ status }) => hex(status)),
    expected.map(hex),
  );
}

/** CREATE as the persona words it. */
export function opening(persona: Persona, name: string, how: OpenOptions = {}) {
  const { oplockLevel, openContexts } = persona;
  return createRequest(name, { oplockLevel, contexts: openContexts(), ...how });
}

/** Keeps every frame that comes from now on, as it was on the wire. */
export function record(connection: ClientConnection): Buffer[] {
  const tape: Buffer[] = [];
  const { onFrame } = connection.socket;
  connection.socket.onFrame = (frame) => {
    tape.push(Buffer.from(frame));
    onFrame?.(frame);
  };
  return tape;
}

/** Milliseconds that `work` took, and what came of it. */
export async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; result: T }> {
  const start = performance.now();
  const result = await work();
  return { ms: performance.now() - start, result };
}

/** A promise that is settled from outside. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
