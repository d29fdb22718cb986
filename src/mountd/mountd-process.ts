/**
 * The control plane as a process of its own (ksmbd: ksmbd.mountd). Whoever supervises it gives orders on standard
 * input, one a line, and gets an answer to each on standard output; the data plane talks to it by its
 * socket (ipc/mountd-listener.ts). It ends when standard input does.
 */
import { createInterface } from 'node:readline';
import { createLogger, DEBUG_COMPONENTS, type DebugComponent, type Logger } from '../base/log.ts';
import { SetupError } from '../base/setup-error.ts';
import { readIdentity } from '../base/state-directory.ts';
import type { Configuration } from '../config/configuration.ts';
import { listenAddresses } from '../config/interfaces.ts';
import { listenMountd, type MountdListener } from '../ipc/mountd-listener.ts';
import { decodeOrder, encodeReply, type MountdReply } from '../ipc/mountd-orders.ts';
import type { UserDatabaseInput, UserInput } from './account-directory.ts';
import { createControlPlane, type OwnControlPlane } from './control-plane.ts';
import { listenRpc, type RpcListener } from './rpc-listener.ts';
import { pipeNames } from './services/services.ts';

/** What `start` orders. */
export interface MountdStart {
  readonly order: 'start';
  /** Of usmbd, which may have been replaced meanwhile. */
  readonly version: string;
  readonly statePath: string;
  readonly configuration: Configuration;
  readonly users: readonly UserInput[];
  readonly userDatabase: UserDatabaseInput | undefined;
  /** Where the configuration was read, which management interfaces edit; undefined: it came from nowhere. */
  readonly configurationFile: string | undefined;
  /** To listen on; undefined: what the configuration says, else all. */
  readonly address: string | undefined;
  /** Descriptors that listen already, in place of ports: the endpoint mapper's and the interfaces'. */
  readonly sockets: { readonly mapper: readonly number[]; readonly rpc: readonly number[] };
  readonly logFormat: 'json' | 'text';
  readonly debug: readonly DebugComponent[];
}

export interface MountdDebug {
  readonly order: 'debug';
  readonly components: readonly DebugComponent[];
}

/** Another configuration, for logins and tree connects from now on. */
export interface MountdReload {
  readonly order: 'reload';
  readonly configuration: Configuration;
}

export type MountdOrder = MountdStart | MountdDebug | MountdReload;

const PART = 'usmbd.mountd';
/** A terminal's signals reach the whole group; the supervisor decides what they mean. */
const IGNORED_SIGNALS = ['SIGINT', 'SIGHUP'] as const;

/** Until standard input ends. `warning` is told in the log. */
export async function runMountd(version: string, warning: string | undefined): Promise<void> {
  process.title = PART;
  for (const signal of IGNORED_SIGNALS) process.on(signal, () => {});
  const running = new Mountd(version, warning);
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${encodeReply(await obeyed(running, line))}\n`);
  }
  await running.close();
}

async function obeyed(running: Mountd, line: string): Promise<MountdReply> {
  try {
    await running.obey(decodeOrder(line) as MountdOrder);
    return { done: true };
  } catch (error) {
    return { done: false, message: error instanceof Error ? error.message : String(error) };
  }
}

class Mountd {
  readonly #version: string;
  readonly #warning: string | undefined;
  readonly #debug = new Set<DebugComponent>();
  #listener: MountdListener | undefined;
  #controlPlane: OwnControlPlane | undefined;
  #rpc: RpcListener | undefined;

  constructor(version: string, warning: string | undefined) {
    this.#version = version;
    this.#warning = warning;
  }

  obey(order: MountdOrder): void | Promise<void> | undefined {
    switch (order.order) {
      case 'start':
        return this.#start(order);
      case 'debug':
        return this.#switch(order.components);
      case 'reload':
        return this.#controlPlane?.reload(order.configuration);
    }
  }

  async close(): Promise<void> {
    await this.#rpc?.close();
    await this.#listener?.close();
    this.#controlPlane?.close?.();
  }

  #switch(components: readonly DebugComponent[]): void {
    this.#debug.clear();
    for (const each of DEBUG_COMPONENTS) if (components.includes(each)) this.#debug.add(each);
  }

  /** A port that is not to be had is no reason to serve no files. */
  async #listenRpc(
    controlPlane: OwnControlPlane,
    { configuration: { global }, address, sockets }: MountdStart,
    log: Logger,
  ): Promise<void> {
    if (!global.rpcOverTcp) return;
    const { bindInterfacesOnly, interfaces } = global;
    const bound = address === undefined && bindInterfacesOnly;
    const addresses = bound ? listenAddresses(interfaces).addresses : [address];
    try {
      this.#rpc = await listenRpc({
        ...{ addresses, log, range: global.rpcDynamicPorts },
        sockets,
        ...{ mapperPort: global.rpcMapperPort, port: global.rpcServerPort },
        open: (what, caller) => controlPlane.openRpc(what, caller),
      });
      controlPlane.rpcPort = this.#rpc.port;
    } catch (error) {
      if (!(error instanceof SetupError)) throw error;
      log.error('RPC over TCP is not served', { reason: error.message });
    }
  }

  async #start(order: MountdStart): Promise<void> {
    if (order.version !== this.#version) {
      const versions = `this is ${this.#version}, the server that runs ${order.version}`;
      throw new Error(`usmbd was replaced by another version (${versions}); restart the server`);
    }
    this.#switch(order.debug);
    const log = createLogger({ debug: this.#debug, format: order.logFormat, part: PART });
    if (this.#warning !== undefined) {
      log.warn('only some threads dropped the capabilities that a control plane does not need', {
        reason: this.#warning,
      });
    }
    const { statePath, configuration, users, userDatabase, configurationFile } = order;
    const identity = readIdentity(statePath);
    const controlPlane: OwnControlPlane = createControlPlane({
      configuration,
      users,
      machineSid: identity.machineSid,
      statePath,
      log,
      dataPlane: () => this.#listener?.dataPlane,
      administration: () => this.#listener?.administration,
      ...(userDatabase !== undefined && { userDatabase }),
      ...(configurationFile !== undefined && { configurationFile }),
    });
    this.#controlPlane = controlPlane;
    await controlPlane.prepare?.();
    await this.#listenRpc(controlPlane, order, log);
    this.#listener = await listenMountd({
      statePath,
      ...identity,
      controlPlane: () => controlPlane,
      accountIds: () => controlPlane.accountIds(),
      idBlocks: () => controlPlane.idBlocks(),
      loginFailures: () => controlPlane.loginFailures(),
      forgetLoginFailures: (whose) => controlPlane.forgetLoginFailures(whose),
      pipes: pipeNames(),
      log,
    });
  }
}
