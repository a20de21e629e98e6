import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generate, GENERATORS } from '../../../scripts/simulate/generators.ts';
import { FATE } from '../../../scripts/simulate/outcomes.ts';
import { POLICIES, type PolicyName } from '../../../scripts/simulate/placement.ts';
import { figuresOf } from '../../../scripts/simulate/result.ts';
import { RULES, type ScalingRule } from '../../../scripts/simulate/rules.ts';
import type { TraceCall } from '../../../scripts/simulate/trace.ts';
import type { Plan } from '../../../src/scaling/plan.ts';
import { burst, play, traceOf } from './traces.ts';

/** Two workers, and changes at certain ticks. */
function scripted(changesAt: Record<number, Partial<Plan>>): ScalingRule {
  const nothing = { target: 2, readmit: 0, resume: 0, start: 0, drain: 0, discard: 0 };
  return {
    initial: 2,
    standbys: 1,
    atOnce: false,
    plan: (_observe, nowMs) => ({ ...nothing, ...changesAt[nowMs] }),
  };
}

const latencies = (run: ReturnType<typeof play>) =>
  [...run.outcomes.latencyMs].map((ms) => Math.round(ms * 1e6) / 1e6);

describe('the pool', () => {
  it('runs what finds a slot, and queues the rest, first come first served', () => {
    expect(latencies(play(traceOf(burst(5))))).toEqual([100, 100, 200, 200, 300]);
  });

  it('shares cores equally among running calls', () => {
    // Two calls of 100 ms on one core take 200 ms; one of 50 ms beside one of 100 ms takes 100, and leaves 50 for it.
    expect(latencies(play(traceOf(burst(2)), { cores: 1 }))).toEqual([200, 200]);
    const uneven = traceOf([
      { arrivalMs: 0, durationMs: 100 },
      { arrivalMs: 0, durationMs: 50 },
    ]);
    expect(latencies(play(uneven, { cores: 1 }))).toEqual([150, 100]);
    const later = traceOf([
      { arrivalMs: 0, durationMs: 100 },
      { arrivalMs: 50, durationMs: 100 },
    ]);
    expect(latencies(play(later, { cores: 1 }))).toEqual([150, 150]);
  });

  it('lets waiting calls wait off the cores', () => {
    expect(latencies(play(traceOf(burst(2)), { cores: 1, cpuShare: 0 }))).toEqual([100, 100]);
    expect(latencies(play(traceOf(burst(2)), { cores: 1, cpuShare: 0.5 }))).toEqual([150, 150]);
  });

  it('rejects what the queue can’t hold; it counts as its deadline', () => {
    const run = play(traceOf(burst(5)), { queue: 2 });
    expect(latencies(run)).toEqual([100, 100, 200, 200, 30_000]);
    expect([...run.outcomes.fate]).toEqual([1, 1, 1, 1, FATE.rejected]);
  });

  it('ends a call at its deadline, waiting or running, and frees its slot', () => {
    const trace = traceOf([
      { arrivalMs: 0, durationMs: 1000, deadlineMs: 300 },
      { arrivalMs: 0, durationMs: 1000 },
      { arrivalMs: 0, durationMs: 100, deadlineMs: 200 },
      { arrivalMs: 0, durationMs: 100 },
    ]);
    const run = play(trace);
    expect(latencies(run)).toEqual([300, 1000, 200, 400]);
    expect([...run.outcomes.fate]).toEqual([FATE.late, FATE.pool, FATE.late, FATE.pool]);
  });
});

