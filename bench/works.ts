/** The rows of the table: what is done, how deep, and how it is protected. */
import type { Mode } from './load/session.ts';

export type WorkName = 'read' | 'write' | 'random-read' | 'query-info' | 'create-close' | 'list';

export interface Work {
  readonly name: WorkName;
  readonly title: string;
  readonly depth: number;
  /** Bytes of payload of an operation, where the row is about bytes. */
  readonly bytes: number | undefined;
}

export const MODES: readonly Mode[] = ['plain', 'signed', 'encrypted'];

const MiB = 1024 * 1024;

export const WORKS: readonly Work[] = [
  { name: 'read', title: 'READ 1 MiB, depth 8', depth: 8, bytes: MiB },
  { name: 'write', title: 'WRITE 1 MiB, depth 8', depth: 8, bytes: MiB },
  { name: 'random-read', title: 'random READ 4 KiB, depth 8', depth: 8, bytes: undefined },
  { name: 'query-info', title: 'QUERY_INFO, depth 1', depth: 1, bytes: undefined },
  { name: 'query-info', title: 'QUERY_INFO, depth 64', depth: 64, bytes: undefined },
  { name: 'create-close', title: 'CREATE+CLOSE, depth 8', depth: 8, bytes: undefined },
  { name: 'list', title: 'QUERY_DIRECTORY of 10,000 entries', depth: 1, bytes: undefined },
];
