/**
 * The control plane's end where mountd is a process of its own: serves the calls of control-plane.ts to every
 * process of the data plane that connects to STATE/mountd/socket, and asks them what tools and management
 * interfaces want to know. A process that goes takes its logins and pipes with it.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { MAX_LINK_PIPE_BYTES, MAX_LINKS } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { IdBlock } from '../dtyp/id-blocks.ts';
import type { Sid } from '../dtyp/sid.ts';
import {
  type Administration,
  AskedAdministration,
  type LoginFailure,
  type WhoseFailures,
} from './administration.ts';
import type { ControlPlane, Login, LoginStep, PipeEndpoint } from './control-plane.ts';
import { prepareSocketFolder, removeSocketFolder, socketAddress } from './control-socket.ts';
import type { DataPlane } from './data-plane.ts';
import type { Value } from './fields.ts';
import { joinDataPlanes } from './joined-data-planes.ts';
import { Link } from './link.ts';
import { AskedDataPlane } from './listings.ts';
import { MOUNTD_EVENTS, MOUNTD_NOTICES, MOUNTD_VERSION, mountdEventName } from './mountd-events.ts';
import { strangerAt } from './peers.ts';

export interface MountdListenerOptions {
  readonly statePath: string;
  readonly serverGuid: Buffer;
  readonly machineSid: Sid;
  /** As they are when they are asked for: a reload may change them. */
  readonly controlPlane: () => ControlPlane;
  /** Named pipes that can be opened. */
  readonly pipes: readonly string[];
  /** uids that have an account. */
  readonly accountIds: () => readonly number[];
  readonly idBlocks: () => readonly IdBlock[];
  readonly loginFailures?: () => readonly LoginFailure[];
  readonly forgetLoginFailures?: (whose: WhoseFailures) => number;
  readonly log: Logger;
}

export interface MountdListener {
  /** All processes of the data plane; undefined while there is none. */
  readonly dataPlane: DataPlane | undefined;
  /** Of the process that was here first; undefined while there is none. */
  readonly administration: Administration | undefined;
  close(): Promise<void>;
}

/** Rejects with the system's error. */
export async function listenMountd(options: MountdListenerOptions): Promise<MountdListener> {
  const { statePath, log } = options;
  prepareSocketFolder(statePath, 'mountd');
  const address = socketAddress(statePath, 'mountd');
  const peers = new Map<Link, DataPlane>();
  let leader: { readonly link: Link; readonly administration: Administration } | undefined;
  const uses = new ShareTally(options);
  const server = createServer((socket) => {
    const refused = peers.size >= MAX_LINKS ? 'too many at once' : strangerAt(socket);
    if (refused !== undefined) {
      log.warn('mountd: a data plane is refused', { reason: refused });
      socket.destroy();
      return;
    }
    const link = new Peer(socket, options, uses).link;
    peers.set(link, new AskedDataPlane((event, request) => link.ask(event, request)));
    const administration = new AskedAdministration((event, request) => link.ask(event, request));
    leader ??= { link, administration };
    void link.ended.then(() => {
      peers.delete(link);
      if (leader?.link === link) leader = undefined;
      uses.forget(link);
    });
  });
  server.listen({ path: address.path, exclusive: true });
  await once(server, 'listening');
  server.on('error', () => {});
  return {
    get dataPlane() {
      const [first, ...others] = peers.values();
      return first && joinDataPlanes([first, ...others]);
    },
    get administration() {
      return leader?.administration;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const link of peers.keys()) link.end();
      await closed;
      address.release();
      removeSocketFolder(statePath, 'mountd');
    },
  };
}

/** How many tree connects lead to each share, of all processes together. */
class ShareTally {
  readonly #uses = new Map<string, Map<Link, number>>();
  readonly #options: MountdListenerOptions;

  constructor(options: MountdListenerOptions) {
    this.#options = options;
  }

  set(link: Link, share: string, currentUses: number): void {
    const ofShare = this.#uses.get(share) ?? new Map<Link, number>();
    if (currentUses === 0) ofShare.delete(link);
    else ofShare.set(link, currentUses);
    if (ofShare.size === 0) this.#uses.delete(share);
    else this.#uses.set(share, ofShare);
    const sum = [...ofShare.values()].reduce((total, each) => total + each, 0);
    this.#options.controlPlane().shareUsed(share, sum);
  }