describe('scaling', () => {
  it('starts workers at once when calls queue, ready 300 ms later', () => {
    // Known run times first: until then nothing is expected of a call.
    const known = Array.from({ length: 5 }, (_, at) => ({ arrivalMs: at * 200, durationMs: 100 }));
    const run = play(traceOf([...known, ...burst(3, 1000, 5000)]), { rule: 'spillway' });
    expect(latencies(run).slice(5)).toEqual([1000, 1000, 1300]);
  });

  it('resumes a standby in 20 ms', () => {
    const known = Array.from({ length: 5 }, (_, at) => ({ arrivalMs: at * 200, durationMs: 100 }));
    const run = play(traceOf([...known, ...burst(3, 1000, 5000), ...burst(3, 1000, 40_000)]), {
      rule: 'spillway',
    });
    expect(latencies(run).slice(8)).toEqual([1000, 1000, 1020]);
    expect(run.fleet.seconds(39_000).standby).toBeGreaterThan(10);
  });

  it('never has fewer than N or more than 2N containers', () => {
    for (const name of GENERATORS) {
      const trace = generate(name, {
        seed: 3,
        workers: 3,
        meanMs: 80,
        spread: 'exponential',
        lengthMs: 60_000,
      });
      for (const rule of RULES) {
        const counts = play(trace, { rule, workers: 3 }).fleet.samples.map(({ containers }) => containers);
        expect(Math.min(...counts)).toBeGreaterThanOrEqual(3);
        expect(Math.max(...counts)).toBeLessThanOrEqual(6);
      }
    }
  });

  it('changes the number of containers by one a tick under the origin’s rule', () => {
    const run = play(traceOf([...burst(40, 1000), ...burst(1, 10, 20_000)]), { rule: 'origin', workers: 4 });
    const starts = run.fleet.samples.filter(
      ({ containers }, at) => containers > (run.fleet.samples[at - 1]?.containers ?? 4),
    );
    expect(starts.map(({ atMs }) => atMs)).toEqual([1000, 2000, 3000, 4000]);
  });

  it('drains a busy worker without ending its call, and takes it back', () => {
    const calls = [...burst(2, 5000), ...burst(2, 1000, 100)];
    const changes = (changesAt: Record<number, Partial<Plan>>) =>
      play(traceOf(calls), { rule: scripted(changesAt), workers: 1 });
    const drained = changes({ 1000: { drain: 1 } });
    expect(latencies(drained)).toEqual([5000, 5000, 5900, 6900]);
    expect(drained.fleet.counts()).toMatchObject({ ready: 1, draining: 0 });
    expect(drained.fleet.seconds(7000)).toEqual({ container: 12, standby: 2 });
    const readmitted = changes({ 1000: { drain: 1 }, 2000: { readmit: 1 } });
    expect(latencies(readmitted)).toEqual([5000, 5000, 5900, 5900]);
  });
});

describe('offloading', () => {
  const known = Array.from({ length: 5 }, (_, at) => ({ arrivalMs: at * 200, durationMs: 100 }));

  it('sends what would wait too long to the cloud, and what would not to the queue', () => {
    const run = play(traceOf([...known, ...burst(2, 100, 5000), { arrivalMs: 5020 }, { arrivalMs: 5060 }]), {
      policy: 'threshold',
    });
    expect([...run.outcomes.fate].slice(5)).toEqual([FATE.pool, FATE.pool, FATE.cloud, FATE.pool]);
  });

  it('lets a call of an unknown function wait, and sends it once it has really waited', () => {
    const run = play(traceOf(burst(3)), { policy: 'threshold' });
    // 50 ms in the queue, a cold start of 400, a round trip of 60, the run.
    expect(latencies(run)).toEqual([100, 100, 610]);
  });

  it('waits for a slot that will be ready sooner than the cloud would answer', () => {
    const warm = {
      delayMs: () => 60,
      send: (ms: number) => ({ takesMs: 60 + ms, costUsd: 0 }),
      settled: () => undefined,
    };
    const offloaded = (policy: PolicyName, more: TraceCall[] = []) =>
      figuresOf(
        play(traceOf([...known, ...burst(3, 1000, 5000), ...more]), {
          policy,
          rule: 'spillway',
          cloud: warm,
        }),
      ).offloaded;
    // The third call finds two slots taken. A new worker takes 300 ms, a standby 20, the cloud 60.
    expect(offloaded('threshold')).toBe(1);
    expect(offloaded('threshold', burst(3, 1000, 40_000))).toBe(1);
    // A cold cloud takes 460.
    const cold = play(traceOf([...known, ...burst(3, 1000, 5000)]), {
      policy: 'threshold',
      rule: 'spillway',
    });
    expect(figuresOf(cold).offloaded).toBe(0);
  });

  it('sends everything, or nothing, where told to', () => {
    const trace = traceOf(burst(20));
    expect(figuresOf(play(trace, { policy: 'always' }))).toMatchObject({ offloaded: 20, rejected: 0 });
    expect(figuresOf(play(trace, { policy: 'never' }))).toMatchObject({ offloaded: 0, costUsd: 0 });
  });

  it('offloads exactly the call that finds 2N connections under the origin’s rule', () => {
    const run = play(traceOf(burst(6, 1000)), { policy: 'origin' });
    expect([...run.outcomes.offloaded]).toEqual([0, 0, 0, 0, 1, 0]);
  });
});

