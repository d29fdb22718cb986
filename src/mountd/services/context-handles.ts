/**
 * Context handles of one association (C706 4.2.16.6, MS-RPCE 3.3.1.4.2): what a client opened and names by 20 octets.
 * They end with the pipe; another association's mean nothing here.
 */
import { randomBytes } from 'node:crypto';
import { FAULT_STATUS } from '../../rpc/pdu.ts';
import { CONTEXT_HANDLE_BYTES, NO_HANDLE } from '../../rpc/security-types.ts';
import { RpcFault } from './rpc-fault.ts';

/** A client that walks all users keeps three; one that opens more forgets to close. */
export const CONTEXT_HANDLES_MAXIMUM = 256;

export class ContextHandles<T> {
  readonly #objects = new Map<string, T>();

  /** Undefined: there are too many. */
  open(object: T): Buffer | undefined {
    if (this.#objects.size >= CONTEXT_HANDLES_MAXIMUM) return undefined;
    const handle = Buffer.concat([Buffer.alloc(4), randomBytes(CONTEXT_HANDLE_BYTES - 4)]);
    this.#objects.set(handle.toString('hex'), object);
    return handle;
  }

  /** A fault ends the call for a handle that is none, as MS-RPCE has it. */
  get(handle: Buffer): T {
    const object = this.#objects.get(handle.toString('hex'));
    if (object === undefined) throw new RpcFault(FAULT_STATUS.nca_s_fault_context_mismatch);
    return object;
  }

  /** What a client gets back in place of its handle. */
  close(handle: Buffer): Buffer {
    this.get(handle);
    this.#objects.delete(handle.toString('hex'));
    return NO_HANDLE;
  }
}
