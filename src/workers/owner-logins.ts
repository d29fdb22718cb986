/**
 * Logins that a worker has under way, at the owner. Whose a session is, the worker does not say: it names the login that
 * the session comes from, and the owner has kept who that was.
 */
import type { ControlPlane, Login, LoginDone, LoginStep } from '../ipc/control-plane.ts';
import type { ToldStep } from './protocol.ts';

/** Under way at one worker: each connection has one for each session that begins. */
const MAX_LOGINS = 4096;
/** Done, and not asked for yet: a worker asks at once, or never. */
const MAX_DONE = 1024;

export class OwnerLogins {
  readonly #controlPlane: ControlPlane;
  readonly #logins = new Map<number, Login>();
  readonly #done = new Map<number, LoginDone>();
  #ended = false;

  constructor(controlPlane: ControlPlane) {
    this.#controlPlane = controlPlane;
  }

  async step(loginId: number, address: string, token: Buffer): Promise<ToldStep> {
    let login = this.#logins.get(loginId);
    if (login === undefined) {
      if (this.#logins.size >= MAX_LOGINS) return { kind: 'failed' };
      login = this.#controlPlane.beginLogin({ address });
      this.#logins.set(loginId, login);
    }
    const step = await login.step(token);
    if (step.kind !== 'continue') this.close(loginId);
    if (step.kind === 'done' && !this.#ended) this.#keep(loginId, step);
    return toldOf(step);
  }

  #keep(loginId: number, step: LoginDone): void {
    const [oldest] = this.#done.keys();
    if (this.#done.size >= MAX_DONE) this.#done.delete(oldest!);
    this.#done.set(loginId, step);
  }

  /** What the login came to; once. */
  take(loginId: number): LoginDone | undefined {
    const step = this.#done.get(loginId);
    this.#done.delete(loginId);
    return step;
  }

  close(loginId: number): void {
    this.#logins.get(loginId)?.close();
    this.#logins.delete(loginId);
  }

  /** The worker is gone. */
  end(): void {
    this.#ended = true;
    for (const loginId of [...this.#logins.keys()]) this.close(loginId);
    this.#done.clear();
  }
}

function toldOf(step: LoginStep): ToldStep {
  if (step.kind !== 'done') return step;
  const { token, account, sessionKey, expiresAtMs } = step;
  return {
    kind: 'done',
    token,
    name: account.name,
    account: account.kind,
    sessionKey,
    expiresAtMs,
  };
}
