/**
 * The security contexts of one association (MS-RPCE 3.3.1.5.2, 3.3.1.5.4, 3.3.3.5.3): logins in BIND,
 * ALTER_CONTEXT and AUTH3, and whose messages a context protects.
 *
 *   (none) ──first token──▶ pending ──further tokens──▶ ready
 *                              └──────refused──────────▶ failed
 *
 * A context that failed stays, so that what is sent under it is refused.
 */
import { KerberosSession } from '../../auth/kerberos-session.ts';
import { NtlmSession } from '../../auth/ntlm-session.ts';
import { after } from '../../base/after.ts';
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
import type { SecureLogin, SecureLoginDone, SecureLoginStep } from '../login.ts';
import type { RpcService } from './rpc-service.ts';

/** MS-RPCE 3.3.1.5.4 lets clients have 2,000; each may cost a login. Windows uses one or two. */
export const SECURITY_CONTEXTS_MAXIMUM = 16;

/** Who has logged in by RPC's own means, and the key of that login. */
export type Authenticated = Pick<LoginDone, 'account' | 'sessionKey'>;

/** `only`: the tokens are that mechanism's, without SPNEGO. */
export type BeginRpcLogin = (only?: 'kerberos') => SecureLogin;

export interface RpcProvider {
  /** Those of the pipe, in one order: for who has it open, or who has authenticated on it. Undefined: refused. */
  services(authenticated?: Authenticated): readonly RpcService[] | undefined;
  /** Absent: nobody authenticates here. */
  readonly beginLogin?: BeginRpcLogin | undefined;
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
  /** Of a ticket, as Date.now() counts: what comes later is nobody's. */
  expiresAtMs: number;
}

export interface Verified {
  readonly context: SecurityContext;
  readonly clear: Buffer;
}

const REFUSED: AuthenticationOutcome = { kind: 'refused', unknownType: false };
const UNKNOWN_TYPE: AuthenticationOutcome = { kind: 'refused', unknownType: true };

const { GSS_KERBEROS, GSS_NEGOTIATE, WINNT } = AUTHENTICATION_TYPE;
const KNOWN_TYPES: readonly number[] = [GSS_NEGOTIATE, WINNT, GSS_KERBEROS];

const isUsable = ({ state, expiresAtMs }: SecurityContext): boolean =>
  state === 'ready' && Date.now() < expiresAtMs;

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
    const knownType = KNOWN_TYPES.includes(type);
    const knownLevel =
      level >= (this.#provider.minimumLevel ?? AUTHENTICATION_LEVEL.CONNECT) &&
      level <= AUTHENTICATION_LEVEL.PKT_PRIVACY;
    if (!knownType || !knownLevel || this.#contexts.size >= SECURITY_CONTEXTS_MAXIMUM)
      return undefined;
    const login = this.#provider.beginLogin?.(type === GSS_KERBEROS ? 'kerberos' : undefined);
    if (login === undefined) return undefined;
    const context: SecurityContext = {
      ...{ type, level, contextId, login },
      state: 'pending',
      services: [],
      session: undefined,
      expiresAtMs: Number.POSITIVE_INFINITY,
    };
    this.#contexts.set(contextId, context);
    return context;
  }

  #step(context: SecurityContext, token: Buffer): MaybePromise<AuthenticationOutcome> {
    const step = context.login.step(token);
    return after(step, (each) => this.#stepped(context, each));
  }

  #stepped(context: SecurityContext, step: SecureLoginStep): MaybePromise<AuthenticationOutcome> {
    if (step.kind === 'continue') return { kind: 'token', token: step.token };
    context.state = 'failed';
    // Kerberos signs and seals in its exchange, which close() ends.
    if (step.kind === 'refused' || step.messages === undefined) context.login.close();
    if (step.kind === 'refused') return step.reason === 'unsupported' ? UNKNOWN_TYPE : REFUSED;
    const services = this.#provider.services(step);
    if (services === undefined) return REFUSED;
    return after(this.#session(step), (session) => {
      // "the lack of the capability MUST be considered … as equivalent to the security provider returning an error"
      const seals = context.level === AUTHENTICATION_LEVEL.PKT_PRIVACY;
      const capable = session?.canSign === true && (!seals || session.canSeal);
      if (needsSignature(context.level) && !capable) return REFUSED;
      const { expiresAtMs = Number.POSITIVE_INFINITY } = step;
      Object.assign(context, { services, session, expiresAtMs, state: 'ready' });
      return { kind: 'token', token: step.token };
    });
  }

  /** Undefined: nothing can be signed, for a guest has no key, or the GSS process is gone. */
  #session(step: SecureLoginDone): MaybePromise<MessageSecurity | undefined> {
    const { messages, sessionKey, flags, firstSequenceNumber } = step;
    if (messages !== undefined) {
      return messages
        .sizes()
        .then((sizes) => sizes && new KerberosSession(messages, sizes, this.#headerSigning));
    }
    return sessionKey && new NtlmSession(flags, sessionKey, 'server', firstSequenceNumber);
  }

  /** The context of a request without a verifier: 3.3.1.5.4. 'denied' where one is due. */
  unverified(): SecurityContext | 'none' | 'denied' {
    if (this.#contexts.size === 0) return 'none';
    const [only, ...more] = this.#contexts.values();
    const connect = more.length === 0 && only?.level === AUTHENTICATION_LEVEL.CONNECT;
    return connect && isUsable(only) ? only : 'denied';
  }

  /** The context of a request with a verifier, and the request in the clear; undefined: refused. */
  verified(
    fragment: Buffer,
    header: PduHeader,
    { type, level, contextId }: AuthVerifier,
  ): MaybePromise<Verified | undefined> {
    const context = this.#contexts.get(contextId);
    const isRight = context?.type === type && context.level === level;
    if (!isRight || !isUsable(context)) return undefined;
    const { session } = context;
    if (session === undefined) return { context, clear: fragment };
    return after(
      unprotect(fragment, header, context, session),
      (clear) => clear && { context, clear },
    );
  }

  close(): void {
    for (const { login } of this.#contexts.values()) login.close();
    this.#contexts.clear();
  }
}
