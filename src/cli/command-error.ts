/** What the user can mend: printed without a stack, and says what to do. */
export class CommandError extends Error {
  /** Of the process. */
  readonly exitStatus: number;

  constructor(message: string, options?: ErrorOptions & { readonly exitStatus?: number }) {
    super(message, options);
    this.name = 'CommandError';
    this.exitStatus = options?.exitStatus ?? 1;
  }
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
