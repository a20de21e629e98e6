import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/scaling/decide.ts';
import type { ScalingMemory } from '../../../src/scaling/memory.ts';
import type { Limits, Observation } from '../../../src/scaling/observation.ts';
import { LIMITS, observed, walk } from './pool-on-paper.ts';

/** Anything a broken observer may say. */
const anything = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(NaN, Infinity, -Infinity, 1e300, -1));

function observations(number: fc.Arbitrary<number>, workers = number): fc.Arbitrary<Observation> {
  return fc.record(
    {
      workers: fc.record({ ready: workers, starting: workers, ejected: workers, draining: workers }),
      standbyAgesMs: fc.array(number, { maxLength: 6 }),
      slotsPerWorker: number,
      newWorkerMs: number,
      busyMs: number,
      arrivedWorkMs: number,
      offloaded: fc.record({ calls: number, workMs: number }),
      running: fc.record({ slots: number, remainingMs: number }),
      waiting: fc.record({ slots: number, workMs: number, oldestMs: number }),
      cpu: fc.record({ cores: number, hostCores: number, workersMs: number, hostMs: number }),
    },
    {
      requiredKeys: [
        'workers',
        'standbyAgesMs',
        'slotsPerWorker',
        'newWorkerMs',
        'busyMs',
        'arrivedWorkMs',
        'offloaded',
        'running',
        'waiting',
      ],
    },
  );
}

const limits = fc
  .record({
    min: fc.integer({ min: 1, max: 20 }),
    standbys: fc.nat(20),
    standbyMs: fc.nat(1e6),
    waitMs: fc.nat(1000),
  })
  .map(({ min, ...rest }): Limits => ({ ...rest, min, max: 2 * min }));

const sane = observations(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.nat(12));

/** The memory after some looks, and when the last was. */
function remembered(
  looks: readonly [Observation, number][],
  allowed: Limits,
): { memory?: ScalingMemory; nowMs: number } {
  let memory: ScalingMemory | undefined;
  let nowMs = 0;
  for (const [seen, passedMs] of looks) {
    nowMs += passedMs;
    memory = decide(seen, memory, allowed, nowMs).memory;
  }
  return memory === undefined ? { nowMs } : { memory, nowMs };
}

const looks = fc.array(fc.tuple(sane, fc.nat(20_000)), { maxLength: 4 });

