/**
 * The process that announces a server: `node program.ts ANNOUNCEMENT`. It reads what anybody on the network sends, so it
 * has nothing: no file, no password, no client, and nobody's identity. It says "ready", or why not, on its standard
 * output. A line of its standard input says whose debug output is on from then on; it ends with that input, once it has
 * said goodbye.
 */
import { writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { createInterface } from 'node:readline';
import { createLogger, type DebugComponent } from '../base/log.ts';
import { becomeNobody } from '../base/nobody.ts';
import type { Announcement } from './announcement.ts';
import { addressesAt, placesOf } from './places.ts';
import { WsdService } from './wsd-service.ts';

const { addresses, device, services, debug } = JSON.parse(process.argv[2]!) as Announcement;
const switches = new Set(debug);
const log = createLogger({
  debug: switches,
  format: process.stderr.isTTY ? 'text' : 'json',
  part: 'usmbd/discovery',
});
process.title = 'usmbd: discovery';
// Signals of a terminal are the server's to answer.
for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) process.on(signal, () => {});

// Loaded only where it is needed, and before it is nobody, who may not be able to read it.
const { MdnsService } =
  services === null ? { MdnsService: undefined } : await import('./mdns-service.ts');
becomeNobody();

function say(text: string): void {
  try {
    writeSync(1, `${text}\n`);
  } catch {
    // The server has ended meanwhile.
    process.exit(0);
  }
}

const only = addresses ?? undefined;
const places = () => placesOf(only);
const [host] = hostname().split('.');
const told = [
  device && new WsdService({ device, places, log }),
  services &&
    MdnsService &&
    new MdnsService({
      ...{ services, places, log, host: host || services.instance },
      addressesAt: (interfaceName) => addressesAt(interfaceName, only),
    }),
].filter((service) => service !== null && service !== undefined);
try {
  for (const service of told) await service.start();
} catch (error) {
  say(`failed ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
say('ready');

const orders = createInterface({ input: process.stdin });
orders.on('line', (line) => {
  switches.clear();
  for (const component of JSON.parse(line) as DebugComponent[]) switches.add(component);
});
orders.once('close', () => {
  void Promise.allSettled(told.map((service) => service.close())).then(() => process.exit(0));
});
