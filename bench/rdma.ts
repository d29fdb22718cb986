/**
 * What iWARP costs beside plain TCP: `npm run bench:rdma [-- --megabytes N --rounds N]`. Two processes on loopback, one
 * sends, one receives: by plain sockets of Node's, by RDMA Write (as a READ of SMB Direct travels) and by RDMA Read (as
 * a WRITE), with FPDUs as large as loopback takes and as Ethernet has them, with checksums and without. For each: GB/s,
 * and the CPU seconds that a GB costs the server and the client, the median of the rounds; and CRC32C by itself.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { IwarpConnection, ulpduBytes } from '../src/rdma/iwarp/connection.ts';
import { crc32c } from '../src/rdma/iwarp/crc32c.ts';
import { connectIwarp } from '../src/rdma/iwarp/initiator.ts';
import { encodeMpaFrame } from '../src/rdma/iwarp/mpa.ts';
import { answerMpaRequest } from '../src/rdma/iwarp/mpa-negotiation.ts';
import type { RdmaEvents } from '../src/rdma/rdma.ts';
import { commandLine } from '../test/support/command-line.ts';

/** One READ or WRITE of a client, of which some are under way at a time. */
const PIECE_BYTES = 1024 * 1024;
const UNDER_WAY = 4;
const WARM_UP_PIECES = 50;
/** FPDUs of loopback's segments, and of Ethernet's. */
const LARGE_ULPDU = ulpduBytes(65_483);
const SMALL_ULPDU = ulpduBytes(1448);
const MESSAGE_BYTES = 64;

interface Mode {
  readonly name: string;
  readonly by: 'tcp' | 'write' | 'read';
  readonly crc: boolean;
  readonly maxUlpduBytes: number;
}

const iwarp = (by: 'write' | 'read', crc: boolean, maxUlpduBytes: number): Mode => ({
  name: `RDMA ${by === 'write' ? 'Write' : 'Read '} ${maxUlpduBytes + 6} B FPDUs${crc ? ', CRC' : ''}`,
  by,
  crc,
  maxUlpduBytes,
});

const MODES: readonly Mode[] = [
  { name: 'plain TCP', by: 'tcp', crc: false, maxUlpduBytes: 0 },
  ...(['write', 'read'] as const).flatMap((by) =>
    [LARGE_ULPDU, SMALL_ULPDU].flatMap((bytes) => [
      iwarp(by, false, bytes),
      iwarp(by, true, bytes),
    ]),
  ),
];

interface Order {
  readonly mode: Mode;
  readonly pieces: number;
  readonly port?: number;
}

interface Outcome {
  readonly port?: number;
  readonly seconds?: number;
  /** CPU seconds of the transfer. */
  readonly cpuSeconds?: number;
}

const cpuSeconds = (since?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
};

const listen = (serve: (socket: Socket) => void): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer({ noDelay: true }, (socket) => {
      server.close();
      serve(socket);
    });
    server.on('connection', (socket) => socket.on('error', () => {}));
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

/** Calls `send` for each piece, no more than some before they have left. */
function inTurn(pieces: number, send: (left: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    let begun = 0;
    let done = 0;
    const next = (): void => {
      if (begun === pieces) return;
      begun += 1;
      send(() => {
        done += 1;
        if (done === pieces) resolve();
        else next();
      });
    };
    for (let i = 0; i < UNDER_WAY; i++) next();
  });
}

const events = (received: (message: Buffer) => void, established = (): void => {}): RdmaEvents => ({
  established,
  received,
  drained: () => {},
  closed: () => {},
});

/** The server: answers what it is connected by, then says what it cost. */
async function serve({ mode, pieces }: Order): Promise<void> {
  const piece = Buffer.alloc(PIECE_BYTES, 7);
  const tell = (cpu: number): void => void process.send!({ cpuSeconds: cpu } satisfies Outcome);
  const port = await listen((socket) => {
    if (mode.by === 'tcp') {
      socket.once('data', async () => {
        const begun = process.cpuUsage();
        await inTurn(pieces, (left) => socket.write(piece, left));
        tell(cpuSeconds(begun));
      });
      return;
    }
    const { maxUlpduBytes } = mode;
    const options = { maxMessageBytes: MESSAGE_BYTES, maxUlpduBytes };
    const connection = new IwarpConnection(socket, options, (request) => {
      const answer = answerMpaRequest(request, false);
      socket.write(encodeMpaFrame(answer.reply));
      return answer.settings ?? { refused: answer.reason };
    });
    const transfer = async (message: Buffer): Promise<void> => {
      const token = message.readUInt32BE(0);
      const begun = process.cpuUsage();
      const from = { token, offset: 0n };
      if (mode.by === 'write') {
        await inTurn(pieces, (left) => connection.write(from, [piece], left));
      } else {
        const into = Array.from({ length: UNDER_WAY }, () => Buffer.alloc(PIECE_BYTES));
        let turn = 0;
        await inTurn(pieces, (left) => {
          void connection.read(from, into[turn++ % UNDER_WAY]!).then(left);
        });
      }
      connection.send([Buffer.from('done')]);
      tell(cpuSeconds(begun));
    };
    void connection.establish(
      events(
        (message) => void transfer(message),
        () => connection.post(2),
      ),
    );
  });
  process.send!({ port } satisfies Outcome);
}

