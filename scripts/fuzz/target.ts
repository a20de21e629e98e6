/** What is fuzzed: something that takes bytes, and says what is wrong with how it took them. */

/** One thing under test. */
export interface Target {
  readonly name: string;
  /** Good and nasty inputs to start from. */
  readonly corpus: readonly Buffer[];
  /** Words that mean something to it. */
  readonly dictionary: readonly (string | Buffer)[];
  /** How many inputs at a time. */
  readonly parallel: number;
  /** Takes one input; `index` tells it apart from those beside it. Returns what is wrong, or undefined. */
  run(input: Buffer, index: number): Promise<string | undefined> | string | undefined;
  /** After the last input: what is wrong as a whole. */
  finish(): Promise<string | undefined>;
}
