/** The public entry: puts configuration, control plane, file systems and transport together. */
import { randomBytes } from 'node:crypto';
import type { Journal } from './base/journal.ts';
import { CONNECTIONS_END_MS } from './base/limits.ts';
import { type Logger, SILENT_LOGGER } from './base/log.ts';
import { SetupError } from './base/setup-error.ts';
import { openStateDirectory, type StateDirectory } from './base/state-directory.ts';
import { type Configuration, configure } from './config/configuration.ts';
import { type Change, changesBetween, withoutRestart } from './config/effects.ts';
import { networkAddresses } from './config/network-interfaces.ts';
import { NT1 } from './config/parameters.ts';
import { Discovery } from './discovery.ts';
import { isPortable } from './file-system.ts';
import type { Administration, LoginFailure, WhoseFailures } from './ipc/administration.ts';
import { type ControlListener, listenControl } from './ipc/control-listener.ts';
import type { ControlPlane } from './ipc/control-plane.ts';
import type { DataPlane } from './ipc/data-plane.ts';
import { collectStatus, type ServerStatus, type StatusQuery } from './ipc/status.ts';
import { type BoundPorts, ListeningPorts } from './listening-ports.ts';
import type { Metrics } from './metrics.ts';
import { createControlPlane } from './mountd/control-plane.ts';
import { actingOnShare } from './mountd/identities.ts';
import { readSystemAccounts } from './mountd/system-accounts.ts';
import { nativeSupport } from './native/support.ts';
import type { NameService } from './netbios/name-service.ts';
import { serveNetbiosNames } from './netbios.ts';
import { Inventory } from './objects/inventory.ts';
import type { Keeper } from './objects/kept-opens.ts';
import { ServerState } from './objects/server-state.ts';
import { closeFiles, isKept, openAudit, openShares, policy, setUp, vfsOf } from './open-shares.ts';
import { prepareReload } from './reload.ts';
import type {
  Listening,
  ListenOptions,
  RemotePlane,
  Server,
  ServerOptions,
} from './server-interface.ts';
import {
  openJournal,
  restoreOpensBefore,
  restorePersistentOpens,
  speakOld,
  watchHost,
} from './server-parts.ts';
import { missingSnapshots } from './snapshot-layout.ts';
import { transportKind } from './transport/listen.ts';
import { assertPortableMayRun, dropPrivileges, isRoot } from './vfs/portable/privileges.ts';
import type { Identity } from './vfs/vfs.ts';
import { refuseWorkers, startWorkers, type WorkerPool } from './workers/pool.ts';

/**
 * Throws SetupError where a share's folder cannot be served, StateError for the state directory. With `remote`
 * options about accounts and the state directory are of no account.
 */
export function createServer(
  options: ServerOptions,
  remote?: RemotePlane,
  administration?: Administration,
  keeper?: Keeper,
): Server {
  const { log = SILENT_LOGGER, users = [], userDatabase } = options;
  if (remote !== undefined) return serverOf(options, remote, { log, administration, keeper });
  const configuration = options.configuration ?? configurationOf(options);
  refuseWorkers(configuration.global.workers, configuration.global.minProtocol <= NT1);
  const user = userToBecome(configuration, options);
  const state =
    options.stateDirectory === undefined ? undefined : openStateDirectory(options.stateDirectory);
  try {
    let server: UsmbdServer | undefined;
    const controlPlane = createControlPlane({
      configuration,
      users,
      log,
      dataPlane: () => server?.dataPlane,
      ...(userDatabase !== undefined && { userDatabase }),
      ...(state !== undefined && { machineSid: state.machineSid, statePath: state.path }),
      ...(user !== undefined && { switchesIdentity: false }),
    });
    server = new UsmbdServer({
      ...{ options, configuration, user, state, controlPlane, administration, keeper, log },
      reloadControlPlane: (changed) => controlPlane.reload(changed),
    });
    return server;
  } catch (error) {
    state?.close();
    throw error;
  }
}

