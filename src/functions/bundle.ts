/**
 * From a folder of functions to one text of JavaScript, the same for the workers and the cloud. The code is only built
 * here, never run: the balancer runs no user code.
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildFailure, BuildOptions, BuildResult, Message, Plugin } from 'esbuild';
import { withEsbuild } from '../esbuild.ts';
import { FunctionsFault } from './fault.ts';
import { isInPackage, ownImportOf } from './importer.ts';
import { isNativeWarning, nativeFault, nativePackages, nativePlugin } from './native.ts';
import { findSources } from './sources.ts';
import type { SourceFile, SourceFolder } from './sources.ts';

/** The functions, built. */
export interface Bundle {
  /** SHA-256 of the code, in hex. The same sources give the same hash, wherever they lie. */
  readonly hash: string;
  /** The body of a CommonJS module; handler/invoke.ts has the type of what it exports, LoadedBundle. */
  readonly code: string;
  /** The functions' names, sorted. */
  readonly functions: readonly string[];
}

/** A bundle, and what it was made of. */
export interface BuiltBundle extends Bundle {
  /** The functions' folder, absolute and without symbolic links. */
  readonly folder: string;
  /** The files that went into it, absolute and without symbolic links. */
  readonly inputs: readonly string[];
}

type Esbuild = Parameters<Parameters<typeof withEsbuild>[0]>[0];
type Built = BuildResult<{ metafile: true; write: false }>;

const HANDLER = fileURLToPath(new URL('../../handler/invoke.ts', import.meta.url));
const HANDLER_NAME = 'spillway:invoke';
const ENTRY = 'spillway-entry.js';
/** Where our own packages lie. */
const PACKAGES = resolve(dirname(createRequire(import.meta.url).resolve('zod/package.json')), '..');

const OPTIONS = {
  platform: 'node',
  target: 'node24',
  logLevel: 'silent',
  write: false,
  metafile: true,
  // import() of a module of Node's becomes require(): in the script that a bundle is, import() fails.
  supported: { 'dynamic-import': false },
  // A tsconfig.json above the folder would make the same sources a different bundle.
  tsconfigRaw: {},
} satisfies BuildOptions;

/**
 * Bundles every function of a folder, with the npm packages they import.
 * @throws FunctionsFault naming every fault of every file.
 */
export async function buildBundle(folder: string): Promise<BuiltBundle> {
  const found = await findSources(folder);
  const { code, inputs, faults } = await withEsbuild(async (esbuild) => {
    const [missing, built] = await Promise.all([missingDefaults(esbuild, found), bundle(esbuild, found)]);
    return { ...built, faults: [...found.faults, ...missing, ...built.faults] };
  });
  if (faults.length > 0) throw new FunctionsFault(folder, faults.toSorted());
  const hash = createHash('sha256').update(code).digest('hex');
  const { path, sources } = found;
  return { hash, code, functions: sources.map(({ name }) => name), folder: path, inputs };
}

async function bundle(
  esbuild: Esbuild,
  found: SourceFolder,
): Promise<{ code: string; inputs: string[]; faults: string[] }> {
  const result = await esbuild.build(bundleOptions(found)).catch(failureOf);
  const faults = result.errors.map((error) => `${placeOf(error, found)}: ${textOf(error)}`);
  const built = 'metafile' in result ? result : undefined;
  const native = nativeFaults(result.warnings, built, found);
  const inputs = Object.keys(built?.metafile.inputs ?? {}).filter((input) => input !== ENTRY);
  return {
    code: built?.outputFiles[0]?.text ?? '',
    inputs: inputs.map((input) => resolve(found.path, input)),
    faults: [...faults, ...native],
  };
}

