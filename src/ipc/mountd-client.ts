/**
 * The control plane as the data plane has it where mountd is a process of its own. It connects to STATE/mountd/socket,
 * and does so again whenever it has lost it:
 *
 *     connecting ──hello answered──▶ linked ──end of the socket, or no heartbeat──▶ connecting ──close──▶ closed
 *
 * While it is not linked, logins and tree connects wait; those that were under way are asked again, and the
 * control plane that has taken the place of the lost one goes on where that was (ExchangeSeed). What waits for
 * too long is 'unavailable'. A pipe that was written to is broken. Nothing else of the data plane waits here.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { HEARTBEAT_LIMIT_MS, HEARTBEAT_MS, MOUNTD_WAIT_MS } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { DomainIds } from '../dtyp/id-blocks.ts';
import type { Sid } from '../dtyp/sid.ts';
import type { SidMap } from '../dtyp/unix-sids.ts';
import {
  type Administration,
  type LoginFailure,
  serveAdministration,
  type WhoseFailures,
} from './administration.ts';
import type {
  Account,
  ControlPlane,
  Login,
  PipeClient,
  PipeEndpoint,
  RapAnswer,
  ShareClient,
  ShareDecision,
} from './control-plane.ts';
import { socketAddress } from './control-socket.ts';
import type { DataPlane } from './data-plane.ts';
import type { ControlEvent } from './events.ts';
import type { Value } from './fields.ts';
import { Link, LinkError } from './link.ts';
import { serveDataPlane } from './listings.ts';
import { MOUNTD_EVENTS, MOUNTD_NOTICES, MOUNTD_VERSION, mountdEventName } from './mountd-events.ts';
import { strangerAt } from './peers.ts';
import { RemoteLogin } from './remote-login.ts';
import { RemotePipe } from './remote-pipe.ts';

const RETRY_MS = 50;

export interface MountdFacts {
  readonly machineSid: Sid;
  /** The uids that have an account, as far as is known. */
  readonly accountIds: () => ReadonlySet<number>;
  /** The uids and gids of domains, as far as they are known. */
  readonly domains: DomainIds;
}

export interface MountdClientOptions {
  readonly statePath: string;
  readonly log: Logger;
  /** Whose SIDs the users and groups of the disk are, from what the control plane tells. */
  readonly sids: (facts: MountdFacts) => SidMap;
  /** The control plane's process has given no sign of life for too long. */
  readonly onSilence?: () => void;
  /** See HEARTBEAT_LIMIT_MS. */
  readonly heartbeatLimitMs?: number | undefined;
  readonly waitMs?: number;
}

type Hello = Value<(typeof MOUNTD_EVENTS)['hello']['response']>;

/** Waits until the control plane is there; rejects with LinkError where it is of another version. */
export async function connectMountd(options: MountdClientOptions): Promise<MountdClient> {
  const client = new MountdClient(options);
  await client.first;
  return client;
}

export class MountdClient implements ControlPlane {
  /** Settles with the first link. */
  readonly first: Promise<void>;
  /** What this process can be asked; undefined until it serves. */
  dataPlane: (() => DataPlane | undefined) | undefined;
  /** What the management interfaces may have done; undefined: nothing. */
  administration: (() => Administration | undefined) | undefined;
  readonly log: Logger;
  readonly #options: MountdClientOptions;
  readonly #waitMs: number;
  #hello: Hello | undefined;
  #accountIds: ReadonlySet<number> = new Set();
  readonly #domains = new DomainIds();
  #negotiateToken: Buffer = Buffer.alloc(0);
  #sids: SidMap | undefined;
  #link: Link | undefined;
  #closed = false;
  #waiting: (() => void)[] = [];
  /** As told; a control plane that comes back is told anew. */
  readonly #uses = new Map<string, number>();
  /** Of logins and pipes. They differ between one life of this process and the next, too. */
  #nextId = randomInt(0x1000_0000);

  constructor(options: MountdClientOptions) {
    this.#options = options;
    this.log = options.log;
    this.#waitMs = options.waitMs ?? MOUNTD_WAIT_MS;
    this.heartbeatLimitMs = options.heartbeatLimitMs;
    this.first = new Promise((resolve, reject) => {
      void this.#keepLinked(resolve, reject);
    });
  }

