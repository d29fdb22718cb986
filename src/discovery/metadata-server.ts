/** HTTP of the Devices Profile: a device's metadata, at the one address that was told with it. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { WsdDevice } from './wsd-messages.ts';

/** Of questions, by UDP and HTTP; Windows' have some 1,100 bytes. */
export const MAX_REQUEST_BYTES = 16 * 1024;
const MAX_CONNECTIONS = 32;
const TIMEOUT_MS = 10_000;
/** RFC 3902: of SOAP 1.2. */
const SOAP_TYPE = 'application/soap+xml';

export interface MetadataAnswers {
  /** Others are not spoken to. */
  isNear(from: string): boolean;
  /** Undefined: that is no question of this device. */
  answer(body: Buffer, from: string): Buffer | undefined;
}

const refuse = (response: ServerResponse, status: number): void => {
  response.writeHead(status, { connection: 'close' }).end();
};

/** What is wrong with it but its body, as a status of HTTP. */
function complaint({ method, url, headers }: IncomingMessage, path: string): number | undefined {
  if (url !== path) return 404;
  if (method !== 'POST') return 405;
  return headers['content-type']?.startsWith(SOAP_TYPE) === true ? undefined : 415;
}

/** Does not listen yet. */
export function metadataServer({ uuid }: WsdDevice, answers: MetadataAnswers): Server {
  const server = createServer({ maxHeaderSize: MAX_REQUEST_BYTES }, (request, response) => {
    const from = request.socket.remoteAddress ?? '';
    const status = complaint(request, `/${uuid}`);
    if (status !== undefined) {
      refuse(response, status);
      return;
    }
    const parts: Buffer[] = [];
    let length = 0;
    request.on('data', (part: Buffer) => {
      parts.push(part);
      length += part.length;
      if (length > MAX_REQUEST_BYTES) request.destroy();
    });
    request.on('end', () => {
      const answer = answers.answer(Buffer.concat(parts), from);
      if (answer === undefined) {
        refuse(response, 400);
        return;
      }
      // In one piece: simple clients know no chunks.
      const type = { 'content-type': `${SOAP_TYPE}; charset=utf-8` };
      response.writeHead(200, { ...type, 'content-length': answer.length }).end(answer);
    });
  });
  server.on('connection', (socket) => {
    if (!answers.isNear(socket.remoteAddress ?? '')) socket.destroy();
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.requestTimeout = TIMEOUT_MS;
  server.headersTimeout = TIMEOUT_MS;
  server.keepAliveTimeout = TIMEOUT_MS;
  return server;
}
