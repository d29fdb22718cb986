/**
 * Remote interfaces as tables, as their IDL declares them (C706 4.2, 14.3.12): each operation's number,
 * parameters and results, for both ends.
 */
import type { NdrType, NdrValue } from './ndr.ts';
import { readConstruct, writeConstruct } from './ndr.ts';
import { NdrReader, NdrWriter } from './ndr-stream.ts';
import type { SyntaxId } from './syntax-id.ts';

type Parameters = Readonly<Record<string, NdrType<unknown>>>;
export type ParameterValues<P extends Parameters> = { readonly [K in keyof P]: NdrValue<P[K]> };

export interface Operation<I extends Parameters = Parameters, O extends Parameters = Parameters> {
  readonly opnum: number;
  readonly input: I;
  /** The last is the return value. */
  readonly output: O;
}

/** Parameters in the order of the IDL; a top-level reference pointer is the thing it points at. */
export const operation = <I extends Parameters, O extends Parameters>(
  opnum: number,
  input: I,
  output: O,
): Operation<I, O> => ({ opnum, input, output });

export interface RpcInterface<
  T extends Readonly<Record<string, Operation>> = Readonly<Record<string, Operation>>,
> {
  readonly name: string;
  readonly syntax: SyntaxId;
  readonly operations: T;
}

export type InputOf<O> = O extends Operation<infer I, infer _O> ? ParameterValues<I> : never;
export type OutputOf<O> = O extends Operation<infer _I, infer R> ? ParameterValues<R> : never;

/** Each parameter is marshalled on its own, its referents right behind it (C706 14.3.12.2). */
export function encodeParameters<P extends Parameters>(
  parameters: P,
  values: ParameterValues<P>,
  firstReferent?: number,
): Buffer {
  const w = new NdrWriter(firstReferent);
  for (const [key, type] of Object.entries(parameters)) writeConstruct(w, type, values[key]);
  return w.finish();
}

/** What follows the last parameter is ignored: padding and MS-RPCE 2.2.2.13's verification trailer. */
export function decodeParameters<P extends Parameters>(
  parameters: P,
  stub: Buffer,
  bigEndian = false,
): ParameterValues<P> {
  const r = new NdrReader(stub, bigEndian);
  const values: Record<string, unknown> = {};
  for (const [key, type] of Object.entries(parameters)) values[key] = readConstruct(r, type);
  return values as ParameterValues<P>;
}
