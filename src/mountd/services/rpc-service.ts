/** Binds an interface's table (rpc/operation.ts) to the functions that answer its operations. */
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
  readonly [K in keyof T]: (input: InputOf<T[K]>) => OutputOf<T[K]>;
};

export interface RpcService {
  readonly syntax: SyntaxId;
  /** The result's stub; undefined for an unknown opnum; WireError for a stub that is not the input. */
  call(opnum: number, stub: Buffer, bigEndian: boolean): Buffer | undefined;
}

export function serveInterface<T extends Operations>(
  { syntax, operations }: RpcInterface<T>,
  handlers: Handlers<T>,
): RpcService {
  const byOpnum = new Map<number, (stub: Buffer, bigEndian: boolean) => Buffer>();
  for (const [name, { opnum, input, output }] of Object.entries<Operation>(operations)) {
    type Handler = (values: ParameterValues<Operation['input']>) => ParameterValues<typeof output>;
    const handler = handlers[name] as unknown as Handler;
    byOpnum.set(opnum, (stub, bigEndian) =>
      encodeParameters(output, handler(decodeParameters(input, stub, bigEndian))),
    );
  }
  return {
    syntax,
    call: (opnum, stub, bigEndian) => byOpnum.get(opnum)?.(stub, bigEndian),
  };
}
