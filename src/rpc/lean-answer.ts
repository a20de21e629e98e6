/** The heads of the fast lane's answers, as text: the same lines that Node's server writes for the other lane. */
import type { CallReport } from '../dispatch/call.ts';
import { costHeaders } from './cost-headers.ts';
import { placementHeader } from './placement-header.ts';
import { KEEP_ALIVE_TIMEOUT_MS } from './limits.ts';
import type { Reply } from './reply.ts';

/** Sent to a client that waits after the end of its own side; any HTTP/1.1 client skips it. */
export const PROBE = 'HTTP/1.1 102 Processing\r\n\r\n';

const KEPT = `Connection: keep-alive\r\nKeep-Alive: timeout=${KEEP_ALIVE_TIMEOUT_MS / 1000}\r\n\r\n`;
const CLOSED = 'Connection: close\r\n\r\n';

/** The head of a reply, or of an empty answer; `last`: the connection ends after it. `now`: milliseconds since the epoch. */
export function leanHead(reply: Reply | undefined, last: boolean, now: number): string {
  const end = dateLine(now) + (last ? CLOSED : KEPT);
  if (reply === undefined) return `HTTP/1.1 204 No Content\r\n${end}`;
  const { byteLength, report } = reply;
  const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${byteLength}\r\n`;
  return report === undefined ? head + end : head + reportLines(report) + end;
}

/** The value of `server-timing`. */
export function serverTiming(report: CallReport): string {
  return `queue;dur=${rounded(report.queueMs)}, run;dur=${rounded(report.runMs)}`;
}

function reportLines(report: CallReport): string {
  const { callId, backend, worker, cloud, placement } = report;
  const call = callId === undefined ? '' : `spillway-call: ${callId}\r\n`;
  const place = backend === undefined ? '' : `spillway-backend: ${backend}\r\n`;
  const who = worker === undefined ? '' : `spillway-worker: ${worker}\r\n`;
  const cost = cloud === undefined ? '' : headerLines(costHeaders(cloud));
  const why = placement === undefined ? '' : `spillway-placement: ${placementHeader(placement)}\r\n`;
  return `${call}${place}${who}${cost}${why}server-timing: ${serverTiming(report)}\r\n`;
}

/** @param head names and values, in turn. */
function headerLines(head: readonly string[]): string {
  return head.map((text, at) => (at % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('');
}

/** Milliseconds with three decimals at most. */
function rounded(durationMs: number): number {
  return Math.round(durationMs * 1000) / 1000;
}

let dateSecond = NaN;
let date = '';

/** Written anew once a second. */
function dateLine(now: number): string {
  const second = Math.floor(now / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    date = `Date: ${new Date(now).toUTCString()}\r\n`;
  }
  return date;
}
