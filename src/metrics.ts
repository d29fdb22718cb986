/**
 * What the server counts, for Prometheus and what reads its format: `metrics port` of smb.conf, docs/metrics.md.
 * Loaded only where it is switched on. Figures are taken when they are asked for; nobody's name, address or
 * file is among them.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import prometheus, { Counter, Gauge, Registry } from '@prometheus-io/client';
import { bufferPool } from './base/buffer-pool.ts';
import { MAX_METRICS_CLIENTS, MAX_METRICS_HEAD_BYTES, METRICS_TIMEOUT_MS } from './base/limits.ts';
import { version } from './base/version.ts';
import type { ServerSummary } from './ipc/data-plane.ts';
import { Inventory } from './objects/inventory.ts';
import type { ServerState } from './objects/server-state.ts';
import type { ShareTraffic } from './objects/traffic.ts';
import { type CompressionTally, compressionTally } from './server/compression.ts';

export interface Metrics {
  readonly port: number;
  close(): Promise<void>;
}

type Count = {
  [K in keyof ServerSummary]: ServerSummary[K] extends number ? K : never;
}[keyof ServerSummary];

/** What `usmbd status` begins with. */
const COUNTS: readonly (readonly [name: string, of: Count, help: string])[] = [
  ['connections', 'connections', 'Connections of clients'],
  ['sessions', 'sessions', 'Sessions, those among them whose login goes on'],
  ['tree_connects', 'treeConnects', 'Connections of sessions to shares'],
  ['opens', 'opens', 'Open files, directories and pipes'],
  ['disconnected_opens', 'disconnectedOpens', 'Opens that wait for their client to come back'],
  ['files', 'files', 'Files and directories that somebody has open'],
  ['locks', 'locks', 'Byte-range locks'],
  ['waiting_requests', 'waitingRequests', 'Requests that were answered with an interim response'],
];

/** Rejects with the system's error, EADDRINUSE for instance. */
export async function serveMetrics(
  objects: ServerState,
  where: { readonly port: number; readonly address: string } | { readonly fd: number },
): Promise<Metrics> {
  const registry = registryOf(objects);
  const server = createServer(
    {
      maxHeaderSize: MAX_METRICS_HEAD_BYTES,
      requestTimeout: METRICS_TIMEOUT_MS,
      headersTimeout: METRICS_TIMEOUT_MS,
      keepAliveTimeout: METRICS_TIMEOUT_MS,
    },
    (request, response) => {
      answer(registry, request, response).catch((error: unknown) => {
        objects.log.error('metrics: an answer failed', {
          error: error instanceof Error ? error.stack : String(error),
        });
        response.destroy();
      });
    },
  );
  server.maxConnections = MAX_METRICS_CLIENTS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen('fd' in where ? where : { port: where.port, host: where.address }, resolve);
  });
  const address = server.address();
  return {
    port: (address as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        registry.clear();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  registry: Registry,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method, url } = request;
  // Whoever sends a body is not read to its end.
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD', connection: 'close' }).end();
    return;
  }
  if (url?.split('?', 1)[0] !== '/metrics') {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('see /metrics\n');
    return;
  }
  const text = await registry.metrics();
  response.writeHead(200, { 'content-type': registry.contentType }).end(text);
}

function registryOf(objects: ServerState): Registry {
  const registry = new Registry();
  prometheus.collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const info = new Gauge({
    name: 'usmbd_info',
    help: 'The version that runs',
    labelNames: ['version', 'server'],
    registers,
  });
  info.set({ version: version(), server: objects.options.serverName }, 1);
  countsOf(objects, registers);
  buffersOf(registers);
  traffic(objects, registers);
  compressed(registers);
  return registry;
}

function countsOf(objects: ServerState, registers: Registry[]): void {
  const inventory = new Inventory(objects);
  for (const [name, of, help] of COUNTS) {
    new Gauge({
      name: `usmbd_${name}`,
      help,
      registers,
      collect() {
        this.set(inventory.summary()[of]);
      },
    });
  }
  new Gauge({
    name: 'usmbd_start_time_seconds',
    help: 'When the server began, as Unix time',
    registers,
  }).set(objects.startedAtMs / 1000);
}

function buffersOf(registers: Registry[]): void {
  new Gauge({
    name: 'usmbd_buffer_bytes',
    help: 'Buffers that hold data of READs, WRITEs and answers',
    registers,
    collect() {
      this.set(bufferPool.usedBytes);
    },
  });
  new Gauge({
    name: 'usmbd_buffer_limit_bytes',
    help: 'What they may hold: buffer memory of smb.conf',
    registers,
    collect() {
      this.set(bufferPool.maxUsedBytes);
    },
  });
}

/** Counters of the process's whole life: what is told is what was counted elsewhere. */
function traffic(objects: ServerState, registers: Registry[]): void {
  new Counter({
    name: 'usmbd_requests_total',
    help: 'Requests of SMB 2 and 3 that were answered, by command and by result: ok or error',
    labelNames: ['command', 'result'],
    registers,
    collect() {
      this.reset();
      for (const { command, done, failed } of objects.traffic.commands()) {
        this.inc({ command, result: 'ok' }, done);
        this.inc({ command, result: 'error' }, failed);
      }
    },
  });
  const bytes = (name: string, help: string, of: keyof ShareTraffic): void => {
    new Counter({
      name,
      help,
      labelNames: ['share'],
      registers,
      collect() {
        this.reset();
        for (const [share, moved] of objects.traffic.shares()) this.inc({ share }, moved[of]);
      },
    });
  };
  bytes('usmbd_read_bytes_total', 'Data of files that clients have read', 'readBytes');
  bytes('usmbd_written_bytes_total', 'Data of files that clients have written', 'writtenBytes');
}

/** MS-SMB2 2.2.42, with `smb3 compression`; of workers each has its own, which are not asked. */
function compressed(registers: Registry[]): void {
  const counter = (name: string, help: string, of: readonly (keyof CompressionTally)[]): void => {
    new Counter({
      name,
      help,
      labelNames: ['direction'],
      registers,
      collect() {
        this.reset();
        this.inc({ direction: 'received' }, compressionTally[of[0]!]);
        this.inc({ direction: 'sent' }, compressionTally[of[1]!]);
      },
    });
  };
  counter('usmbd_compressed_messages_total', 'Messages that were compressed', ['received', 'sent']);
  counter('usmbd_compressed_bytes_total', 'Bytes of compressed messages', [
    'receivedBytes',
    'sentBytes',
  ]);
  counter('usmbd_compressed_plain_bytes_total', 'Bytes of the same messages before', [
    'receivedPlainBytes',
    'sentPlainBytes',
  ]);
}
