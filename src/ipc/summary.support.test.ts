/** A server's figures, each another, for tests of what carries them. No tests of its own. */
import type { ServerSummary } from './data-plane.ts';

export const SUMMARY: ServerSummary = {
  serverName: 'NAS',
  processId: 1,
  startedAtMs: 2,
  connections: 3,
  sessions: 4,
  treeConnects: 5,
  opens: 6,
  disconnectedOpens: 7,
  files: 8,
  locks: 9,
  waitingRequests: 10,
  bufferBytes: 11,
  opensCreated: 12,
  sessionsEstablished: 13,
  loginFailures: 14,
  accessesDenied: 15,
  readBytes: 16,
  writtenBytes: 17,
};
