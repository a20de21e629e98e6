/** What of a client's trace is believed. */
import { describe, expect, it } from 'vitest';
import { parseCallHeaders } from '../../../src/rpc/call-options.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

const read = (traceparent: string | undefined): string | undefined =>
  parseCallHeaders({ timeoutMs: undefined, backend: undefined, traceparent }, false).traceparent;

describe('traceparent', () => {
  it.each(['00', '01', 'a3'])('with flags %s is passed on', (flags) => {
    expect(read(`00-${TRACE}-${SPAN}-${flags}`)).toBe(`00-${TRACE}-${SPAN}-${flags}`);
  });

  it('of a later version is passed on as far as it is understood', () => {
    expect(read(`01-${TRACE}-${SPAN}-01-more-of-it`)).toBe(`00-${TRACE}-${SPAN}-01`);
    expect(read(`01-${TRACE}-${SPAN}-01`)).toBe(`00-${TRACE}-${SPAN}-01`);
  });

  it.each([
    undefined,
    '',
    'nonsense',
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
    `01-${TRACE}-${SPAN}-012`,
    ` 00-${TRACE}-${SPAN}-01`,
  ])('that is %j is none, which is no fault', (traceparent) => {
    expect(read(traceparent)).toBeUndefined();
    expect(parseCallHeaders({ timeoutMs: '5', backend: undefined, traceparent }, false)).toMatchObject({
      timeoutMs: 5,
      fault: undefined,
    });
  });
});
