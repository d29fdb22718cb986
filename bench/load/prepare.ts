/** The making of what the works need. */
import { Command } from '../../src/smb2/header.ts';
import {
  BLOCK_BYTES,
  blockPayloads,
  CHURN_FOLDER,
  DATA_FILE,
  FILE_BLOCKS,
  LISTED,
  LISTED_FOLDER,
  listedName,
  NAMES,
  NAMES_FOLDER,
  nameOf,
  WRITTEN_FILE,
} from './fixture.ts';
import { closeFile, createBody, open } from './opens.ts';
import { Pipeline } from './pipeline.ts';
import { type Request, requestOf } from './request.ts';
import { CreateCloseScript, WriteScript } from './scripts.ts';
import { Session, type SessionOptions } from './session.ts';

const PREPARE_DEPTH = 8;
const REPLY_BYTES = 256;

/** Makes the files of the works, through the server, so that each serves files as it makes them. */
export function prepare(options: SessionOptions): void {
  const payloads = blockPayloads();
  const session = new Session({ ...options, mode: 'plain' });
  try {
    for (const folder of [NAMES_FOLDER, LISTED_FOLDER, CHURN_FOLDER]) {
      closeFile(session, open(session, folder, { folder: true, make: true }));
    }
    session.gatherCredits(PREPARE_DEPTH * (BLOCK_BYTES / 65_536));
    const depth = PREPARE_DEPTH;
    const pipeline = new Pipeline(session, {
      depth,
      payloadBytes: BLOCK_BYTES,
      replyBytes: REPLY_BYTES,
      verify: false,
    });
    for (const file of [DATA_FILE, WRITTEN_FILE]) {
      const fileId = open(session, file, { write: true, make: true });
      pipeline.run(new WriteScript(session, { fileId, depth, payloads }), {
        operations: FILE_BLOCKS,
      });
      closeFile(session, fileId);
    }
    const making = { write: true, make: true };
    for (const [name, count] of [
      [nameOf, NAMES],
      [listedName, LISTED],
    ] as const) {
      const create = (turn: number): Request =>
        requestOf(session, Command.CREATE, createBody(name(turn), making));
      pipeline.run(new CreateCloseScript(session, depth, create), { operations: count });
    }
    pipeline.free();
  } finally {
    session.wire.close();
  }
}
