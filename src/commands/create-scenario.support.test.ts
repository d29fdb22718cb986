/** MS-SMB2 3.3.5.9: what tests of CREATE have in common: a client with a share, and what it makes there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NtStatus } from '../dtyp/ntstatus.ts';
import { FileAccessInformation } from '../fscc/file-information.ts';
import { FileInformationClass } from '../fscc/information-class.ts';
import {
  type ClientSession,
  connected,
  type TestClient,
} from '../server/test-client.support.test.ts';
import { query, write } from '../server/test-requests.support.test.ts';
import { World } from '../server/test-world.support.test.ts';
import type { CreateRequest, CreateResponse } from '../smb2/create.ts';
import { decodeQueryInfoResponse } from '../smb2/query-info.ts';

export interface Scene {
  readonly world: World;
  readonly client: TestClient;
  readonly session: ClientSession;
  readonly treeId: number;
  /** The status, or what came back. */
  make(over: Partial<CreateRequest> & { name: string }): Promise<NtStatus | CreateResponse>;
  close(open: NtStatus | CreateResponse): Promise<void>;
  /** Makes something and closes it. */
  put(over: Partial<CreateRequest> & { name: string }, content?: string): Promise<void>;
  granted(open: CreateResponse): Promise<number>;
}

export function scenario(
  name: string,
  body: (scene: Scene) => Promise<void>,
  share = 'share',
): void {
  test(`CREATE: ${name}`, async () => {
    const world = new World();
    const { client, session, treeId } = await connected(world, { share });
    const make: Scene['make'] = async (over) => {
      const { status, value } = await client.create(session, treeId, over);
      return value ?? status;
    };
    const close: Scene['close'] = async (open) => {
      if (typeof open !== 'number') await client.close(session, treeId, open);
    };
    await body({
      world,
      client,
      session,
      treeId,
      make,
      close,
      put: async (over, content) => {
        const open = await make(over);
        assert.ok(typeof open !== 'number', `made ${over.name}: ${open}`);
        if (content !== undefined) await client.call({ ...write(open, content), treeId }, session);
        await close(open);
      },
      granted: async (open) => {
        const draft = query(open, FileInformationClass.FileAccessInformation);
        const { message } = await client.call({ ...draft, treeId }, session);
        const { outputBuffer } = decodeQueryInfoResponse(message);
        return FileAccessInformation.read(outputBuffer).accessFlags;
      },
    });
    await client.lost();
    world.assertEmpty();
  });
}