function bundleOptions({ path, sources }: SourceFolder) {
  // Loaded by require, each in turn, so that a file that throws while it is loaded can be named.
  const list = sources.map(({ name, file }) => `["${name}", () => require("./${file}")]`);
  const contents = `import { createBundle } from "${HANDLER_NAME}";
export const { manifestJson, invoke } = createBundle([${list.join(', ')}]);`;
  return {
    ...OPTIONS,
    absWorkingDir: path,
    stdin: { contents, resolveDir: path, sourcefile: ENTRY },
    bundle: true,
    format: 'cjs',
    plugins: [handlerPlugin, nativePlugin],
    // Only what can't be found from the folder itself: a folder anywhere may import zod.
    nodePaths: [PACKAGES],
    // Minified because esbuild writes paths into comments and names, and so into the hash.
    minify: true,
    // Minified, an error class would tell its clients a name such as "e".
    keepNames: true,
    legalComments: 'none',
    // A place in the bundle has no path; the same for every copy of it.
    define: {
      __dirname: '"/"',
      __filename: '"/bundle.cjs"',
      'import.meta.dirname': '"/"',
      'import.meta.filename': '"/bundle.cjs"',
      'import.meta.url': '"file:///bundle.cjs"',
    },
  } as const satisfies BuildOptions;
}

const handlerPlugin: Plugin = {
  name: 'handler',
  setup(build) {
    build.onResolve({ filter: new RegExp(`^${HANDLER_NAME}$`) }, () => ({ path: HANDLER }));
  },
};

/** Files without a default export. Bundling wouldn't tell: what is required may export anything. */
async function missingDefaults(esbuild: Esbuild, { path, sources, show }: SourceFolder): Promise<string[]> {
  const check = async ({ name, file }: SourceFile) => {
    const entry = { absWorkingDir: path, entryPoints: [`./${file}`], outdir: '.' };
    const result = await esbuild.build({ ...OPTIONS, ...entry, format: 'esm' }).catch(failureOf);
    if (!('metafile' in result)) return []; // it doesn't compile, which bundling tells
    const exported = Object.values(result.metafile.outputs).flatMap((output) => output.exports);
    const fault = `${show(resolve(path, file))}:1: no default export; write "export default function ${identifier(name)}(…) {…}"`;
    return exported.includes('default') ? [] : [fault];
  };
  return (await Promise.all(sources.map(check))).flat();
}

function nativeFaults(warnings: readonly Message[], built: Built | undefined, found: SourceFolder): string[] {
  const imports = warnings.filter(isNativeWarning).map((warning) => ({
    place: placeOf(warning, found),
    file: String(warning.detail),
    need: warning.text,
  }));
  const packages = built === undefined ? [] : nativePackages(built.metafile, found.path);
  const byPlace = new Map<string, string>();
  for (const { file, need, place } of [
    ...imports,
    ...packages.map((use) => ({ ...use, place: found.show(use.file) })),
  ]) {
    // A fault inside of a package is told at the function that imports the package.
    const own =
      built !== undefined && isInPackage(file) ? ownImportOf(file, built.metafile, found.path) : undefined;
    const at = own === undefined ? place : `${found.show(own.file)}:${own.line}`;
    const what = own === undefined ? need : `imports ${JSON.stringify(own.specifier)}`;
    if (!byPlace.has(at)) byPlace.set(at, `${at}: ${nativeFault(what)}`);
  }
  return [...byPlace.values()];
}

function failureOf(thrown: unknown): BuildFailure {
  if (thrown instanceof Error && 'errors' in thrown && 'warnings' in thrown) return thrown as BuildFailure;
  throw thrown;
}

function placeOf({ location }: Message, { path, show }: SourceFolder): string {
  if (location === null) return show(path);
  return `${show(resolve(path, location.file))}:${location.line}:${location.column + 1}`;
}

function textOf({ text, notes }: Message): string {
  const missing = /^Could not resolve "(?<name>[^"]+)"/.exec(text)?.groups?.['name'];
  if (missing !== undefined && /^[./]/.test(missing)) return `${text}; there is no such file`;
  if (missing !== undefined)
    return `${text}; run "npm install ${packageOf(missing)}" in the functions folder or above it`;
  if (text.startsWith('Top-level await')) return 'await outside of a function; move it into the function';
  return [text, ...notes.map((note) => note.text)].filter((part) => part !== '').join('; ');
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function identifier(name: string): string {
  return name.replace(/\W/g, '_');
}
