/** The control plane's process beside a server: started, supervised, and talked to. */
import { fileURLToPath } from 'node:url';
import type { DebugComponent, Logger } from '../base/log.ts';
import { holdStateDirectory, StateError } from '../base/state-directory.ts';
import type { Configuration } from '../config/configuration.ts';
import type { SortedSockets } from '../handed-sockets.ts';
import type { Administration } from '../ipc/administration.ts';
import { connectMountd, type MountdFacts } from '../ipc/mountd-client.ts';
import { type MountdSupervisor, superviseMountd } from '../ipc/mountd-supervisor.ts';
import type { MountdStart } from '../mountd/mountd-process.ts';
import { sidsOfFacts } from '../mountd/security-tokens.ts';
import { nativeSupport } from '../native/support.ts';
import type { RemotePlane } from '../server-interface.ts';
import { CommandError } from './command-error.ts';
import type { ServePlan } from './serve-plan.ts';

export interface MountdFlags {
  readonly version: string;
  readonly format: 'json' | 'text';
  /** Of the server's log; as it is when a control plane starts. */
  readonly debug: ReadonlySet<DebugComponent>;
}

export interface RunningMountd {
  readonly remote: RemotePlane;
  readonly supervisor: MountdSupervisor;
  setDebug(components: readonly DebugComponent[]): Promise<void>;
  /** What the management interfaces may have done. */
  steerBy(administration: Administration): void;
  close(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL('../../bin/usmbd.js', import.meta.url));
/** See mountd.ts. */
export const CHILD_FLAG = '--control-plane';
const LOW_PORTS_FLAG = '--low-ports';
const SOCKETS_FLAG = '--sockets';
/** Those that it is given begin behind the standard ones. */
export const FIRST_SOCKET_FD = 3;

export type RpcSockets = Pick<SortedSockets, 'mapper' | 'rpc'>;

/** Undefined where the control plane has to stay in this process. Throws CommandError, StateError. */
export async function startMountd(
  plan: ServePlan,
  flags: MountdFlags,
  log: Logger,
  sockets: RpcSockets = { mapper: [], rpc: [] },
): Promise<RunningMountd | undefined> {
  // Without native calls a server of root's becomes somebody else, who could not start it again.
  const isPortable = nativeSupport().unavailable !== undefined;
  if (process.platform === 'win32' || (isPortable && process.getuid?.() === 0)) {
    if (plan.configuration.global.rpcOverTcp) {
      log.warn('"rpc over tcp" has no effect: here the control plane has no process of its own');
    }
    return undefined;
  }
  const { statePath } = plan;
  const held = holdStateDirectory(statePath);
  let supervisor: MountdSupervisor | undefined;
  try {
    let { configuration } = plan;
    const order = (): MountdStart => ({
      order: 'start',
      version: flags.version,
      statePath,
      configuration,
      users: plan.users,
      userDatabase: plan.userDatabase,
      configurationFile: plan.configurationFile,
      address: plan.address,
      sockets: {
        mapper: sockets.mapper.map((_, i) => FIRST_SOCKET_FD + i),
        rpc: sockets.rpc.map((_, i) => FIRST_SOCKET_FD + sockets.mapper.length + i),
      },
      logFormat: flags.format,
      debug: [...flags.debug],
    });
    supervisor = await started({
      ...{ order, log, descriptors: [...sockets.mapper, ...sockets.rpc] },
      lowPorts: bindsLowPort(configuration, sockets),
    });
    const running = supervisor;
    const client = await connectMountd({
      statePath,
      log,
      sids: (facts: MountdFacts) => sidsOfFacts(facts),
      onSilence: () => running.replace(),
      heartbeatLimitMs: limitOf(configuration),
    });
    const { serverGuid, machineSid } = client;
    const state = { ...held, serverGuid, machineSid: machineSid as `S-1-5-21-${string}` };
    const remote: RemotePlane = {
      controlPlane: client,
      state,
      set dataPlane(dataPlane: RemotePlane['dataPlane']) {
        client.dataPlane = dataPlane;
      },
      get dataPlane() {
        return client.dataPlane;
      },
      async reload(changed) {
        const reply = await running.order({ order: 'reload', configuration: changed });
        if (reply?.done === false) throw new Error(reply.message ?? 'it does not say why');
        client.heartbeatLimitMs = limitOf(changed);
        // Where none runs now, the next one begins with it.
        configuration = changed;
      },
    };
    return {
      remote,
      supervisor,
      async setDebug(components) {
        await running.order({ order: 'debug', components });
      },
      steerBy(administration) {
        client.administration = () => administration;
      },
      async close() {
        client.close();
        await running.close();
        held.close();
      },
    };
  } catch (error) {
    await supervisor?.close();
    held.close();
    throw error;
  }
}

interface Started {
  readonly order: () => MountdStart;
  readonly log: Logger;
  /** Whether it listens on ports that are root's. */
  readonly lowPorts: boolean;
  /** Of sockets that it is given. */
  readonly descriptors: readonly number[];
}

/** Ports below are root's, ip(7): ip_unprivileged_port_start. */
const FIRST_FREE_PORT = 1024;

function bindsLowPort({ global }: Configuration, { mapper, rpc }: RpcSockets): boolean {
  if (!global.rpcOverTcp) return false;
  const mapperIsLow = mapper.length === 0 && global.rpcMapperPort < FIRST_FREE_PORT;
  // 0: one of the dynamic ports.
  const { rpcServerPort: port, rpcDynamicPorts: range } = global;
  return mapperIsLow || (rpc.length === 0 && (port || range.low) < FIRST_FREE_PORT);
}

/**
 * What a login leaves behind is garbage at once. By V8's default some 30 MiB of it gather after a thousand logins, as much
 * as this process has beside.
 */
const YOUNG = '--max-semi-space-size=1';

async function started({ order, log, lowPorts, descriptors }: Started) {
  const flags = [
    CHILD_FLAG,
    ...(lowPorts ? [LOW_PORTS_FLAG] : []),
    ...(descriptors.length > 0 ? [SOCKETS_FLAG, String(descriptors.length)] : []),
  ];
  try {
    return await superviseMountd({
      command: [process.execPath, YOUNG, ...process.execArgv, PROGRAM, 'mountd', ...flags],
      start: order,
      descriptors,
      log,
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason.startsWith('the state folder')) throw new StateError(reason, { cause: error });
    throw new CommandError(`the control plane (usmbd.mountd) does not start: ${reason}`, {
      cause: error,
    });
  }
}

function limitOf(configuration: Configuration): number | undefined {
  const { ipcTimeoutSeconds } = configuration.global;
  return ipcTimeoutSeconds === 0 ? undefined : ipcTimeoutSeconds * 1000;
}
