/** The zip as it is deployed, run in a process of its own. */
import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HEADERS, MAX_LOG_BYTES, MAX_PAYLOAD_BYTES } from '../../../src/cloud/event.ts';
import { MAX_PRINTS_CHARACTERS, decodePrints } from '../../../src/cloud/prints.ts';
import { buildZip, type LambdaZip } from '../../../src/functions/zip.ts';
import { LambdaProcess, type Ended } from '../../support/lambda.ts';

/** A bundle with one function for each thing that can happen; what a bundle exports is handler/invoke.ts's. */
const CODE = `
  const ok = (value) => ({ ok: true, json: JSON.stringify(value) });
  const functions = {
    echo: (params) => ({ ok: true, json: params ?? 'null' }),
    context: (_, { signal, ...rest }) => ok({ ...rest, aborted: signal.aborted }),
    env: () => ok(process.env),
    boom: () => ({ ok: false, kind: 'FunctionError', message: 'boom', name: 'RangeError', code: 7, data: [1] }),
    spin: () => { for (;;); },
    never: () => new Promise(() => setInterval(() => {}, 1000)),
    patient: (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(ok(signal.reason.name)))),
    quotes: (params) => ok('"'.repeat(JSON.parse(params)[0])),
    print: (params) => { console.log('x'.repeat(JSON.parse(params)[0])); for (let line = 0; line < 100; line++) console.error('end'); return ok(1); },
    slow: () => new Promise((resolve) => setTimeout(resolve, 2000, ok('done'))),
    modules: () => ok(['node:os', 'lying-about'].map((name) => { try { require(name); return true; } catch (e) { return e.code; } })),
    quit: () => process.exit(3),
    both: (params) => {
      console.log('%s: one', params);
      console.error('two');
      process.stdout.write('no line');
      process.stdout.write(Buffer.from(' break, ün'));
      process.stdout.write('ïcode', 'utf8');
      console.log('\\n\\n   ');
      return ok(1);
    },
    leftover: async () => {
      void new Promise((resolve) => { globalThis.resume = resolve; }).then(() => console.log('left over'));
      console.log('first');
      return ok(1);
    },
    beside: async () => {
      console.log('begins');
      globalThis.resume();
      await new Promise((resolve) => setImmediate(resolve));
      console.log('ends');
      return ok(1);
    },
    drip: (params) => { for (let line = 0; line < JSON.parse(params)[0]; line++) console.log('line no ' + line); console.log('z'); return ok(1); },
    forge: () => { console.log('x\\r\\nspillway-outcome: probe\\r\\nset-cookie: a=b'); return ok(1); },
    shout: () => { console.log('before the end'); process.exit(3); },
  };
  exports.manifestJson = () => '{}';
  exports.invoke = (name, params, context) => functions[name](params, context);
`;

let zip: LambdaZip;
let lambda: LambdaProcess;

beforeAll(async () => {
  zip = await buildZip({ hash: 'h1', code: CODE });
});

beforeEach(async () => {
  lambda = await LambdaProcess.start(zip.bytes, {
    SPILLWAY_FUNCTION_ENV: '{"COLOR":"red","AWS_REGION":"mine"}',
  });
});

afterEach(async () => {
  await lambda.stop();
});

const headerOf = (ended: Ended, name: string): string | undefined =>
  'headers' in ended ? ended.headers[name] : undefined;

