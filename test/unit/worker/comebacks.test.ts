import { describe, expect, it } from 'vitest';
import { Comebacks, type SlotEnd } from '../../../worker/comebacks.ts';

const usual: SlotEnd = { loaded: true, by: 'itself', livedMs: 2000 };
const broken: SlotEnd = { ...usual, loaded: false };
const starved: SlotEnd = { ...usual, loaded: false, by: 'kernel' };

/** What comes after each of these ends of one place's slots. */
function after(...ends: SlotEnd[]): { waits: number[]; blamed: boolean[] } {
  const comebacks = new Comebacks();
  const next = ends.map((end) => comebacks.after(end));
  return { waits: next.map(({ waitMs }) => waitMs), blamed: next.map(({ blamed }) => blamed) };
}

describe('a slot that ended', () => {
  it.each([
    ['had lived for a while', usual],
    ['was over the deadline of its call', { ...usual, by: 'us', livedMs: 100 } as const],
  ])('comes back at once where it had loaded and %s, however often', (_, end) => {
    expect(after(end, end, end, end)).toEqual({
      waits: [0, 0, 0, 0],
      blamed: [false, false, false, false],
    });
  });

  it('comes back at once where it died soon after it had loaded, but not again and again', () => {
    const soon = { ...usual, livedMs: 1999 };
    const { waits, blamed } = after(...Array.from({ length: 8 }, () => soon));
    expect(waits).toEqual([0, 50, 100, 200, 400, 800, 1000, 1000]);
    expect(blamed).not.toContain(true);
    expect(after(soon, soon, usual, soon).waits).toEqual([0, 50, 0, 0]);
  });

  it('waits for each cause by itself', () => {
    const soon = { ...usual, livedMs: 100 };
    const killed: SlotEnd = { loaded: true, by: 'kernel', livedMs: 9000 };
    expect(after(soon, soon, soon, killed, soon).waits).toEqual([0, 50, 100, 50, 200]);
  });

  it('waits ever longer where it can’t load, and blames the bundle, once', () => {
    const { waits, blamed } = after(...Array.from({ length: 9 }, () => broken));
    expect(waits).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    expect(blamed.map(Number)).toEqual([0, 0, 1, 0, 0, 0, 0, 0, 0]);
  });

  it('never blames the bundle where the kernel ends it', () => {
    const { waits, blamed } = after(starved, starved, starved, starved, broken, broken);
    expect(waits).toEqual([50, 100, 200, 400, 800, 1600]);
    expect(blamed).not.toContain(true);
  });

  it('waits also where the kernel ends it soon after it has loaded: another one is loading', () => {
    const soon = { ...starved, loaded: true };
    expect(after(soon, starved, soon).waits).toEqual([50, 100, 200]);
    expect(after(soon, soon, { ...soon, livedMs: 10_000 }, soon).waits).toEqual([50, 100, 0, 50]);
  });

  it('forgets earlier ends once one has loaded and died in another way', () => {
    expect(after(broken, broken, usual, broken, broken).blamed).not.toContain(true);
    expect(after(starved, broken, usual, broken).waits).toEqual([50, 100, 0, 50]);
  });
});
