import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_LOG_BYTES, MAX_PAYLOAD_BYTES } from '../../../src/cloud/event.ts';
import {
  callNanoUsd,
  cheapestNanoUsd,
  minuteNanoUsd,
  parsePrices,
  pricesOf,
  readMetricsNanoUsd,
  refusedNanoUsd,
  worstNanoUsd,
  type Rate,
} from '../../../src/cloud/prices.ts';

const { prices } = pricesOf('us-east-1');
const rate: Rate = { prices, memoryMb: 1024, architecture: 'x86_64' };

describe('the price of a call', () => {
  it('is that of the worked example', () => {
    // 1 GB for 1 s 16,666.7; a Lambda request 200; a gateway request 3,500; 700 bytes out 63; 400 bytes of log 200.
    expect(callNanoUsd(rate, { billedMs: 1000, resultBytes: 0, logBytes: 0 })).toBe(20_630);
    // On arm64 the second costs 13,333.4.
    expect(
      callNanoUsd({ ...rate, architecture: 'arm64' }, { billedMs: 1000, resultBytes: 0, logBytes: 0 }),
    ).toBe(17_297);
    // A megabyte out and a thousand bytes of log: 90,000 and 500 more.
    expect(callNanoUsd(rate, { billedMs: 1000, resultBytes: 1_000_000, logBytes: 1000 })).toBe(111_130);
  });

  it('counts each begun millisecond', () => {
    const at = (billedMs: number): number => callNanoUsd(rate, { billedMs, resultBytes: 0, logBytes: 0 });
    expect(at(1.1)).toBe(at(2));
    expect(at(2)).toBeLessThan(at(2.1));
  });

  it('is never more than the worst case, nor less than the cheapest', () => {
    const usage = fc.record({
      remainingMs: fc.double({ min: 0, max: 60_000, noNaN: true }),
      initMs: fc.double({ min: 0, max: 10_000, noNaN: true }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      resultBytes: fc.integer({ min: 0, max: MAX_PAYLOAD_BYTES }),
      logBytes: fc.integer({ min: 0, max: MAX_LOG_BYTES }),
    });
    fc.assert(
      fc.property(usage, ({ remainingMs, initMs, share, resultBytes, logBytes }) => {
        const billedMs = Math.max(1, Math.min(remainingMs, 28_000) * share + initMs);
        const cost = callNanoUsd(rate, { billedMs, resultBytes, logBytes });
        expect(cost).toBeLessThanOrEqual(worstNanoUsd(rate, remainingMs));
        expect(cost).toBeGreaterThanOrEqual(cheapestNanoUsd(rate));
        expect(Number.isInteger(cost)).toBe(true);
      }),
    );
  });

  it('has the gateway alone when the function was never reached', () => {
    expect(refusedNanoUsd(rate)).toBe(3500);
  });
});

describe('the prices of regions', () => {
  it('differ where AWS has others', () => {
    expect(pricesOf('eu-central-1').prices.gatewayMillionRequestsUsd).toBe(3.7);
    expect(pricesOf('eu-central-1').known).toBe(true);
  });

  it('are the dearest of all where the table has none', () => {
    const unknown = pricesOf('xx-nowhere-9');
    expect(unknown.known).toBe(false);
    for (const region of ['us-east-1', 'eu-central-1', 'ap-northeast-1']) {
      for (const [name, price] of Object.entries(pricesOf(region).prices)) {
        expect(unknown.prices[name as keyof typeof prices], name).toBeGreaterThanOrEqual(price);
      }
    }
    expect(pricesOf('constructor').known).toBe(false);
  });

  it('can be replaced one by one', () => {
    const override = parsePrices('{"gatewayMillionRequestsUsd": 1}');
    expect(pricesOf('us-east-1', override).prices).toEqual({ ...prices, gatewayMillionRequestsUsd: 1 });
  });

  it.each(['{"gatewayUsd": 1}', '{"transferOutGbUsd": -1}', '{"transferOutGbUsd": "1"}', '[]'])(
    'are refused: %s',
    (json) => {
      expect(() => parsePrices(json)).toThrow(/the prices are not valid/);
    },
  );
});

it('prices monitoring: six metrics read, four written for a minute with an alarm on them', () => {
  expect(readMetricsNanoUsd(prices, 6)).toBe(60_000);
  // (4 × 0.30 + 0.10) USD a month of 28 days, in minutes.
  expect(minuteNanoUsd(prices, 4, 1)).toBe(Math.ceil((1.3 * 1e9) / 40_320));
});
