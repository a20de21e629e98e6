import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Assembly, Pieces } from '../../../src/pool/chunks.ts';

/** Bytes in memory of their own. */
function bytesOf(values: ArrayLike<number>): Buffer {
  return Buffer.from(new Uint8Array(values).buffer);
}

describe('Pieces', () => {
  it('give the whole, however many there are', () => {
    const pieces = new Pieces();
    expect(pieces.whole()).toEqual(Buffer.alloc(0));
    let all = '';
    for (let i = 0; i < 2000; i++) {
      pieces.add(Buffer.from(String(i)));
      all += String(i);
      expect(pieces.have).toBe(all.length);
    }
    expect(pieces.whole().toString()).toBe(all);
  });

  it('are few, however small they came', () => {
    const pieces = new Pieces();
    for (let i = 0; i < 100_000; i++) pieces.add(Buffer.of(i));
    expect(pieces.all().length).toBeLessThan(1000);
  });

  it('are left alone where they are large', () => {
    const pieces = new Pieces();
    const all = Array.from({ length: 600 }, (_, i) => Buffer.alloc(1000, i));
    for (const piece of all) pieces.add(piece);
    expect(pieces.all().every((piece, i) => piece === all[i])).toBe(true);
    expect(pieces.whole()).toEqual(Buffer.concat(all));
  });

  it('are not copied where only one came', () => {
    const pieces = new Pieces();
    const only = Buffer.of(1, 2);
    pieces.add(only);
    expect(pieces.whole()).toBe(only);
  });
});

describe('Assembly', () => {
  it('gives the whole, whatever the pieces, and what is too much', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 30 }),
        fc.nat(20),
        fc.boolean(),
        (pieces, less, borrows) => {
          const all = Buffer.concat(pieces);
          const need = Math.max(1, all.length - less);
          const assembly = new Assembly(need, borrows);
          const shared = Buffer.alloc(40);
          let seen = 0;
          for (const piece of pieces) {
            const chunk = borrows ? shared.subarray(0, piece.length) : bytesOf(piece);
            shared.fill(0xff);
            chunk.set(piece);
            seen += piece.length;
            const rest = assembly.add(chunk);
            expect(rest ?? Buffer.alloc(0)).toEqual(all.subarray(need, Math.max(need, seen)));
            expect(assembly.have).toBe(Math.min(need, seen));
            shared.fill(0xff);
            expect(assembly.joined()).toEqual(all.subarray(0, assembly.have));
            if (assembly.have < need) expect(assembly.whole()).toBe(undefined);
            else break;
          }
          const whole = assembly.whole();
          expect(whole).toEqual(all.subarray(0, need));
          expect(whole?.buffer.byteLength).toBe(need);
        },
      ),
    );
  });

  it('gives back the memory of whole pieces, and leaves parts of others alone', () => {
    const whole = bytesOf([1, 2, 3]);
    const other = bytesOf([3, 4, 5, 6]);
    const assembly = new Assembly(5);
    assembly.add(whole);
    expect(assembly.add(other.subarray(1))).toEqual(Buffer.of(6));
    expect(assembly.whole()).toEqual(Buffer.of(1, 2, 3, 4, 5));
    expect(whole.length).toBe(0);
    expect(other).toEqual(Buffer.of(3, 4, 5, 6));
  });

  it('gives the whole also where it came in thousands of pieces', () => {
    const assembly = new Assembly(50_000);
    for (let i = 0; i < 50_000; i++) assembly.add(Buffer.of(i));
    expect(assembly.whole()).toEqual(bytesOf(Array.from({ length: 50_000 }, (_, i) => i)));
  });

  it('makes no room for a claim', () => {
    const claimed = 2 ** 50; // nobody could
    const assembly = new Assembly(claimed);
    for (let i = 0; i < 100; i++) assembly.add(bytesOf(new Uint8Array(1000)));
    expect(assembly.joined()).toHaveLength(100_000);
  });
});
