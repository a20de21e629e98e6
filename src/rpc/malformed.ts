/** What isn't HTTP, or takes too long to be: answered once, and the connection closed. */
import type { Duplex } from 'node:stream';
import { STATUS_CODES } from '../node-http.ts';
import { invalidRequest } from '../errors.ts';
import type { ClientConnection } from './client-connection.ts';
import { errorReply } from './reply.ts';

/** Time for the answer to be taken before the connection is cut, in milliseconds. */
const CLOSE_MS = 2000;

/**
 * Handles what Node's server reports as `clientError`. Answers to earlier requests on the connection are still sent,
 * and then the connection is closed; it is closed at once if the client has broken it off.
 */
export function answerMalformed(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  connection: ClientConnection | undefined,
): void {
  if (connection === undefined || !socket.writable || error.code === 'ECONNRESET' || error.code === 'EPIPE') {
    socket.destroy();
    return;
  }
  if (connection.closing) return;
  connection.closing = true;
  const { latest, previous } = connection;
  const broken = latest?.incomplete === true;
  // Its calls were never placed, and its answer is this one.
  if (broken) connection.answered(latest);
  const last = broken ? previous : latest;
  if (last === undefined) endWith(error, socket);
  else last.whenSent(() => endWith(error, socket));
}

/** A request took too long to arrive: says so, and closes the connection. */
export function endTooLate(socket: Duplex): void {
  endWith({ name: '', message: '', code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket);
}

function endWith({ code }: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) return;
  const status = statusOf(code);
  const reason = STATUS_CODES[status] ?? '';
  const said = errorReply(invalidRequest(`Invalid Request: not a proper HTTP request (${reason})`), 'null');
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    'Content-Type: application/json',
    `Content-Length: ${said.byteLength}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${said.pieces as string}`, 'latin1');
  // Not at once: what it still sends would reset the connection before the answer is read.
  const cut = setTimeout(() => socket.destroy(), CLOSE_MS);
  socket.once('close', () => clearTimeout(cut));
}

function statusOf(code: string | undefined): number {
  if (code === 'HPE_HEADER_OVERFLOW') return 431;
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return 413;
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
}
