/** What a start needs before it can know its workers: the functions' bundle and the worker program. */
import { resolve } from 'node:path';
import type { Bundle } from './functions/bundle.ts';
import type { WorkerProgram } from './runtime/program.ts';
import { stampsOf, type Stamps } from './stamps.ts';

/** See the file's comment. */
export interface Prepared {
  readonly bundle: Bundle;
  readonly program: WorkerProgram;
  /** In a word, for the log. */
  readonly how: 'bundled' | 'took over' | 'recalled';
  /** The functions' folder, without symbolic links. */
  readonly folder: string;
  /** What both were made of; undefined if that has changed meanwhile. */
  readonly stamps: Stamps | undefined;
}

/** Builds both. @throws FunctionsFault naming every fault of every function */
export async function prepare(functionsDir: string): Promise<Prepared> {
  const since = Date.now();
  // Loaded only here: a start that takes over what was built needs neither.
  const [{ buildBundle }, { buildProgram }] = await Promise.all([
    import('./functions/bundle.ts'),
    import('./runtime/program.ts'),
  ]);
  const [{ hash, code, functions, folder, inputs }, built] = await Promise.all([
    buildBundle(resolve(functionsDir)),
    buildProgram(),
  ]);
  return {
    bundle: { hash, code, functions },
    program: built.program,
    how: 'bundled',
    folder,
    stamps: stampsOf([...inputs, ...built.inputs], folder, since),
  };
}
