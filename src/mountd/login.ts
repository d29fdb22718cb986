/**
 * One authentication exchange (MS-SMB2 3.3.5.5.3): the acceptor of src/auth with the accounts behind it, and
 * the delays that make guessing passwords slow.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Acceptor,
  type AcceptorOptions,
  type AcceptorStep,
  createAcceptor,
} from '../auth/acceptor.ts';
import type { KerberosPeer } from '../auth/kerberos.ts';
import type { IdentityName } from '../auth/ntlm-acceptor.ts';
import type { AuditDetails, AuditLog } from '../base/audit-log.ts';
import type { Logger } from '../base/log.ts';
import type { Account, Login, LoginDone, LoginRefusal, LoginStep } from '../ipc/control-plane.ts';
import type { AccountGuard } from './account-guard.ts';
import type { LoginFailures } from './login-failures.ts';
import type { LoginThrottle } from './login-throttle.ts';

export interface LoginContext {
  readonly acceptor: AcceptorOptions;
  readonly throttle: LoginThrottle;
  readonly failures: LoginFailures;
  /** Absent: there are no accounts. */
  readonly guard?: AccountGuard;
  /** Undefined: nobody wants to know. */
  readonly audit?: () => AuditLog | undefined;
  readonly log: Logger;
  /** The account of who has proved to be this, or nobody to prove; undefined when that may not log in. */
  account(name: IdentityName): Account | undefined;
  /** The same of who holds a ticket; absent where none counts. */
  accountOfPeer?(peer: KerberosPeer): Account | undefined;
}

/** With what the messages after the login are signed and sealed by. */
export type SecureLoginDone = LoginDone &
  Pick<AcceptorStep & { kind: 'done' }, 'flags' | 'firstSequenceNumber' | 'messages'>;
export type SecureLoginStep = Exclude<LoginStep, LoginDone> | SecureLoginDone;

/** A login whose messages go on in it, as those of RPC do. */
export interface SecureLogin extends Login {
  step(token: Buffer): SecureLoginStep | Promise<SecureLoginStep>;
}

/** `context.acceptor.plain`: see there; its token is bare NTLMSSP, as SMB1's caller makes it. */
export function beginLogin(context: LoginContext, address: string): SecureLogin {
  return new ThrottledLogin(context, address);
}

class ThrottledLogin implements SecureLogin {
  readonly #context: LoginContext;
  readonly #address: string;
  readonly #acceptor: Acceptor;
  readonly #end = new AbortController();

  constructor(context: LoginContext, address: string) {
    this.#context = context;
    this.#address = address;
    this.#acceptor = createAcceptor(context.acceptor);
  }

  step(token: Buffer): SecureLoginStep | Promise<SecureLoginStep> {
    const wait = this.#context.throttle.waitBefore(this.#address);
    if (wait > 0) return this.#stepLater(Buffer.from(token), wait);
    const step = this.#acceptor.step(token);
    return step instanceof Promise ? step.then((s) => this.#judge(s)) : this.#judge(step);
  }

  close(): void {
    this.#end.abort();
    this.#acceptor.close();
  }

  async #stepLater(token: Buffer, wait: number): Promise<SecureLoginStep> {
    await this.#sleep(wait);
    if (this.#end.signal.aborted) return { kind: 'refused', reason: 'logon-failure' };
    return this.#judge(await this.#acceptor.step(token));
  }

  #judge(step: AcceptorStep): SecureLoginStep | Promise<SecureLoginStep> {
    const { log, account: accountOf } = this.#context;
    const address = this.#address;
    if (step.kind === 'done' && step.peer !== undefined) {
      return this.#judgePeer(step.peer, step);
    }
    switch (step.kind) {
      case 'continue':
        return step;
      case 'done': {
        const account = accountOf(step.identityName);
        const { user, anonymous, guest } = step.identityName;
        const isNobody = anonymous || guest === true;
        const refusal = isNobody ? undefined : this.#context.guard?.proved(user);
        if (refusal !== undefined) {
          log.info('login not permitted', { user, address, reason: refusal });
          this.#audit(refusal, { user });
          return { kind: 'refused', reason: refusal };
        }
        if (account === undefined) {
          log.info('login not permitted', { user, address });
          this.#audit('not permitted', { user });
          return { kind: 'refused', reason: 'logon-failure' };
        }
        this.#context.failures.succeeded(user, address);
        this.#audit('ok', { user, account: account.name, kind: account.kind });
        log.debug('auth', 'login', { account: account.name, kind: account.kind, address });
        const { token, sessionKey, flags, firstSequenceNumber } = step;
        return { kind: 'done', token, account, sessionKey, flags, firstSequenceNumber };
      }
      case 'refused': {
        const { reason, identityName } = step;
        // Kerberos names nobody: there is no password to be guessed.
        if (reason !== 'logon-failure' || step.ticket === true) {
          log.debug('auth', 'login refused', { reason, address });
          this.#audit(reason, { user: identityName?.user ?? null });
          return { kind: 'refused', reason };
        }
        const heldMs = this.#context.throttle.failed(address);
        const user = identityName?.user ?? '';
        this.#context.failures.failed(user, address);
        const refusal = user === '' ? undefined : this.#context.guard?.failed(user);
        this.#audit(refusal ?? reason, { user: identityName?.user ?? null });
        log.warn('login failed', { user: identityName?.user, address, heldMs, reason: refusal });
        return this.#refuseLater(heldMs, refusal);
      }
    }
  }

  /** Nothing is guessed here, and nothing delayed. */
  #judgePeer(peer: KerberosPeer, step: AcceptorStep & { kind: 'done' }): SecureLoginStep {
    const { log } = this.#context;
    const address = this.#address;
    const { principal, sessionKey, expiresAtMs } = peer;
    // The library forgives clocks some minutes; a session that begins at its end is none.
    if (expiresAtMs <= Date.now()) {
      log.info('login not permitted: the ticket has ended', { principal, address });
      this.#audit('the ticket has ended', { principal });
      return { kind: 'refused', reason: 'logon-failure' };
    }
    const account = this.#context.accountOfPeer?.(peer);
    if (account === undefined) {
      this.#audit('the principal is no user here', { principal });
      const advice = 'see "username map", auth_to_local in krb5.conf, "usmbd adduser"';
      log.info('login not permitted: the principal is no user here', {
        principal,
        address,
        advice,
      });
      return { kind: 'refused', reason: 'logon-failure' };
    }
    this.#audit('ok', { user: account.name, account: account.name, kind: account.kind, principal });
    log.debug('auth', 'login by Kerberos', { account: account.name, principal, address });
    const { token, flags, firstSequenceNumber, messages } = step;
    return {
      ...{ kind: 'done', token, account, sessionKey, expiresAtMs },
      ...{ flags, firstSequenceNumber, messages },
    };
  }

  #audit(result: string, details: AuditDetails): void {
    this.#context.audit?.()?.note('login', result, { ...details, address: this.#address });
  }

  async #refuseLater(
    wait: number,
    reason: LoginRefusal = 'logon-failure',
  ): Promise<SecureLoginStep> {
    await this.#sleep(wait);
    return { kind: 'refused', reason };
  }

  /** Ends early with the exchange; a connection that is gone holds nothing up. */
  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#end.signal }).catch(() => undefined);
  }
}
