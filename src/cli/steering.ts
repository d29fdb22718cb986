/** What the administrator of a running `usmbd serve` may have it do, by a signal or by its control socket. */
import { DEBUG_COMPONENTS, type DebugComponent, type Logger } from '../base/log.ts';
import { changeText } from '../config/effects.ts';
import { ProblemsError, problemText } from '../config/problem.ts';
import type { Server } from '../index.ts';
import {
  type About,
  type Administration,
  type LoginFailure,
  type ReloadReport,
  reportOf,
  type WhoseFailures,
} from '../ipc/administration.ts';
import { CommandError } from './command-error.ts';
import type { RunningMountd } from './mountd-start.ts';
import { readServed, type ServePlan } from './serve-plan.ts';

export interface SteeringOptions {
  readonly plan: ServePlan;
  readonly version: string;
  /** Of the log; changes count at once. */
  readonly debug: Set<DebugComponent>;
  readonly log: Logger;
  /** Absent: the control plane is in this process. */
  readonly mountd?: RunningMountd | undefined;
}

export class Steering implements Administration {
  readonly #options: SteeringOptions;
  /** Undefined until there is one. */
  server: Server | undefined;
  /** What is told of a reload from its beginning to its end. */
  onReload: (phase: 'begins' | 'done') => void = () => {};
  /** Begins to end the server. */
  end: () => void = () => {};

  constructor(options: SteeringOptions) {
    this.#options = options;
  }

  about(): About {
    const { plan, version, debug } = this.#options;
    return {
      version,
      processId: process.pid,
      statePath: plan.statePath,
      configurationFile: plan.configurationFile,
      userDatabase: plan.userDatabase?.file,
      debug: DEBUG_COMPONENTS.filter((component) => debug.has(component)),
    };
  }

  get canReload(): boolean {
    return this.#options.plan.configurationFile !== undefined;
  }

  /** Never rejects: what is wrong stands in the report, and in the log. */
  async reload(): Promise<ReloadReport> {
    const { log } = this.#options;
    this.onReload('begins');
    const report = await this.#reload();
    this.onReload('done');
    for (const warning of report.warnings) log.warn(warning);
    for (const problem of report.problems) {
      log.error('the configuration cannot be used; the server goes on as before', { problem });
    }
    for (const change of report.changes) log.info('reloaded', { change });
    if (report.done && report.changes.length === 0) log.info('reloaded: nothing has changed');
    return reportOf(report);
  }

  async #reload(): Promise<ReloadReport> {
    const nothing = { done: false, problems: [], warnings: [], changes: [] };
    const file = this.#options.plan.configurationFile;
    if (file === undefined || this.server === undefined) {
      const why =
        file === undefined
          ? 'this server serves a folder without a configuration: there is nothing to read again'
          : 'the server is starting';
      return { ...nothing, problems: [why] };
    }
    try {
      const { configuration, warnings } = readServed(file);
      const changes = (await this.server.reload(configuration)).map(changeText);
      return { done: true, problems: [], warnings, changes };
    } catch (error) {
      return { ...nothing, problems: problemsOf(error) };
    }
  }

  async setDebug(components: readonly DebugComponent[]): Promise<void> {
    const { debug, mountd, log } = this.#options;
    debug.clear();
    for (const component of components) debug.add(component);
    await mountd?.setDebug(components);
    await this.server?.debugChanged();
    log.info('debug output is switched', { components });
  }

  loginFailures(): Promise<readonly LoginFailure[]> | readonly LoginFailure[] {
    return this.server?.loginFailures() ?? [];
  }

  async forgetLoginFailures(whose: WhoseFailures): Promise<number> {
    const count = (await this.server?.forgetLoginFailures(whose)) ?? 0;
    this.#options.log.info('failed logins are forgotten', { ...whose, count });
    return count;
  }

  shutDown(): void {
    this.end();
  }
}

/** Each with its file and line, where there is one. */
function problemsOf(error: unknown): string[] {
  if (error instanceof ProblemsError) return error.problems.map(problemText);
  if (error instanceof CommandError) return [error.message];
  return [error instanceof Error ? error.message : String(error)];
}
