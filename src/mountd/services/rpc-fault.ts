/** Ends a call with a FAULT in place of a result (C706 12.6.4.7); the association goes on. */
export class RpcFault extends Error {
  override readonly name = 'RpcFault';
  readonly status: number;

  constructor(status: number) {
    super(`fault 0x${status.toString(16)}`);
    this.status = status;
  }
}
