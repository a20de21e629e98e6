/** A worker process from its start to its end: loading, respawning, losing its balancer. */
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../support/balancer.ts';
import { FrameType, encodeFrame } from '../../../src/pool/frames.ts';
import { WorkerRig } from './rig.ts';

describe.skipIf(process.platform !== 'linux')('a worker', () => {
  let rig: WorkerRig;

  afterEach(() => rig.close());

  async function open(code?: string, slotProgram?: string): Promise<void> {
    rig = new WorkerRig(code === undefined ? undefined : Buffer.from(code));
    await rig.open(slotProgram);
  }

  describe('that can’t load its bundle', () => {
    it.each([
      ['throws', `throw new Error('no sense')`, /^lost w1: the functions can't be loaded: no sense$/],
      ['is no JavaScript', `const = 1;`, /^lost w1: the functions can't be loaded: Unexpected token/],
      [
        'has no function to load',
        `exports.manifestJson = () => { throw new Error('add: not a function'); };`,
        /^lost w1: the functions can't be loaded: add: not a function$/,
      ],
      [
        'ends the process',
        `console.error('I would rather not'); process.exit(7);`,
        /^lost w1: the functions can't be loaded: a process ended while it loaded them: exit code 7\nI would rather not$/,
      ],
      [
        'needs a package that isn’t bundled',
        `require('left-pad')`,
        /^lost w1: the functions can't be loaded: Cannot find module 'left-pad'/,
      ],
    ])('because that %s, says so', async (_case, code, event) => {
      await open(code);
      rig.start();
      expect(await rig.until('lost w1')).toMatch(event);
    });

    it('never blames the bundle for what the kernel kills, and says what may be short', async () => {
      await open(`process.kill(process.pid, 'SIGKILL')`);
      rig.start();
      const ends = (): number => rig.events.filter((event) => event.startsWith('slot of w1')).length;
      await until('the slot was killed more often than the bundle may fail', () => ends() > 4);
      const [first] = rig.events;
      expect(first).toMatch(/killed by SIGKILL .*SPILLWAY_WORKER_MEMORY and SPILLWAY_WORKER_SLOTS/);
      expect(new Set(rig.events)).toEqual(new Set([first]));
      expect(rig.pool.workers[0]?.reason).toBe(first?.replace('slot of w1: ', 'a slot of it ended: '));
    });

    it('because that says something else each time, says so', async () => {
      await open(
        `exports.manifestJson = () => JSON.stringify({ functions: [
          { name: 'f' + process.pid, style: 'any', idempotent: false, offload: true, concurrency: 1 },
        ] });`,
      );
      rig.start({ slots: 2 });
      expect(await rig.until('lost w1')).toMatch(/two slots report different manifests/);
    });
  });

  describe('starting a slot again', () => {
    /** In place of slot.js: says on its link what a slot says, and prints what it was told. */
    const STAND_IN = `
      const { Socket } = require('node:net');
      const link = new Socket({ fd: 3, readable: true, writable: true });
      link.on('close', () => process.exit(0)).on('error', () => process.exit(0));
      const say = (type, text) => {
        const frame = Buffer.alloc(9 + text.length);
        frame.writeUInt32BE(5 + text.length, 0);
        frame[4] = type;
        frame.write(text, 9);
        link.write(frame);
      };
      let bytes = Buffer.alloc(0);
      let order;
      let cache = 'none';
      link.on('data', (chunk) => {
        bytes = Buffer.concat([bytes, chunk]);
        while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) {
          const end = 4 + bytes.readUInt32BE(0);
          const text = bytes.toString('utf8', 9, end);
          const type = bytes[4];
          bytes = bytes.subarray(end);
          if (type === 1) order = JSON.parse(text);
          if (type === 2) cache = text;
          if (type !== 3) continue;
          console.log('started with cache ' + cache + ', wants ' + order.wantsCache);
          if (order.wantsCache) say(6, 'the cache');
          const f = { name: 'f', style: 'any', idempotent: false, offload: true, concurrency: 1 };
          say(4, JSON.stringify({ functions: [f] }));
          say(6, 'poison');
          setTimeout(() => process.exit(1), 50);
        }
      });
    `;

    it('hands it the code cache that the first one made, and no other', async () => {
      await open(undefined, STAND_IN);
      const worker = rig.start();
      await until('three have started', () => worker.output.split('started').length > 3);
      const lines = worker.output.split('\n').filter((line) => line.startsWith('started'));
      expect(lines.slice(0, 3)).toEqual([
        'started with cache none, wants true',
        'started with cache the cache, wants false',
        'started with cache the cache, wants false',
      ]);
    });

    it('wants ever longer between those that die before they have loaded', async () => {
      await open(undefined, `console.log('started ' + process.hrtime.bigint() / 1000000n); process.exit(1);`);
      const worker = rig.start();
      const starts = (): number[] =>
        [...worker.output.matchAll(/started (\d+)\n/g)].map(([, at]) => Number(at));
      await until('six have started', () => starts().length >= 6);
      const waits = starts().map((at, i, all) => at - (all[i - 1] ?? at));
      for (const [i, atLeast] of [0, 50, 100, 200, 400, 800].entries()) {
        expect(waits[i]).toBeGreaterThanOrEqual(atLeast);
      }
      expect(await rig.until('lost w1')).toMatch(/a process ended while it loaded them: exit code 1/);
    });

    it('leaves no folder of those that have ended', async () => {
      await open();
      const worker = await rig.startReady({ slots: 2 });
      for (let i = 0; i < 4; i += 1) await rig.call('exit', [i]);
      await until('the folders are gone', () => readdirSync(rig.tmpOf(worker.id)).length === 2);
    });
  });

  describe('that loses its balancer', () => {
    it('keeps its slots, and serves the next one at once', async () => {
      await open();
      const worker = await rig.startReady({ slots: 2 });
      const pids = rig.processes('slot.js').sort();
      await rig.dieBalancer();
      await sleep(300);
      await rig.nextBalancer();
      await rig.until('ready w1');
      expect(await rig.call('add', [1, 2])).toEqual({ result: 3, worker: worker.id });
      expect(rig.processes('slot.js').sort()).toEqual(pids);
    });

    it('has a slot that still runs a call ready only after that', async () => {
      await open();
      await rig.startReady();
      const startedAt = performance.now();
      // Much longer than it takes a worker to find the next balancer, also on a busy machine.
      void rig.call('once', [4000]);
      await sleep(50);
      await rig.dieBalancer();
      await rig.nextBalancer();
      await rig.until('ready w1');
      expect(rig.pool.slots).toEqual([]);
      expect(await rig.call('add', [1, 2])).toEqual({ result: 3, worker: 'w1' });
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(3990);
      expect(rig.events).toEqual(['ready w1']);
    });

    it('has a slot ended whose call has no end, once that call’s time is over', async () => {
      await open();
      await rig.startReady();
      void rig.call('never', [], 1500);
      await sleep(50);
      await rig.dieBalancer();
      await rig.nextBalancer();
      await rig.until('ready w1');
      expect(await rig.call('add', [1, 2])).toEqual({ result: 3, worker: 'w1' });
      expect(rig.events).toEqual(['ready w1', 'slot of w1: ended at the deadline of its call']);
    });

    it('replaces a slot that dies meanwhile', async () => {
      await open();
      await rig.startReady();
      void rig.call('throwLater').catch(() => undefined);
      await rig.dieBalancer();
      await sleep(300);
      await rig.nextBalancer();
      await rig.until('ready w1');
      expect(await rig.call('add', [1, 2])).toEqual({ result: 3, worker: 'w1' });
    });

    it('exits with all of its slots when none comes back', async () => {
      await open();
      const worker = await rig.startReady({ slots: 2, orphanMs: 600 });
      const lostAt = performance.now();
      await rig.dieBalancer();
      expect(await worker.exited).toBe(0);
      expect(performance.now() - lostAt).toBeGreaterThanOrEqual(590);
      await until('the slots have ended', () => rig.processes().length === 0);
    });

    it('exits when there never was one', async () => {
      await open();
      await rig.dieBalancer();
      expect(await rig.start({ orphanMs: 300, expected: false }).exited).toBe(0);
    });

    it('exits when the one there is doesn’t want it', async () => {
      await open();
      expect(await rig.start({ orphanMs: 600, expected: false }).exited).toBe(0);
    });

    it('doesn’t exit while it is wanted, however often it is cut', async () => {
      await open();
      const orphanMs = 3000;
      const worker = await rig.startReady({ orphanMs });
      // Each time it is alone for much less than that, and all in all for longer than that since the first time.
      const firstCutAt = performance.now();
      while (performance.now() - firstCutAt < orphanMs * 1.5) {
        await rig.dieBalancer();
        await sleep(100);
        await rig.nextBalancer();
        await rig.until('ready w1');
        await sleep(300);
      }
      expect(worker.process.exitCode).toBeNull();
    });
  });

  it.each([
    ['an order cut short', encodeFrame(FrameType.LOAD, 'xx')],
    ['an order that is no JSON', encodeFrame(FrameType.LOAD, Buffer.from('0000000278780000', 'hex'))],
    ['what is no frame', Buffer.alloc(10)],
  ])('outlives a balancer that sends %s', async (_case, bytes) => {
    await open();
    await rig.dieBalancer();
    const worker = rig.start({ expected: false });
    let dialled = 0;
    const server = createServer((socket) => {
      dialled += 1;
      socket.on('error', () => undefined);
      socket.resume().write(bytes);
    });
    await new Promise<void>((resolve) => server.listen(rig.socket, resolve));
    await until('it has dialled again', () => dialled >= 3);
    await new Promise((resolve) => server.close(resolve));
    await rig.nextBalancer();
    await rig.until('ready w1');
    expect(worker.process.exitCode).toBeNull();
  });

  it('takes its slots with it, however it ends', async () => {
    await open();
    const worker = await rig.startReady({ slots: 3 });
    expect(rig.processes('slot.js')).toHaveLength(3);
    worker.process.kill('SIGKILL');
    expect(await worker.exited).toBe('SIGKILL');
    await until('the slots have ended', () => rig.processes().length === 0);
    await rig.until('lost w1: the connection was closed');
  });

  it('ends at once when it is told to', async () => {
    await open();
    const worker = await rig.startReady({ slots: 2 });
    void rig.call('loop', [], 60_000);
    await sleep(50);
    worker.process.kill('SIGTERM');
    expect(await worker.exited).toBe(0);
    await until('the slots have ended', () => rig.processes().length === 0);
  });
});
