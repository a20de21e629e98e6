/** Files in the functions folder: they are bundled, or refused with the file's name and a reason. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBundle } from '../../src/functions/bundle.ts';
import { FunctionsFault } from '../../src/functions/fault.ts';
import type { Target } from './target.ts';

const GOOD = `import * as z from 'zod';
import { createHash } from 'node:crypto';
export const spec = { summary: 's', params: z.tuple([z.string()]), idempotent: true };
export default function f(text: string): string { return createHash('sha256').update(text).digest('hex'); }
`;

/** Makes the target. Bundling an input takes milliseconds, so this one is slow. */
export function functionsTarget(): Target {
  return {
    name: 'functions',
    corpus: [
      Buffer.from(GOOD),
      Buffer.from('export default () => 1;'),
      Buffer.from('export { default } from "./_shared.ts";'),
      Buffer.from('import x from "nothing"; export default x;'),
      Buffer.from('module.exports = () => 1;'),
      Buffer.from(''),
      Buffer.from('\ufeffexport default async () => await import("node:fs");'),
    ],
    dictionary: [
      'export default ',
      'import ',
      'from "zod"',
      '"./f.ts"',
      '"../../../etc/passwd"',
      '"node:fs"',
      '"data:text/javascript,1"',
      'require("./x.node")',
      'await ',
      'enum E { A }',
      '@decorator ',
      '`',
      '${',
      '//',
      '/*',
      '<T,>',
      '#!',
      '\u2028',
      '\u0000',
      'import.meta',
      'with { type: "json" }',
      '"/dev/zero"',
      '"."',
      '"./"',
    ],
    parallel: 2,
    async run(input) {
      const folder = mkdtempSync(join(tmpdir(), 'spillway-fuzz-'));
      try {
        writeFileSync(join(folder, 'f.ts'), input);
        const { functions, hash } = await buildBundle(folder);
        return functions.join() === 'f' && hash.length === 64 ? undefined : `it has ${functions.join()}`;
      } catch (error) {
        if (!(error instanceof FunctionsFault)) throw error;
        return error.message.includes('f.ts')
          ? undefined
          : `refused without the file's name: ${error.message}`;
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    finish: () => Promise.resolve(undefined),
  };
}
