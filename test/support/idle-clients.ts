/** A process of its own that holds idle connections: node idle-clients.ts PORT COUNT. One process has too few descriptors for both ends. */
import { connect, type Socket } from 'node:net';

const [port, count] = process.argv.slice(2).map(Number);
/** Dialled at once, so that the system's queue of connections doesn't overflow. */
const AT_ONCE = 200;

let open = 0;
let ended = 0;
let answered = 0;
const sockets: Socket[] = [];

function dial(): void {
  if (sockets.length === count) return;
  const socket = connect({ port: port!, host: '127.0.0.1' });
  sockets.push(socket);
  let text = '';
  socket.once('connect', () => {
    open++;
    if (open === count) process.send?.({ open });
    dial();
  });
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  socket.once('close', () => {
    ended++;
    if (text.startsWith('HTTP/1.1 408 ')) answered++;
    if (ended === count) process.send?.({ ended, answered });
  });
}

for (let i = 0; i < AT_ONCE; i++) dial();
// By reset: ten thousand ended connections would occupy as many ports for a minute.
process.on('disconnect', () => {
  for (const socket of sockets) socket.resetAndDestroy();
});
