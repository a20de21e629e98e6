/** What may happen to a balancer. */
import fc from 'fast-check';
import type { CloudReason } from '../../../src/cloud/backend.ts';
import type { Backend } from '../../../src/dispatch/call.ts';

/** The functions: short ones are handed ahead once they are known, and the others differ in what may be done with them. */
export const NAMES = ['quick', 'slow', 'once', 'few', 'many', 'home'] as const;
/** A function's name. */
export type Name = (typeof NAMES)[number];
/** What they declare. */
export const FUNCTIONS: Readonly<
  Record<Name, { idempotent: boolean; concurrency: number; offload?: boolean; localTimeoutMs?: number }>
> = {
  quick: { idempotent: true, concurrency: 1 },
  slow: { idempotent: true, concurrency: 1, localTimeoutMs: 40 },
  once: { idempotent: false, concurrency: 1 },
  few: { idempotent: true, concurrency: 3 },
  many: { idempotent: false, concurrency: 100 },
  home: { idempotent: true, concurrency: 1, offload: false },
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
      readonly backend: Backend | undefined;
    }
  | { readonly do: 'cloud answers' | 'cloud fails' | 'cloud throttles' | 'cloud breaks'; readonly at: number }
  | { readonly do: 'cloud is'; readonly reason: CloudReason | undefined }
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
        | 'eject'
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
  backend: fc.oneof(
    { weight: 8, arbitrary: fc.constant(undefined) },
    fc.constantFrom('pool' as const, 'cloud' as const),
  ),
  times: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.integer({ min: 2, max: 25 })),
});
const cloudEnds = fc.record({
  do: fc.constantFrom(
    'cloud answers',
    'cloud answers',
    'cloud fails',
    'cloud throttles',
    'cloud breaks' as const,
  ),
  at,
});
const cloudIs = fc.record({
  do: fc.constant('cloud is' as const),
  reason: fc.constantFrom(undefined, undefined, 'throttled' as const, 'budget spent' as const),
});
const answer = fc.record({ do: fc.constant('answer' as const), at, which: fc.nat(5) });

/** Any event, the ordinary ones more often. */
export const events: fc.Arbitrary<Event> = fc.oneof(
  { weight: 10, arbitrary: call },
  { weight: 12, arbitrary: answer },
  { weight: 6, arbitrary: cloudEnds },
  { weight: 2, arbitrary: cloudIs },
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
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('drain', 'rest', 'eject', 'readmit' as const), at }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('new worker' as const) }) },
);
