/**
 * What the rest of the program sees of logging. Levels and the switches of debug output are ksmbd's
 * (`smb auth vfs oplock ipc conn rdma`); parts of the program name themselves as its threads do.
 */
import { Writable } from 'node:stream';
import { type DestinationStream, pino } from 'pino';
import { printable } from './printable.ts';

export const DEBUG_COMPONENTS = ['smb', 'auth', 'vfs', 'oplock', 'ipc', 'conn', 'rdma'] as const;
export type DebugComponent = (typeof DEBUG_COMPONENTS)[number];

export type LogDetails = Readonly<Record<string, unknown>>;

export interface Logger {
  error(message: string, details?: LogDetails): void;
  warn(message: string, details?: LogDetails): void;
  info(message: string, details?: LogDetails): void;
  /** Written only while the component is switched on. */
  debug(component: DebugComponent, message: string, details?: LogDetails): void;
  /** Whether `debug` of this component writes; ask before details that are costly to make. */
  debugs(component: DebugComponent): boolean;
  /** The same log under the name of another part; the switches stay shared. */
  part(name: string): Logger;
}

/** The process that accepts connections. */
export const FORKER_PART = 'usmbd/0';
/** One connection: its number from 1 on and the client's port. */
export const connectionPart = (number: number, port: number): string => `usmbd/${number}(${port})`;

/** Details under these names never reach the log, whoever passes them. */
const REDACTED = ['password', 'ntHash', 'sessionKey', 'signingKey', 'encryptionKey', 'key', 'hash'];

export interface LogOptions {
  /** Switches of debug output. The set is kept: adding to it later takes effect at once. */
  readonly debug?: Set<DebugComponent>;
  /** Where lines go; standard error otherwise. */
  readonly destination?: DestinationStream;
  /** 'json' for machines, 'text' for a terminal. */
  readonly format?: 'json' | 'text';
  readonly part?: string;
}

export function createLogger(options: LogOptions = {}): Logger {
  const sink = options.destination ?? pino.destination({ dest: 2, sync: true });
  const destination = options.format === 'text' ? new TextLines(sink) : sink;
  const root = pino(
    {
      level: 'debug',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: [...REDACTED, ...REDACTED.map((name) => `*.${name}`)], censor: '[secret]' },
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return logger(root, options.debug ?? new Set(), options.part ?? FORKER_PART);
}

/** The one of pino's loggers that is used here. */
type Lines = Record<'error' | 'warn' | 'info' | 'debug', (details: object, text: string) => void>;

function logger(lines: Lines, switches: Set<DebugComponent>, name: string): Logger {
  const write =
    (level: 'error' | 'warn' | 'info') =>
    (message: string, details?: LogDetails): void =>
      lines[level]({ part: name, ...details }, message);
  return {
    error: write('error'),
    warn: write('warn'),
    info: write('info'),
    debug(component, message, details) {
      if (!switches.has(component)) return;
      lines.debug({ part: name, component, ...details }, message);
    },
    debugs: (component) => switches.has(component),
    part: (other) => logger(lines, switches, other),
  };
}

export const SILENT_LOGGER: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  debugs: () => false,
  part: () => SILENT_LOGGER,
};

/** Turns pino's lines into ones for people. Values are printed as JSON, so no peer can forge a line. */
class TextLines extends Writable {
  readonly #sink: DestinationStream;

  constructor(sink: DestinationStream) {
    super({ decodeStrings: false });
    this.#sink = sink;
  }

  override _write(line: string | Buffer, _encoding: unknown, done: () => void): void {
    this.#sink.write(textOf(line.toString()));
    done();
  }
}

function textOf(line: string): string {
  const { time, level, part, component, msg, ...details } = JSON.parse(line) as LogDetails;
  const clock = String(time).slice(11, 23);
  const kind = component === undefined ? level : `${level} ${component}`;
  const rest = Object.entries(details)
    .map(([key, value]) => ` ${key}=${JSON.stringify(value)}`)
    .join('');
  return `${clock} ${part} ${kind}: ${printable(String(msg))}${rest}\n`;
}
