/** A login whose steps another process takes (MS-SMB2 3.3.5.5.3), and goes on with in the next one if that is lost. */
import type { Login, LoginStep } from './control-plane.ts';
import type { Value } from './fields.ts';
import type { Link } from './link.ts';
import type { MountdClient } from './mountd-client.ts';
import { MAX_LOGIN_STEPS, MOUNTD_EVENTS, MOUNTD_NOTICES } from './mountd-events.ts';

type LoginRequest = Value<(typeof MOUNTD_EVENTS)['loginStep']['request']>;

export class RemoteLogin implements Login {
  readonly #client: MountdClient;
  readonly #what: Omit<LoginRequest, 'before' | 'token'>;
  /** Of the steps before. */
  readonly #tokens: Buffer[] = [];
  /** The link whose other end knows them. */
  #known: Link | undefined;
  #closed = false;

  constructor(client: MountdClient, what: Omit<LoginRequest, 'before' | 'token'>) {
    this.#client = client;
    this.#what = what;
  }

  async step(given: Buffer): Promise<LoginStep> {
    if (this.#tokens.length >= MAX_LOGIN_STEPS) return { kind: 'refused', reason: 'malformed' };
    // A copy: the token's memory belongs to the caller.
    const token = Buffer.from(given);
    const step = await this.#client.askPatiently((link) => {
      const before = link === this.#known ? [] : this.#tokens;
      this.#known = link;
      return { event: MOUNTD_EVENTS.loginStep, request: { ...this.#what, before, token } };
    });
    if (this.#closed) this.#tellEnd();
    this.#tokens.push(token);
    if (step?.kind === 'done') this.#client.meetUser(step.account);
    return step ?? { kind: 'refused', reason: 'unavailable' };
  }

  close(): void {
    this.#closed = true;
    this.#tellEnd();
  }

  #tellEnd(): void {
    this.#known?.tell(MOUNTD_NOTICES.closeLogin, { loginId: this.#what.loginId });
  }
}
