import fc from 'fast-check';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import type { FunctionSpec, Manifest } from '../../../src/functions/manifest.ts';
import type { EntryOutcome } from '../../../src/rpc/reply.ts';
import { parseBody, type ParsedRequest } from '../../../src/rpc/request.ts';
import { createRules, type Entry } from '../../../src/rpc/rules.ts';

const spec: FunctionSpec = {
  name: 'add',
  style: 'any',
  idempotent: true,
  offload: true,
  concurrency: 1,
};
const MANIFEST: Manifest = new Map([
  ['add', spec],
  ['rpc.odd', spec],
]);

/** How the function's placement goes. */
type Placing = 'answers' | 'answers twice' | 'fails' | 'throws';

interface World {
  readonly known: boolean;
  readonly stopping: boolean;
  readonly placing: Placing;
}

/** All that an entry sees of the rules. */
function seen(text: string, world: World, onlyJayson: boolean): unknown[] {
  const log: unknown[] = [];
  const deps = {
    manifest: () => (world.known ? MANIFEST : undefined),
    stopping: () => world.stopping,
    version: '1',
    log: pino({ level: 'silent' }),
  };
  const applyRules = createRules(deps, onlyJayson);
  const parsed = parseBody(text, 100);
  const requests: readonly ParsedRequest[] =
    parsed.kind === 'batch' ? parsed.requests : parsed.kind === 'single' ? [parsed] : [];
  for (const request of requests) {
    const entry: Entry = {
      request,
      place(placed, answer) {
        log.push(['placed', placed.name]);
        if (world.placing === 'throws') throw new Error('no place');
        const outcome: EntryOutcome =
          world.placing === 'fails'
            ? { ok: false, error: { name: 'Timeout', code: -32001, message: 'late', data: { a: 1 } } }
            : { ok: true, json: Buffer.from('42') };
        answer(outcome);
        if (world.placing === 'answers twice') answer(outcome);
      },
      end(outcome, id) {
        log.push([
          'ended',
          outcome === undefined ? 'silent' : outcome.ok ? outcome.json.toString() : outcome.error,
          id,
        ]);
      },
    };
    applyRules(entry);
  }
  return log;
}

const odd = fc.oneof(
  fc.constantFrom(
    '1',
    '"x"',
    'null',
    'true',
    '[]',
    '{}',
    '[1,2]',
    '{"a":1}',
    '1e999',
    '-0',
    '1.50',
    '""',
    '[[]]',
  ),
  fc.json({ maxDepth: 1 }),
);
const method = fc.oneof(
  { weight: 4, arbitrary: fc.constant('"add"') },
  fc.constantFrom(
    '"rpc.odd"',
    '"rpc."',
    '"rpc.discover"',
    '"none"',
    '"toString"',
    '"__proto__"',
    '"\\u0061dd"',
    '""',
    '"Add"',
  ),
  odd,
);
const version = fc.oneof(
  { weight: 6, arbitrary: fc.constant('"2.0"') },
  fc.constantFrom('"1.0"', '2', '2.0', '"2"'),
);
const member = (key: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  value.map((text) => `"${key}":${text}`);
const members = fc
  .tuple(
    fc.option(member('jsonrpc', version), { freq: 12, nil: undefined }),
    fc.option(member('method', method), { freq: 12, nil: undefined }),
    fc.option(member('params', odd), { nil: undefined }),
    fc.option(member('id', odd), { nil: undefined }),
    fc.option(fc.constantFrom('"id":7', '"method":"add"', '"params":[]', '"__proto__":{"id":1}', '"x":1'), {
      freq: 1,
      nil: undefined,
    }),
  )
  .map((all) => `{${all.filter((one) => one !== undefined).join(',')}}`);
const entryText = fc.oneof({ weight: 9, arbitrary: members }, odd);
const body = fc.oneof(
  entryText,
  fc.array(entryText, { minLength: 1, maxLength: 5 }).map((all) => `[${all.join(',')}]`),
);
const world = fc.record<World>({
  known: fc.boolean(),
  stopping: fc.constantFrom(false, false, false, true),
  placing: fc.constantFrom<Placing>('answers', 'answers twice', 'fails', 'throws'),
});

describe("the rules' shortcut for plain calls", () => {
  it('gives what jayson gives, whatever the body, the functions and the outcome', () => {
    fc.assert(
      fc.property(body, world, (text, around) => {
        expect(seen(text, around, false)).toEqual(seen(text, around, true));
      }),
      { numRuns: 1000 },
    );
  });
});
