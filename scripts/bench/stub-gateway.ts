/** The cheapest thing that answers like the handler behind the gateway; a process of its own, started by offload.ts. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HEADERS } from '../../src/cloud/event.ts';

const answer = {
  [HEADERS.outcome]: 'result',
  [HEADERS.bundle]: 'bench',
  [HEADERS.runMs]: '0.5',
  [HEADERS.memoryMb]: '60',
  [HEADERS.logBytes]: '0',
  [HEADERS.requestId]: 'r-1',
};

const server = createServer((request, response) => {
  request.resume().once('end', () => response.writeHead(200, answer).end('55'));
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.once('disconnect', () => process.exit());