  get serverGuid(): Buffer {
    return this.#known.serverGuid;
  }

  get machineSid(): Sid {
    return this.#known.machineSid;
  }

  get negotiateToken(): Buffer {
    return this.#negotiateToken;
  }

  get sids(): SidMap {
    const { machineSid } = this.#known;
    this.#sids ??= this.#options.sids({
      ...{ machineSid, accountIds: () => this.#accountIds },
      domains: this.#domains,
    });
    return this.#sids;
  }

  beginLogin(client: { readonly address: string }, serverChallenge?: Buffer): Login {
    const seed = { challenge: randomBytes(8), time: fileTimeNow() };
    const what = { loginId: this.#newId(), address: client.address, serverChallenge, seed };
    return new RemoteLogin(this, what);
  }

  async connectShare(
    account: Account,
    share: string,
    { address, localAddress, dialect }: ShareClient,
  ): Promise<ShareDecision> {
    const request = { account, share, address, localAddress, dialect };
    const decision = await this.askPatiently(() => ({
      event: MOUNTD_EVENTS.connectShare,
      request,
    }));
    return decision ?? { kind: 'unavailable' };
  }

  shareUsed(share: string, currentUses: number): void {
    if (currentUses === 0) this.#uses.delete(share);
    else this.#uses.set(share, currentUses);
    this.#link?.tell(MOUNTD_NOTICES.shareUsed, { share, currentUses });
  }

  openPipe(account: Account, name: string, client: PipeClient): PipeEndpoint | undefined {
    if (!this.#known.pipes.includes(name)) return undefined;
    return new RemotePipe(this, this.#newId(), { account, name, client });
  }

  /** Not asked again where the answer was lost: it may have changed something. */
  async rap(account: Account, parameters: Buffer): Promise<RapAnswer | undefined> {
    const link = await this.linked();
    try {
      return await link?.ask(MOUNTD_EVENTS.rap, { account, parameters });
    } catch (error) {
      if (error instanceof LinkError) return undefined;
      throw error;
    }
  }

  /** Empty where the control plane is not there. */
  async loginFailures(): Promise<readonly LoginFailure[]> {
    return (await this.#link?.ask(MOUNTD_EVENTS.loginFailures, {})) ?? [];
  }

  async forgetLoginFailures(whose: WhoseFailures): Promise<number> {
    const answer = await this.#link?.ask(MOUNTD_EVENTS.forgetLoginFailures, whose);
    return answer?.forgotten ?? 0;
  }

  /** Ends the link for good. */
  close(): void {
    this.#closed = true;
    this.#link?.end();
    this.#wake();
  }

  /** The link; undefined where it was not there for too long. */
  async linked(): Promise<Link | undefined> {
    if (this.#link !== undefined || this.#closed) return this.#link;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#waitMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    return this.#link;
  }

  /** Asks, and asks again where the answer was lost; undefined where nobody was there for too long. */
  async askPatiently<Q, A>(
    question: (link: Link) => { readonly event: ControlEvent<Q, A>; readonly request: Q },
  ): Promise<A | undefined> {
    const untilMs = performance.now() + this.#waitMs;
    for (;;) {
      const link = await this.linked();
      if (link === undefined) return undefined;
      const { event, request } = question(link);
      const askedMs = performance.now();
      try {
        return await link.ask(event, request);
      } catch (error) {
        if (!(error instanceof LinkError)) throw error;
        const again = error.problem === 'lost' && askedMs < untilMs && !this.#closed;
        if (!again) {
          this.log.warn('the control plane has no answer', { problem: error.problem });
          return undefined;
        }
      }
    }
  }

  get #known(): Hello {
    if (this.#hello === undefined) throw new Error('the control plane has not been met yet');
    return this.#hello;
  }

  #newId(): number {
    this.#nextId = (this.#nextId + 1) >>> 0;
    return this.#nextId;
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #keepLinked(resolve: () => void, reject: (error: Error) => void): Promise<void> {
    while (!this.#closed) {
      const link = await this.#connect();
      if (link instanceof LinkError) {
        if (this.#hello === undefined) {
          reject(link);
          return;
        }
        // Whoever replaced one process of the server has to replace the others, too.
        this.log.error('the control plane is another version of usmbd: restart the server');
      }
      if (link instanceof Link) {
        this.#link = link;
        for (const [share, currentUses] of this.#uses) {
          link.tell(MOUNTD_NOTICES.shareUsed, { share, currentUses });
        }
        resolve();
        this.#wake();
        await this.#watch(link);
        this.#link = undefined;
        if (!this.#closed) this.log.warn('the control plane is gone: logins wait for it');
      }
      if (!this.#closed) await new Promise((go) => setTimeout(go, RETRY_MS));
    }
  }

  /** Undefined: it is not there. */
  async #connect(): Promise<Link | LinkError | undefined> {
    const socket = await open(this.#options.statePath);
    if (socket === undefined) return undefined;
    const stranger = strangerAt(socket);
    if (stranger !== undefined) {
      this.log.error('the control plane’s socket is somebody else’s', { reason: stranger });
      socket.destroy();
      return undefined;
    }
    const link = new Link(socket, {
      version: MOUNTD_VERSION,
      log: this.log,
      nameOf: mountdEventName,
    });
    serveDataPlane(
      (event, answer) => link.serve(event, answer),
      () => this.dataPlane?.(),
    );
    serveAdministration(
      (event, answer) => link.serve(event, answer),
      () => this.administration?.(),
    );
    const timer = setTimeout(() => this.#silent(link), this.#limitMs);
    try {
      this.#meet(await link.ask(MOUNTD_EVENTS.hello, { processId: process.pid }));
      return link;
    } catch (error) {
      link.end('lost');
      if (error instanceof LinkError && error.problem === 'version') return error;
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  #meet(hello: Hello): void {
    if (this.#hello !== undefined && this.#hello.machineSid !== hello.machineSid) {
      this.log.error('the machine’s SID has changed: restart the server', {
        now: hello.machineSid,
      });
    }
    this.#hello = hello;
    this.#domains.set(hello.idBlocks);
    this.#learn(hello.facts);
  }

  /** Who has logged in. */
  meetUser({ identity, domain }: Account): void {
    if (domain?.mapped !== undefined) this.#domains.learn(domain.mapped.blocks, identity);
  }

  #learn({ accountIds, negotiateToken }: Hello['facts']): void {
    this.#accountIds = new Set(accountIds);
    this.#negotiateToken = negotiateToken;
  }

  /** See HEARTBEAT_LIMIT_MS; undefined: that. */
  heartbeatLimitMs: number | undefined;

  get #limitMs(): number {
    return this.heartbeatLimitMs ?? HEARTBEAT_LIMIT_MS;
  }

  #silent(link: Link): void {
    this.log.error('the control plane hangs: no sign of life', { limitMs: this.#limitMs });
    this.#options.onSilence?.();
    link.end('lost');
  }

  /** Until the link has ended. */
  async #watch(link: Link): Promise<void> {
    let heardMs = performance.now();
    let asked = false;
    const beat = setInterval(() => {
      if (performance.now() - heardMs > this.#limitMs) {
        this.#silent(link);
        return;
      }
      if (asked) return;
      asked = true;
      link.ask(MOUNTD_EVENTS.heartbeat, {}).then(
        (facts) => {
          heardMs = performance.now();
          asked = false;
          this.#learn(facts);
        },
        () => {},
      );
    }, HEARTBEAT_MS);
    beat.unref();
    await link.ended;
    clearInterval(beat);
  }
}

/** Undefined where nobody listens. */
async function open(statePath: string): Promise<Socket | undefined> {
  try {
    const address = socketAddress(statePath, 'mountd');
    return await new Promise<Socket>((resolve, reject) => {
      const socket = connect(address.path, () => resolve(socket));
      socket.once('error', reject);
    }).finally(() => address.release());
  } catch {
    return undefined;
  }
}

const EPOCH_1601_MS = 11_644_473_600_000n;
const fileTimeNow = (): bigint => (BigInt(Date.now()) + EPOCH_1601_MS) * 10_000n;
