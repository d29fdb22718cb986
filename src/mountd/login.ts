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
import { LONGEST_DELAY_MS, type LoginThrottle } from './login-throttle.ts';

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
    const step = this.#acceptor.step(token);
    return step instanceof Promise ? step.then((s) => this.#inTurn(s)) : this.#inTurn(step);
  }

  close(): void {
    this.#end.abort();
    this.#acceptor.close();
  }

  /** Nobody hears what a password came to before it is its turn, whether it was right or wrong. */
  #inTurn(step: AcceptorStep): SecureLoginStep | Promise<SecureLoginStep> {
    if (!showsPassword(step)) return this.#judge(step);
    const user = step.identityName?.user ?? '';
    const wait = this.#context.throttle.turnOf(this.#address, user);
    if (wait === 0) return this.#judge(step);
    if (wait === undefined) {
      const { log } = this.#context;
      log.info('login refused: too many attempts wait', { user, address: this.#address });
      this.#audit('too many attempts at once', { user });
      return this.#refuseLater(LONGEST_DELAY_MS);
    }
    return this.#judgeLater(step, wait);
  }

  async #judgeLater(step: AcceptorStep, wait: number): Promise<SecureLoginStep> {
    await this.#sleep(wait);
    if (this.#end.signal.aborted) return { kind: 'refused', reason: 'logon-failure' };
    return this.#judge(step);
  }

  #judge(step: AcceptorStep): SecureLoginStep | Promise<SecureLoginStep> {
    const { log, account: accountOf } = this.#context;
    const address = this.#address;
    if (step.kind === 'done' && step.peer !== undefined) {
      return this.#judgePeer(step.peer, step);
    }
    switch (step.kind) {
      case 'continue':
        return { kind: 'continue', token: step.token };
      case 'done': {
        const account = accountOf(step.identityName);
        const { user, anonymous, guest, wrongPassword } = step.identityName;
        const refusal = anonymous || guest ? undefined : this.#context.guard?.proved(user);
        if (refusal !== undefined) {
          log.info('login not permitted', { user, address, reason: refusal });
          this.#audit(refusal, { user });
          // Late: nobody is to hear that it was the right password for an account that is locked.
          return refusal === 'account-locked-out'
            ? this.#refuseLater(this.#failed(step.identityName), refusal)
            : { kind: 'refused', reason: refusal };
        }
        if (account === undefined) {
          const why = anonymous ? 'restrict anonymous' : 'no such account';
          log.info('login not permitted', { user, address, why });
          this.#audit('not permitted', { user, why });
          return { kind: 'refused', reason: 'logon-failure' };
        }
        if (account.kind === 'user') {
          this.#context.failures.succeeded(user, address);
          this.#context.throttle.succeeded(address, user);
        }
        this.#audit('ok', {
          ...{ user, account: account.name, kind: account.kind },
          ...(wrongPassword === true && { why: 'wrong password' }),
        });
        log.debug('auth', 'login', { account: account.name, kind: account.kind, address });
        const { token, sessionKey, flags, firstSequenceNumber } = step;
        const done: SecureLoginDone = {
          ...{ kind: 'done', token, account, sessionKey, flags, firstSequenceNumber },
        };
        // "map to guest = bad password": it is a guess like all others.
        if (wrongPassword !== true) return done;
        this.#context.guard?.failed(user);
        return this.#hold(this.#failed(step.identityName), done);
      }
      case 'refused': {
        const { reason, identityName, why } = step;
        // Kerberos names nobody: there is no password to be guessed.
        if (reason !== 'logon-failure' || step.ticket === true) {
          log.debug('auth', 'login refused', { reason, address });
          this.#audit(reason, { user: identityName?.user ?? null });
          return { kind: 'refused', reason };
        }
        const heldMs = this.#failed(identityName);
        const user = identityName?.user ?? '';
        const refusal = user === '' ? undefined : this.#context.guard?.failed(user);
        this.#audit(refusal ?? reason, {
          ...{ user: identityName?.user ?? null },
          ...(why !== undefined && { why }),
        });
        log.warn('login failed', {
          user: identityName?.user,
          address,
          heldMs,
          why,
          reason: refusal,
        });
        return this.#refuseLater(heldMs, refusal);
      }
    }
  }

  /** Milliseconds to hold the answer. */
  #failed(identityName: IdentityName | undefined): number {
    const user = identityName?.user ?? '';
    this.#context.failures.failed(user, this.#address);
    return this.#context.throttle.failed(this.#address, user);
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

  #refuseLater(wait: number, reason: LoginRefusal = 'logon-failure'): Promise<SecureLoginStep> {
    return this.#hold(wait, { kind: 'refused', reason });
  }

  async #hold(wait: number, step: SecureLoginStep): Promise<SecureLoginStep> {
    await this.#sleep(wait);
    return step;
  }

  /** Ends early with the exchange; a connection that is gone holds nothing up. */
  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#end.signal }).catch(() => undefined);
  }
}

/** Whether it tells somebody something of a password: a ticket, or nobody's login, does not. */
function showsPassword(step: AcceptorStep): boolean {
  switch (step.kind) {
    case 'continue':
      return step.identityName !== undefined;
    case 'refused':
      return step.reason === 'logon-failure' && step.ticket !== true;
    case 'done': {
      const { anonymous, guest, wrongPassword } = step.identityName;
      return step.peer === undefined && !anonymous && (!guest || wrongPassword === true);
    }
  }
}
