/** The rows of the table: what is done, how deep, how it is protected, and how much better it should be. */
import { CipherId } from '../src/crypto/cipher.ts';
import { SigningAlgorithm } from '../src/crypto/signing.ts';
import type { Mode } from './load/session.ts';

export type WorkName =
  | 'query-info'
  | 'create-close'
  | 'churn'
  | 'random-read'
  | 'read'
  | 'channels'
  | 'write'
  | 'list'
  | 'session'
  | 'mixed'
  | 'idle';

export interface Work {
  readonly name: WorkName;
  readonly title: string;
  /** Operations in flight on a connection. */
  readonly depth: number;
  readonly connections: number;
  /** Bytes of payload of an operation, where the row is about bytes. */
  readonly bytes: number | undefined;
  /** Measured on the C program too, which answers it by one system call and a send. */
  readonly hasLimit: boolean;
}

/** How the messages of a row are protected. The client offers one algorithm. */
export interface Protecting {
  readonly mode: Mode;
  readonly signing: SigningAlgorithm;
  readonly cipher: CipherId;
}

const plain = { signing: SigningAlgorithm.AES_GMAC, cipher: CipherId.AES_128_GCM } as const;
const signed = (signing: SigningAlgorithm): Protecting => ({ ...plain, mode: 'signed', signing });
const sealed = (cipher: CipherId): Protecting => ({ ...plain, mode: 'encrypted', cipher });

export const PROTECTIONS = {
  plain: { ...plain, mode: 'plain' },
  CMAC: signed(SigningAlgorithm.AES_CMAC),
  GMAC: signed(SigningAlgorithm.AES_GMAC),
  HMAC: signed(SigningAlgorithm.HMAC_SHA256),
  'GCM-128': sealed(CipherId.AES_128_GCM),
  'GCM-256': sealed(CipherId.AES_256_GCM),
  'CCM-128': sealed(CipherId.AES_128_CCM),
  'CCM-256': sealed(CipherId.AES_256_CCM),
} as const satisfies Readonly<Record<string, Protecting>>;

export type ProtectionName = keyof typeof PROTECTIONS;

/** A row before it is measured. */
export interface RowPlan {
  readonly work: Work;
  readonly protection: ProtectionName;
  /** What throughput and CPU should be at least, as a ratio to Samba's; undefined where none is set. */
  readonly goal: number | undefined;
}

const MiB = 1024 * 1024;
const LIMITED = { connections: 1, bytes: undefined, hasLimit: true } as const;
const SMALL = { ...LIMITED, hasLimit: false } as const;

const reading: Work = {
  ...{ name: 'read', title: 'READ 1 MiB, depth 8', depth: 8, connections: 1 },
  ...{ bytes: MiB, hasLimit: true },
};
const writing: Work = {
  ...{ name: 'write', title: 'WRITE 1 MiB, depth 8', depth: 8, connections: 1 },
  ...{ bytes: MiB, hasLimit: false },
};

const small = (
  work: Pick<Work, 'name' | 'title' | 'depth'> & Partial<Work>,
  goal: number,
): RowPlan => ({ work: { ...SMALL, ...work }, protection: 'plain', goal });

const limited = (work: Pick<Work, 'name' | 'title' | 'depth'>, goal: number): RowPlan =>
  small({ ...LIMITED, ...work }, goal);

const withModes = (
  work: Work,
  goals: readonly (readonly [protection: ProtectionName, goal: number])[],
): RowPlan[] => goals.map(([protection, goal]) => ({ work, protection, goal }));

export const TABLE: readonly RowPlan[] = [
  limited({ name: 'query-info', title: 'QUERY_INFO, depth 1', depth: 1 }, 1.25),
  limited({ name: 'query-info', title: 'QUERY_INFO, depth 64', depth: 64 }, 4),
  small({ name: 'create-close', title: 'CREATE+CLOSE, depth 1', depth: 1 }, 3),
  small({ name: 'create-close', title: 'CREATE+CLOSE, depth 8', depth: 8 }, 4),
  small({ name: 'churn', title: 'CREATE+WRITE 4 KiB+CLOSE+delete, depth 1', depth: 1 }, 4),
  limited({ name: 'random-read', title: 'random READ 4 KiB, depth 1', depth: 1 }, 1.4),
  limited({ name: 'random-read', title: 'random READ 4 KiB, depth 8', depth: 8 }, 4),
  limited({ name: 'random-read', title: 'random READ 4 KiB, depth 32', depth: 32 }, 4),
  ...withModes(reading, [
    ['plain', 1],
    ['CMAC', 1.5],
    ['GMAC', 1.5],
    ['GCM-128', 1.8],
  ]),
  ...withModes(writing, [
    ['plain', 0.95],
    ['CMAC', 1.2],
    ['GMAC', 0.9],
    ['GCM-128', 1.1],
  ]),
  {
    work: {
      ...{ name: 'channels', title: 'READ 1 MiB, 4 channels of depth 2', depth: 2, connections: 4 },
      ...{ bytes: MiB, hasLimit: false },
    },
    protection: 'CMAC',
    goal: undefined,
  },
  small({ name: 'list', title: 'QUERY_DIRECTORY of 10,000 entries', depth: 1 }, 4),
  small({ name: 'session', title: 'connect, log on, log off', depth: 1 }, 5),
  small({ name: 'mixed', title: 'mixed, 64 connections', depth: 1, connections: 64 }, 4),
  small({ name: 'idle', title: 'memory of idle sessions', depth: 1, connections: 1000 }, 10),
];

/** Messages of these rows are of no one kind of protection or of one only, or none are measured. */
export const NOT_BY_MODE: readonly WorkName[] = ['session', 'mixed', 'idle', 'channels'];

/** Throughput of the row of channels beside that of a usmbd in whose loop all is signed, as a ratio. */
export const ALONE_GOAL = 1.6;
