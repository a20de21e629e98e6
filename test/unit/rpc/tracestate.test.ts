/** What of a client's tracestate is passed on. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCallHeaders } from '../../../src/rpc/call-options.ts';
import { MAX_TRACESTATE_CHARACTERS, readTracestate } from '../../../src/rpc/tracestate.ts';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('tracestate', () => {
  it.each([
    ['congo=t61rcWkgMzE', 'congo=t61rcWkgMzE'],
    ['a=1, b=2 ,\tc=3', 'a=1,b=2,c=3'],
    [',a=1,,', 'a=1'],
    ['tenant@vendor=x y/z', 'tenant@vendor=x y/z'],
    [`k=${'v'.repeat(256)}`, `k=${'v'.repeat(256)}`],
  ])('%j is passed on', (header, passed) => {
    expect(readTracestate(header)).toBe(passed);
  });

  it.each([
    undefined,
    '',
    ' , ',
    'nonsense',
    'a=1,nonsense',
    'UPPER=1',
    'a=',
    'a=b=c',
    'a=\u00e9',
    `k=${'v'.repeat(257)}`,
    Array.from({ length: 33 }, (_, at) => `k${at}=v`).join(','),
  ])('%j is none', (header) => {
    expect(readTracestate(header)).toBeUndefined();
  });

  it('that is too long loses its last entries, however long it is', () => {
    const [long, longer] = [`a=${'v'.repeat(250)}`, `b=${'v'.repeat(256)}`];
    expect(readTracestate(`${long},${longer}`)).toBe(`${long},${longer}`);
    // One that would fit may not take the place of one that doesn't.
    expect(readTracestate(`${long},x=1,${longer},c=1`)).toBe(`${long},x=1`);
    const entries = fc.array(fc.stringMatching(/^[a-z]{1,20}=[a-z]{1,200}$/), {
      minLength: 1,
      maxLength: 32,
    });
    fc.assert(
      fc.property(entries, (all) => {
        const passed = readTracestate(all.join(','));
        expect(passed?.length).toBeLessThanOrEqual(MAX_TRACESTATE_CHARACTERS);
        const kept = passed?.split(',') ?? [];
        expect(kept).toEqual(all.slice(0, kept.length));
        const next = all[kept.length];
        if (next !== undefined) expect(`${passed},${next}`.length).toBeGreaterThan(MAX_TRACESTATE_CHARACTERS);
      }),
    );
  });

  it('is nothing without a traceparent, and never a fault', () => {
    const read = (traceparent: string | undefined, tracestate: string): unknown =>
      parseCallHeaders({ timeoutMs: '5', backend: undefined, traceparent, tracestate }, false);
    expect(read(PARENT, 'a=1')).toMatchObject({ traceparent: PARENT, tracestate: 'a=1', fault: undefined });
    expect(read('00-nonsense', 'a=1')).toMatchObject({ tracestate: undefined, fault: undefined });
    expect(read(undefined, 'a=1')).toMatchObject({ tracestate: undefined, fault: undefined });
    expect(read(PARENT, 'nonsense')).toMatchObject({
      traceparent: PARENT,
      tracestate: undefined,
      fault: undefined,
    });
  });
});