/** The client: asks once, and says how long it took until all was there. */
async function ask({ mode, pieces, port }: Order): Promise<void> {
  const done = (began: number, cpu: NodeJS.CpuUsage): void => {
    const seconds = (performance.now() - began) / 1000;
    process.send!({ seconds, cpuSeconds: cpuSeconds(cpu) } satisfies Outcome);
  };
  if (mode.by === 'tcp') {
    let left = pieces * PIECE_BYTES;
    const memory = Buffer.alloc(PIECE_BYTES);
    const socket = connect({ port: port!, host: '127.0.0.1' }, () => {
      const [began, cpu] = [performance.now(), process.cpuUsage()];
      socket.on('data', (chunk) => {
        // What a receiver of a file does with it at the least: it puts it where it belongs.
        memory.set(chunk, 0);
        left -= chunk.length;
        if (left > 0) return;
        done(began, cpu);
        socket.destroy();
      });
      socket.write('go');
    });
    return;
  }
  let finish = (): void => {};
  const { connection } = await connectIwarp(
    {
      ...{ port: port!, host: '127.0.0.1', crc: mode.crc, maxMessageBytes: MESSAGE_BYTES },
      maxUlpduBytes: mode.maxUlpduBytes,
    },
    events(() => finish()),
  );
  connection.post(1);
  const order = Buffer.alloc(4);
  order.writeUInt32BE(connection.memory.register(Buffer.alloc(PIECE_BYTES, 9)));
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  finish = () => {
    done(began, cpu);
    connection.close('done');
  };
  connection.send([order]);
}

/** One of the two processes, which does what it is told, one order after the other. */
class Side {
  readonly #child: ChildProcess;
  #heard: ((outcome: Outcome) => void) | undefined;

  constructor(role: 'serve' | 'ask') {
    const env = { ...process.env, BENCH_RDMA: role };
    this.#child = fork(fileURLToPath(import.meta.url), [], { env });
    this.#child.on('message', (outcome: Outcome) => this.#heard?.(outcome));
  }

  tell(order: Order): void {
    this.#child.send(order);
  }

  hear(): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#heard = resolve;
    });
  }

  end(): void {
    this.#child.kill();
  }
}

async function measure(server: Side, client: Side, mode: Mode, pieces: number) {
  const listening = server.hear();
  server.tell({ mode, pieces });
  const { port } = await listening;
  const [serving, asking] = [server.hear(), client.hear()];
  client.tell({ mode, pieces, port: port! });
  const [served, asked] = await Promise.all([serving, asking]);
  const gigabytes = (pieces * PIECE_BYTES) / 1e9;
  return {
    speed: gigabytes / asked.seconds!,
    server: served.cpuSeconds! / gigabytes,
    client: asked.cpuSeconds! / gigabytes,
  };
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;

function checksumSpeed(bytes: number): number {
  const data = Buffer.alloc(bytes, 3);
  const turns = Math.ceil(3e8 / bytes);
  for (let i = 0; i < turns / 3; i++) crc32c(data);
  const begun = process.cpuUsage();
  for (let i = 0; i < turns; i++) crc32c(data);
  return (turns * bytes) / 1e9 / cpuSeconds(begun);
}

async function main(): Promise<void> {
  const { values } = commandLine({
    options: {
      megabytes: { type: 'string', default: '1000' },
      rounds: { type: 'string', default: '3' },
    },
  });
  const pieces = Math.ceil((Number(values.megabytes) * 1e6) / PIECE_BYTES);
  const results = new Map<Mode, Awaited<ReturnType<typeof measure>>[]>();
  const [server, client] = [new Side('serve'), new Side('ask')];
  // V8 has compiled what is measured before it is.
  for (const mode of MODES) await measure(server, client, mode, WARM_UP_PIECES);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const mode of MODES) {
      results.set(mode, [
        ...(results.get(mode) ?? []),
        await measure(server, client, mode, pieces),
      ]);
    }
  }
  server.end();
  client.end();
  console.log(`${'  '.padEnd(36)} GB/s   CPU s/GB: server  client`);
  for (const [mode, all] of results) {
    const of = (pick: (one: (typeof all)[number]) => number): string =>
      median(all.map(pick)).toFixed(2);
    const numbers = [of((one) => one.speed), of((one) => one.server), of((one) => one.client)];
    console.log(`${mode.name.padEnd(36)} ${numbers[0]}             ${numbers[1]}    ${numbers[2]}`);
  }
  for (const bytes of [1440, 32 * 1024]) {
    console.log(`CRC32C of ${bytes} bytes: ${checksumSpeed(bytes).toFixed(2)} GB/s of CPU time`);
  }
}

const { BENCH_RDMA: role } = process.env;
if (role === undefined) await main();
else {
  const obey = role === 'serve' ? serve : ask;
  process.on('message', (order: Order) => void obey(order));
  process.on('disconnect', () => process.exit());
}
