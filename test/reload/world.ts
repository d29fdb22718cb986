/**
 * A server on a disk of its own, and the clients that see what another configuration does to it: one that is there
 * before, one that comes after, and one that works all the time.
 */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../../src/base/log.ts';
import { ConnectionEnded, StatusError } from '../../src/client/client-error.ts';
import { type ConnectInput, connect } from '../../src/client/connect.ts';
import type { LoginOptions } from '../../src/client/login.ts';
import type { ClientSession } from '../../src/client/session.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import type { Change } from '../../src/config/effects.ts';
import { readConfiguration } from '../../src/config/load.ts';
import { createServer } from '../../src/create-server.ts';
import { statusName } from '../../src/dtyp/ntstatus.ts';
import type { Server } from '../../src/server-interface.ts';
import { SMB2_NEGOTIATE_SIGNING_REQUIRED } from '../../src/smb2/capabilities.ts';
import type { Row } from './row.ts';

export const FOLDER = mkdtempSync(join(tmpdir(), 'usmbd-parameters-'));
export const removeFolder = (): void => rmSync(FOLDER, { recursive: true });
export const isRoot = process.geteuid!() === 0;
/** Whom files belong to that are somebody else's. */
export const OTHER_ID = 12_345;

function folder(name: string, mode = 0o777): string {
  const path = join(FOLDER, name);
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
  return path;
}

/** What all rows find on the disk. */
function lay(): void {
  for (const name of ['load', 'data', 'data2']) {
    folder(name);
    folder(join('root', FOLDER, name));
  }
  const put = (name: string, content = name): string => {
    const path = join(FOLDER, name);
    writeFileSync(path, content);
    return path;
  };
  put('data/where', 'data');
  put('data2/where', 'data2');
  put(join('root', FOLDER, 'data', 'where'), 'beneath');
  put('map', 'ann = "client ann"\n');
  for (const name of ['.dotted', 'plain.tmp', 'shut', 'sealed']) put(`data/${name}`);
  // Of somebody else's: not read, and not written.
  chmodSync(join(FOLDER, 'data/shut'), 0o000);
  chmodSync(join(FOLDER, 'data/sealed'), 0o444);
  if (isRoot) for (const name of ['shut', 'sealed']) chownSync(join(FOLDER, 'data', name), 0, 0);
  for (const snapshot of [
    ...['.snapshots/@GMT-2026.01.01-00.00.00', '.snapshots/@GMT-2026.06.01-00.00.00'],
    ...['other/@GMT-2026.01.01-12.00.00', 'other/@GMT-2026.06.01-12.00.00'],
    ...['.snapshots/1700000000', '.snapshots/day_GMT2026.02.01', '.snapshots/day_2026.03.01'],
  ]) {
    for (const place of ['data', 'data2', '.']) {
      folder(join(snapshot, place), 0o755);
      put(join(snapshot, place, 'where'), place);
    }
  }
}

/** "ok", or what a client is told instead. */
export async function told(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'ok';
  } catch (error) {
    if (error instanceof StatusError) return statusName(error.status);
    if (error instanceof ConnectionEnded) return 'connection ended';
    throw error;
  }
}

export class World {
  readonly server: Server;
  readonly port: number;
  readonly logged: string[];
  /** Of the client that is there before. */
  session!: ClientSession;
  tree!: ClientTree;
  /** What a row keeps from one look to the next. */
  memory: unknown;
  readonly #open: { close(): Promise<void> }[] = [];
  #count = 0;

  private constructor(server: Server, port: number, logged: string[]) {
    this.server = server;
    this.port = port;
    this.logged = logged;
  }

  static async open(): Promise<World> {
    lay();
    const logged: string[] = [];
    const log = createLogger({
      destination: { write: (line: string) => void logged.push(line) },
    });
    const id = isRoot ? OTHER_ID + 1 : process.geteuid!();
    const group = isRoot ? OTHER_ID + 1 : process.getegid!();
    const identity = { uid: id, gid: group, groups: [] };
    const server = createServer({
      configuration: configurationOf({}),
      users: ['ann', 'bob'].map((name) => ({ name, password: 'tiger', identity })),
      log,
    });
    const { port } = await server.listen({ port: 0, address: '127.0.0.1' });
    return new World(server, port, logged);
  }

  /** A name that no row has had. */
  name(): string {
    this.#count += 1;
    return `new-${this.#count}`;
  }

  path(name: string): string {
    return join(FOLDER, 'data', name);
  }

  async login(
    options: Partial<LoginOptions> = {},
    how: Partial<ConnectInput> = {},
  ): Promise<ClientSession> {
    const client = await connect({ host: '127.0.0.1', port: this.port, ...how });
    this.#open.push(client);
    return client.login({ user: 'ann', secret: 'tiger', ...options });
  }

  /** Another client takes the place of the one that was there. */
  async enter({ login, how }: Pick<Row, 'login' | 'how'> = {}): Promise<void> {
    this.session = await this.login(login, how);
    this.tree = await this.session.treeConnect('data');
  }

  /** A client that stays until the end. */
  async settle(user: string): Promise<ClientSession> {
    const client = await connect({ host: '127.0.0.1', port: this.port });
    const securityMode = SMB2_NEGOTIATE_SIGNING_REQUIRED;
    return client.login({ user, secret: 'tiger', securityMode });
  }

  /** All clients of the last row are gone. */
  async leave(): Promise<void> {
    for (const one of this.#open.splice(0)) await one.close();
  }

  reload(lines: Lines): Promise<readonly Change[]> {
    return this.server.reload(configurationOf(lines));
  }

  async close(): Promise<void> {
    await this.leave();
    await this.server.close();
  }
}

export interface Lines {
  readonly global?: readonly string[];
  /** Of the share "data". */
  readonly share?: readonly string[];
}

const keyOf = (line: string): string => line.split('=')[0]!.trim();

/** Later lines stand for earlier ones of the same parameter. */
function section(name: string, lines: readonly string[]): string {
  const byKey = new Map(lines.map((line) => [keyOf(line), line]));
  return [`[${name}]`, ...byKey.values(), ''].join('\n');
}

export function configurationOf({ global = [], share = [] }: Lines) {
  const text = [
    section('global', global),
    section('load', [`path = ${FOLDER}/load`, 'read only = no']),
    section('data', [`path = ${FOLDER}/data`, 'read only = no', ...share]),
  ].join('\n');
  return readConfiguration(text, 'test.conf').configuration;
}
