/** Finds the import through which a file got into a bundle. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Metafile } from 'esbuild';

/** An import statement. */
export interface ImportPlace {
  /** Absolute. */
  readonly file: string;
  readonly line: number;
  /** What is imported, as it is written there. */
  readonly specifier: string;
}

/**
 * The import, in a file outside of packages, that brought `file` (absolute) in; the nearest one if there are several.
 * @param root The folder the metafile's paths are relative to.
 */
export function ownImportOf(file: string, metafile: Metafile, root: string): ImportPlace | undefined {
  const importers = new Map<string, { input: string; specifier: string }[]>();
  for (const [input, { imports }] of Object.entries(metafile.inputs)) {
    for (const { path, original } of imports) {
      const list = importers.get(path) ?? [];
      importers.set(path, [...list, { input, specifier: original ?? path }]);
    }
  }
  const target = Object.keys(metafile.inputs).find((input) => resolve(root, input) === file);
  const queue = target === undefined ? [] : [target];
  const seen = new Set(queue);
  // The queue grows while it is walked: nearest importers first.
  for (const input of queue) {
    for (const { input: importer, specifier } of importers.get(input) ?? []) {
      const path = resolve(root, importer);
      if (!isInPackage(path)) return { file: path, line: lineOf(specifier, path), specifier };
      if (!seen.has(importer)) queue.push(importer);
      seen.add(importer);
    }
  }
  return undefined;
}

/** True for a file of an npm package. */
export function isInPackage(file: string): boolean {
  return /[\\/]node_modules[\\/]/.test(file);
}

function lineOf(specifier: string, file: string): number {
  const lines = readFileSync(file, 'utf8').split('\n');
  const quoted = ["'", '"', '`'].map((quote) => quote + specifier + quote);
  return lines.findIndex((line) => quoted.some((text) => line.includes(text))) + 1 || 1;
}
