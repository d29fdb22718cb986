/**
 * The security contexts of one association (MS-RPCE 3.3.1.5.2, 3.3.1.5.4, 3.3.3.5.3): logins in BIND,
 * ALTER_CONTEXT and AUTH3, and whose messages a context protects.
 *
 *   (none) ──first token──▶ pending ──further tokens──▶ ready
 *                              └──────refused──────────▶ failed
 *
 * A context that failed stays, so that what is sent under it is refused.
 */
import { NtlmSession } from '../../auth/ntlm-session.ts';
import type { LoginDone, MaybePromise } from '../../ipc/control-plane.ts';
import type { MessageSecurity } from '../../rpc/message-security.ts';
import { type AuthVerifier, type PduHeader, PFC_SUPPORT_HEADER_SIGN } from '../../rpc/pdu.ts';
import {
  AUTHENTICATION_LEVEL,
  AUTHENTICATION_TYPE,
  needsSignature,
  type Protection,
  unprotect,
} from '../../rpc/pdu-security.ts';
import type { SecureLogin, SecureLoginStep } from '../login.ts';
import type { RpcService } from './rpc-service.ts';

/** MS-RPCE 3.3.1.5.4 lets clients have 2,000; each may cost a login. Windows uses one or two. */
export const SECURITY_CONTEXTS_MAXIMUM = 16;

/** Who has logged in by RPC's own means, and the key of that login. */
export type Authenticated = Pick<LoginDone, 'account' | 'sessionKey'>;

export interface RpcProvider {
  /** Those of the pipe, in one order: for who has it open, or who has authenticated on it. Undefined: refused. */
  services(authenticated?: Authenticated): readonly RpcService[] | undefined;
  /** Absent: nobody authenticates here. */
  readonly beginLogin?: (() => SecureLogin) | undefined;
  /** Of what a client sends after its login; absent: it may leave all unprotected. */
  readonly minimumLevel?: number;
}

export type AuthenticationOutcome =
  /** Empty where the login is done and has nothing more to say. */
  | { readonly kind: 'token'; readonly token: Buffer }
  | { readonly kind: 'refused'; readonly unknownType: boolean };

/** Who calls: undefined members where nobody has authenticated in RPC. */
export interface SecurityContext extends Protection {
  state: 'pending' | 'ready' | 'failed';
  readonly login: SecureLogin;
  services: readonly RpcService[];
  session: MessageSecurity | undefined;
}

const REFUSED: AuthenticationOutcome = { kind: 'refused', unknownType: false };
const UNKNOWN_TYPE: AuthenticationOutcome = { kind: 'refused', unknownType: true };

export class AssociationSecurity {
  readonly #provider: RpcProvider;
  readonly #contexts = new Map<number, SecurityContext>();
  #headerSigning = false;

  constructor(provider: RpcProvider) {
    this.#provider = provider;
  }

  get headerSigning(): boolean {
    return this.#headerSigning;
  }

  /** Takes a token of a new login, or of one that goes on. */
  authenticate(auth: AuthVerifier, { flags }: PduHeader): MaybePromise<AuthenticationOutcome> {
    const known = this.#contexts.get(auth.contextId);
    if (known === undefined) {
      const begun = this.#begin(auth);
      if (begun === undefined) return UNKNOWN_TYPE;
      this.#headerSigning ||= (flags & PFC_SUPPORT_HEADER_SIGN) !== 0;
      return this.#step(begun, auth.token);
    }
    const goesOn = known.state === 'pending' && known.type === auth.type;
    return goesOn && known.level === auth.level ? this.#step(known, auth.token) : REFUSED;
  }

  #begin({ type, level, contextId }: AuthVerifier): SecurityContext | undefined {
    const knownType =
      type === AUTHENTICATION_TYPE.WINNT || type === AUTHENTICATION_TYPE.GSS_NEGOTIATE;
    const knownLevel =
      level >= (this.#provider.minimumLevel ?? AUTHENTICATION_LEVEL.CONNECT) &&
      level <= AUTHENTICATION_LEVEL.PKT_PRIVACY;
    if (!knownType || !knownLevel || this.#contexts.size >= SECURITY_CONTEXTS_MAXIMUM)
      return undefined;
    const login = this.#provider.beginLogin?.();
    if (login === undefined) return undefined;
    const context: SecurityContext = {
      ...{ type, level, contextId, login },
      state: 'pending',
      services: [],
      session: undefined,
    };
    this.#contexts.set(contextId, context);
    return context;
  }

  #step(context: SecurityContext, token: Buffer): MaybePromise<AuthenticationOutcome> {
    const step = context.login.step(token);
    return step instanceof Promise
      ? step.then((each) => this.#stepped(context, each))
      : this.#stepped(context, step);
  }

  #stepped(context: SecurityContext, step: SecureLoginStep): AuthenticationOutcome {
    if (step.kind === 'continue') return { kind: 'token', token: step.token };
    context.login.close();
    context.state = 'failed';
    if (step.kind === 'refused') return REFUSED;
    const services = this.#provider.services(step);
    if (services === undefined) return REFUSED;
    const { sessionKey, flags, firstSequenceNumber } = step;
    const session = sessionKey && new NtlmSession(flags, sessionKey, 'server', firstSequenceNumber);
    // "the lack of the capability MUST be considered … as equivalent to the security provider returning an error"
    const seals = context.level === AUTHENTICATION_LEVEL.PKT_PRIVACY;
    const capable = session?.canSign === true && (!seals || session.canSeal);
    if (needsSignature(context.level) && !capable) return REFUSED;
    Object.assign(context, { services, session, state: 'ready' });
    return { kind: 'token', token: step.token };
  }

  /** The context of a request without a verifier: 3.3.1.5.4. 'denied' where one is due. */
  unverified(): SecurityContext | 'none' | 'denied' {
    if (this.#contexts.size === 0) return 'none';
    const [only, ...more] = this.#contexts.values();
    const connect = more.length === 0 && only?.level === AUTHENTICATION_LEVEL.CONNECT;
    return connect && only.state === 'ready' ? only : 'denied';
  }

  /** The context of a request with a verifier, and the request in the clear; undefined: refused. */
  verified(
    fragment: Buffer,
    header: PduHeader,
    { type, level, contextId }: AuthVerifier,
  ): { readonly context: SecurityContext; readonly clear: Buffer } | undefined {
    const context = this.#contexts.get(contextId);
    if (context?.state !== 'ready' || context.type !== type || context.level !== level)
      return undefined;
    const { session } = context;
    if (session === undefined) return { context, clear: fragment };
    const clear = unprotect(fragment, header, context, session);
    return clear && { context, clear };
  }

  close(): void {
    for (const { login } of this.#contexts.values()) login.close();
    this.#contexts.clear();
  }
}