  forget(link: Link): void {
    for (const [share, ofShare] of this.#uses) if (ofShare.has(link)) this.set(link, share, 0);
  }
}

type LoginRequest = Value<(typeof MOUNTD_EVENTS)['loginStep']['request']>;
type WriteRequest = Value<(typeof MOUNTD_EVENTS)['writePipe']['request']>;
type PipeAnswers = Value<(typeof MOUNTD_EVENTS)['writePipe']['response']>;

/** One process of the data plane. */
class Peer {
  readonly link: Link;
  readonly #options: MountdListenerOptions;
  readonly #logins = new Map<number, Login>();
  readonly #pipes = new Map<number, PipeEndpoint>();

  constructor(socket: Socket, options: MountdListenerOptions, uses: ShareTally) {
    this.#options = options;
    const link = new Link(socket, {
      version: MOUNTD_VERSION,
      log: options.log,
      nameOf: mountdEventName,
    });
    this.link = link;
    const plane = options.controlPlane;
    const facts = () => ({
      accountIds: options.accountIds(),
      negotiateToken: plane().negotiateToken,
    });
    link.serve(MOUNTD_EVENTS.hello, ({ processId }) => {
      options.log.debug('ipc', 'a data plane is here', { processId });
      const { serverGuid, machineSid, pipes } = options;
      const own = { processId: process.pid, serverGuid, machineSid, pipes };
      return { ...own, idBlocks: options.idBlocks(), facts: facts() };
    });
    link.serve(MOUNTD_EVENTS.heartbeat, facts);
    link.serve(MOUNTD_EVENTS.loginStep, (request) => this.#step(request));
    link.serve(MOUNTD_EVENTS.connectShare, ({ account, share, ...client }) =>
      plane().connectShare(account, share, client),
    );
    link.serve(MOUNTD_EVENTS.writePipe, (request) => this.#write(request));
    link.serve(MOUNTD_EVENTS.fetchPipe, ({ pipeId }) => answersOf(this.#pipes.get(pipeId), true));
    link.serve(MOUNTD_EVENTS.loginFailures, () => options.loginFailures?.() ?? []);
    link.serve(MOUNTD_EVENTS.forgetLoginFailures, (whose) => ({
      forgotten: options.forgetLoginFailures?.(whose) ?? 0,
    }));
    link.serve(MOUNTD_EVENTS.rap, ({ account, parameters }) => plane().rap(account, parameters));
    link.hear(MOUNTD_NOTICES.closeLogin, ({ loginId }) => this.#closeLogin(loginId));
    link.hear(MOUNTD_NOTICES.closePipe, ({ pipeId }) => this.#closePipe(pipeId));
    link.hear(MOUNTD_NOTICES.shareUsed, ({ share, currentUses }) =>
      uses.set(link, share, currentUses),
    );
    void link.ended.then(() => {
      for (const id of this.#logins.keys()) this.#closeLogin(id);
      for (const id of this.#pipes.keys()) this.#closePipe(id);
    });
  }

  async #step(request: LoginRequest): Promise<LoginStep> {
    const { loginId, before, token } = request;
    let login = this.#logins.get(loginId);
    if (login === undefined) {
      const { address, serverChallenge, seed } = request;
      login = this.#options.controlPlane().beginLogin({ address }, serverChallenge, seed);
      this.#logins.set(loginId, login);
      // What another control plane has answered already, and this one answers alike.
      for (const earlier of before) {
        const step = await login.step(earlier);
        if (step.kind !== 'continue') return { kind: 'refused', reason: 'logon-failure' };
      }
    }
    return login.step(token);
  }

  #closeLogin(id: number): void {
    this.#logins.get(id)?.close();
    this.#logins.delete(id);
  }

  async #write({ pipeId, open, message }: WriteRequest): Promise<PipeAnswers> {
    if (open !== undefined && !this.#pipes.has(pipeId)) {
      const endpoint = this.#options.controlPlane().openPipe(open.account, open.name, open.client);
      if (endpoint !== undefined) this.#pipes.set(pipeId, endpoint);
    }
    const endpoint = this.#pipes.get(pipeId);
    const taken = (await endpoint?.write(message)) ?? false;
    return answersOf(endpoint, taken);
  }

  #closePipe(id: number): void {
    this.#pipes.get(id)?.close();
    this.#pipes.delete(id);
  }
}

function answersOf(endpoint: PipeEndpoint | undefined, taken: boolean): PipeAnswers {
  const answers: Buffer[] = [];
  let length = 0;
  while (length < MAX_LINK_PIPE_BYTES) {
    const read = endpoint?.read(MAX_LINK_PIPE_BYTES);
    if (read === undefined) return { taken, answers, left: false };
    answers.push(read.bytes);
    length += read.bytes.length;
  }
  return { taken, answers, left: true };
}
