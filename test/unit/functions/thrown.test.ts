import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBundle } from '../../../handler/invoke.ts';
import type { InvokeOutcome } from '../../../handler/invoke.ts';
import { functionFailure } from '../../../handler/thrown.ts';
import { functionError, isFunctionCode } from '../../../src/errors.ts';
import { lazyContext } from './run-bundle.ts';

const context = lazyContext();

const explode = (): never => {
  throw new Error('trap');
};
/** A Proxy whose every trap throws. */
const hostile = new Proxy(() => 1, {
  get: explode,
  has: explode,
  apply: explode,
  getPrototypeOf: explode,
  getOwnPropertyDescriptor: explode,
  ownKeys: explode,
});
const revoked = Proxy.revocable({}, {});
revoked.revoke();
const circular: Record<string, unknown> = { message: 'round', code: 1 };
circular['data'] = circular;

function failureOf(thrown: unknown): InvokeOutcome {
  const throwing = () => {
    throw thrown;
  };
  return createBundle([['f', () => ({ default: throwing })]]).invoke(
    'f',
    undefined,
    context,
  ) as InvokeOutcome;
}

describe('what a client sees of', () => {
  it.each([
    ['a string', 'text', { message: 'text', name: 'Error' }],
    ['null', null, { message: 'The function threw null', name: 'Error' }],
    ['undefined', undefined, { message: 'The function threw undefined', name: 'Error' }],
    ['a number', 42, { message: 'The function threw 42', name: 'Error' }],
    ['a symbol', Symbol('s'), { message: 'The function threw Symbol(s)', name: 'Error' }],
    ['an error', new RangeError('too far'), { message: 'too far', name: 'RangeError' }],
    ['an error without a message', new TypeError(), { message: 'TypeError', name: 'TypeError' }],
    ['an object', { a: 1 }, { message: 'The function threw Error without a message', name: 'Error' }],
    ['an object like an error', { name: 'Own', message: 'm' }, { message: 'm', name: 'Own' }],
    [
      'a message that is no text',
      { message: { a: 1 } },
      { message: 'The function threw Error without a message', name: 'Error' },
    ],
    ['a hostile Proxy', hostile, { message: 'The function threw Error without a message', name: 'Error' }],
    [
      'a revoked Proxy',
      revoked.proxy,
      { message: 'The function threw Error without a message', name: 'Error' },
    ],
    ['circular data', circular, { message: 'round', name: 'Error', code: 1 }],
  ])('%s', (_what, thrown, seen) => {
    expect(failureOf(thrown)).toEqual({ ok: false, kind: 'FunctionError', ...seen });
  });

  it('an error with a code of its own: the code and the data', () => {
    const data = { balance: 3, when: new Date(0), big: 5n };
    const own = Object.assign(new Error('not enough'), { code: 402, data });
    const failure = functionFailure(own);
    expect(failure).toMatchObject({
      code: 402,
      data: { balance: 3, when: '1970-01-01T00:00:00.000Z', big: '5' },
    });
    expect(functionError({ name: 'Error', ...failure })).toMatchObject({ code: 402, data: { balance: 3 } });
  });

  it.each([-32768, -32700, -32000, 1.5, NaN, Infinity, '402', 2 ** 53, null])(
    'an error with the code %s, which is not its to give: neither code nor data',
    (code) => {
      const failure = functionFailure(Object.assign(new Error('no'), { code, data: 1 }));
      expect(failure).toEqual({ ok: false, kind: 'FunctionError', message: 'no', name: 'Error' });
    },
  );

  it('a long message or name: the beginning', () => {
    const error = new Error('x'.repeat(1_000_000));
    error.name = 'N'.repeat(1_000_000);
    const { message, name } = functionFailure(error);
    expect([message.length, name?.length]).toEqual([8193, 128]);
  });
});