function serverOf(
  options: ServerOptions,
  remote: RemotePlane,
  { log, administration, keeper }: Pick<Parts, 'log' | 'administration' | 'keeper'>,
): Server {
  const configuration = options.configuration ?? configurationOf(options);
  refuseWorkers(configuration.global.workers, configuration.global.minProtocol <= NT1);
  const { controlPlane, state } = remote;
  const server = new UsmbdServer({
    ...{
      options,
      configuration,
      user: undefined,
      state,
      controlPlane,
      administration,
      keeper,
      log,
    },
    reloadControlPlane: (changed) => remote.reload(changed),
  });
  remote.dataPlane = () => server.dataPlane;
  return server;
}

const configurationOf = ({ shares = [], global = {} }: ServerOptions): Configuration =>
  configure({
    global,
    shares: shares.map(({ vfs: _, path = '/', readOnly = false, ...rest }) => ({
      ...rest,
      path,
      readOnly,
    })),
  });

/** Whom the process has to become before it touches a file; undefined when it may stay who it is. */
function userToBecome(configuration: Configuration, options: ServerOptions): Identity | undefined {
  const { shares: own = [] } = options;
  const shares = configuration.shares.filter(({ name }) => vfsOf(name, own) === undefined);
  if (!isPortable() || !isRoot() || shares.length === 0) return undefined;
  const accounts = readSystemAccounts();
  const rules = { switches: true, chosen: () => undefined, systemAccounts: () => accounts };
  const forced = shares.map((share) => {
    const { name, forceUser, forceGroup = '' } = share;
    const acting = actingOnShare(rules, { identity: undefined }, share);
    if (acting === 'none') {
      throw new SetupError(`share ${name}: no system user ${forceUser}, or no group ${forceGroup}`);
    }
    return { name, forceUser: forceUser === undefined ? undefined : acting.identity };
  });
  const user = setUp(() => assertPortableMayRun({ shares: forced }));
  if (user !== undefined && options.dropPrivileges !== true) {
    throw new SetupError('without native support root must become another user: dropPrivileges');
  }
  return user;
}

interface Parts {
  readonly options: ServerOptions;
  readonly configuration: Configuration;
  /** See ServerOptions.dropPrivileges. */
  readonly user: Identity | undefined;
  readonly state: StateDirectory | undefined;
  readonly controlPlane: ControlPlane;
  readonly reloadControlPlane: (configuration: Configuration) => Promise<void>;
  /** Undefined: no tool steers it. */
  readonly administration: Administration | undefined;
  readonly keeper: Keeper | undefined;
  readonly log: Logger;
}

