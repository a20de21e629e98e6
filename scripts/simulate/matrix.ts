/** Every generated trace, several seeds, through several rules: the same calls for each of them. */
import { generate, GENERATORS, type GeneratorName, type GeneratorSettings } from './generators.ts';
import type { Figures } from './result.ts';
import { runTrace, type RunOptions } from './run.ts';

export interface Contender {
  readonly title: string;
  /** What it changes of the matrix's options. */
  readonly options: Partial<RunOptions>;
}

export interface Matrix {
  readonly contenders: readonly Contender[];
  readonly options: RunOptions;
  readonly traces: Omit<GeneratorSettings, 'seed'>;
  readonly seeds: readonly number[];
}

/** The figures of one trace: by contender, one a seed. */
export interface MatrixRow {
  readonly trace: GeneratorName;
  readonly figures: readonly (readonly Figures[])[];
}

/** Runs it all. */
export function runMatrix({ contenders, options, traces, seeds }: Matrix): MatrixRow[] {
  return GENERATORS.map((trace) => {
    const made = seeds.map((seed) => generate(trace, { ...traces, seed }));
    const figures = contenders.map((contender) =>
      made.map((calls) => runTrace(calls, { ...options, ...contender.options }).figures),
    );
    return { trace, figures };
  });
}

/** The middle one; of an even number, the lower of the middle two. */
export function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[(values.length - 1) >> 1] ?? NaN;
}
