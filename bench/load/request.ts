/** Requests built once: header and body as they leave, but for what the pipeline patches in its copy. */
import { addressOf } from '../../src/native/library.ts';
import { type Command, encodeHeader, SMB2_FLAGS_SIGNED } from '../../src/smb2/header.ts';
import type { Session } from './session.ts';

/** Bulk data that is sent from where it lies. */
export interface Payload {
  readonly bytes: Buffer;
  readonly address: number;
}

export const payloadOf = (bytes: Buffer): Payload => ({ bytes, address: addressOf(bytes) });

export interface Request {
  readonly command: Command;
  /** Header and body; MessageId and signature are set when it is sent. */
  readonly bytes: Buffer;
  /** 3.2.4.1.5: one credit for each 64 KiB in either direction. */
  readonly charge: number;
  payload: Payload | undefined;
}

export function requestOf(
  session: Session,
  command: Command,
  body: Buffer,
  sizes: { readonly payload?: Payload; readonly replyBytes?: number } = {},
): Request {
  const largest = Math.max(sizes.payload?.bytes.length ?? 0, sizes.replyBytes ?? 0);
  const charge = Math.max(1, Math.ceil(largest / 65_536));
  const header = encodeHeader({
    command,
    creditCharge: charge,
    creditRequest: charge,
    flags: session.mode === 'signed' ? SMB2_FLAGS_SIGNED : 0,
    sessionId: session.sessionId,
    treeId: session.treeId,
  });
  return { command, bytes: Buffer.concat([header, body]), charge, payload: sizes.payload };
}
