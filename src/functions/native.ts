/**
 * Finds native addons. A function runs in a container and in the cloud from one bundle of JavaScript; a compiled library
 * is not in it, so a function that needs one must be refused at the start, not at its first call.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Message, Metafile, Plugin } from 'esbuild';

/** A place in the bundle that needs a native addon. */
export interface NativeUse {
  /** The file that needs it, absolute. */
  readonly file: string;
  /** What it needs, for the reader. */
  readonly need: string;
}

/** Packages whose only purpose is to load an addon. */
const LOADERS =
  /^(?:bindings|node-gyp-build(?:-optional-packages)?|(?:@mapbox\/)?node-pre-gyp|pkg-prebuilds)(?:\/|$)/;
const PLUGIN = 'native-addons';
const ADVICE = 'use a package in JavaScript or WebAssembly instead';

/** Leaves addons out of the bundle, so that the build goes on, and warns of each where it is imported. */
export const nativePlugin: Plugin = {
  name: PLUGIN,
  setup(build) {
    build.onResolve({ filter: /\.node$/ }, leaveOut);
    build.onResolve({ filter: LOADERS }, leaveOut);
  },
};

function leaveOut({ path, importer }: { path: string; importer: string }) {
  return { path, external: true, warnings: [{ text: `imports ${JSON.stringify(path)}`, detail: importer }] };
}

/** True for the plugin's warnings among a build's. */
export function isNativeWarning(message: Message): boolean {
  return message.pluginName === PLUGIN;
}

/** What to tell of an import of an addon. */
export function nativeFault(text: string): string {
  return `${text}, a native addon, which can't be bundled; ${ADVICE}`;
}

/**
 * Packages in the bundle that say of themselves that they need an addon, though no import of it can be seen: sharp
 * puts the addon's file name together at run time.
 * @param root The folder the metafile's paths are relative to.
 */
export function nativePackages(metafile: Metafile, root: string): NativeUse[] {
  const seen = new Map<string, NativeUse | undefined>();
  for (const input of Object.keys(metafile.inputs)) {
    const file = resolve(root, input);
    const home = /^.*[\\/]node_modules[\\/](?<name>(?:@[^\\/]+[\\/])?[^\\/]+)/.exec(file);
    const name = home?.groups?.['name'];
    if (home === null || name === undefined || seen.has(home[0])) continue;
    seen.set(
      home[0],
      needsAddon(home[0]) ? { file, need: `imports the package ${JSON.stringify(name)}` } : undefined,
    );
  }
  return [...seen.values()].filter((use) => use !== undefined);
}

function needsAddon(packageFolder: string): boolean {
  if (existsSync(join(packageFolder, 'binding.gyp'))) return true;
  try {
    const { gypfile, binary } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as {
      gypfile?: unknown;
      binary?: { napi_versions?: unknown; module_name?: unknown };
    };
    return gypfile === true || binary?.napi_versions !== undefined || binary?.module_name !== undefined;
  } catch {
    return false;
  }
}
