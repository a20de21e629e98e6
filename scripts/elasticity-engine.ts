/**
 * How quickly a real pool grows, and whether it loses a call while it grows and shrinks: the measured part of
 * docs/elasticity.md. Balancer and clients share this process, so times include the clients' own.
 *
 *     node scripts/elasticity-engine.ts [--runtime docker|process] [--samples 5] [--cycles 20]
 *
 * A cycle takes some 40 s: scaling in has the cooldown that it has in real life.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PoolUnderLoad } from './elasticity-engine/pool.ts';
import { readOptions } from './options.ts';

const {
  runtime = 'docker',
  samples = 5,
  cycles = 20,
} = readOptions('node scripts/elasticity-engine.ts [--runtime docker|process] [--samples 5] [--cycles 20]', {
  runtime: { choice: ['docker', 'process'] },
  samples: 'number',
  cycles: 'number',
});

/** N, and slots a worker: 10 calls at once fit into N workers, 100 want more than 2N. */
const WORKERS = 4;
const SLOTS = 4;
/** How long the load stays high once the pool has grown, in milliseconds. */
const HIGH_MS = 3000;

/** One measured time, in milliseconds. */
interface Times {
  readonly p50: number;
  readonly worst: number;
}

function times(ms: readonly number[]): Times | undefined {
  const sorted = [...ms].sort((a, b) => a - b);
  const [p50, worst] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted.at(-1)];
  return p50 === undefined || worst === undefined
    ? undefined
    : { p50: Math.round(p50), worst: Math.round(worst) };
}

/** Load that doubles, on a pool of one worker: until the second one takes calls, and has answered its first. */
async function reactions(dir: string): Promise<Record<string, Times | undefined>> {
  const found = { startReady: [] as number[], startAnswer: [] as number[] };
  const resumed = { ready: [] as number[], answer: [] as number[] };
  for (let sample = 0; sample < samples; sample += 1) {
    const pool = await PoolUnderLoad.open(join(dir, `reaction-${sample}`), {
      SPILLWAY_RUNTIME: runtime,
      SPILLWAY_WORKERS: '1',
    });
    try {
      await pool.learn();
      const fresh = await pool.step(2);
      found.startReady.push(fresh.readyMs);
      found.startAnswer.push(fresh.answerMs);
      pool.lanes = 0;
      await pool.until('one is a standby', () => pool.count('ready') === 1 && pool.count('standby') === 1);
      const again = await pool.step(2);
      resumed.ready.push(again.readyMs);
      resumed.answer.push(again.answerMs);
      if (pool.faults.length > 0) throw new Error(pool.faults.join('\n'));
    } finally {
      await pool.close();
    }
  }
  return {
    standbyReady: times(resumed.ready),
    standbyFirstAnswer: times(resumed.answer),
    containerReady: times(found.startReady),
    containerFirstAnswer: times(found.startAnswer),
  };
}

/** N → 2N → N under a load that never stops. */
async function walk(dir: string): Promise<Record<string, unknown>> {
  const pool = await PoolUnderLoad.open(dir, {
    SPILLWAY_RUNTIME: runtime,
    SPILLWAY_WORKERS: String(WORKERS),
    SPILLWAY_WORKER_SLOTS: String(SLOTS),
  });
  const [grown, shrunk]: [number[], number[]] = [[], []];
  try {
    for (let cycle = 1; cycle <= cycles; cycle += 1) {
      pool.lanes = 100;
      grown.push(await pool.until('2N are ready', () => pool.count('ready') === 2 * WORKERS));
      await sleep(HIGH_MS);
      pool.lanes = 10;
      shrunk.push(await pool.until('N are ready', () => pool.count('ready') === WORKERS));
      console.error(`cycle ${cycle}: up ${grown.at(-1)?.toFixed()} ms, down ${shrunk.at(-1)?.toFixed()} ms`);
    }
  } finally {
    await pool.close();
  }
  const { sent, answered, faults } = pool;
  const left = runtime === 'docker' ? await pool.containersLeft() : 0;
  return {
    cycles,
    sent,
    answered,
    failed: faults.length,
    faults: faults.slice(0, 5),
    containersLeft: left,
    ...{ up: times(grown), down: times(shrunk) },
  };
}

const dir = mkdtempSync(join(tmpdir(), 'spw-'));
try {
  const reaction = samples > 0 ? await reactions(dir) : {};
  const walked = cycles > 0 ? await walk(join(dir, 'cycles')) : {};
  console.log(JSON.stringify({ runtime, reaction, walked }, undefined, 2));
  console.log('\n| measured | median ms | worst ms | goal ms |\n| --- | ---: | ---: | ---: |');
  const goals: Record<string, string> = { standbyReady: '100', containerFirstAnswer: '1,500' };
  for (const [name, measured] of Object.entries(reaction)) {
    console.log(`| ${name} | ${measured?.p50 ?? ''} | ${measured?.worst ?? ''} | ${goals[name] ?? ''} |`);
  }
  const clean =
    walked['failed'] === 0 && walked['sent'] === walked['answered'] && walked['containersLeft'] === 0;
  if (cycles > 0 && !clean) process.exitCode = 1;
} finally {
  rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}
