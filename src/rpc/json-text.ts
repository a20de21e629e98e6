/**
 * Walks over JSON text that is known to be valid, to find where its values stand, without building them again.
 *
 * Every function trusts its text: call JSON.parse first. There is no recursion, so nesting of any depth is safe, and
 * strings are leapt over with indexOf, so a megabyte of text in one string costs microseconds.
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

/**
 * After this many characters without structure (a long array of numbers, say) a search by regular expression takes
 * over: measured, it costs as much as 16 steps of the loop to start, and then a hundredth of a step a character.
 */
const PLAIN_RUN = 16;
const STRUCTURAL = /["{}[\]]/g;

/** Told where the members of an object stand: key without its quotes, then value; ends are exclusive. */
export type MemberVisitor = (keyStart: number, keyEnd: number, valueStart: number, valueEnd: number) => void;

/** Index of the first character at or after `at` that isn't white space. The text's length if there is none. */
export function skipSpace(text: string, at: number): number {
  while (text.charCodeAt(at) <= SPACE) at++;
  return at;
}

/** Index just after the value that starts at `at`. */
export function skipValue(text: string, at: number): number {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return skipString(text, at);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipNested(text, at);
  for (let end = at + 1; ; end++) {
    const char = text.charCodeAt(end);
    // A number or a word ends before , ] } or white space, or with the text, where charCodeAt is NaN.
    if (!(char > SPACE) || char === COMMA || char === CLOSE_BRACKET || char === CLOSE_BRACE) return end;
  }
}

/**
 * Calls `visit` for each member of the object that starts at `at`, in order, repeated keys included.
 * @returns the index just after the object
 */
export function eachMember(text: string, at: number, visit: MemberVisitor): number {
  let next = skipSpace(text, at + 1);
  while (text.charCodeAt(next) === QUOTE) {
    const keyStart = next + 1;
    const afterKey = skipString(text, next);
    const colon = text.charCodeAt(afterKey) === COLON ? afterKey : skipSpace(text, afterKey);
    const valueStart = skipSpace(text, colon + 1);
    const valueEnd = skipValue(text, valueStart);
    visit(keyStart, afterKey - 1, valueStart, valueEnd);
    next = skipSpace(text, valueEnd);
    if (text.charCodeAt(next) === COMMA) next = skipSpace(text, next + 1);
  }
  return next + 1;
}

/** Calls `visit` with the start of each element of the array that starts at `at`; it returns the element's end. */
export function eachElement(text: string, at: number, visit: (start: number) => number): void {
  let next = skipSpace(text, at + 1);
  while (text.charCodeAt(next) !== CLOSE_BRACKET) {
    next = skipSpace(text, visit(next));
    if (text.charCodeAt(next) === COMMA) next = skipSpace(text, next + 1);
  }
}

function skipString(text: string, at: number): number {
  let quote = at;
  for (;;) {
    quote = text.indexOf('"', quote + 1);
    let slash = quote;
    while (text.charCodeAt(slash - 1) === BACKSLASH) slash--;
    // An even number of backslashes before it escape each other, so the quote is the string's end.
    if ((quote - slash) % 2 === 0) return quote + 1;
  }
}

function skipNested(text: string, at: number): number {
  let depth = 0;
  let plain = 0;
  for (let index = at; ; index++) {
    const char = text.charCodeAt(index);
    if (char === QUOTE) {
      index = skipString(text, index) - 1;
      plain = 0;
    } else if (char === OPEN_BRACE || char === OPEN_BRACKET) {
      depth++;
      plain = 0;
    } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) {
      if (--depth === 0) return index + 1;
      plain = 0;
    } else if (++plain === PLAIN_RUN) {
      STRUCTURAL.lastIndex = index + 1;
      STRUCTURAL.test(text);
      index = STRUCTURAL.lastIndex - 2;
      plain = 0;
    }
  }
}
