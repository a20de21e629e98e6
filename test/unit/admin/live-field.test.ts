import { beforeEach, expect, it } from 'vitest';

// The page has types of its own, which aren't those of Node.
const page = new URL('../../../src/admin/page/live-field.js', import.meta.url).href;
const { createLiveField } = (await import(page)) as {
  createLiveField(field: Field): { readonly value: string; show(value: string): void; release(): void };
};

/** As much of a field as is needed. */
class Field extends EventTarget {
  value = 'threshold';

  enter(value: string): void {
    this.value = value;
    this.dispatchEvent(new Event('input'));
  }
}

let field: Field;
let live: ReturnType<typeof createLiveField>;
beforeEach(() => {
  field = new Field();
  live = createLiveField(field);
  live.show('never');
});

it('follows the balancer until it is changed, and again when that was released', () => {
  expect(field.value).toBe('never');
  field.enter('always');
  live.show('predictive');
  expect(live.value).toBe('always');
  live.release();
  live.show('predictive');
  expect(field.value).toBe('predictive');
});

it('follows again when it was changed back', () => {
  field.enter('always');
  field.enter('never');
  live.show('predictive');
  expect(field.value).toBe('predictive');
});

it('keeps what was entered when the balancer comes to have the same', () => {
  field.enter('always');
  live.show('always');
  live.show('never');
  expect(field.value).toBe('always');
});
