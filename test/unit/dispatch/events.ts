/** What may happen to a balancer. */
import fc from 'fast-check';

/** The functions: short ones are handed ahead once they are known, and the others differ in what may be done with them. */
export const NAMES = ['quick', 'slow', 'once', 'few', 'many'] as const;
/** A function's name. */
export type Name = (typeof NAMES)[number];
/** What they declare. */
export const FUNCTIONS: Readonly<Record<Name, { idempotent: boolean; concurrency: number }>> = {
  quick: { idempotent: true, concurrency: 1 },
  slow: { idempotent: true, concurrency: 1 },
  once: { idempotent: false, concurrency: 1 },
  few: { idempotent: true, concurrency: 3 },
  many: { idempotent: false, concurrency: 100 },
};
/** The most calls that may wait. */
export const QUEUE_CALLS = 12;
/** The most workers at one time. */
export const MAX_WORKERS = 4;

/** What may happen. `at` picks a slot, worker or call among those there are. */
export type Event =
  | {
      readonly do: 'call';
      readonly name: Name;
      readonly timeoutMs: number;
      readonly times: number;
    }
  | { readonly do: 'answer' | 'fail'; readonly at: number; readonly which: number }
  | { readonly do: 'pass'; readonly ms: number }
  | {
      readonly do:
        | 'cancel'
        | 'stick'
        | 'hang up'
        | 'redial'
        | 'slot dies'
        | 'worker dies'
        | 'drain'
        | 'rest'
        | 'readmit'
        | 'lie'
        | 'chain';
      readonly at: number;
    }
  | { readonly do: 'new worker' };

const at = fc.nat(200);
const call = fc.record({
  do: fc.constant('call' as const),
  name: fc.constantFrom(...NAMES),
  timeoutMs: fc.constantFrom(5, 60, 400, 3000, 30_000),
  times: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.integer({ min: 2, max: 25 })),
});
const answer = fc.record({ do: fc.constant('answer' as const), at, which: fc.nat(5) });

/** Any event, the ordinary ones more often. */
export const events: fc.Arbitrary<Event> = fc.oneof(
  { weight: 10, arbitrary: call },
  { weight: 12, arbitrary: answer },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fail' as const), at, which: fc.nat(5) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 3, 6, 15, 60, 300, 3000),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('cancel', 'stick', 'hang up', 'redial', 'slot dies', 'chain' as const),
      at,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('worker dies', 'drain', 'lie' as const), at }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('drain', 'rest', 'readmit' as const), at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('new worker' as const) }) },
);
