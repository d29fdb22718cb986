/** A server in the test's own process, on files in memory, and a client connected to it. */
import { type ConnectInput, connect, type NegotiatedConnection } from '../../src/client/connect.ts';
import type { LoginOptions } from '../../src/client/login.ts';
import type { ClientTree } from '../../src/client/tree.ts';
import { createServer } from '../../src/create-server.ts';
import type { ServerOptions } from '../../src/server-interface.ts';
import { createMemoryVfs, type MemoryVfs } from '../../src/vfs/memory/memory.ts';

export const SHARE = 'files';
export const USER = 'tester';
export const OTHER_USER = 'second';
export const PASSWORD = 'Passw0rd!';

/** What a well-behaved client waits at most, whatever another one does. */
export const PATIENCE_MS = 2_000;

export interface TestServer {
  readonly host: string;
  readonly port: number;
  readonly vfs: MemoryVfs;
  /** A connection that has negotiated. */
  connect(input?: Partial<ConnectInput>): Promise<NegotiatedConnection>;
  /** One that is logged in, with the share. */
  mount(input?: Partial<ConnectInput>, options?: Partial<LoginOptions>): Promise<ClientTree>;
  close(): Promise<void>;
}

export const credentials: LoginOptions = { user: USER, secret: PASSWORD };

/** Named here, so that no accounts of this machine are looked for. */
const identity = (id: number) => ({ uid: id, gid: id, groups: [] });

/** `options` add to one share and two users. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const vfs = createMemoryVfs();
  const server = createServer({
    shares: [{ name: SHARE, vfs }],
    users: [
      { name: USER, password: PASSWORD, identity: identity(1001) },
      { name: OTHER_USER, password: PASSWORD, identity: identity(1002) },
    ],
    ...options,
  });
  const host = '127.0.0.1';
  const { port } = await server.listen({ port: 0, address: host });
  const clients: NegotiatedConnection[] = [];
  const connectClient = async (input: Partial<ConnectInput> = {}) => {
    const client = await connect({ host, port, timeoutMs: PATIENCE_MS, ...input });
    clients.push(client);
    return client;
  };
  return {
    host,
    port,
    vfs,
    connect: connectClient,
    async mount(input = {}, login = {}) {
      const session = await (await connectClient(input)).login({ ...credentials, ...login });
      return session.treeConnect(SHARE);
    },
    async close() {
      await Promise.all(clients.map((client) => client.close()));
      await server.close();
    },
  };
}
