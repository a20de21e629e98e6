/** Programs of this machine that some tests need. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The program's path, or why there is none. */
export type FoundProgram =
  | { readonly program: string; readonly missing?: undefined }
  | { readonly program?: undefined; readonly missing: string };

/**
 * Looks on the PATH for a program that has one of these names. Without it `what` is to be skipped, which is said on stderr; with
 * CI=true that is an error.
 */
export function findProgram(names: readonly string[], what: string): FoundProgram {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const program = names.map((name) => join(folder, name)).find(isProgram);
    if (program !== undefined) return { program };
  }
  const missing = `none of these is on the PATH: ${names.join(', ')}`;
  if (process.env['CI'] === 'true') throw new Error(`${what} must not be skipped with CI=true: ${missing}`);
  process.stderr.write(`skipped: ${what}: ${missing}\n`);
  return { missing };
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
