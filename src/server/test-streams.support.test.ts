/** A client that opens streams, for the tests of them. No tests of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FILE_READ_ATTRIBUTES } from '../dtyp/access-mask.ts';
import { type NtStatus, STATUS_SUCCESS } from '../dtyp/ntstatus.ts';
import { FileInformationClass as Class } from '../fscc/information-class.ts';
import { decodeStreamInformation } from '../fscc/stream-information.ts';
import type { CreateRequest, CreateResponse } from '../smb2/create.ts';
import { FILE_OPEN } from '../smb2/create-options.ts';
import { decodeQueryInfoResponse } from '../smb2/query-info.ts';
import { decodeReadResponse } from '../smb2/read.ts';
import {
  type ClientSession,
  connected,
  type Draft,
  type FileId,
  type TestClient,
} from './test-client.support.test.ts';
import { query, read, write } from './test-requests.support.test.ts';
import { World, type WorldOptions } from './test-world.support.test.ts';

export class Scene {
  readonly world: World;
  readonly client: TestClient;
  readonly session: ClientSession;
  readonly treeId: number;

  constructor(
    world: World,
    { client, session, treeId }: { client: TestClient; session: ClientSession; treeId: number },
  ) {
    this.world = world;
    this.client = client;
    this.session = session;
    this.treeId = treeId;
  }

  async make(
    name: string,
    over: Partial<CreateRequest> = {},
  ): Promise<{ status: NtStatus; open: CreateResponse }> {
    const { status, value } = await this.client.create(this.session, this.treeId, {
      ...over,
      name,
    });
    return { status, open: value! };
  }

  open(name: string, over: Partial<CreateRequest> = {}): Promise<CreateResponse> {
    return this.client.open(this.session, this.treeId, name, over);
  }

  async refused(name: string, status: NtStatus, over: Partial<CreateRequest> = {}): Promise<void> {
    const made = await this.make(name, over);
    assert.equal(made.status.toString(16), status.toString(16), name);
  }

  async close(id: FileId): Promise<void> {
    assert.equal(await this.client.close(this.session, this.treeId, id), STATUS_SUCCESS);
  }

  reply(draft: Draft) {
    return this.client.call({ ...draft, treeId: this.treeId }, this.session);
  }

  async gives(draft: Draft, status: NtStatus): Promise<void> {
    assert.equal((await this.reply(draft)).status.toString(16), status.toString(16));
  }

  done(draft: Draft): Promise<void> {
    return this.gives(draft, STATUS_SUCCESS);
  }

  /** A stream or file with this content, closed again. */
  async put(name: string, content: string): Promise<void> {
    const id = await this.open(name);
    if (content !== '') await this.done(write(id, content));
    await this.close(id);
  }

  async content(name: string): Promise<string> {
    const id = await this.open(name, { createDisposition: FILE_OPEN });
    const { status, message } = await this.reply(read(id));
    await this.close(id);
    return status === STATUS_SUCCESS ? decodeReadResponse(message).data.toString() : '';
  }

  async info(id: FileId, fileInfoClass: number, infoType = 1): Promise<Buffer> {
    const { status, message } = await this.reply(query(id, fileInfoClass, { infoType }));
    assert.equal(status, STATUS_SUCCESS);
    return decodeQueryInfoResponse(message).outputBuffer;
  }

  async nameOf(id: FileId, fileInfoClass: number): Promise<string> {
    return (await this.info(id, fileInfoClass)).subarray(4).toString('utf16le');
  }

  /** `name size`, sorted, as FileStreamInformation has them. */
  async streams(name: string): Promise<string[]> {
    const id = await this.open(name, {
      createDisposition: FILE_OPEN,
      desiredAccess: FILE_READ_ATTRIBUTES,
    });
    const list = decodeStreamInformation(await this.info(id, Class.FileStreamInformation));
    await this.close(id);
    return list.map(({ streamName, streamSize }) => `${streamName} ${streamSize}`).sort();
  }
}

export function scenario(
  name: string,
  body: (scene: Scene) => Promise<void>,
  options: WorldOptions & { on?: string } = {},
): void {
  test(`streams: ${name}`, async () => {
    const world = new World(options);
    const scene = new Scene(world, await connected(world, { share: options.on ?? 'share' }));
    await body(scene);
    await scene.client.lost();
    world.assertEmpty();
  });
}
