/** Tests of one share with a client of SMB1 and one of SMB2. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ClientTree } from '../../src/client/tree.ts';
import { STATUS_SUCCESS } from '../../src/dtyp/ntstatus.ts';
import { nativeSupport } from '../../src/native/support.ts';
import {
  SMB2_GLOBAL_CAP_DIRECTORY_LEASING,
  SMB2_GLOBAL_CAP_LARGE_MTU,
} from '../../src/smb2/capabilities.ts';
import { FILE_OPEN_IF } from '../../src/smb2/create-options.ts';
import { SHARE, startServer } from './in-process-server.ts';
import { Smb1Client } from './smb1-client.ts';

export interface Both {
  readonly old: Smb1Client;
  readonly tree: ClientTree;
}

type Body = (clients: Both) => Promise<void>;

const CAPABILITIES = SMB2_GLOBAL_CAP_LARGE_MTU | SMB2_GLOBAL_CAP_DIRECTORY_LEASING;
const GLOBAL = { minProtocol: 0x0100, signing: 'auto' } as const;

interface Options {
  /** A folder of this machine; undefined: the files are in memory. */
  readonly folder?: string;
  /** What the client of SMB1 does not tell that it can. */
  readonly withoutCapabilities?: number;
}

async function between(body: Body, { folder, withoutCapabilities = 0 }: Options): Promise<void> {
  const shares = folder === undefined ? {} : { shares: [{ name: SHARE, path: folder }] };
  const server = await startServer({ ...shares, global: GLOBAL });
  try {
    const old = await Smb1Client.open(server);
    await old.negotiate();
    old.capabilities -= withoutCapabilities;
    assert.equal((await old.login()).status, STATUS_SUCCESS);
    await old.treeConnect(SHARE);
    await body({ old, tree: await server.mount({ capabilities: CAPABILITIES }) });
    await old.close();
  } finally {
    await server.close();
  }
}

/** On files in memory. */
export function both(name: string, body: Body, options: Options = {}): void {
  test(name, () => between(body, options));
}

/** On a folder of this machine, as the Unix extensions need it. */
export function bothOnDisk(name: string, body: Body): void {
  test(name, { skip: nativeSupport().unavailable ?? false }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'usmbd-both-'));
    chmodSync(folder, 0o777);
    try {
      await between(body, { folder });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

/** How the client of SMB2 opens: to read and write, shared with everybody. */
export const all = { disposition: FILE_OPEN_IF, access: 0x0012_019f, share: 7 };
