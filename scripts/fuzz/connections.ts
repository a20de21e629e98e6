/** What dials in on the workers' socket: whatever it says, it is cut or ejected, and its neighbour notices nothing. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseManifest } from '../../src/functions/manifest.ts';
import { encodeFrame, FrameType, PROTOCOL_VERSION } from '../../src/pool/frames.ts';
import { Listener, workerToken } from '../../src/pool/listener.ts';
import { Pool } from '../../src/pool/pool.ts';
import { FRAMES } from './frames.ts';
import type { Target } from './target.ts';

const SECRET = Buffer.from('a secret for fuzzing');
const HASH = 'h'.repeat(64);
const MANIFEST = JSON.stringify({
  functions: [{ name: 'f', style: 'any', idempotent: true, offload: true, concurrency: 1 }],
});
const EVIL = 'evil';
const GOOD = 'good';
/** How long a worker of ours may take to be ready, in milliseconds. */
const READY_MS = 10_000;

function hello(worker: string, more: Record<string, unknown> = {}): Buffer {
  const words = {
    protocol: PROTOCOL_VERSION,
    worker,
    token: workerToken(SECRET, worker),
    slots: 1,
    bundle: HASH,
    slotKeys: ['key'],
    ...more,
  };
  return encodeFrame(FrameType.HELLO, JSON.stringify(words));
}

function dataHello(worker: string, more: Record<string, unknown> = {}): Buffer {
  const words = { worker, key: 'key', running: 0, remainingMs: 0, ...more };
  return encodeFrame(FrameType.DATA_HELLO, JSON.stringify(words));
}

const READY = [
  encodeFrame(FrameType.MANIFEST, MANIFEST),
  encodeFrame(FrameType.SLOT_UP, '{"key":"key"}'),
  encodeFrame(FrameType.HEARTBEAT),
];

/** Makes the target; close it with finish(). */
export async function connectionsTarget(): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-fuzz-'));
  const lost: string[] = [];
  const pool = new Pool({
    policy: 'round-robin',
    bundle: { hash: HASH, code: Buffer.from('code'), env: {}, maxResultBytes: 1000 },
    refuseManifest: (json) => {
      try {
        parseManifest(json);
        return json === MANIFEST ? undefined : 'another manifest';
      } catch {
        return 'no manifest';
      }
    },
  });
  pool.listen({
    room: () => undefined,
    workerReady: () => undefined,
    workerDrained: () => undefined,
    workerLost: ({ id }) => void lost.push(id),
    slotEnded: () => undefined,
  });
  const listener = await Listener.open(folder, SECRET, pool);
  const path = join(folder, 'balancer.sock');
  const good = pool.expect(GOOD);
  const sockets = [await say(path, hello(GOOD), ...READY), await say(path, dataHello(GOOD))];
  for (let waitedMs = 0; good.state !== 'ready'; waitedMs += 10) {
    if (waitedMs > READY_MS) throw new Error('the good worker is not ready');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return {
    name: 'connections',
    corpus: [
      Buffer.concat([hello(EVIL), ...READY, dataHello(EVIL)]),
      Buffer.concat([hello(EVIL, { slotKeys: [] }), ...READY, ...FRAMES.slice(0, 9)]),
      Buffer.concat([hello(GOOD, { token: 'x' }), ...READY, dataHello(GOOD)]),
      Buffer.concat([hello(EVIL, { slots: 1024, bundle: null }), ...READY, dataHello(EVIL, { running: 3 })]),
      Buffer.concat([dataHello(GOOD), ...FRAMES.slice(4, 8)]),
      ...FRAMES,
    ],
    dictionary: [
      ...FRAMES.filter((frame) => frame.length < 100),
      hello(EVIL),
      dataHello(EVIL),
      dataHello(GOOD),
      'key',
      GOOD,
    ],
    parallel: 1,
    async run(input, index) {
      pool.expect(EVIL);
      // One connection for each half: control and data, or two of a kind.
      const cut = input.lastIndexOf(Buffer.from([FrameType.DATA_HELLO, 0, 0, 0, 0])) - 4;
      const at = cut > 0 ? cut : (index * 31) % (input.length + 1);
      await Promise.all([talk(path, input.subarray(0, at)), talk(path, input.subarray(at))]);
      pool.eject(EVIL, 'the next input');
      if (lost.includes(GOOD) || good.state !== 'ready' || sockets.some((socket) => socket.closed)) {
        return 'the good worker was lost';
      }
      if (pool.count('ready') !== 1) return `${pool.count('ready')} workers are ready`;
      lost.length = 0;
      return undefined;
    },
    async finish() {
      for (const socket of sockets) socket.destroy();
      await listener.close();
      rmSync(folder, { recursive: true, force: true });
      return undefined;
    },
  };
}

async function say(path: string, ...frames: Buffer[]): Promise<Socket> {
  const socket = connect(path);
  socket.on('error', () => undefined);
  socket.resume();
  await once(socket, 'connect');
  socket.write(Buffer.concat(frames));
  return socket;
}

/** Says its piece and leaves; resolves when it is cut. */
function talk(path: string, bytes: Buffer): Promise<undefined> {
  return new Promise((resolve) => {
    const socket = connect(path, () => socket.end(bytes));
    socket.on('error', () => undefined);
    socket.resume();
    socket.on('close', () => resolve(undefined));
  });
}
