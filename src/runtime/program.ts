/** Turns worker/main.ts and worker/slot.ts into the two files that every runtime starts. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { BuildFailure, BuildOptions } from 'esbuild';
import { withEsbuild } from '../esbuild.ts';

/** The worker program, ready to be put into an image or a folder. */
export interface WorkerProgram {
  /** Hexadecimal hash over the three texts below: equal versions are equal workers. */
  readonly version: string;
  /** CommonJS text of the control process. */
  readonly main: string;
  /** CommonJS text of a slot process. */
  readonly slot: string;
  /** Text of the Dockerfile that puts both into an image. */
  readonly dockerfile: string;
}

const WORKER_FOLDER = join(import.meta.dirname, '../../worker');

/** Hexadecimal digits of a version: 64 bits, ample against a clash of the few versions on one machine. */
const VERSION_DIGITS = 16;

/** Matches what `programVersion` returns. Folders of other names are never taken for a version of ours. */
export const VERSION_PATTERN = /^[0-9a-f]{16}$/;

/**
 * Bundles the worker program. Slots would otherwise strip types from a dozen files at every start, which costs 50 ms.
 *
 * The texts are the same for the same sources, wherever the project lies: they hold no absolute path.
 * @param folder has main.ts, slot.ts and Dockerfile
 * @returns also the files that went into it: absolute, without symbolic links
 * @throws Error with esbuild's messages, each with file and line
 */
export async function buildProgram(
  folder: string = WORKER_FOLDER,
): Promise<{ program: WorkerProgram; inputs: readonly string[] }> {
  const dockerfilePath = join(folder, 'Dockerfile');
  const dockerfile = await readFile(dockerfilePath, 'utf8');
  const [main, slot] = await Promise.all([bundle(folder, 'main.ts'), bundle(folder, 'slot.ts')]);
  const texts = { main: main.text, slot: slot.text, dockerfile };
  return {
    program: { version: programVersion(texts), ...texts },
    inputs: [dockerfilePath, ...main.inputs, ...slot.inputs],
  };
}

/** The version of a program with these texts. */
export function programVersion(texts: Omit<WorkerProgram, 'version'>): string {
  const hash = createHash('sha256');
  for (const text of [texts.main, texts.slot, texts.dockerfile]) {
    hash.update(`${Buffer.byteLength(text)}\n`).update(text);
  }
  return hash.digest('hex').slice(0, VERSION_DIGITS);
}

async function bundle(folder: string, file: string): Promise<{ text: string; inputs: string[] }> {
  const options: BuildOptions & { write: false; metafile: true } = {
    // File names in the output are relative to this folder, so that the output doesn't depend on where it lies.
    absWorkingDir: dirname(folder),
    entryPoints: [join(basename(folder), file)],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    target: 'node24',
    // A .js file without a package.json beside it is CommonJS, so Node reads it right without guessing.
    format: 'cjs',
    define: { 'import.meta.dirname': '__dirname', 'import.meta.filename': '__filename' },
    // Other uses of import.meta would silently be undefined in CommonJS.
    logOverride: { 'empty-import-meta': 'error' },
    // Stated here, or a tsconfig.json above the folder would have a say in the output.
    tsconfigRaw: { compilerOptions: { target: 'ES2024', strict: true, verbatimModuleSyntax: true } },
    logLevel: 'silent',
    charset: 'utf8',
    legalComments: 'none',
    sourcemap: false,
  };
  return await withEsbuild(async ({ build, formatMessages }) => {
    try {
      const result = await build(options);
      const output = result.outputFiles[0];
      if (output === undefined) throw new Error('esbuild returned no output');
      const inputs = Object.keys(result.metafile.inputs);
      return { text: output.text, inputs: inputs.map((input) => join(dirname(folder), input)) };
    } catch (error) {
      const { errors } = error as Partial<BuildFailure>;
      const why =
        errors === undefined
          ? String(error)
          : (await formatMessages(errors, { kind: 'error' })).join('').trimEnd();
      throw new Error(`The worker program (${file}) can't be bundled:\n${why}`, { cause: error });
    }
  });
}
