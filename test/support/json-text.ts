/** Arbitrary JSON as it may be written, not as JSON.stringify writes it: odd numbers, escapes, white space. */
import fc from 'fast-check';

const digits = fc.stringMatching(/^[0-9]{1,25}$/);

/** Any number literal: 1.0, -0, 1e400, 9007199254740993. */
export const numberText: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(fc.constant('0'), fc.stringMatching(/^[1-9][0-9]{0,30}$/)),
    fc.option(digits, { nil: undefined }),
    fc.option(fc.tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), digits), { nil: undefined }),
  )
  .map(([sign, whole, fraction, exponent]) => {
    return `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}${exponent?.join('') ?? ''}`;
  });

const stringUnit = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }).filter((unit) => !/["\\\p{Cc}]/u.test(unit)),
  fc.constantFrom('\\"', '\\\\', '\\/', '\\n', '\\t', '{', '}', '[', ']', ',', ':', ' ', 'id', 'params'),
  fc.stringMatching(/^\\u[0-9a-fA-F]{4}$/),
);

/** Any string literal, quotes included: "\u0041", "\\\"", "é". */
export const stringText: fc.Arbitrary<string> = fc
  .array(stringUnit, { maxLength: 40 })
  .map((units) => `"${units.join('')}"`);

/** White space as JSON allows it. */
export const space: fc.Arbitrary<string> = fc.stringMatching(/^[ \n\r\t]{0,3}$/);

const { structure, value } = fc.letrec<{ value: string; structure: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('null', 'true', 'false'),
    numberText,
    stringText,
    tie('structure'),
  ),
  structure: fc.oneof(
    fc
      .array(fc.tuple(space, tie('value'), space), { maxLength: 5 })
      .map((elements) => `[${elements.map((parts) => parts.join('')).join(',')}]`),
    fc
      .array(fc.tuple(space, stringText, space, fc.constant(':'), space, tie('value'), space), {
        maxLength: 5,
      })
      .map((members) => `{${members.map((parts) => parts.join('')).join(',')}}`),
  ),
}));

/** Any value. */
export const valueText = value;
/** Any array or object, as params have to be. */
export const structureText = structure;