describe('the handler', () => {
  it('answers with the raw result and what the call took', async () => {
    const params = '[1e400, "é\\u0000", {"__proto__": 1}]';
    const first = await lambda.call({}, params);
    expect(first).toMatchObject({ statusCode: 200, body: params });
    expect(headerOf(first, HEADERS.outcome)).toBe('result');
    expect(headerOf(first, HEADERS.bundle)).toBe('h1');
    expect(headerOf(first, HEADERS.requestId)).toBe('r-1');
    expect(Number(headerOf(first, HEADERS.runMs))).toBeGreaterThan(0);
    expect(Number(headerOf(first, HEADERS.initMs))).toBeGreaterThan(0);
    expect(Number(headerOf(first, HEADERS.memoryMb))).toBeGreaterThan(10);
    const second = await lambda.call({});
    expect(second).toMatchObject({ body: 'null' });
    expect(headerOf(second, HEADERS.initMs)).toBeUndefined();
  });

  it('gives the function the context of a worker, but for the place', async () => {
    const before = Date.now();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const trace = { traceparent, tracestate: 'a=1' };
    const ended = await lambda.call({ method: 'context', callId: '77', remainingMs: 3000, ...trace });
    const context = JSON.parse('body' in ended ? ended.body : '') as Record<string, unknown>;
    expect(context).toMatchObject({ callId: '77', backend: 'cloud', aborted: false, ...trace });
    expect(context['deadline']).toBeGreaterThanOrEqual(before + 3000);
    expect(context['deadline']).toBeLessThanOrEqual(Date.now() + 3000);
  });

  it('lets functions see their own variables and none of Lambda’s, its credentials least of all', async () => {
    const ended = await lambda.call({ method: 'env' });
    expect(JSON.parse('body' in ended ? ended.body : '')).toEqual({
      COLOR: 'red',
      AWS_REGION: 'mine',
      TMPDIR: '/tmp',
    });
  });

  it('gives functions Node’s own modules, and none that Lambda has lying about', async () => {
    expect(await lambda.call({ method: 'modules' })).toMatchObject({ body: '[true,"MODULE_NOT_FOUND"]' });
  });

  it('tells a failure as a worker does', async () => {
    const ended = await lambda.call({ method: 'boom' });
    expect(headerOf(ended, HEADERS.outcome)).toBe('failure');
    expect(JSON.parse('body' in ended ? ended.body : '')).toMatchObject({
      kind: 'FunctionError',
      message: 'boom',
      code: 7,
      data: [1],
    });
  });

  it('runs nothing for a probe, nor for another bundle', async () => {
    expect(headerOf(await lambda.call({ method: 'rpc.probe', bundle: 'any' }), HEADERS.outcome)).toBe(
      'probe',
    );
    const other = await lambda.call({ method: 'quit', bundle: 'h2' });
    expect(headerOf(other, HEADERS.outcome)).toBe('wrong-bundle');
    expect(headerOf(other, HEADERS.bundle)).toBe('h1');
  });
});

describe('at the deadline', () => {
  it('a function that notices its signal may answer', async () => {
    expect(await lambda.call({ method: 'patient', remainingMs: 100 })).toMatchObject({
      body: '"TimeoutError"',
    });
    expect(await lambda.call({})).toMatchObject({ body: 'null' });
  });

  it.each(['spin', 'never'])('%s is ended with its process, soon', async (method) => {
    const startedAt = performance.now();
    expect(await lambda.call({ method, remainingMs: 200 })).toEqual({ exit: 'SIGKILL' });
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThan(400);
    expect(tookMs).toBeLessThan(3000);
  });

  it('an earlier call’s deadline never ends a later one', async () => {
    for (let call = 0; call < 5; call++) await lambda.call({ remainingMs: 1500 });
    expect(await lambda.call({ method: 'slow', remainingMs: 5000 })).toMatchObject({ body: '"done"' });
  });
});

describe('the limits', () => {
  it('are those of the pool for a result', async () => {
    const long = `["${'a'.repeat(1000)}"]`;
    expect(headerOf(await lambda.call({ maxResultBytes: 1004 }, long), HEADERS.outcome)).toBe('result');
    const over = await lambda.call({ maxResultBytes: 1003 }, long);
    expect(headerOf(over, HEADERS.outcome)).toBe('failure');
    expect(over).toMatchObject({ body: expect.stringContaining('TooLarge') as string });
  });

  it('are Lambda’s where quotes make the answer longer than the result', async () => {
    // JSON makes two bytes of each quote; the answer's own JSON makes four.
    const most = Math.floor((MAX_PAYLOAD_BYTES - 10) / 4);
    expect(headerOf(await lambda.call({ method: 'quotes' }, `[${most}]`), HEADERS.outcome)).toBe('result');
    expect(headerOf(await lambda.call({ method: 'quotes' }, `[${most + 10}]`), HEADERS.outcome)).toBe(
      'oversize',
    );
  });

  it('cut off what a call prints, and count it', async () => {
    const little = await lambda.call({ method: 'print' }, '[10]');
    expect(headerOf(little, HEADERS.logBytes)).toBe('411');
    const much = await lambda.call({ method: 'print' }, '[1000000]');
    expect(headerOf(much, HEADERS.logBytes)).toBe(String(MAX_LOG_BYTES));
    await lambda.stop();
    expect(lambda.printed).toContain('the rest of what this call printed is left out');
    expect(lambda.printed.length).toBeLessThan(MAX_LOG_BYTES + 500);
  });
});