describe('a secret of the host', () => {
  it.each([
    [
      "ENOENT: no such file or directory, open '/etc/shadow'",
      { code: 'ENOENT', syscall: 'open' },
      'open failed: ENOENT',
    ],
    [
      'connect ECONNREFUSED 10.0.0.5:5432',
      { code: 'ECONNREFUSED', syscall: 'connect' },
      'connect failed: ECONNREFUSED',
    ],
    ['spawn /bin/x ENOENT', { code: 'ENOENT', syscall: 'spawn /bin/x' }, 'spawn failed: ENOENT'],
    [
      "Cannot find module '/app/secret'\nRequire stack:\n- /app/worker/slot.ts",
      { code: 'MODULE_NOT_FOUND' },
      'Cannot find module (a path)',
    ],
    ["Cannot find package 'left-pad'", { code: 'ERR_MODULE_NOT_FOUND' }, "Cannot find package 'left-pad'"],
    ['failed\n    at run (/app/x.ts:1:1)\n    at next', {}, 'failed'],
  ])('in %j is not told', (message, properties, told) => {
    expect(functionFailure(Object.assign(new Error(message), properties)).message).toBe(told);
  });

  it('is not in a real error of the file system', async () => {
    const { readFileSync } = await import('node:fs');
    const failure = createBundle([['f', () => ({ default: () => readFileSync('/nonexistent/secret') })]]);
    expect(JSON.stringify(failure.invoke('f', undefined, context))).not.toContain('/nonexistent');
  });
});

describe('invoke', () => {
  // As functions that give the value: the generator itself would look at it.
  const given = fc.oneof(
    fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true }),
    fc.record({ message: fc.anything(), name: fc.anything(), code: fc.integer(), data: fc.anything() }),
  );
  const anything = fc.oneof(
    given.map((value) => () => value),
    fc.constantFrom<() => unknown>(
      () => hostile,
      () => revoked.proxy,
      () => circular,
      () => ({ code: 1, data: hostile }),
      () => ({ toJSON: explode }),
      () => ({ deep: [{ toJSON: explode }] }),
      () => ({
        get then() {
          return explode();
        },
      }),
    ),
  );

  it('never throws or rejects, whatever a function throws, at once or later, and its outcome is JSON', async () => {
    await fc.assert(
      fc.asyncProperty(anything, async (make) => {
        const thrown = make();
        const reject = async () => {
          await Promise.resolve();
          throw thrown;
        };
        const thenable = {
          then() {
            throw thrown;
          },
        };
        const bundle = createBundle([
          ['later', () => ({ default: reject })],
          ['thenable', () => ({ default: () => thenable })],
        ]);
        const outcomes = [
          failureOf(thrown),
          await bundle.invoke('later', undefined, context),
          await bundle.invoke('thenable', undefined, context),
        ];
        for (const outcome of outcomes) {
          expect(outcome).toMatchObject({ ok: false, kind: 'FunctionError' });
          expect(JSON.parse(JSON.stringify(outcome))).toEqual(JSON.parse(JSON.stringify(outcome)));
          if (!outcome.ok && outcome.code !== undefined) expect(isFunctionCode(outcome.code)).toBe(true);
        }
        expect(outcomes[1]).toEqual(outcomes[0]);
        expect(outcomes[2]).toEqual(outcomes[0]);
      }),
    );
  });

  it('never throws or rejects, whatever a function returns', async () => {
    await fc.assert(
      fc.asyncProperty(anything, async (make) => {
        const value = make();
        const bundle = createBundle([['f', () => ({ default: () => value })]]);
        const outcome = await bundle.invoke('f', undefined, context);
        expect(outcome.ok ? JSON.parse(outcome.json) : outcome.kind).toBeDefined();
      }),
    );
  });

  it('gives back JSON as it was sent', () => {
    const bundle = createBundle([['echo', () => ({ default: (value: unknown) => value })]]);
    fc.assert(
      fc.property(fc.json(), (text) => {
        const outcome = bundle.invoke('echo', `[${text}]`, context);
        expect(outcome).toEqual({ ok: true, json: JSON.stringify(JSON.parse(text)) });
      }),
    );
  });

  it('never throws, whatever text the params are', () => {
    const bundle = createBundle([['f', () => ({ default: () => 1 })]]);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const outcome = bundle.invoke('f', text, context) as InvokeOutcome;
        expect(outcome.ok || outcome.kind === 'InvalidParams').toBe(true);
      }),
    );
  });
});
