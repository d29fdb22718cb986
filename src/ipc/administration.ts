/**
 * What a running server is told to do by its administrator: by tools over the control socket, and by the
 * management interfaces of the control plane, which edit the configuration. `Administration` is what whoever
 * started the server offers; a library that embeds one has its own ways.
 */
import { MAX_TOLD_NAME_BYTES, MAX_TOLD_PATH_BYTES } from '../base/limits.ts';
import { DEBUG_COMPONENTS } from '../base/log.ts';
import type { MaybePromise } from './control-plane.ts';
import type { ControlEvent } from './events.ts';
import { flag, list, maybe, oneOf, record, text, u32, type Value, whole } from './fields.ts';
import { Refused } from './listings.ts';

/** Lines of a report of a reload: more than anybody reads. */
const MAX_LINES = 200;
const MAX_LINE_BYTES = 1024;
/** Names and addresses that are told; as many as the control plane remembers, see LoginFailures. */
export const MAX_TOLD_FAILURES = 1000;

const debugComponents = list(oneOf(...DEBUG_COMPONENTS), DEBUG_COMPONENTS.length);
const nothing = record({});
const path = text(MAX_TOLD_PATH_BYTES);
const name = text(MAX_TOLD_NAME_BYTES);

export const about = record({
  version: name,
  processId: u32,
  statePath: path,
  /** Undefined: it serves a folder. */
  configurationFile: maybe(path),
  userDatabase: maybe(path),
  /** Components whose debug output is on. */
  debug: debugComponents,
});
export type About = Value<typeof about>;

export const reloadReport = record({
  /** False: nothing has changed, and `problems` say why. */
  done: flag,
  problems: list(text(MAX_LINE_BYTES), MAX_LINES),
  warnings: list(text(MAX_LINE_BYTES), MAX_LINES),
  /** One line for each parameter that differs, with what becomes of it. */
  changes: list(text(MAX_LINE_BYTES), MAX_LINES),
});
export type ReloadReport = Value<typeof reloadReport>;

/** Logins that failed, of one name from one address, since the last good one. */
export const loginFailure = record({
  user: name,
  address: name,
  failures: u32,
  /** Unix time. */
  lastMs: whole,
  /** How long another attempt would wait now. */
  waitMs: u32,
  /** By the domain's policy: not even the right password lets this user in. */
  lockedOut: flag,
});
export type LoginFailure = Value<typeof loginFailure>;
export const loginFailures = list(loginFailure, MAX_TOLD_FAILURES);

/** Undefined: anybody's, from anywhere. */
export const whoseFailures = record({ user: maybe(name), address: maybe(name) });
export type WhoseFailures = Value<typeof whoseFailures>;
export const forgotten = record({ forgotten: u32 });

export interface Administration {
  about(): MaybePromise<About>;
  /** Reads the configuration again; a bad one changes nothing. */
  reload(): MaybePromise<ReloadReport>;
  /** Which components' debug output is on from now on, in all processes. */
  setDebug(components: About['debug']): MaybePromise<void>;
  loginFailures(): MaybePromise<readonly LoginFailure[]>;
  /** They count no more, and delay nobody. How many records there were. */
  forgetLoginFailures(whose: WhoseFailures): MaybePromise<number>;
  /** Begins to end the server; its clients get to see it off. */
  shutDown(): MaybePromise<void>;
}

const event = <Q, A>(
  number: number,
  request: ControlEvent<Q, A>['request'],
  response: ControlEvent<Q, A>['response'],
): ControlEvent<Q, A> => ({ number, request, response });

/** Numbers after those of EVENTS. */
export const ADMINISTRATION_EVENTS = {
  about: event(0x20, nothing, about),
  reload: event(0x21, nothing, reloadReport),
  setDebug: event(0x22, record({ components: debugComponents }), nothing),
  loginFailures: event(0x23, nothing, loginFailures),
  shutDown: event(0x24, nothing, nothing),
  forgetLoginFailures: event(0x25, whoseFailures, forgotten),
} as const;

/** What fits into an answer; the rest is counted. */
export function reportOf(report: ReloadReport): ReloadReport {
  const { done, problems, warnings, changes } = report;
  return { done, problems: clip(problems), warnings: clip(warnings), changes: clip(changes) };
}

function clip(lines: readonly string[]): string[] {
  const kept = lines.slice(0, MAX_LINES - 1).map((line) => {
    const bytes = Buffer.from(line);
    return bytes.length <= MAX_LINE_BYTES
      ? line
      : `${bytes
          .subarray(0, MAX_LINE_BYTES - 8)
          .toString('utf8')
          .replace(/\uFFFD+$/, '')} ...`;
  });
  const left = lines.length - kept.length;
  return left > 0 ? [...kept, `and ${left} more`] : kept;
}

type Take = <Q, A>(event: ControlEvent<Q, A>, answer: (request: Q) => A | Promise<A>) => void;

/** `refused`: a server without an administration, or one that does not serve yet, says so. */
export function serveAdministration(
  take: Take,
  administration: () => Administration | undefined,
): void {
  const found = (): Administration => {
    const here = administration();
    if (here === undefined) throw new Refused('unknown-event');
    return here;
  };
  take(ADMINISTRATION_EVENTS.about, () => found().about());
  take(ADMINISTRATION_EVENTS.reload, () => found().reload());
  take(ADMINISTRATION_EVENTS.setDebug, async ({ components }) => {
    await found().setDebug(components);
    return {};
  });
  take(ADMINISTRATION_EVENTS.loginFailures, () => found().loginFailures());
  take(ADMINISTRATION_EVENTS.forgetLoginFailures, async (whose) => ({
    forgotten: await found().forgetLoginFailures(whose),
  }));
  take(ADMINISTRATION_EVENTS.shutDown, async () => {
    await found().shutDown();
    return {};
  });
}

type Ask = <Q, A>(event: ControlEvent<Q, A>, request: Q) => Promise<A>;

/** An administration that is asked by events. */
export class AskedAdministration implements Administration {
  readonly #ask: Ask;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  about(): Promise<About> {
    return this.#ask(ADMINISTRATION_EVENTS.about, {});
  }

  reload(): Promise<ReloadReport> {
    return this.#ask(ADMINISTRATION_EVENTS.reload, {});
  }

  async setDebug(components: About['debug']): Promise<void> {
    await this.#ask(ADMINISTRATION_EVENTS.setDebug, { components });
  }

  loginFailures(): Promise<readonly LoginFailure[]> {
    return this.#ask(ADMINISTRATION_EVENTS.loginFailures, {});
  }

  async forgetLoginFailures(whose: WhoseFailures): Promise<number> {
    return (await this.#ask(ADMINISTRATION_EVENTS.forgetLoginFailures, whose)).forgotten;
  }

  async shutDown(): Promise<void> {
    await this.#ask(ADMINISTRATION_EVENTS.shutDown, {});
  }
}
