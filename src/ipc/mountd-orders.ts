/** Lines between the control plane's process and the one that started it: a program and itself, in one version. */
import { deserialize, serialize } from 'node:v8';

export interface MountdReply {
  readonly done: boolean;
  /** Why not. */
  readonly message?: string;
}

export const encodeOrder = (order: object): string => serialize(order).toString('base64');
export const decodeOrder = (line: string): unknown => deserialize(Buffer.from(line, 'base64'));

export const encodeReply = (reply: MountdReply): string => JSON.stringify(reply);

/** Undefined for a line that is none. */
export function decodeReply(line: string): MountdReply | undefined {
  try {
    const { done, message } = JSON.parse(line) as Record<string, unknown>;
    if (typeof done !== 'boolean') return undefined;
    return { done, ...(typeof message === 'string' && { message }) };
  } catch {
    return undefined;
  }
}
