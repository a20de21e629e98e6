import { describe, expect, it } from 'vitest';
import { hold, letGo, own } from '../../../src/pool/holders.ts';

const LARGE = 40_000;

describe('memory with holders', () => {
  it('is given back when the last one lets go, whichever part of it they hold', () => {
    const bytes = Buffer.alloc(LARGE, 1);
    const part = bytes.subarray(10, LARGE - 5);
    own(bytes);
    hold(part);
    hold(bytes);
    letGo(part);
    letGo(bytes);
    expect(part).toHaveLength(LARGE - 15);
    letGo(part);
    expect([bytes.length, part.length]).toEqual([0, 0]);
    letGo(part); // no longer anybody's
  });

  it('is left alone if it is shared, small, or nobody’s', () => {
    const shared = Buffer.alloc(LARGE).subarray(1);
    const small = Buffer.from(new ArrayBuffer(100));
    const pooled = Buffer.from('abc');
    const unowned = Buffer.alloc(LARGE);
    for (const bytes of [shared, small, pooled]) own(bytes);
    for (const bytes of [shared, small, pooled, unowned]) {
      hold(bytes);
      letGo(bytes);
      letGo(bytes);
    }
    expect([shared, small, pooled, unowned].map(({ length }) => length)).toEqual([LARGE - 1, 100, 3, LARGE]);
  });
});
