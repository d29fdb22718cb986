/**
 * Change notification, MS-FSA 2.1.4.1, 2.1.5.11 and 2.1.5.15.12: from the first CHANGE_NOTIFY of an open on, each
 * change of a name is told once and in order, to the oldest request that waits, or kept until one comes.
 */
import {
  STATUS_CANCELLED,
  STATUS_DELETE_PENDING,
  STATUS_NOTIFY_CLEANUP,
  STATUS_NOTIFY_ENUM_DIR,
  STATUS_SUCCESS,
} from '../../../src/dtyp/ntstatus.ts';
import type { NotifyInformation } from '../../../src/fscc/notify-information.ts';
import type { Answer, AskOf, Commit } from '../history.ts';
import type { Model } from './model.ts';
import { doomOf, isSure, type OpenModel, type Untold, type Watch } from './state.ts';

const ADDED = 1;
const REMOVED = 2;
const OLD_NAME = 4;
const NEW_NAME = 5;

const FILE_NAME = 1;
const DIR_NAME = 2;

interface NameChange {
  readonly action: number;
  readonly path: string;
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('\\')));

/** FILE_NOTIFY_INFORMATION, MS-FSCC 2.7.1: entries begin at multiples of four. */
function bytesOf(changes: readonly Untold[]): number {
  let bytes = 0;
  for (const { name } of changes) bytes = ((bytes + 3) & ~3) + 12 + name.length * 2;
  return bytes;
}

const isChange = (change: Untold, action: number, name: string): boolean =>
  change.action === action && change.name === name;

const describe = (changes: readonly Untold[]): string =>
  `[${changes.map(({ action, name }) => `${action} ${name}`).join(', ')}]`;

export class Changes {
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
  }

  asked(ask: AskOf<'notify'>): void {
    const open = this.#model.openOf(ask.wish.on)!;
    const { filter, tree, length } = ask.wish;
    open.watch ??= { filter, tree, capacity: length, by: ask, untold: [], isOverflowed: false };
  }

  answered(ask: AskOf<'notify'>, answer: Answer): void {
    const open = this.#model.openOf(ask.wish.on)!;
    const { watch } = open;
    switch (answer.status) {
      case STATUS_SUCCESS:
        this.#told(ask, open, answer.changes!);
        break;
      case STATUS_NOTIFY_ENUM_DIR:
        this.#judgeOverflow(ask, watch!);
        break;
      case STATUS_CANCELLED:
        if (!ask.cancelled && !this.#model.isEnding(ask.wire)) this.#fail(ask, 'cancelled unasked');
        break;
      case STATUS_NOTIFY_CLEANUP:
        if (isSure(open)) this.#fail(ask, 'its open is there');
        break;
      case STATUS_DELETE_PENDING:
        if (doomOf(open.file) === 'no' && open.file.doomedAt < ask.at)
          this.#fail(ask, 'not marked');
        this.#refused(ask, open);
        break;
      default:
        this.#refused(ask, open);
    }
  }

  /** A first request that is refused at once makes no watch. */
  #refused(ask: AskOf<'notify'>, open: OpenModel): void {
    if (open.watch?.by === ask && ask.interimAt === undefined) open.watch = undefined;
  }

  #fail(ask: AskOf<'notify'>, why: string): void {
    this.#model.fail('a request for changes ends for a reason', `${ask.number}: ${why}`);
  }

  #told(ask: AskOf<'notify'>, open: OpenModel, told: readonly NotifyInformation[]): void {
    const watch = open.watch!;
    const before = watch.untold;
    const rest = [...before];
    const isSame = told.every(({ action, fileName }) => {
      while (rest[0]?.isEarly && !isChange(rest[0], action, fileName)) rest.shift();
      const next = rest.shift();
      return next !== undefined && isChange(next, action, fileName);
    });
    if (!isSame || told.length === 0 || watch.isOverflowed) {
      const what = told.map(({ action, fileName }) => `${action} ${fileName}`).join(', ');
      const text = `${ask.number} is told [${what}] instead of ${describe(before)}`;
      this.#model.fail('changes are told once and in order', text);
    }
    watch.untold = rest;
    for (const other of this.#model.pendingOf('notify')) {
      const isBefore = other.wish.on === ask.wish.on && other.number < ask.number;
      if (isBefore && !other.cancelled && other.interimAt !== undefined) {
        this.#model.fail('the oldest request is told first', `${ask.number}, not ${other.number}`);
      }
    }
  }

  #judgeOverflow(ask: AskOf<'notify'>, watch: Watch): void {
    if (!watch.isOverflowed && bytesOf(watch.untold) <= ask.wish.length) {
      this.#model.fail(
        'changes are told where they fit',
        `${ask.number}: ${describe(watch.untold)}`,
      );
    }
    watch.untold = [];
    watch.isOverflowed = false;
  }

  committed(commit: Commit): void {
    if (commit.kind === 'write' || commit.kind === 'truncate') return;
    for (const change of namesOf(commit)) {
      const filter = commit.isDirectory ? DIR_NAME : FILE_NAME;
      for (const open of this.#model.opens())
        this.#keep(open, change, filter, commit.kind === 'create');
    }
    this.#model.renamed(commit);
  }

  #keep(
    { watch, file, closedAt }: OpenModel,
    { action, path }: NameChange,
    filter: number,
    isNew: boolean,
  ): void {
    if (watch === undefined || closedAt !== undefined || (watch.filter & filter) === 0) return;
    const directory = this.#model.pathOf(file);
    if (directory === undefined) return;
    const isHere = parentOf(path) === directory;
    if (!isHere && !(watch.tree && path.startsWith(`${directory}\\`))) return;
    const isEarly = !isNew && this.#model.isBusySince(watch.by.at);
    watch.untold.push({ action, name: path.slice(directory.length + 1), isEarly });
    if (bytesOf(watch.untold) > watch.capacity) watch.isOverflowed = true;
  }

  /** Whoever waits has been told everything. */
  atRest(): void {
    for (const { wish, number } of this.#model.pendingOf('notify')) {
      const open = this.#model.openOf(wish.on)!;
      const { untold, isOverflowed } = open.watch!;
      const isTold = untold.every(({ isEarly }) => isEarly) && !isOverflowed;
      if (!isSure(open) || isTold) continue;
      this.#model.fail('whoever waits for changes is told', `${number}: ${describe(untold)}`);
    }
  }
}

/** What is told of names; that another file stands at the same name is no change of a name. */
function namesOf(commit: Exclude<Commit, { kind: 'write' | 'truncate' }>): NameChange[] {
  const { path } = commit;
  if (commit.kind === 'create') return [{ action: ADDED, path }];
  if (commit.kind !== 'rename') return [{ action: REMOVED, path }];
  const { to, replaced } = commit;
  if (path === to) return [];
  const isMove = parentOf(path) !== parentOf(to);
  const isOver = replaced !== undefined;
  const changes = [{ action: isMove || isOver ? REMOVED : OLD_NAME, path }];
  if (!isOver) changes.push({ action: isMove ? ADDED : NEW_NAME, path: to });
  return changes;
}
