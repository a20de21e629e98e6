import { describe, expect, it } from 'vitest';
import { classify } from '../../../src/cloud/classify.ts';
import type { Exchange } from '../../../src/cloud/channel.ts';
import { HEADERS } from '../../../src/cloud/event.ts';

function answer(status: number, body: string, headers: Record<string, string> = {}): Exchange {
  return { ok: true, status, headers, body: Buffer.from(body) };
}

describe("the gateway's own answers", () => {
  it.each([
    // The key isn't known yet, or no more; the stage or the resource is gone.
    [403, '{"message":"Forbidden"}', 'access denied', false, 'nothing'],
    [403, '{"message":"Missing Authentication Token"}', 'access denied', false, 'nothing'],
    [404, '{"message":"Not Found"}', 'access denied', false, 'nothing'],
    // The usage plan's throttle and quota.
    [429, '{"message":"Too Many Requests"}', 'throttled', false, 'request'],
    [429, '{"message":"Limit Exceeded"}', 'throttled', false, 'request'],
    // Lambda's throttle, as documented and as seen.
    [500, '{"message":"Internal server error"}', 'throttled', true, 'unknown'],
    [500, '{"message":null}', 'throttled', true, 'unknown'],
    [
      429,
      '{"Reason":"ConcurrentInvocationLimitExceeded","message":"Rate Exceeded."}',
      'throttled',
      false,
      'request',
    ],
    [
      502,
      '{"Type":"User","message":"Rate exceeded","Reason":"TooManyRequestsException"}',
      'throttled',
      false,
      'request',
    ],
    // The process ended under the call, or its answer was no answer.
    [502, '{"message":"Internal server error"}', 'failing', true, 'unknown'],
    [503, '{"message":"Service Unavailable"}', 'failing', true, 'unknown'],
    [504, '{"message":"Endpoint request timed out"}', 'timeout', true, 'unknown'],
    // Something that isn't the handler answers.
    [200, '<html>captive portal</html>', 'failing', true, 'unknown'],
  ])('%i %s: %s, may have run: %s, costs: %s', (status, body, reason, mayHaveRun, costs) => {
    expect(classify(answer(status, body))).toMatchObject({
      from: 'gateway',
      refusal: { reason, mayHaveRun, costs, othersToo: true },
    });
  });

  it('413 is this one call’s fault', () => {
    expect(classify(answer(413, '{"message":"Request Too Long"}'))).toMatchObject({
      refusal: { reason: 'failing', mayHaveRun: false, othersToo: false, costs: 'request' },
    });
  });

  it("says nothing of a request that didn't leave, and everything may be after one that did", () => {
    expect(classify({ ok: false, sent: false, code: 'ECONNREFUSED' })).toMatchObject({
      refusal: { reason: 'unreachable', mayHaveRun: false, costs: 'nothing', detail: 'ECONNREFUSED' },
    });
    expect(classify({ ok: false, sent: true, code: 'ECONNRESET' })).toMatchObject({
      refusal: { reason: 'unreachable', mayHaveRun: true, costs: 'unknown' },
    });
  });

  it('cuts a long body for the log', () => {
    const verdict = classify(answer(500, 'x'.repeat(100_000)));
    expect(verdict.from === 'gateway' && verdict.refusal.detail.length).toBeLessThan(250);
  });
});

describe("the handler's answers", () => {
  it('come with what the call took', () => {
    const headers = {
      [HEADERS.outcome]: 'result',
      [HEADERS.bundle]: 'abc',
      [HEADERS.runMs]: '12.5',
      [HEADERS.initMs]: '90',
      [HEADERS.memoryMb]: '61.2',
      [HEADERS.logBytes]: '17',
      [HEADERS.requestId]: 'r-1',
      [HEADERS.prints]: 'b2hpCg==',
      [HEADERS.printsLeftOut]: '3',
      [HEADERS.logStream]: 's-1',
    };
    expect(classify(answer(200, '42', headers))).toEqual({
      from: 'handler',
      outcome: 'result',
      body: Buffer.from('42'),
      report: {
        ...{ bundle: 'abc', runMs: 12.5, initMs: 90, memoryMb: 61.2, logBytes: 17, requestId: 'r-1' },
        prints: [{ stream: 'stdout', text: 'hi' }],
        printsBytes: 8,
        printsLeftOut: 3,
        logStream: 's-1',
      },
    });
  });

  it.each(['', '-1', 'NaN', 'Infinity', 'soon'])('a time of %j is no time', (runMs) => {
    const verdict = classify(answer(200, '', { [HEADERS.outcome]: 'result', [HEADERS.runMs]: runMs }));
    expect(verdict).toMatchObject({ report: { runMs: undefined } });
  });

  it('are known by their outcome, and an unknown one is none', () => {
    expect(classify(answer(200, '', { [HEADERS.outcome]: 'probe' }))).toMatchObject({ outcome: 'probe' });
    expect(classify(answer(200, '', { [HEADERS.outcome]: 'constructor' }))).toMatchObject({
      from: 'gateway',
    });
  });
});
