/**
 * The model: hears of everything that happens at the server's door and on its disk, in order, and says
 * what must not be. It knows nothing of the server but what its clients were told.
 */
import {
  STATUS_FILE_CLOSED,
  STATUS_INTERNAL_ERROR,
  STATUS_SUCCESS,
} from '../../../src/dtyp/ntstatus.ts';
import { FILE_DELETE_ON_CLOSE } from '../../../src/smb2/create-options.ts';
import type { OplockBreakNotification } from '../../../src/smb2/oplock-break.ts';
import { describeWish } from '../describe.ts';
import type { Answer, Ask, AskOf, Commit, Opened, Wish, Witness } from '../history.ts';
import type { Stage } from '../stage.ts';
import type { Wire } from '../wire.ts';
import { CachingModel, looksOnly } from './caching.ts';
import { Changes } from './changes.ts';
import { Data } from './data.ts';
import { Durables } from './durables.ts';
import { Locks } from './locks.ts';
import { Shares } from './shares.ts';
import { type FileModel, isSure, type OpenModel } from './state.ts';

export class Model implements Witness {
  readonly #stage: Stage;
  readonly files = new Map<bigint, FileModel>();
  readonly #opens = new Map<Opened, OpenModel>();
  readonly #pending = new Set<Ask>();
  /** What stood at the name that a CREATE or a rename is after, while it was under way. */
  readonly #places = new Map<Ask, Set<bigint>>();
  /** Connections whose session or tree connect ends, and since when. */
  readonly #ending = new Map<Wire, number>();
  /** Of directories; there are none in others. */
  readonly #paths = new Map<bigint, string>();
  readonly caching = new CachingModel(this);
  readonly shares = new Shares(this);
  readonly locks = new Locks(this);
  readonly data = new Data(this);
  readonly durables = new Durables(this);
  readonly changes = new Changes(this);

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  get moment(): number {
    return this.#stage.moment;
  }

  get nowMs(): number {
    return this.#stage.time.nowMs;
  }

  fail(rule: string, text: string): void {
    this.#stage.fail(rule, text);
  }

  fileOf(id: bigint): FileModel {
    let file = this.files.get(id);
    if (file === undefined) {
      file = {
        ...{ id, exists: true, isDirectory: false, opens: new Set(), holders: new Set() },
        ...{
          touched: new Map(),
          locks: new Set(),
          snapshots: [],
          doom: 'no',
          dooming: new Set(),
          doomedAt: 0,
        },
      } satisfies FileModel;
      this.files.set(id, file);
    }
    return file;
  }

  openOf(opened: Opened): OpenModel | undefined {
    return this.#opens.get(opened);
  }

  /** Where a directory is. */
  pathOf(file: FileModel): string | undefined {
    return this.#paths.get(file.id);
  }