class UsmbdServer implements Server {
  readonly #parts: Parts;
  /** Undefined until the process is who it has to be. */
  #objects: ServerState | undefined;
  readonly #ports: ListeningPorts;
  #names: Promise<NameService | undefined> | undefined;
  #discovery: Discovery | undefined;
  #workers: Promise<WorkerPool | undefined> | undefined;
  #control: Promise<ControlListener | undefined> | undefined;
  #metrics: Promise<Metrics | undefined> | undefined;
  #journal: Promise<Journal | undefined> | undefined;
  #restored: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** As it counts now. */
  #configuration: Configuration;
  #reloading: Promise<unknown> = Promise.resolve();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#configuration = parts.configuration;
    this.#ports = new ListeningPorts(parts.configuration, parts.log);
    if (parts.user === undefined) this.#objects = this.#open();
  }

  async listen(where: ListenOptions): Promise<Listening> {
    const { configuration, log } = this.#parts;
    const { global } = configuration;
    const bound = await this.#ports.bind(where);
    const orGiveUp = async (error: unknown): Promise<never> => {
      await this.#ports.giveUp(bound);
      throw error;
    };
    this.#names ??= serveNetbiosNames(global, where.address, log);
    await this.#names.catch(orGiveUp);
    // Before the process becomes somebody who may not write to the state folder.
    this.#control ??= this.#listenControl();
    await this.#control;
    this.#journal ??= openJournal(configuration, this.#parts.state?.path);
    const journal = await this.#journal.catch(orGiveUp);
    this.#objects ??= this.#become();
    const objects = this.#objects;
    this.#metrics ??= this.#serveMetrics(objects, where);
    const metricsPort = (await this.#metrics.catch(orGiveUp))?.port;
    await speakOld(objects);
    await this.#parts.controlPlane.prepare?.();
    this.#restored ??= restoreOpensBefore(objects, journal, this.#parts.keeper);
    await this.#restored;
    const { workers } = global;
    this.#workers ??= startWorkers(objects, workers);
    const pool = await this.#workers;
    this.#ports.serve(bound, objects, { hand: pool?.hand, handDirect: pool?.handDirect });
    log.info('serving', { transport: transportKind(), workers });
    const [first] = bound.first;
    const [direct] = bound.direct;
    await this.#announce(objects, bound.first).catch(orGiveUp);
    return {
      port: first!.port,
      address: first!.address,
      addresses: bound.first.map(({ address }) => address),
      ...(direct !== undefined && { smbDirectPort: direct.port }),
      ...(metricsPort !== undefined && { metricsPort }),
    };
  }

  /** The first port is the one that the network is told of. */
  async #announce({ guid }: ServerState, listeners: BoundPorts['first']): Promise<void> {
    if (this.#discovery !== undefined) return;
    const addresses = listeners.map(({ address }) => address);
    const isEverywhere = addresses.some((address) => address === '::' || address === '0.0.0.0');
    const { port } = listeners[0]!;
    const announced = { guid, port, addresses: isEverywhere ? undefined : addresses };
    this.#discovery = new Discovery(announced, this.#parts.log);
    try {
      await this.#discovery.update(this.#configuration);
    } catch (error) {
      // Whoever listens again wants it again.
      this.#discovery = undefined;
      throw error;
    }
  }

  /** Undefined until the process is who it has to be. */
  get dataPlane(): DataPlane | undefined {
    return this.#objects === undefined ? undefined : new Inventory(this.#objects);
  }

  async status(query: StatusQuery = {}): Promise<ServerStatus> {
    const { dataPlane } = this;
    if (dataPlane === undefined) throw new Error('the server does not listen yet');
    return collectStatus(dataPlane, query);
  }

  reload(configuration: Configuration): Promise<readonly Change[]> {
    const reloaded = this.#reloading.then(() => this.#reload(configuration));
    this.#reloading = reloaded.catch(() => {});
    return reloaded;
  }

  async #reload(wanted: Configuration): Promise<readonly Change[]> {
    const objects = this.#objects;
    if (objects === undefined || this.#closing !== undefined) {
      throw new SetupError('the server does not serve now');
    }
    const before = this.#configuration;
    const after = withoutRestart(before, wanted);
    refuseWorkers(after.global.workers, after.global.minProtocol <= NT1);
    const prepared = prepareReload(objects, before, after, this.#parts.options.shares ?? []);
    try {
      if ((await this.#journal) === undefined) await this.#keepMore(objects, after);
      await this.#parts.reloadControlPlane(after);
    } catch (error) {
      prepared.cancel();
      throw error;
    }
    this.#configuration = after;
    await prepared.commit();
    await speakOld(objects);
    (await this.#workers)?.retell();
    await this.#discovery?.update(after).catch((error: Error) => {
      this.#parts.log.error('not announced', { reason: error.message });
    });
    return changesBetween(before, wanted);
  }

  /** A share is continuously available now, the first of them. */
  async #keepMore(objects: ServerState, after: Configuration): Promise<void> {
    // Where none is, there is nothing to remove, which somebody else than at the start might not do.
    if (!after.global.durableHandles || !after.shares.some(isKept)) return;
    const journal = await openJournal(after, this.#parts.state?.path);
    if (journal === undefined) return;
    this.#journal = Promise.resolve(journal);
    await restorePersistentOpens(objects, journal);
  }

  async debugChanged(): Promise<void> {
    (await this.#workers)?.retell();
    await this.#discovery?.debugChanged();
  }

  async loginFailures(): Promise<readonly LoginFailure[]> {
    return (await this.#parts.controlPlane.loginFailures?.()) ?? [];
  }

  async forgetLoginFailures(whose: Partial<WhoseFailures> = {}): Promise<number> {
    const { user, address } = whose;
    return (await this.#parts.controlPlane.forgetLoginFailures?.({ user, address })) ?? 0;
  }

  close(): Promise<void> {
    this.#ports.end();
    this.#closing ??= this.#end();
    return this.#closing;
  }

  /** Undefined without a state folder; a server that cannot be asked serves all the same. */
  async #listenControl(): Promise<ControlListener | undefined> {
    const { state, log } = this.#parts;
    if (state === undefined) return undefined;
    try {
      return await listenControl({
        statePath: state.path,
        dataPlane: () => this.dataPlane,
        administration: () => this.#parts.administration,
        log,
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn('no control socket: "usmbd status" will find no server', { reason });
      return undefined;
    }
  }

  /** docs/metrics.md; nothing of it is loaded unless it is asked for. */
  async #serveMetrics(
    objects: ServerState,
    { sockets = [] }: ListenOptions,
  ): Promise<Metrics | undefined> {
    const { metricsPort: port, metricsAddress: address } = this.#parts.configuration.global;
    if (port === undefined) return undefined;
    const handed = sockets.find(({ use }) => use === 'metrics');
    const { serveMetrics } = await import('./metrics.ts');
    try {
      const metrics = await serveMetrics(objects, handed ?? { port, address });
      this.#parts.log.info('metrics are told', {
        url: `http://${address.includes(':') ? `[${address}]` : address}:${metrics.port}/metrics`,
      });
      return metrics;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new SetupError(
        `metrics cannot have ${address}, port ${port} (${reason}): change "metrics port" or "metrics address"`,
        { cause: error },
      );
    }
  }

  #become(): ServerState {
    const { user, log } = this.#parts;
    if (user !== undefined) {
      setUp(() => dropPrivileges(user));
      log.info('this process is another user from now on', { uid: user.uid, gid: user.gid });
    }
    return this.#open();
  }

  #open(): ServerState {
    const { options, configuration, state, controlPlane, log } = this.#parts;
    const { unavailable } = nativeSupport();
    if (unavailable !== undefined) {
      log.warn('files by node:fs alone: slower, and DOS attributes are not kept', { unavailable });
    }
    const audit = openAudit(configuration, log);
    const shares = openShares(configuration, controlPlane.sids, options.shares);
    for (const share of configuration.shares) {
      const vfs = shares.find(({ name }) => name === share.name)?.vfs;
      const reason = missingSnapshots(share, vfs);
      if (reason !== undefined) log.warn('no previous versions', { share: share.name, reason });
    }
    const guid = state?.serverGuid ?? randomBytes(16);
    const objects = new ServerState(guid, policy(configuration), controlPlane, shares, log);
    objects.audit = audit;
    watchHost(objects, options);
    const { interfaces } = configuration.global;
    objects.networkAddresses = (local) => {
      const { addresses: listening, speaksDirect: smbDirect } = this.#ports;
      return networkAddresses(interfaces, { local, listening, smbDirect });
    };
    return objects;
  }

  async #end(): Promise<void> {
    const unannounced = this.#discovery?.close();
    await this.#endConnections();
    await unannounced;
    await (await this.#workers?.catch(() => undefined))?.close();
    this.#objects?.notifier.host?.close();
    for (const share of this.#objects?.shares.values() ?? []) closeFiles(share);
    await (await this.#journal?.catch(() => undefined))?.close();
    await (await this.#metrics?.catch(() => undefined))?.close();
    this.#objects?.audit?.close();
    await (await this.#names?.catch(() => undefined))?.close();
    await (await this.#control)?.close();
    this.#parts.controlPlane.close?.();
    this.#release();
  }

  /** Requests that are under way are waited for, but not those that storage never answers. */
  async #endConnections(): Promise<void> {
    const { log } = this.#parts;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), CONNECTIONS_END_MS);
    });
    const ended = this.#endInOrder();
    if ((await Promise.race([ended, late])) === 'late') {
      ended.catch((error: unknown) => log.error('closing failed', { error: String(error) }));
      log.warn('requests are left behind that their storage does not answer');
    }
    clearTimeout(timer);
  }

  async #endInOrder(): Promise<void> {
    // From now on a connection that is lost leaves nothing behind.
    this.#objects?.persistentOpens?.freeze();
    await this.#objects?.durables.end();
    await this.#ports.close();
  }

  #release(): void {
    try {
      this.#parts.state?.close();
    } catch (error) {
      // The folder is root's still. The next server sees that the process that held it is gone.
      if (this.#parts.user === undefined) throw error;
    }
  }
}
