/**
 * A small SMB 2 and 3 client, strict as the strictest of the real ones.
 *
 *     const connection = await connect({ host: '127.0.0.1', port: 4450 });
 *     const session = await connection.login({ user: 'ann', secret: 'pass' });
 *     const tree = await session.treeConnect('files');
 *     const file = await tree.open('a.txt');
 *     const bytes = await file.read(0, 100);
 *     await connection.close();
 */
import { randomBytes } from 'node:crypto';
import { CipherId } from '../crypto/cipher.ts';
import { SigningAlgorithm } from '../crypto/signing.ts';
import {
  SMB2_GLOBAL_CAP_ENCRYPTION,
  SMB2_GLOBAL_CAP_LARGE_MTU,
  SMB2_NEGOTIATE_SIGNING_ENABLED,
} from '../smb2/capabilities.ts';
import { DIALECTS } from '../smb2/dialect.ts';
import { asViolation } from './client-error.ts';
import type { ConnectOptions } from './connect-options.ts';
import { ClientConnection } from './connection.ts';
import { FrameSocket } from './frame-socket.ts';
import { type LoginOptions, login } from './login.ts';
import { negotiate } from './negotiate.ts';
import type { Negotiated } from './negotiated.ts';
import type { ClientSession } from './session.ts';

export type ConnectInput = Pick<ConnectOptions, 'host' | 'port'> & Partial<ConnectOptions>;

const GUID_BYTES = 16;
const DEFAULT_CREDIT_TARGET = 128;
const DEFAULT_TIMEOUT_MS = 10_000;

const complete = (input: ConnectInput): ConnectOptions => ({
  dialects: DIALECTS,
  ciphers: [CipherId.AES_128_GCM, CipherId.AES_128_CCM, CipherId.AES_256_GCM, CipherId.AES_256_CCM],
  signingAlgorithms: [
    SigningAlgorithm.AES_GMAC,
    SigningAlgorithm.AES_CMAC,
    SigningAlgorithm.HMAC_SHA256,
  ],
  rdmaTransforms: [],
  compression: undefined,
  multiProtocol: false,
  securityMode: SMB2_NEGOTIATE_SIGNING_ENABLED,
  capabilities: SMB2_GLOBAL_CAP_LARGE_MTU | SMB2_GLOBAL_CAP_ENCRYPTION,
  clientGuid: randomBytes(GUID_BYTES),
  serverName: input.host,
  creditTarget: DEFAULT_CREDIT_TARGET,
  negotiateCredits: undefined,
  lenientInterim: false,
  timeoutMs: DEFAULT_TIMEOUT_MS,
  craftNegotiate: (request) => request,
  open: FrameSocket.open,
  ...input,
});

/** A connection that has negotiated a dialect. */
export class NegotiatedConnection extends ClientConnection {
  declare negotiated: Negotiated;

  login(options: LoginOptions): Promise<ClientSession> {
    return login(this, options);
  }
}

/** A connection on which nothing has been said yet. */
export async function connectOnly(input: ConnectInput): Promise<ClientConnection> {
  const options = complete(input);
  return new ClientConnection(await options.open(options), options);
}

export async function connect(input: ConnectInput): Promise<NegotiatedConnection> {
  const options = complete(input);
  const connection = new NegotiatedConnection(await options.open(options), options);
  options.onOpen?.(connection);
  try {
    connection.negotiated = await negotiate(connection);
    return connection;
  } catch (error) {
    connection.socket.destroy();
    throw asViolation(error);
  }
}