  /** Something that takes a name away was under way at that moment, and is. */
  isBusySince(at: number): boolean {
    const kinds: readonly string[] = ['close', 'rename', 'logoff', 'treeDisconnect'];
    for (const ask of this.#pending) if (ask.at < at && kinds.includes(ask.wish.kind)) return true;
    for (const [wire, since] of this.#ending) if (since < at && !wire.over) return true;
    return false;
  }

  /** A name has come, gone or changed. */
  renamed(commit: Exclude<Commit, { kind: 'write' | 'truncate' }>): void {
    if (!commit.isDirectory) return;
    if (commit.kind === 'remove') this.#paths.delete(commit.file);
    else this.#paths.set(commit.file, commit.kind === 'rename' ? commit.to : commit.path);
  }

  *opens(): Iterable<OpenModel> {
    yield* this.#opens.values();
  }

  pendingOf<K extends Wish['kind']>(kind: K): AskOf<K>[] {
    return [...this.#pending].filter(({ wish }) => wish.kind === kind) as unknown as AskOf<K>[];
  }

  /** Files that stood at the path while the request was under way. */
  filesOf(ask: Ask | AskOf<'create'> | AskOf<'rename'>): FileModel[] {
    return [...(this.#places.get(ask as Ask) ?? [])].map((id) => this.fileOf(id));
  }

  /** The session or the connection is on its end, and anything of it with it. */
  isEnding(wire: Wire): boolean {
    return this.#ending.has(wire);
  }

  asked(ask: Ask): void {
    this.#pending.add(ask);
    const { wish } = ask;
    if ('on' in wish) this.#touch(this.#opens.get(wish.on)!.file, ask.wire);
    switch (wish.kind) {
      case 'create':
      case 'rename':
        this.#places.set(ask, new Set());
        this.#look(ask);
        break;
      case 'close':
        this.#closing(this.#opens.get(wish.on)!);
        break;
      case 'dispose':
        this.shares.dooming(this.#opens.get(wish.on)!.file, ask);
        break;
      case 'write':
        this.data.asked(ask as unknown as AskOf<'write'>);
        break;
      case 'lock':
        this.locks.asked(ask as unknown as AskOf<'lock'>);
        break;
      case 'unlock':
        this.locks.unlocking(ask as unknown as AskOf<'unlock'>);
        break;
      case 'notify':
        this.changes.asked(ask as unknown as AskOf<'notify'>);
        break;
      case 'acknowledgeLease':
        this.caching.acknowledgingLease(ask as unknown as AskOf<'acknowledgeLease'>);
        break;
      case 'acknowledgeOplock':
        this.caching.acknowledgingOplock(ask as unknown as AskOf<'acknowledgeOplock'>);
        break;
      case 'treeDisconnect':
        this.#end(ask.wire);
        break;
      case 'logoff':
        this.#lose(ask.wire);
        break;
    }
  }

  #touch(file: FileModel, wire: Wire): void {
    file.touched.set(wire.clientGuid.toString('hex'), this.moment);
  }

  /** Somebody has, or may have had, to do with the file since then, its own client by another open. */
  wasTouched(file: FileModel, by: Wire, since: number): boolean {
    const own = by.clientGuid.toString('hex');
    for (const [other, at] of file.touched)
      if (at > since || (other !== own && at === since)) return true;
    for (const ask of this.#pending) {
      const { wish } = ask;
      const isThere = 'on' in wish && this.#opens.get(wish.on)?.file === file;
      if (this.#isOfDirectory(wish) || isThere || this.filesOf(ask).includes(file)) return true;
    }
    return [...file.opens].some((open) => open.wire !== by && open.closedAt === undefined);
  }

  /** 2.1.5.15.12: it breaks what is cached of handles below, even if it is refused in the end. */
  #isOfDirectory(wish: Wish): boolean {
    return wish.kind === 'rename' && this.#opens.get(wish.on)?.file.isDirectory === true;
  }

  cancelled(): void {}

  interim(): void {}

  answered(ask: Ask, answer: Answer): void {
    const { status } = answer;
    const { wish } = ask;
    // When it reached what stood at its path nobody knows, but not later than now.
    for (const file of this.filesOf(ask)) this.#touch(file, ask.wire);
    if (status === STATUS_INTERNAL_ERROR) this.fail('no bugs', describeWish(wish));
    if (status === STATUS_FILE_CLOSED && 'on' in wish && isSure(this.#opens.get(wish.on)!)) {
      this.fail('an open is there until it is closed', `${ask.number} ${describeWish(wish)}`);
    }
    switch (wish.kind) {
      case 'create':
        if (status === STATUS_SUCCESS) this.#opened(ask as unknown as AskOf<'create'>, answer);
        else this.shares.refused(ask as unknown as AskOf<'create'>, status);
        break;
      case 'reclaim':
        this.durables.answered(ask as unknown as AskOf<'reclaim'>, answer);
        break;
      case 'close':
        this.#closeAnswered(ask as unknown as AskOf<'close'>, status);
        break;
      case 'rename':
        if (this.#isOfDirectory(wish))
          for (const file of this.files.values()) this.#touch(file, ask.wire);
        break;
      case 'dispose':
        this.shares.disposed(ask as unknown as AskOf<'dispose'>, status);
        break;
      case 'read':
        this.data.read(ask as unknown as AskOf<'read'>, answer);
        this.data.moved(ask as unknown as AskOf<'read'>, status);
        break;
      case 'write':
        this.data.wrote(ask as unknown as AskOf<'write'>, status);
        this.data.moved(ask as unknown as AskOf<'write'>, status);
        break;
      case 'lock':
        this.locks.answered(ask as unknown as AskOf<'lock'>, status);
        break;
      case 'unlock':
        this.locks.unlocked(ask as unknown as AskOf<'unlock'>, status);
        break;
      case 'notify':
        this.changes.answered(ask as unknown as AskOf<'notify'>, answer);
        break;
      case 'acknowledgeLease':
      case 'acknowledgeOplock':
        this.caching.acknowledged(ask, status);
        break;
      case 'treeDisconnect':
      case 'logoff':
        this.#ended(ask.wire);
        break;
      case 'treeConnect':
        this.#ending.delete(ask.wire);
        break;
    }
    this.#pending.delete(ask);
  }

  #opened(ask: AskOf<'create'>, answer: Answer): void {
    const opened = ask.opened!;
    const file = this.fileOf(opened.file);
    file.isDirectory = opened.isDirectory;
    if (opened.isDirectory && !this.#paths.has(file.id)) {
      this.#paths.set(file.id, ask.wish.path);
    }
    const open: OpenModel = {
      ...{ opened, ask, wire: ask.wire, key: this.caching.keyOf(ask), lost: undefined },
      isDurable: answer.caching?.durable === true,
      access: ask.wish.access,
      share: ask.wish.share,
      file,
      deletesOnClose: (ask.wish.options & FILE_DELETE_ON_CLOSE) !== 0,
      sureAt: this.moment,
      closingAt: undefined,
      closedAt: undefined,
      watch: undefined,
    };
    this.#opens.set(opened, open);
    file.opens.add(open);
    this.#touch(file, ask.wire);
    if (this.#ending.has(ask.wire)) this.#closing(open);
    this.shares.opened(open);
    this.caching.opened(open, answer);
  }

  #closing(open: OpenModel): void {
    if (open.closingAt !== undefined) return;
    open.closingAt = this.moment;
    if (open.deletesOnClose) this.shares.dooming(open.file, open);
  }

  #closeAnswered({ wish, number }: AskOf<'close'>, status: number): void {
    const open = this.#opens.get(wish.on)!;
    if (status === STATUS_SUCCESS) this.#closed(open);
    else if (!this.#ending.has(open.wire) && open.closedAt === undefined) {
      const isOnly = !this.pendingOf('close').some(
        (ask) => ask.wish.on === wish.on && ask.number !== number,
      );
      if (isOnly) this.fail('an open is there until it is closed', `CLOSE ${number}`);
    }
  }

  #closed(open: OpenModel): void {
    if (open.closedAt !== undefined) return;
    open.closedAt = this.moment;
    if (open.deletesOnClose) this.shares.doomed(open.file, open, true);
    this.locks.closed(open);
    this.caching.closed(open);
  }

  /** Its session is gone without an answer: what is durable is kept. */
  #lose(wire: Wire): void {
    for (const open of this.#opens.values()) {
      if (open.wire === wire && isSure(open)) this.durables.lost(open);
    }
    this.#end(wire);
  }

  /** The same open under the name that its new connection knows. */
  reclaimed(opened: Opened, open: OpenModel, wire: Wire): void {
    this.#opens.set(opened, open);
    open.wire = wire;
    open.closingAt = undefined;
    open.lost = undefined;
    this.shares.doomed(open.file, open, undefined);
    this.shares.opened(open);
  }

  gone(open: OpenModel): void {
    this.#closed(open);
    if (open.deletesOnClose) open.file.doom = 'perhaps';
  }

  #end(wire: Wire): void {
    if (!this.#ending.has(wire)) this.#ending.set(wire, this.moment);
    for (const open of this.#opens.values()) if (open.wire === wire) this.#closing(open);
  }

  #ended(wire: Wire): void {
    for (const open of this.#opens.values()) {
      if (open.wire === wire && open.lost === undefined) this.#closed(open);
    }
  }

  told(wire: Wire, notification: OplockBreakNotification): void {
    this.caching.told(wire, notification);
  }

  cut(wire: Wire): void {
    this.#lose(wire);
  }

  over(wire: Wire): void {
    for (const ask of this.#pending) {
      if (ask.wire !== wire) continue;
      this.#pending.delete(ask);
      // Nobody will tell how it went, nor when it reached its file.
      this.shares.unsure(ask);
      const touched = this.#isOfDirectory(ask.wish) ? this.files.values() : this.filesOf(ask);
      for (const file of touched) this.#touch(file, wire);
      if (ask.wish.kind === 'dispose') {
        const { file } = this.#opens.get(ask.wish.on)!;
        if (file.dooming.delete(ask)) file.doom = 'perhaps';
      }
    }
    this.#ended(wire);
  }

  committed(commit: Commit): void {
    const file = this.fileOf(commit.file);
    if (commit.kind === 'create') file.isDirectory = commit.isDirectory;
    if (commit.kind === 'rename') this.caching.renamed(file);
    this.data.committed(commit);
    this.shares.committed(commit);
    this.changes.committed(commit);
    if (commit.kind === 'create' || commit.kind === 'rename') {
      for (const ask of this.#places.keys()) if (this.#pending.has(ask)) this.#look(ask);
    }
  }

  #look(ask: Ask): void {
    const { wish } = ask;
    if (wish.kind !== 'create' && wish.kind !== 'rename') return;
    const there = this.#stage.fileAt(wish.path);
    if (there === undefined) return;
    this.#places.get(ask)!.add(there);
    this.#touch(this.fileOf(there), ask.wire);
  }

  /** Nothing is under way, save what waits for another client: each has its reason. */
  atRest(): void {
    for (const ask of this.#pending) {
      if (this.#hasReason(ask)) continue;
      this.fail('what waits waits for something', `${ask.number} ${describeWish(ask.wish)}`);
    }
    this.locks.atRest();
    this.shares.atRest();
    this.changes.atRest();
  }

  #hasReason(ask: Ask): boolean {
    const { wish } = ask;
    if (ask.cancelled) return false;
    switch (wish.kind) {
      case 'notify':
        return true;
      case 'create': {
        const changes = wish.disposition === 0 || wish.disposition >= 4;
        if (looksOnly(wish.access) && !changes) return false;
        const key = this.caching.keyOf(ask as unknown as AskOf<'create'>);
        return this.filesOf(ask).some((file) => this.caching.isBreaking(file, key));
      }
      case 'rename':
        return [...this.files.values()].some((file) => this.caching.isBreaking(file));
      case 'lock': {
        const { file, key } = this.#opens.get(wish.on)!;
        const lock = ask as unknown as AskOf<'lock'>;
        return this.caching.isBreaking(file, key) || this.locks.isStopped(lock, file);
      }
      case 'write':
      case 'resize':
      case 'dispose': {
        const { file, key } = this.#opens.get(wish.on)!;
        return this.caching.isBreaking(file, key);
      }
      default:
        return false;
    }
  }
}
