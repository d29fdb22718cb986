/** A named stream whose object's storage may block: see local-streams.ts, whose work the threads do. */
import { isResource } from '../../apple-streams.ts';
import { EFBIG, ENOENT, type Errno, isErrno, type Result } from '../../errno.ts';
import type { StreamObject, StreamSizes } from '../../stream-handle.ts';
import type { VfsStreamRules } from '../../vfs.ts';
import type { OpenStream } from '../open-inodes.ts';
import { MAX_STREAM_BYTES } from '../stream-value.ts';
import type { StreamMethods } from './jobs.ts';
import { ownMemory, type RemoteHandle } from './remote-handle.ts';

export class RemoteStream implements StreamObject {
  readonly #base: RemoteHandle;
  readonly #open: OpenStream;
  readonly #rules: VfsStreamRules | undefined;

  /** `name` as it is on disk. */
  constructor(base: RemoteHandle, name: string, rules: VfsStreamRules | undefined) {
    this.#base = base;
    this.#rules = rules;
    this.#open = base.inode.openStream(name);
  }

  get #seen() {
    return { name: this.#open.name, rules: this.#rules };
  }

  name(): string | Errno {
    return this.#open.isRemoved ? ENOENT : this.#open.name;
  }

  async sizes(): Promise<Result<StreamSizes>> {
    if (this.#open.isRemoved) return ENOENT;
    return this.#base.ofStream('ask', this.#seen, 'sizes', []);
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    if (this.#open.isRemoved) return ENOENT;
    const bytes = await this.#base.readStream(this.#seen, buffer.length, position);
    if (isErrno(bytes)) return bytes;
    buffer.set(bytes);
    return bytes.length;
  }

  async write(buffer: Uint8Array, position: number): Promise<number> {
    if (buffer.length === 0) return 0;
    return this.#change('write', [ownMemory(buffer), position]);
  }

  truncate(length: number): Promise<Errno | 0> {
    return this.#change('truncate', [length]);
  }

  /** Nothing can be reserved. */
  allocate(length: number): Errno | 0 {
    if (this.#open.isRemoved) return ENOENT;
    return length > MAX_STREAM_BYTES[this.#base.streamFormat] ? EFBIG : 0;
  }

  flush(): Promise<Errno | 0> {
    return this.#base.syncObject();
  }

  rename(name: string, replace: boolean): Promise<Errno | 0> {
    const { inode } = this.#base;
    return this.#base.inTurn(async () => {
      if (this.#open.isRemoved) return ENOENT;
      const result = await this.#base.ofStream('ask', this.#seen, 'rename', [name, replace]);
      if (result === 0 && name !== this.#open.name) {
        const replaced = inode.findStream(name);
        if (replaced !== undefined && replaced !== this.#open) inode.removeStream(replaced.name);
        inode.renameStream(this.#open, name);
      }
      return result;
    });
  }

  remove(): Promise<Errno | 0> {
    const { inode } = this.#base;
    return this.#base.inTurn(async () => {
      if (this.#open.isRemoved) return ENOENT;
      const result = await this.#base.ofStream('ask', this.#seen, 'remove', []);
      const stays = this.#rules !== 'plain' && isResource(this.#open.name);
      if (result === 0 && !stays) inode.removeStream(this.#open.name);
      return result;
    });
  }

  close(): void {
    this.#base.inode.closeStream(this.#open);
  }

  #change<M extends 'write' | 'truncate'>(
    method: M,
    args: StreamMethods[M][0],
  ): Promise<StreamMethods[M][1]> {
    return this.#base.inTurn(async () =>
      this.#open.isRemoved ? ENOENT : this.#base.ofStream('change', this.#seen, method, args),
    );
  }
}
