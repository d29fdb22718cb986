/**
 * Starts a server with the lowest protocol that is given, and with NetBIOS names where the second word is `netbios`;
 * prints the address of every module that was loaded.
 */
import { registerHooks } from 'node:module';

const loaded: string[] = [];
registerHooks({
  load(url, context, nextLoad) {
    loaded.push(url);
    return nextLoad(url, context);
  },
});

const { createServer } = await import('../../src/index.ts');
const { createMemoryVfs } = await import('../../src/vfs/memory/memory.ts');
const server = createServer({
  shares: [{ name: 'files', vfs: createMemoryVfs() }],
  global: {
    minProtocol: Number(process.argv[2]),
    ...(process.argv[3] === 'netbios' && { disableNetbios: false, nbtPort: 0 }),
  },
});
await server.listen({ port: 0, address: '127.0.0.1' });
await server.close();
console.log(loaded.join('\n'));