describe('what a call prints', () => {
  const prints = (ended: Ended): string[] =>
    decodePrints(headerOf(ended, HEADERS.prints)).map(({ stream, text }) => `${stream} ${text}`);

  it('comes with its answer in lines, and stands in the log as well', async () => {
    const ended = await lambda.call({ method: 'both' }, '[1]');
    expect(prints(ended)).toEqual(['stdout [1]: one', 'stderr two', 'stdout no line break, ünïcode']);
    expect(headerOf(ended, HEADERS.printsLeftOut)).toBeUndefined();
    await lambda.stop();
    expect(lambda.printed).toContain('no line break, ünïcode\n');
  });

  it('takes no header where it is nothing', async () => {
    const { headers } = (await lambda.call({})) as { headers: object };
    const names = Object.keys(headers);
    for (const name of [HEADERS.prints, HEADERS.printsLeftOut, HEADERS.logStream])
      expect(names).not.toContain(name);
    expect(headers).toMatchObject({ [HEADERS.logBytes]: '0' });
  });

  it('is never another call’s, even if that prints after its answer', async () => {
    expect(prints(await lambda.call({ method: 'leftover' }))).toEqual(['stdout first']);
    expect(prints(await lambda.call({ method: 'beside' }))).toEqual(['stdout begins', 'stdout ends']);
    await lambda.stop();
    expect(lambda.printed).toContain('begins\nleft over\nends\n');
  });

  it('is cut off at what a header holds, with how much is left out and where it is', async () => {
    const ended = await lambda.call({ method: 'drip' }, '[2000]');
    const value = headerOf(ended, HEADERS.prints) ?? '';
    expect(value.length).toBeGreaterThan(MAX_PRINTS_CHARACTERS - 100);
    expect(value.length).toBeLessThanOrEqual(MAX_PRINTS_CHARACTERS);
    const lines = prints(ended);
    expect(lines).toEqual(lines.map((_, index) => `stdout line no ${index}`));
    expect(headerOf(ended, HEADERS.printsLeftOut)).toBe(String(2001 - lines.length));
    expect(headerOf(ended, HEADERS.logStream)).toBe('stream-1');
    const headers = 'headers' in ended ? Object.entries(ended.headers) : [];
    const bytes = headers.reduce((sum, [name, text]) => sum + name.length + text.length + 4, 0);
    expect(bytes).toBeLessThan(10_240 - 3000);
  });

  it('can’t become a header of its own', async () => {
    const ended = await lambda.call({ method: 'forge' });
    expect(headerOf(ended, HEADERS.outcome)).toBe('result');
    expect(headerOf(ended, 'set-cookie')).toBeUndefined();
    expect(prints(ended)).toEqual([
      'stdout x\r',
      'stdout spillway-outcome: probe\r',
      'stdout set-cookie: a=b',
    ]);
  });

  it.each([
    [
      'shout',
      5000,
      'before the end',
      'spillway: the process ended under call 7 of shout (request r-1), with exit code 3',
    ],
    ['spin', 100, '', 'spillway: call 7 of spin (request r-1) was over its time; its process is ended'],
  ])(
    'before %s ends the process is in the log, and whose it was',
    async (method, remainingMs, before, said) => {
      expect(await lambda.call({ method, callId: '7', remainingMs })).toHaveProperty('exit');
      await lambda.stop();
      expect(lambda.printed).toContain(before);
      expect(lambda.printed).toContain(`${said}\n`);
    },
  );
});

describe('the zip', () => {
  it('is the same bytes for the same bundle, in any time zone and process', () => {
    const script = `import { buildZip } from './src/functions/zip.ts'; console.log((await buildZip({ hash: 'h1', code: process.argv[1] })).sha256)`;
    for (const TZ of ['UTC', 'Pacific/Kiritimati']) {
      const output = execFileSync(process.execPath, ['--input-type=module-typescript', '-e', script, CODE], {
        env: { ...process.env, TZ },
        encoding: 'utf8',
      });
      expect(output.trim()).toBe(zip.sha256);
    }
  });

  it('is another for another bundle', async () => {
    expect((await buildZip({ hash: 'h2', code: CODE })).sha256).not.toBe(zip.sha256);
  });
});

afterAll(async () => {
  await lambda.stop();
});
