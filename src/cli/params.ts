/** Words of a command line as the params of a call. Pure. */

/** Params as JSON-RPC has them; undefined: none. */
export type Params = unknown[] | Record<string, unknown> | undefined;

/**
 * One word that is a JSON array or object is the params as they are. Otherwise each word is one positional param: what
 * reads as JSON is that value, anything else is a string.
 */
export function paramsOfWords(words: readonly string[]): Params {
  const [only] = words;
  if (only === undefined) return undefined;
  const values = words.map(valueOf);
  const [first] = values;
  return values.length === 1 && isParams(first) ? first : values;
}

/** A text that is a JSON array or object is the params as they are; any other is one param, a string. */
export function paramsOfText(text: string): Params {
  const value = valueOf(text);
  return isParams(value) ? value : [text.replace(/\r?\n$/, '')];
}

function valueOf(word: string): unknown {
  try {
    return JSON.parse(word) as unknown;
  } catch {
    return word;
  }
}

function isParams(value: unknown): value is unknown[] | Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
