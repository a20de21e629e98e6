/** The admin API's methods over real HTTP, with fake operations behind them. */
import { afterEach, describe, expect, it } from 'vitest';
import { sampleFunctions, sampleStatus } from '../../fakes/operations.ts';
import { closeAdmins, openAdmin } from '../../support/admin.ts';

afterEach(closeAdmins);

describe('what can be seen', () => {
  it('is status, workers, functions and the cloud', async () => {
    const { rpc } = await openAdmin();
    expect((await rpc('status')).result).toEqual(sampleStatus());
    expect((await rpc('workers.list')).result).toEqual(sampleStatus().pool.workers);
    expect((await rpc('functions.list', [])).result).toEqual(sampleFunctions());
    expect((await rpc('cloud.status', {})).result).toEqual(sampleStatus().cloud);
  });
});

describe('what can be done', () => {
  it.each([
    ['workers.drain', { id: 'w1' }, 'drain w1'],
    ['workers.drain', ['w1'], 'drain w1'],
    ['pool.resize', { workers: 3 }, 'resize 3'],
    ['functions.reload', undefined, 'reload'],
    ['restart', undefined, 'restart'],
    ['functions.call', { method: 'fibonacci', params: [20], backend: 'cloud' }, 'call fibonacci'],
    ['cloud.deploy', { dryRun: true }, 'deploy --dry-run'],
    ['cloud.deploy', undefined, 'deploy'],
    ['cloud.calibrate', { method: 'fibonacci', params: [20] }, 'calibrate fibonacci -'],
    ['cloud.calibrate', { method: 'fibonacci', sizesMb: [512, 1769] }, 'calibrate fibonacci 512 1769'],
    ['cloud.calibrate.stop', undefined, 'stop calibrating'],
    ['cloud.destroy', undefined, 'destroy'],
    ['offload.set', { policy: 'never' }, 'offload never -'],
    ['offload.set', { policy: 'threshold', waitMs: 20 }, 'offload threshold 20'],
  ])('%s %j does it', async (method, params, deed) => {
    const { rpc, operations } = await openAdmin();
    expect((await rpc(method, params)).error).toBeUndefined();
    expect(operations.done).toEqual([deed]);
  });

  it('answers a call with where it ran', async () => {
    const { rpc } = await openAdmin();
    const { result } = await rpc('functions.call', { method: 'fibonacci', params: [20], backend: 'cloud' });
    expect(result).toMatchObject({ result: [20], backend: 'cloud', callId: '7' });
  });

  it('passes the operations’ reason on', async () => {
    const { rpc, operations } = await openAdmin();
    operations.refusal = 'the cloud is off: set SPILLWAY_CLOUD=aws';
    expect((await rpc('cloud.deploy')).error).toEqual({ code: -32000, message: operations.refusal });
    expect((await rpc('workers.drain', { id: 'w9' })).error?.message).toBe('there is no worker w9');
  });
});

describe('params', () => {
  it.each([
    ['workers.drain', {}, 'id: '],
    ['workers.drain', { id: 7 }, 'id: '],
    ['workers.drain', ['w1', 'w2'], 'param 2'],
    ['pool.resize', { workers: 0 }, 'workers: '],
    ['pool.resize', { workers: 1.5 }, 'workers: '],
    ['status', { verbose: true }, 'verbose'],
    ['functions.call', { method: 'fibonacci', params: 20 }, 'params: '],
    ['functions.call', { method: 'fibonacci', backend: 'moon' }, 'backend: '],
    ['cloud.deploy', { dryRun: 'yes' }, 'dryRun: '],
    ['cloud.calibrate', { method: 'fibonacci', sizesMb: [64] }, 'sizesMb.0: '],
    ['cloud.calibrate', { method: 'fibonacci', sizesMb: [] }, 'sizesMb: '],
    ['offload.set', { policy: 'threshold', waitMs: -1 }, 'waitMs: '],
  ])('%s %j is refused by name', async (method, params, part) => {
    const { rpc, operations } = await openAdmin();
    const { error } = await rpc(method, params);
    expect(error?.code).toBe(-32602);
    expect(error?.message).toContain(method);
    expect(error?.message).toContain(part);
    expect(operations.done).toEqual([]);
  });
});

describe('bodies that are no calls', () => {
  const send = async (body: string): Promise<{ status: number; answer: unknown }> => {
    const { get } = await openAdmin();
    const headers = { 'content-type': 'application/json' };
    const response = await get('/rpc', { method: 'POST', headers, body });
    const text = await response.text();
    return { status: response.status, answer: text === '' ? undefined : JSON.parse(text) };
  };

  it.each([
    ['{', -32700],
    ['[]', -32600],
    ['[[]]', -32600],
    ['"status"', -32600],
    ['null', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"workers.eat"}', -32601],
    ['{"jsonrpc":"2.0","id":1,"method":"__proto__"}', -32601],
    ['{"jsonrpc":"2.0","id":1,"method":"toString"}', -32601],
  ])('%s gets %i', async (body, code) => {
    expect(await send(body)).toMatchObject({ status: 200, answer: { error: { code } } });
  });

  it('a notification gets 204, a batch all its answers', async () => {
    expect(await send('{"jsonrpc":"2.0","method":"status"}')).toEqual({ status: 204, answer: undefined });
    const { answer } = await send(
      '[{"jsonrpc":"2.0","id":1,"method":"status"},{"jsonrpc":"2.0","id":2,"method":"none"}]',
    );
    expect(answer).toMatchObject([
      { id: 1, result: { version: '0.1.0' } },
      { id: 2, error: { code: -32601 } },
    ]);
  });
});