describe('whatever is observed', () => {
  const anyLook = fc.tuple(observations(anything), anything);

  it('decides, with whole numbers, within N … 2N', () => {
    fc.assert(
      fc.property(fc.array(anyLook, { minLength: 1, maxLength: 5 }), limits, (many, allowed) => {
        let memory: ScalingMemory | undefined;
        for (const [seen, now] of many) {
          const decision = decide(seen, memory, allowed, now);
          const { plan } = decision;
          memory = decision.memory;
          for (const count of Object.values(plan) as number[])
            expect(count >= 0 && Number.isInteger(count)).toBe(true);
          expect(plan.target).toBeGreaterThanOrEqual(allowed.min);
          expect(plan.target).toBeLessThanOrEqual(allowed.max);
          expect(JSON.stringify(memory)).not.toContain('null');
        }
      }),
    );
  });

  it('decides with limits that are no limits', () => {
    const wild = fc.record({
      min: anything,
      max: anything,
      standbys: anything,
      standbyMs: anything,
      waitMs: anything,
    });
    fc.assert(
      fc.property(sane, wild, anything, (seen, allowed, now) => {
        expect(decide(seen, undefined, allowed, now).plan.target).toBeGreaterThanOrEqual(1);
      }),
    );
  });

  it('never has more than 2N alive by growing, nor fewer than N by shrinking', () => {
    fc.assert(
      fc.property(looks, sane, limits, (before, seen, allowed) => {
        const { memory, nowMs } = remembered(before, allowed);
        const { plan } = decide(seen, memory, allowed, nowMs + 1000);
        const { ready, starting, ejected, draining } = seen.workers;
        if (plan.resume + plan.start > 0) {
          expect(ready + starting + ejected + draining + plan.resume + plan.start).toBeLessThanOrEqual(
            allowed.max,
          );
        }
        if (plan.drain > 0) expect(ready + starting - plan.drain).toBeGreaterThanOrEqual(allowed.min);
        expect(plan.drain * (plan.readmit + plan.resume + plan.start)).toBe(0);
        expect(plan.resume + plan.discard).toBeLessThanOrEqual(seen.standbyAgesMs.length);
      }),
    );
  });

  it('never shrinks in panic, unless N was lowered', () => {
    fc.assert(
      fc.property(looks, sane, limits, (before, seen, allowed) => {
        const { memory, nowMs } = remembered(before, allowed);
        const { plan, figures } = decide(seen, memory, allowed, nowMs + 1000);
        const have = seen.workers.ready + seen.workers.starting;
        if (figures.panic && have <= allowed.max) expect(plan.drain).toBe(0);
      }),
    );
  });

  it('does not order again what is on its way', () => {
    fc.assert(
      fc.property(looks, sane, limits, (before, drawn, allowed) => {
        const seen = { ...drawn, workers: { ...drawn.workers, draining: 0 } };
        const { memory, nowMs } = remembered(before, allowed);
        const { plan, memory: after } = decide(seen, memory, allowed, nowMs + 1000);
        fc.pre(plan.resume + plan.start > 0);
        const { ready, starting } = seen.workers;
        const workers = { ...seen.workers, ready, starting: starting + plan.resume + plan.start };
        const again = decide({ ...seen, workers, standbyAgesMs: [] }, after, allowed, nowMs + 1000);
        expect(again.plan).toMatchObject({ resume: 0, start: 0, drain: 0 });
      }),
    );
  });

  it('wants no fewer workers for more load', () => {
    const more = fc.record({
      busy: fc.nat(20_000),
      waiting: fc.nat(50),
      workMs: fc.nat(50_000),
      sent: fc.nat(100),
    });
    fc.assert(
      fc.property(looks, sane, more, limits, (before, seen, extra, allowed) => {
        const { memory, nowMs } = remembered(before, allowed);
        const heavier: Observation = {
          ...seen,
          busyMs: seen.busyMs + extra.busy,
          waiting: {
            slots: seen.waiting.slots + extra.waiting,
            workMs: seen.waiting.workMs + extra.workMs,
            oldestMs: seen.waiting.oldestMs,
          },
          arrivedWorkMs: seen.arrivedWorkMs + extra.workMs,
          offloaded: {
            calls: seen.offloaded.calls + extra.sent,
            workMs: seen.offloaded.workMs + extra.sent * 100,
          },
        };
        // A counter that fell back is a restart, which is not less load.
        fc.pre(memory === undefined || seen.busyMs >= memory.demand.busyMs);
        fc.pre(memory === undefined || seen.offloaded.workMs >= memory.demand.offloaded.workMs);
        fc.pre(memory === undefined || seen.offloaded.calls >= memory.demand.offloaded.calls);
        fc.pre(memory === undefined || seen.arrivedWorkMs >= memory.demand.arrivedWorkMs);
        const light = decide(seen, memory, allowed, nowMs + 1000).plan.target;
        expect(decide(heavier, memory, allowed, nowMs + 1000).plan.target).toBeGreaterThanOrEqual(light);
      }),
    );
  });
});

describe('under a load that does not change', () => {
  it('settles and stays', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 12, noNaN: true }), (load) => {
        const settled = walk(300, () => load).slice(60);
        expect(new Set(settled.map(({ ready }) => ready)).size).toBe(1);
      }),
      { numRuns: 50 },
    );
  });

  it('stays within N … 2N under any load', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 40, noNaN: true }), { minLength: 1 }), (loads) => {
        for (const { ready } of walk(120, (second) => loads[second % loads.length]!)) {
          expect(ready).toBeGreaterThanOrEqual(LIMITS.min);
          expect(ready).toBeLessThanOrEqual(LIMITS.max);
        }
      }),
      { numRuns: 50 },
    );
  });
});

it('leaves what it is given as it was', () => {
  const seen = Object.freeze(observed({ standbyAgesMs: Object.freeze([3, 1, 2]) }));
  const { memory } = decide(seen, undefined, LIMITS, 0);
  const text = JSON.stringify(memory);
  decide({ ...seen, busyMs: 5000 }, memory, LIMITS, 1000);
  expect(JSON.stringify(memory)).toBe(text);
});