describe('every run', () => {
  const calls = fc.array(
    fc.record({
      arrivalMs: fc.integer({ min: 0, max: 3000 }),
      durationMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2000 })),
      deadlineMs: fc.integer({ min: 1, max: 3000 }),
      method: fc.constantFrom('a', 'b', 'c'),
    }),
    { minLength: 1, maxLength: 120 },
  );
  const scenario = fc.record({
    policy: fc.constantFrom(...POLICIES),
    rule: fc.constantFrom(...RULES),
    workers: fc.integer({ min: 1, max: 4 }),
    cores: fc.double({ min: 0.5, max: 8, noNaN: true }),
    cpuShare: fc.constantFrom(0, 0.3, 1),
    queue: fc.nat(20),
    waitFormula: fc.constantFrom('list' as const, 'plain' as const),
  });

  it('counts every call once, none before it could be done and none after its deadline', () => {
    fc.assert(
      fc.property(calls, scenario, (drawn, settings) => {
        const trace = traceOf(drawn);
        const run = play(trace, settings);
        const figures = figuresOf(run);
        const fates = Object.values(FATE).map(
          (fate) => run.outcomes.fate.filter((one) => one === fate).length,
        );
        expect(fates.reduce((sum, count) => sum + count, 0)).toBe(drawn.length);
        expect(figures.calls).toBe(drawn.length);
        for (const [call, latencyMs] of run.outcomes.latencyMs.entries()) {
          const answered = run.outcomes.fate[call] === FATE.pool || run.outcomes.fate[call] === FATE.cloud;
          if (answered) expect(latencyMs).toBeGreaterThanOrEqual(trace.durationMs[call]! - 1e-6);
          expect(latencyMs).toBeLessThanOrEqual(trace.deadlineMs[call]! + 1e-6);
        }
        // What the pool did, it had the containers for.
        const doneMs = trace.durationMs.reduce(
          (sum, ms, call) => sum + (run.outcomes.fate[call] === FATE.pool ? ms : 0),
          0,
        );
        expect(figures.containerSeconds * 1000).toBeGreaterThanOrEqual(doneMs - 1e-3);
      }),
      { numRuns: 300 },
    );
  });

  it('is the same again', () => {
    const settings = { seed: 7, workers: 3, meanMs: 60, spread: 'heavy', lengthMs: 40_000 } as const;
    const figures = () =>
      figuresOf(play(generate('bursty', settings), { rule: 'spillway', policy: 'threshold', workers: 3 }));
    expect(figures()).toEqual(figures());
  });
});

it('simulates a hundred thousand calls in a small part of the second a million may take ten of', () => {
  const trace = generate('poisson', {
    seed: 1,
    workers: 8,
    meanMs: 100,
    spread: 'exponential',
    lengthMs: 1_390_000,
  });
  expect(trace.arrivalMs.length).toBeGreaterThan(99_000);
  // Measured: 0.3 s on an idle machine. The limit leaves room for a busy one, and a machine that stood still for a moment
  // gets another try: what has become slow fails them all.
  let best = Infinity;
  for (let turn = 0; turn < 3 && best >= 3_000; turn++) {
    const startedAt = performance.now();
    play(trace, { rule: 'spillway', policy: 'threshold', workers: 8 });
    best = Math.min(best, performance.now() - startedAt);
  }
  expect(best).toBeLessThan(3_000);
});
