import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { POLICY_NAMES, createPolicy, type Candidate } from '../../../src/pool/policies.ts';

/** A slot as the policies see it, with room for one call of concurrency 1 unless told otherwise. */
function slot(
  workerId: string,
  is: { running?: number; ms?: number; full?: boolean } = {},
): Candidate & { readonly full: boolean } {
  const { running = 0, ms = 1, full = false } = is;
  return { workerId, running, full, latency: { at: () => ms }, room: () => (full ? 0 : 1) };
}

describe('every policy', () => {
  const candidates = fc.array(
    fc
      .tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(5), fc.nat(100), fc.boolean())
      .map(([worker, running, ms, full]) => slot(worker, { running, ms, full })),
    { maxLength: 8 },
  );

  it.each(POLICY_NAMES)('%s picks a slot if and only if one has room on another worker', (name) => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(candidates, fc.option(fc.constantFrom('a', 'b'), { nil: undefined }))),
        (rounds) => {
          const policy = createPolicy(name);
          for (const [slots, avoid] of rounds) {
            const fit = slots.filter(({ full, workerId }) => !full && workerId !== avoid);
            const picked = policy(slots, 1, avoid, 0);
            if (fit.length === 0) expect(picked).toBeUndefined();
            else expect(fit).toContain(picked);
          }
        },
      ),
    );
  });
});

describe('round-robin', () => {
  it('takes each slot in its turn', () => {
    const policy = createPolicy('round-robin');
    const slots = [slot('a'), slot('b'), slot('c')];
    const picked = Array.from({ length: 7 }, () => policy(slots, 1, undefined, 0)?.workerId);
    expect(picked).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a']);
  });

  it('passes over the full ones, and goes on after the one it took', () => {
    const policy = createPolicy('round-robin');
    const b = slot('b', { full: true });
    const slots = [slot('a'), b, slot('c'), slot('d')];
    const picked = Array.from({ length: 4 }, () => policy(slots, 1, undefined, 0)?.workerId);
    expect(picked).toEqual(['a', 'c', 'd', 'a']);
  });

  it('asks for room for the concurrency of the call', () => {
    const picky: Candidate = { ...slot('a'), room: (concurrency) => (concurrency === 3 ? 1 : 0) };
    const policy = createPolicy('round-robin');
    expect(policy([picky], 1, undefined, 0)).toBeUndefined();
    expect(policy([picky], 3, undefined, 0)).toBe(picky);
  });
});

describe('least-busy', () => {
  it('takes the slot with the fewest calls', () => {
    const policy = createPolicy('least-busy');
    const slots = [slot('a', { running: 3 }), slot('b', { running: 1 }), slot('c', { running: 2 })];
    expect(policy(slots, 1, undefined, 0)?.workerId).toBe('b');
    expect(policy(slots, 1, 'b', 0)?.workerId).toBe('c');
  });

  it('takes equals in turn', () => {
    const policy = createPolicy('least-busy');
    const slots = [slot('a'), slot('b'), slot('c')];
    const picked = Array.from({ length: 30 }, () => policy(slots, 1, undefined, 0)?.workerId);
    for (const worker of ['a', 'b', 'c']) expect(picked.filter((id) => id === worker)).toHaveLength(10);
  });
});

describe('peak-ewma', () => {
  it('weighs latency by the calls there would be', () => {
    const policy = createPolicy('peak-ewma');
    // 10 ms × 1 < 6 ms × 2 < 4 ms × 4
    const slots = [
      slot('a', { ms: 6, running: 1 }),
      slot('b', { ms: 10, running: 0 }),
      slot('c', { ms: 4, running: 3 }),
    ];
    expect(policy(slots, 100, undefined, 0)?.workerId).toBe('b');
    expect(policy(slots, 100, 'b', 0)?.workerId).toBe('a');
  });

  it('tries a fresh slot with one call, and floods it with none', () => {
    const policy = createPolicy('peak-ewma');
    const seasoned = slot('a', { ms: 50, running: 9 });
    expect(policy([seasoned, slot('b', { ms: 0 })], 100, undefined, 0)?.workerId).toBe('b');
    expect(policy([seasoned, slot('b', { ms: 0, running: 1 })], 100, undefined, 0)?.workerId).toBe('a');
    expect(policy([slot('b', { ms: 0, running: 1 })], 100, undefined, 0)?.workerId).toBe('b');
  });

  it('asks for the latency of now', () => {
    const slots = [
      { ...slot('a'), latency: { at: (now: number) => 10 - now } },
      { ...slot('b'), latency: { at: () => 5 } },
    ];
    expect(createPolicy('peak-ewma')(slots, 1, undefined, 0)?.workerId).toBe('b');
    expect(createPolicy('peak-ewma')(slots, 1, undefined, 9)?.workerId).toBe('a');
  });
});
