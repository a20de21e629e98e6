/** Whatever happens in whatever order, every call is answered once, by the rules. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, it } from 'vitest';
import { events, type Event } from './events.ts';
import { Scenario } from './scenario.ts';
import { startTime, stopTime } from '../../fakes/virtual-time.ts';

/** Some 70 events each. More with SPILLWAY_TEST_RUNS, for a longer hunt. */
const RUNS = Number(process.env['SPILLWAY_TEST_RUNS'] ?? 300);

describe('any sequence of calls, answers, deaths, cancels and time', () => {
  beforeEach(stopTime);
  afterEach(startTime);

  const setup = fc.record({
    workers: fc.integer({ min: 1, max: 3 }),
    slots: fc.integer({ min: 1, max: 2 }),
    policy: fc.constantFrom('round-robin' as const, 'least-busy' as const, 'peak-ewma' as const),
    offload: fc.constantFrom(
      'threshold' as const,
      'predictive' as const,
      'predictive' as const,
      'always' as const,
      'never' as const,
    ),
  });

  it('answers every call once, keeps the counts right, and leaves nothing', () => {
    fc.assert(
      fc.property(setup, fc.array(events, { maxLength: 80, size: 'max' }), (options, happened: Event[]) => {
        stopTime();
        const scenario = new Scenario(options);
        try {
          for (const event of happened) scenario.apply(event);
          scenario.finish();
        } finally {
          startTime();
        }
      }),
      { numRuns: RUNS },
    );
  });
});
