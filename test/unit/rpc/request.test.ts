import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBody, type ParsedRequest } from '../../../src/rpc/request.ts';
import { numberText, space, stringText, structureText, valueText } from '../../support/json-text.ts';

function single(text: string): ParsedRequest {
  const parsed = parseBody(text, 10);
  if (parsed.kind !== 'single') throw new Error(`not a single request: ${JSON.stringify(parsed)}`);
  return parsed;
}

function batch(text: string): readonly ParsedRequest[] {
  const parsed = parseBody(text, 10);
  if (parsed.kind !== 'batch') throw new Error(`not a batch: ${JSON.stringify(parsed)}`);
  return parsed.requests;
}

/** An object's text with the given members among others, in any order, with any white space. */
function objectWith(members: Record<string, string>): fc.Arbitrary<string> {
  const others = fc.array(
    fc.tuple(
      stringText.filter((key) => !(String(JSON.parse(key)) in members)),
      valueText,
    ),
    { maxLength: 4 },
  );
  return fc
    .tuple(others, space, space, space)
    .chain(([extra, a, b, c]) => {
      const given = Object.entries(members).map(([key, value]) => [JSON.stringify(key), value]);
      const all = [...given, ...extra].map(([key, value]) => `${a}${key}${b}:${c}${value}${a}`);
      return fc.shuffledSubarray(all, { minLength: all.length });
    })
    .map((all) => `{${all.join(',')}}`);
}

describe('ids and params keep their text', () => {
  it('whatever literal an id is', () => {
    const cases = fc
      .oneof(numberText, stringText, fc.constantFrom('null', 'true', 'false'))
      .chain((id) => fc.tuple(fc.constant(id), objectWith({ id, method: '"f"' })));
    fc.assert(
      fc.property(cases, ([id, text]) => {
        expect(single(text).id).toBe(id);
      }),
    );
  });

  it('whatever structure params are, and whatever stands around them', () => {
    const cases = structureText.chain((params) =>
      fc.tuple(fc.constant(params), objectWith({ params, id: '1' })),
    );
    fc.assert(
      fc.property(cases, ([params, text]) => {
        expect(single(text).params).toBe(params);
      }),
    );
  });

  it('in each entry of a batch', () => {
    const entry = fc
      .tuple(numberText, structureText)
      .chain(([id, params]) => fc.tuple(fc.constant({ id, params }), objectWith({ id, params })));
    const other = valueText.filter((text) => !text.startsWith('{')).map((text) => [{}, text] as const);
    fc.assert(
      fc.property(fc.array(fc.oneof(entry, other), { minLength: 1, maxLength: 8 }), space, (entries, gap) => {
        const text = `${gap}[${entries.map(([, entryText]) => `${gap}${entryText}${gap}`).join(',')}]${gap}`;
        const found = batch(text).map(({ id, params, value }) => ({ id, params, value }));
        expect(found).toEqual(
          entries.map(([parts, entryText]) => ({
            id: undefined,
            params: undefined,
            ...parts,
            value: JSON.parse(entryText) as unknown,
          })),
        );
      }),
    );
  });

  it.each(['1.0', '1e400', '9007199254740993', '-0', '"\\u0041"', '"é\\\\"', '1E+2'])('id %s', (id) => {
    expect(single(`{"id":${id}}`).id).toBe(id);
    expect(single(`{ "id" : ${id} }`).id).toBe(id);
    expect(single(`{"id":${id}\n,"a":1}`).id).toBe(id);
  });
});

describe('keys', () => {
  it.each([
    ['the last of several counts', '{"id":1,"params":[1],"id":2,"params":[2]}', '2', '[2]'],
    ['escapes are the same key', '{"\\u0069d":1,"par\\u0061ms":[1]}', '1', '[1]'],
    ['escapes repeat a key', '{"id":1,"i\\u0064":2}', '2', undefined],
    ['nested ones are others', '{"a":{"id":1,"params":[1]},"b":["id",{"id":3}]}', undefined, undefined],
    ['values are no keys', '{"a":"id","b":"params"}', undefined, undefined],
    ['longer ones are others', '{"idx":1,"paramsx":[1],"xxxxxx":1,"\\\\id":1}', undefined, undefined],
    ['the empty object', '{ }', undefined, undefined],
    ['quotes and brackets in strings', '{"a":"\\"}],{\\\\","id":7,"b":["]}\\""]}', '7', undefined],
  ])('%s', (_name, text, id, params) => {
    expect(single(text)).toMatchObject({ value: JSON.parse(text) as unknown });
    expect(single(text).id).toBe(id);
    expect(single(text).params).toBe(params);
  });

  it('__proto__ is a key like any other', () => {
    const { value, id } = single('{"__proto__":{"id":1,"method":"f","jsonrpc":"2.0"}}');
    expect(id).toBeUndefined();
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect((value as { method?: unknown }).method).toBeUndefined();
  });
});

describe('bodies', () => {
  it.each(['', ' ', '{', '[', '{"id":1', '[1,]', 'nul', '1 2', '{"a":1}{', '\ufeff', '"a'])(
    '%j is no JSON',
    (text) => {
      expect(parseBody(text, 10)).toMatchObject({ kind: 'invalid', error: { code: -32700 } });
    },
  );

  it('a byte order mark in front is ignored', () => {
    expect(single('\ufeff{"id":1}').id).toBe('1');
  });

  it('the empty batch is invalid', () => {
    expect(parseBody(' [ ] ', 10)).toMatchObject({ kind: 'invalid', error: { code: -32600 } });
  });

  it('a batch may have so many entries and no more', () => {
    const of = (length: number): string => `[${Array<string>(length).fill('1').join()}]`;
    expect(batch(of(10))).toHaveLength(10);
    const parsed = parseBody(of(11), 10);
    expect(parsed).toMatchObject({ kind: 'invalid', error: { code: -32600 } });
    expect(JSON.stringify(parsed)).toContain('has 11 entries; send at most 10');
  });

  it('nesting of a million levels overflows nothing', () => {
    const deep = '['.repeat(1e6) + ']'.repeat(1e6);
    const parsed = parseBody(`{"params":${deep},"id":5}`, 10);
    // V8 builds it; should a later one refuse, that has to be a parse error and nothing worse.
    if (parsed.kind === 'single') expect([parsed.id, parsed.params?.length]).toEqual(['5', 2e6]);
    else expect(parsed).toMatchObject({ error: { code: -32700 } });
    expect(parseBody(`{"params":${deep}`, 10)).toMatchObject({ error: { code: -32700 } });
  });

  it('a string of a million backslashes is walked over once', () => {
    const text = `{"a":"${'\\\\'.repeat(5e5)}","b":"${'\\"'.repeat(5e5)}","id":5}`;
    const startedAt = performance.now();
    expect(single(text).id).toBe('5');
    // Walking back over the backslashes at each quote would take minutes.
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });
});
