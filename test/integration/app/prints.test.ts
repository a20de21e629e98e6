/** What functions print reaches the operator with the function's name and the call's id. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Home, until, type Balancer } from '../../support/balancer.ts';

const home = new Home();
let balancer: Balancer;

beforeAll(async () => {
  balancer = await home.start({
    SPILLWAY_RUNTIME: 'process',
    SPILLWAY_WORKERS: '1',
    SPILLWAY_LOG_LEVEL: 'debug',
  });
});
afterAll(() => home.rm({ docker: false }));

it('with several calls at once in one slot, each under its own', async () => {
  await Promise.all(['red', 'green', 'blue'].map((word) => balancer.call('print', [word, 200])));
  await until('all lines', () => balancer.lines('"function":"print","msg":').length >= 6);
  const calls = balancer.lines('"msg":"call"').map(({ callId }) => callId);
  expect(new Set(calls).size).toBe(3);
  for (const word of ['red', 'green', 'blue']) {
    const [out] = balancer.lines(`"${word} out"`);
    const [err] = balancer.lines(`"${word} err"`);
    expect(out).toMatchObject({ level: 30, function: 'print', stream: 'stdout' });
    expect(err).toMatchObject({ level: 30, function: 'print', stream: 'stderr' });
    expect(calls).toContain(out?.['callId']);
    expect(err?.['callId']).toBe(out?.['callId']);
    expect(out?.['worker']).toMatch(/^w/);
  }
  expect(balancer.output).not.toMatch(/\\u001e|\\u001f/);
});
