/** Binds an interface's table (rpc/operation.ts) to the functions that answer its operations. */
import type { MaybePromise } from '../../ipc/control-plane.ts';
import {
  decodeParameters,
  encodeParameters,
  type InputOf,
  type Operation,
  type OutputOf,
  type ParameterValues,
  type RpcInterface,
} from '../../rpc/operation.ts';
import type { SyntaxId } from '../../rpc/syntax-id.ts';

type Operations = Readonly<Record<string, Operation>>;

/** One function for each operation of the table; a missing one does not compile. */
export type Handlers<T extends Operations> = {
  readonly [K in keyof T]: (input: InputOf<T[K]>) => MaybePromise<OutputOf<T[K]>>;
};

export interface RpcService {
  readonly syntax: SyntaxId;
  /**
   * The result's stub; undefined for an unknown opnum; WireError for a stub that is not the input, RpcFault
   * where the call ends in a fault. At once, where nobody else has to be asked.
   */
  call(opnum: number, stub: Buffer, bigEndian: boolean): MaybePromise<Buffer> | undefined;
}

export function serveInterface<T extends Operations>(
  { syntax, operations }: RpcInterface<T>,
  handlers: Handlers<T>,
): RpcService {
  const byOpnum = new Map<number, (stub: Buffer, bigEndian: boolean) => MaybePromise<Buffer>>();
  for (const [name, { opnum, input, output }] of Object.entries<Operation>(operations)) {
    type Values = ParameterValues<typeof output>;
    type Handler = (values: ParameterValues<Operation['input']>) => MaybePromise<Values>;
    const handler = handlers[name] as unknown as Handler;
    byOpnum.set(opnum, (stub, bigEndian) => {
      const result = handler(decodeParameters(input, stub, bigEndian));
      if (!(result instanceof Promise)) return encodeParameters(output, result);
      return result.then((values) => encodeParameters(output, values));
    });
  }
  return {
    syntax,
    call: (opnum, stub, bigEndian) => byOpnum.get(opnum)?.(stub, bigEndian),
  };
}
