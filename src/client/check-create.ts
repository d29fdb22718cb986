/** Create contexts of a response (MS-SMB2 2.2.14.2): none unasked for (macOS fails the open), none twice. */

import { decodeCreateResponse } from '../smb2/create.ts';
import { CreateContextName } from '../smb2/create-contexts.ts';
import { Command } from '../smb2/header.ts';
import { ProtocolViolation } from './client-error.ts';
import type { Exchange } from './exchange.ts';

/** Lengths that the data of a response has, by name. */
const LENGTHS: Readonly<Record<string, readonly number[]>> = {
  [CreateContextName.QUERY_MAXIMAL_ACCESS]: [8],
  [CreateContextName.QUERY_ON_DISK_ID]: [32],
  [CreateContextName.DURABLE_HANDLE_REQUEST]: [8],
  [CreateContextName.DURABLE_HANDLE_REQUEST_V2]: [8],
  [CreateContextName.LEASE]: [32, 52],
};

export function checkCreateContexts({ expected }: Exchange, message: Buffer): void {
  if (expected.command !== Command.CREATE || expected.contextNames === undefined) return;
  const seen = new Set<string>();
  for (const { name, data } of decodeCreateResponse(message).createContexts) {
    const fail = (problem: string): never => {
      throw new ProtocolViolation(`create context ${name}: ${problem}`);
    };
    if (!expected.contextNames.includes(name)) fail('nobody asked for it');
    if (seen.has(name)) fail('it is there twice');
    if (LENGTHS[name]?.includes(data.length) === false) fail(`${data.length} bytes`);
    seen.add(name);
  }
}
