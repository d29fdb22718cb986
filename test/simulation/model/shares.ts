/**
 * Share modes (MS-FSA 2.1.5.1.2.2) and deletion (2.1.5.5, 2.1.5.15.3): no two opens that exclude each
 * other, no refusal without a cause; a name goes when it was asked for and with the last close, not before.
 */
import {
  DELETE,
  FILE_APPEND_DATA,
  FILE_EXECUTE,
  FILE_READ_DATA,
  FILE_WRITE_DATA,
} from '../../../src/dtyp/access-mask.ts';
import {
  STATUS_DELETE_PENDING,
  STATUS_NETWORK_NAME_DELETED,
  STATUS_SHARING_VIOLATION,
  STATUS_SUCCESS,
} from '../../../src/dtyp/ntstatus.ts';
import { FILE_DELETE_ON_CLOSE } from '../../../src/smb2/create-options.ts';
import { sharing } from '../describe.ts';
import type { Ask, AskOf, Commit, CreateWish } from '../history.ts';
import type { Model } from './model.ts';
import { doomOf, type FileModel, isSure, type OpenModel, wasPerhapsOpen } from './state.ts';

interface Mode {
  readonly access: number;
  readonly share: number;
}

/** For each right, what of the access means it and the share flag that grants it. */
const RIGHTS = [
  [FILE_READ_DATA | FILE_EXECUTE, 1],
  [FILE_WRITE_DATA | FILE_APPEND_DATA, 2],
  [DELETE, 4],
] as const;

function excludes(a: Mode, b: Mode): boolean {
  const wants = (mode: Mode) => RIGHTS.some(([bits]) => (mode.access & bits) !== 0);
  if (!wants(a) || !wants(b)) return false;
  return RIGHTS.some(
    ([bits, flag]) =>
      ((a.access & bits) !== 0 && (b.share & flag) === 0) ||
      ((b.access & bits) !== 0 && (a.share & flag) === 0),
  );
}

const SUPERSEDE = 0;
const OVERWRITE = 4;
const OVERWRITE_IF = 5;

/** MS-FSA 2.1.5.1.2: what the disposition needs beside what is asked for. */
export function impliedAccess({ wish }: AskOf<'create'>): number {
  if (wish.disposition === SUPERSEDE) return DELETE;
  const overwrites = wish.disposition === OVERWRITE || wish.disposition === OVERWRITE_IF;
  return overwrites ? FILE_WRITE_DATA : 0;
}

const deletesOnClose = ({ options }: CreateWish): boolean => (options & FILE_DELETE_ON_CLOSE) !== 0;

const describe = (open: OpenModel): string =>
  `open ${open.opened.number} (access ${open.access.toString(16)}, share ${sharing(open.share)})`;

export class Shares {
  readonly #model: Model;
  /** CREATEs that failed because their session ended: for a while they may have held an open. */
  readonly #ended: AskOf<'create'>[] = [];

  constructor(model: Model) {
    this.#model = model;
  }

  opened(open: OpenModel): void {
    const { file } = open;
    for (const other of file.opens) {
      if (other !== open && isSure(other) && excludes(open, other)) {
        this.#model.fail('share modes', `${describe(open)} beside ${describe(other)}`);
      }
    }
    if (isSure(open) && doomOf(file) === 'yes' && file.doomedAt < open.ask.at) {
      this.#model.fail('nobody opens what is marked for deletion', describe(open));
    }
  }

  refused(ask: AskOf<'create'>, status: number): void {
    const files = this.#model.filesOf(ask);
    if (status === STATUS_SHARING_VIOLATION) this.#judgeViolation(ask, files);
    else if (status === STATUS_DELETE_PENDING) this.#judgeDoom(ask, files);
    else {
      this.#ended.push(ask);
      const isGone = status === STATUS_NETWORK_NAME_DELETED || this.#model.isEnding(ask.wire);
      if (isGone) this.unsure(ask);
    }
  }

