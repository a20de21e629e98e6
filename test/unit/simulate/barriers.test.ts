/** What the cloud can't have stays here, as under the balancer itself. */
import { describe, expect, it } from 'vitest';
import { placementPolicy, type PolicyName } from '../../../scripts/simulate/placement.ts';
import { figuresOf } from '../../../scripts/simulate/result.ts';
import { MAX_PAYLOAD_BYTES, MAX_RUN_MS } from '../../../src/cloud/event.ts';
import { MAX_CLOUD_RUN_MS } from '../../../src/dispatch/placement.ts';
import { burst, play, traceOf } from './traces.ts';

describe('a simulated call', () => {
  const known = Array.from({ length: 5 }, (_, at) => ({ arrivalMs: at * 200, durationMs: 100 }));

  it.each<PolicyName>(['always', 'threshold', 'predictive', 'origin'])(
    'stays under %s where its params are too large for an event',
    (policy) => {
      const large = [...known, ...burst(30, 2000, 5000)].map((call) => ({
        ...call,
        bytes: MAX_PAYLOAD_BYTES,
      }));
      const small = large.map((call) => ({ ...call, bytes: MAX_PAYLOAD_BYTES - 1 }));
      expect(figuresOf(play(traceOf(large), { policy }))).toMatchObject({ offloaded: 0, costUsd: 0 });
      expect(figuresOf(play(traceOf(small), { policy })).offloaded).toBeGreaterThan(0);
    },
  );

  it.each<PolicyName>(['always', 'threshold', 'predictive'])(
    'stays under %s where its function is known to run too long for the cloud',
    (policy) => {
      const offloadedOf = (durationMs: number) => {
        const apart = Array.from({ length: 5 }, (_, at) => ({ arrivalMs: at * 1e5, durationMs }));
        const calls = [...apart, ...burst(8, durationMs, 6e5)].map((call) => ({ ...call, deadlineMs: 4e5 }));
        const { offloaded } = play(traceOf(calls), { policy, cpuShare: 0 }).outcomes;
        return offloaded.reduce((sum, sent) => sum + sent, 0);
      };
      // Under always two go before anything is known: the first starts an instance, the second tells how long it runs in one.
      expect(offloadedOf(MAX_CLOUD_RUN_MS + 1000)).toBe(policy === 'always' ? 2 : 0);
      expect(offloadedOf(MAX_CLOUD_RUN_MS - 1000)).toBeGreaterThan(2);
    },
  );

  it('is not asked about again and again at one moment, even where it may not wait at all', () => {
    const question = {
      expectedWaitMs: undefined,
      waitedMs: 0,
      slotReadyInMs: Infinity,
      freeSlot: false,
      queueFull: false,
      connections: 2,
      mostWorkers: 4,
      cloudDelayMs: 60,
      fitsEvent: false,
      cloudRunMs: undefined,
    };
    expect(placementPolicy('threshold', 0)(question)).toEqual({ place: 'pool', reviewInMs: 20 });
  });

  it('is late where the cloud’s handler stops it, and costs no more than until then', () => {
    const run = (durationMs: number) =>
      figuresOf(play(traceOf([{ arrivalMs: 0, durationMs, deadlineMs: 60_000 }]), { policy: 'always' }));
    expect(run(MAX_RUN_MS)).toMatchObject({ offloaded: 1, late: 0, p50Ms: MAX_RUN_MS + 460 });
    expect(run(MAX_RUN_MS + 1)).toMatchObject({ offloaded: 1, late: 1, p50Ms: 60_000 });
    expect(run(50_000).costUsd).toBe(run(MAX_RUN_MS).costUsd);
  });
});
