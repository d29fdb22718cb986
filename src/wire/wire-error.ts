/**
 * The one error that decoders throw. Every codec is total: for any byte sequence it returns a value
 * or throws a WireError; anything else that escapes a decoder is a bug.
 */
export class WireError extends Error {
  override readonly name = 'WireError';
  /** The structure that was being read, as the specification calls it. */
  readonly structure: string;

  constructor(structure: string, problem: string) {
    super(`${structure}: ${problem}`);
    this.structure = structure;
  }
}
