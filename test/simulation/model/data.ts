/**
 * What is in the files (MS-FSA 2.1.5.3, 2.1.5.4): a READ tells what was there at some moment between its
 * arrival and its answer, a WRITE is done once and as it was asked for, or not at all.
 */
import {
  STATUS_END_OF_FILE,
  STATUS_FILE_LOCK_CONFLICT,
  STATUS_SUCCESS,
} from '../../../src/dtyp/ntstatus.ts';
import type { Answer, AskOf, Commit } from '../history.ts';
import type { Model } from './model.ts';
import type { FileModel, Snapshot } from './state.ts';

const EMPTY = Buffer.alloc(0);

export class Data {
  readonly #model: Model;
  /** WRITEs by what they write, which no other writes. */
  readonly #writes = new Map<string, { ask: AskOf<'write'>; done: number }>();

  constructor(model: Model) {
    this.#model = model;
  }

  contentOf(file: FileModel): Buffer {
    return file.snapshots.at(-1)?.content ?? EMPTY;
  }

  asked(ask: AskOf<'write'>): void {
    this.#writes.set(ask.wish.data.toString('hex'), { ask, done: 0 });
  }

  committed(commit: Commit): void {
    if (commit.kind === 'write') this.#written(commit);
    else if (commit.kind === 'truncate') this.#truncated(commit);
  }

  #written({ file: id, position, data }: Extract<Commit, { kind: 'write' }>): void {
    const file = this.#model.fileOf(id);
    const write = this.#writes.get(data.toString('hex'));
    if (write === undefined || write.ask.wish.offset !== position) {
      this.#model.fail('writes are as asked for', `${data.toString('hex')} at ${position}`);
      return;
    }
    write.done += 1;
    const before = this.contentOf(file);
    const after = Buffer.alloc(Math.max(before.length, position + data.length));
    before.copy(after);
    data.copy(after, position);
    this.#keep(file, after);
    this.#model.caching.changed(file, [this.#model.openOf(write.ask.wish.on)!.key]);
  }

  #truncated({ file: id, size }: Extract<Commit, { kind: 'truncate' }>): void {
    const file = this.#model.fileOf(id);
    const after = Buffer.alloc(size);
    this.contentOf(file).copy(after);
    this.#keep(file, after);
    const actors = [
      ...this.#model.pendingOf('resize').map(({ wish }) => this.#model.openOf(wish.on)!),
    ]
      .filter((open) => open.file === file)
      .map(({ key }) => key);
    for (const ask of this.#model.pendingOf('create')) {
      const overwrites = ask.wish.disposition === 0 || ask.wish.disposition >= 4;
      if (overwrites && this.#model.filesOf(ask).includes(file)) {
        actors.push(this.#model.caching.keyOf(ask));
      }
    }
    this.#model.caching.changed(file, actors);
  }

  #keep(file: FileModel, content: Buffer): void {
    file.snapshots.push({ since: this.#model.moment, content });
  }

  wrote(ask: AskOf<'write'>, status: number): void {
    const write = this.#writes.get(ask.wish.data.toString('hex'))!;
    const expected = status === STATUS_SUCCESS ? 1 : 0;
    if (write.done === expected) return;
    const text = `${ask.number} answered ${status.toString(16)}, done ${write.done} times`;
    this.#model.fail('a write is done once or not at all', text);
  }

  read(ask: AskOf<'read'>, answer: Answer): void {
    const { status } = answer;
    if (status !== STATUS_SUCCESS && status !== STATUS_END_OF_FILE) return;
    const { on, offset, length } = ask.wish;
    const { file } = this.#model.openOf(on)!;
    const seen = answer.data ?? EMPTY;
    const matches = ({ content }: Snapshot) => {
      const there = content.subarray(Math.min(offset, content.length), offset + length);
      return there.equals(seen) && (there.length === 0) === (status === STATUS_END_OF_FILE);
    };
    const kept = [{ since: 0, content: EMPTY }, ...file.snapshots];
    const first = kept.findLastIndex(({ since }) => since <= ask.at);
    if (kept.slice(first).some(matches)) return;
    const text = `${ask.number}: ${seen.toString('hex')} at ${offset} of #${file.id}`;
    this.#model.fail('a READ tells what was there', text);
  }

  /** 2.1.4.10: a lock that another held all the time stops reading and writing. */
  moved(ask: AskOf<'read' | 'write'>, status: number): void {
    const { wish } = ask;
    const length = wish.kind === 'read' ? wish.length : wish.data.length;
    const range = { offset: wish.offset, length };
    const open = this.#model.openOf(wish.on)!;
    const isWrite = wish.kind === 'write';
    if (status === STATUS_SUCCESS || status === STATUS_END_OF_FILE) {
      this.#model.locks.judgePassage(open, range, isWrite, ask.at);
    } else if (status === STATUS_FILE_LOCK_CONFLICT) {
      this.#model.locks.judgeConflict(open, range, isWrite, ask.at);
    }
  }
}