  /** A CREATE whose session ended: it may have opened the file, and its end have marked it. */
  unsure(ask: Ask | AskOf<'create'>): void {
    const { wish } = ask;
    if (wish.kind !== 'create' || !deletesOnClose(wish)) return;
    for (const file of this.#model.filesOf(ask)) if (file.doom === 'no') file.doom = 'perhaps';
  }

  #judgeViolation(ask: AskOf<'create'>, files: readonly FileModel[]): void {
    const { model } = { model: this.#model };
    const mode = { access: ask.wish.access | impliedAccess(ask), share: ask.wish.share };
    const inTheWay = files
      .flatMap((file) => [...file.opens])
      .filter((open) => wasPerhapsOpen(open, ask.at) && excludes(mode, open));
    const perhaps = [...model.pendingOf('create'), ...this.#ended].some(
      (other) =>
        other !== ask &&
        (other.answeredAt === undefined || other.answeredAt >= ask.at) &&
        excludes(mode, other.wish) &&
        model.filesOf(other).some((file) => files.includes(file)),
    );
    if (perhaps) return;
    if (inTheWay.length === 0) {
      model.fail('no sharing violation without a cause', `${ask.number} ${ask.wish.path}`);
    }
    // 2.1.5.1.2.2 with 2.1.4.12, OPEN_BREAK_H: who only caches its handle is asked to give it up first.
    const key = model.caching.keyOf(ask);
    const cached = inTheWay.filter((open) => model.caching.keptHandle(open, ask.at, key));
    if (inTheWay.length > 0 && cached.length === inTheWay.length) {
      model.fail('a cached handle is broken before a sharing violation', describe(cached[0]!));
    }
  }

  #judgeDoom(ask: AskOf<'create'>, files: readonly FileModel[]): void {
    // An open that was made and never told of marks its file when its session ends.
    const ending = this.#model
      .pendingOf('create')
      .filter(({ wish }) => deletesOnClose(wish))
      .flatMap((other) => this.#model.filesOf(other));
    // What a rename is about to replace is as good as gone.
    for (const rename of this.#model.pendingOf('rename')) {
      if (rename.wish.replace) ending.push(...this.#model.filesOf(rename));
    }
    const isDoomed = (file: FileModel) =>
      doomOf(file) !== 'no' || file.doomedAt >= ask.at || ending.includes(file);
    if (files.some(isDoomed)) return;
    const isBelow = ask.wish.path.includes('\\');
    if (isBelow && [...this.#model.files.values()].some((f) => f.isDirectory && isDoomed(f)))
      return;
    this.#model.fail('DELETE_PENDING has a cause', `${ask.number} ${ask.wish.path}`);
  }

  /** Something under way may mark the file, or unmark it. */
  dooming(file: FileModel, what: unknown): void {
    file.dooming.add(what);
    file.doomedAt = this.#model.moment;
  }

  /** It is through: `doomed`, or undefined where it changed nothing. */
  doomed(file: FileModel, what: unknown, doomed: boolean | undefined): void {
    if (!file.dooming.delete(what)) return;
    file.doomedAt = this.#model.moment;
    if (doomed === undefined) return;
    const isAlone = file.dooming.size === 0;
    file.doom = !isAlone ? 'perhaps' : doomed ? 'yes' : 'no';
  }

  disposed(ask: AskOf<'dispose'>, status: number): void {
    const { file } = this.#model.openOf(ask.wish.on)!;
    const done = status === STATUS_SUCCESS ? ask.wish.doomed : undefined;
    this.doomed(file, ask, done);
    if (done === true) this.#model.caching.marked(ask, file);
  }

  committed(commit: Commit): void {
    if (commit.kind === 'remove') this.#removed(this.#model.fileOf(commit.file), commit.path);
    if (commit.kind === 'rename' && commit.replaced !== undefined) {
      const replaced = this.#model.fileOf(commit.replaced);
      replaced.exists = false;
      const holder = [...replaced.opens].find(isSure);
      if (holder !== undefined) {
        this.#model.fail('an open file is not replaced', `${commit.to}: ${describe(holder)}`);
      }
    }
  }

  #removed(file: FileModel, path: string): void {
    file.exists = false;
    const holder = [...file.opens].find(isSure);
    if (holder !== undefined) {
      this.#model.fail('a name stays until the last close', `${path}: ${describe(holder)}`);
    }
    const isMakers = this.#model
      .pendingOf('create')
      .some(({ wish, wire }) => deletesOnClose(wish) && this.#model.isEnding(wire));
    if (doomOf(file) === 'no' && !isMakers) {
      this.#model.fail('nothing is deleted unasked', `${path}, #${file.id}`);
    }
  }

  /** Nothing is under way: what is marked and closed has gone. */
  atRest(): void {
    for (const file of this.#model.files.values()) {
      if (!file.exists || doomOf(file) !== 'yes') continue;
      if ([...file.opens].some((open) => open.closedAt === undefined)) continue;
      this.#model.fail('what is marked goes with its last close', `#${file.id}`);
    }
  }
}
