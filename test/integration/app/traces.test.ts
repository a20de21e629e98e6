/** Traces go through the whole daemon: from the client's header to the function, and as spans to a collector. */
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Spans } from '../../../src/spans.ts';
import type { CallRequest, Outcome } from '../../../src/dispatch/call.ts';
import { Home, until, type Balancer } from '../../support/balancer.ts';
import { openOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../../support/otlp-receiver.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const SAMPLED = { traceparent: `00-${TRACE}-${SPAN}-01` };
const STATE = 'congo=t61rcWkgMzE,rojo=00f067aa0ba902b7';
const UNSAMPLED = { traceparent: `00-${TRACE}-${SPAN}-00` };
const ENV = { SPILLWAY_RUNTIME: 'process', SPILLWAY_WORKERS: '1', OTEL_BSP_SCHEDULE_DELAY: '100' };
const ERROR_STATUS = 2;
const SERVER_KIND = 2;

const home = new Home();
let collector: OtlpReceiver;
let balancer: Balancer;

describe('with no collector', () => {
  beforeAll(async () => {
    balancer = await home.start(ENV);
  });
  afterAll(() => balancer.kill('SIGTERM'));

  it.each(['true', 'false'])(
    'the function gets the client’s trace as it came (fast lane: %s)',
    async (fast) => {
      // A header that the fast lane leaves to Node's server.
      const lane = fast === 'true' ? {} : { te: 'trailers' };
      expect((await balancer.call('traced', [false], { ...UNSAMPLED, ...lane })).result).toBe(
        UNSAMPLED.traceparent,
      );
      const { result } = await balancer.call('traced', [false], { ...SAMPLED, tracestate: STATE, ...lane });
      expect(result).toBe(`${SAMPLED.traceparent} ${STATE}`);
      expect((await balancer.call('traced', [false], { tracestate: STATE, ...lane })).result).toBeNull();
      expect((await balancer.call('traced', [false], lane)).result).toBeNull();
      expect(
        (await balancer.call('traced', [false], { traceparent: 'nonsense', ...lane })).result,
      ).toBeNull();
    },
  );

  it('an answer says under which id the log knows its call', async () => {
    const { headers } = await balancer.call('traced', [false]);
    expect(headers.get('spillway-call')).toMatch(/^\d+$/);
  });
});

describe('with a collector', () => {
  beforeAll(async () => {
    collector = await openOtlpReceiver();
    balancer = await home.start({
      ...ENV,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url.replace('//', '//me:hunter2@'),
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=brook',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    });
  });
  afterAll(async () => {
    await home.rm({ docker: false });
    await collector.close();
  });

  const spanOf = async (callId: string | null): Promise<ReceivedSpan> => {
    const find = (): ReceivedSpan | undefined =>
      collector.spans.find(({ attributes }) => attributes['spillway.call'] === callId);
    await until(`the span of call ${callId}`, () => find() !== undefined);
    return find()!;
  };

  it('the log says where spans go, without a password', () => {
    expect(balancer.lines('spans of calls go to')).toMatchObject([
      { msg: `spans of calls go to ${new URL(collector.url).href}` },
    ]);
    expect(balancer.output).not.toContain('hunter2');
  });

  it('a call is a span below the client’s, and the function’s trace goes on from it', async () => {
    const { result, headers } = await balancer.call('traced', [false], SAMPLED);
    const span = await spanOf(headers.get('spillway-call'));
    expect(span).toMatchObject({ name: 'traced', traceId: TRACE, parentSpanId: SPAN, kind: SERVER_KIND });
    expect(result).toBe(`00-${TRACE}-${span.spanId}-01`);
    expect(span.attributes).toMatchObject({
      'rpc.system': 'jsonrpc',
      'rpc.method': 'traced',
      'spillway.backend': 'pool',
      'spillway.worker': headers.get('spillway-worker'),
      'spillway.outcome': 'ok',
    });
    expect(span.attributes['spillway.run_ms']).toBeGreaterThanOrEqual(0);
    expect(span.attributes['spillway.queue_ms']).toBeGreaterThanOrEqual(0);
    expect(span.durationMs).toBeGreaterThan(0);
    expect(span.resource).toMatchObject({
      'service.name': 'spillway',
      'deployment.environment.name': 'test',
    });
    expect(collector.headers()).toMatchObject({ 'x-tenant': 'brook' });
  });

  it('one without a trace begins its own', async () => {
    const { result, headers } = await balancer.call('traced', [false]);
    const span = await spanOf(headers.get('spillway-call'));
    expect(result).toBe(`00-${span.traceId}-${span.spanId}-01`);
    expect(span.parentSpanId ?? '').toBe('');
  });

  it('one that failed says so', async () => {
    const { headers } = await balancer.call('traced', [true]);
    const span = await spanOf(headers.get('spillway-call'));
    expect(span.status).toMatchObject({ code: ERROR_STATUS, message: 'as you wished' });
    expect(span.attributes).toMatchObject({ 'spillway.outcome': 'FunctionError' });
  });

  it('the client’s tracestate goes with the span, and on to the function', async () => {
    const { result, headers } = await balancer.call('traced', [false], { ...SAMPLED, tracestate: STATE });
    const span = await spanOf(headers.get('spillway-call'));
    expect(result).toBe(`00-${TRACE}-${span.spanId}-01 ${STATE}`);
    expect(span.traceState).toBe(STATE);
  });

  it('one that the client doesn’t sample is passed on, and no span is made', async () => {
    const before = collector.spans.length;
    const { result } = await balancer.call('traced', [false], UNSAMPLED);
    expect(result).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
    // Spans come in the order in which calls ended: after the next one's, that one's would be here.
    const next = await balancer.call('traced', [false]);
    await spanOf(next.headers.get('spillway-call'));
    expect(collector.spans.length).toBe(before + 1);
  });

  it('the last spans are sent before it ends', async () => {
    const before = collector.spans.length;
    await balancer.call('traced', [false]);
    expect(await balancer.kill('SIGTERM')).toBe(0);
    expect(collector.spans.length).toBe(before + 1);
  });
});

it('a span lasts as long as its call, whatever the clock does meanwhile', async () => {
  const own = await openOtlpReceiver();
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', own.url);
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    const spans = new Spans('0.0.0', pino({ level: 'silent' }));
    const arrivedAt = performance.now() - 3;
    const request = spans.enter({ spec: { name: 'f' }, arrivedAt } as CallRequest);
    vi.setSystemTime(Date.now() - 3_600_000);
    const nobody = { placed: vi.fn(), placedAgain: vi.fn(), answered: vi.fn() };
    const report = { backend: 'pool', queueMs: 1, runMs: 2 } as const;
    spans.observe(nobody).answered({ callId: 1, request }, { ok: true, report } as Outcome);
    const longest = performance.now() - arrivedAt;
    await spans.close();
    expect(own.spans.map(({ name }) => name)).toEqual(['f']);
    expect(own.spans[0]?.durationMs).toBeGreaterThan(2.9);
    expect(own.spans[0]?.durationMs).toBeLessThan(longest + 0.1);
  } finally {
    vi.useRealTimers();
    vi.unstubAllEnvs();
    await own.close();
  }
});

it('a collector that is away harms no call, and is told of in the log', async () => {
  const own = new Home();
  const away = await own.start({
    ...ENV,
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    OTEL_EXPORTER_OTLP_TIMEOUT: '500',
  });
  expect((await away.call('traced', [false], SAMPLED)).error).toBeUndefined();
  await until('a line of the log', () => away.lines('"msg":"traces: ').length > 0);
  expect(await away.kill('SIGTERM')).toBe(0);
  await own.rm({ docker: false });
});
