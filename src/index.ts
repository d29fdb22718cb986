/**
 * usmbd as a library.
 *
 *     const server = createServer({
 *       shares: [{ name: 'files', path: '/srv/files' }],
 *       users: [{ name: 'ann', password: 'secret' }],
 *     });
 *     const { port } = await server.listen({ port: 4450 });
 *     …
 *     await server.close();
 */

export { createLogger, type Logger, SILENT_LOGGER } from './base/log.ts';
export type { Configuration, ConfigurationInput } from './config/configuration.ts';
export { createServer } from './create-server.ts';
export type {
  Listening,
  ListenOptions,
  ServedSocket,
  Server,
  ServerOptions,
  ShareOptions,
  SocketUse,
  UserOptions,
} from './server-interface.ts';
export { createMemoryVfs } from './vfs/memory/memory.ts';
export type { Identity, Vfs } from './vfs/vfs.ts';
