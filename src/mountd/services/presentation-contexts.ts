/**
 * The presentation contexts of one association (C706 12.6.3.1; MS-RPCE 3.3.1.5.3, 3.3.1.5.6): which interface the calls
 * of each are for.
 */
import {
  CONTEXT_RESULT,
  type ContextResult,
  PROVIDER_REASON,
  type PresentationContext,
} from '../../rpc/pdu.ts';
import {
  bindTimeFeatures,
  KEEP_CONNECTION_ON_ORPHAN,
  NDR32,
  NO_SYNTAX,
  sameSyntax,
  serves,
} from '../../rpc/syntax-id.ts';
import type { RpcService } from './rpc-service.ts';

/**
 * Presentation contexts of one association. A client has one for each interface of the pipe and
 * transfer syntax; MS-RPCE 3.3.3.5.5 lets a server allow 4,000 for each interface.
 */
export const PRESENTATION_CONTEXTS_MAXIMUM = 32;

export class PresentationContexts {
  readonly #services: readonly RpcService[];
  /** By context, the index of its service. */
  readonly #serviceOf = new Map<number, number>();

  constructor(services: readonly RpcService[]) {
    this.#services = services;
  }

  /** MS-RPCE 3.3.1.5.3 and 3.3.1.5.6: one result for each proposed context, in its order. */
  negotiate({ id, abstractSyntax, transferSyntaxes }: PresentationContext): ContextResult {
    const features =
      transferSyntaxes.length === 1 ? bindTimeFeatures(transferSyntaxes[0]!) : undefined;
    if (features !== undefined) {
      return {
        result: CONTEXT_RESULT.NEGOTIATE_ACK,
        reason: features & KEEP_CONNECTION_ON_ORPHAN,
        transferSyntax: NO_SYNTAX,
      };
    }
    const service = this.#services.findIndex(({ syntax }) => serves(syntax, abstractSyntax));
    if (service < 0) return rejected(PROVIDER_REASON.ABSTRACT_SYNTAX_NOT_SUPPORTED);
    if (!transferSyntaxes.some((syntax) => sameSyntax(syntax, NDR32))) {
      return rejected(PROVIDER_REASON.PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED);
    }
    const bound = this.#serviceOf.get(id);
    if (bound !== undefined && bound !== service) {
      return rejected(PROVIDER_REASON.REASON_NOT_SPECIFIED);
    }
    if (bound === undefined && this.#serviceOf.size >= PRESENTATION_CONTEXTS_MAXIMUM) {
      return rejected(PROVIDER_REASON.LOCAL_LIMIT_EXCEEDED);
    }
    this.#serviceOf.set(id, service);
    return { result: CONTEXT_RESULT.ACCEPTANCE, reason: 0, transferSyntax: NDR32 };
  }

  /** Whether it was agreed on for another interface: a context is what it is as long as its connection. */
  isOther({ id, abstractSyntax }: PresentationContext): boolean {
    const bound = this.#serviceOf.get(id);
    return bound !== undefined && !serves(this.#services[bound]!.syntax, abstractSyntax);
  }

  /** The place of its service among those of whoever calls; undefined: nothing was agreed on. */
  indexOf(id: number): number | undefined {
    return this.#serviceOf.get(id);
  }

  clear(): void {
    this.#serviceOf.clear();
  }
}

const rejected = (reason: number): ContextResult => ({
  result: CONTEXT_RESULT.PROVIDER_REJECTION,
  reason,
  transferSyntax: NO_SYNTAX,
});
