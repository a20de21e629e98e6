/** The zip that AWS Lambda runs: the bundle as it is, with the shell round it. The same bundle gives the same bytes. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zip, type AsyncZippable } from 'fflate';
import { withEsbuild } from '../esbuild.ts';

/** A zip, ready for Lambda. */
export interface LambdaZip {
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes in base64: what Lambda calls CodeSha256. */
  readonly sha256: string;
  /** What the files take unpacked, in bytes. */
  readonly unpackedBytes: number;
}

/** What Lambda's Handler setting must say. */
export const LAMBDA_HANDLER = 'lambda.handler';

const HANDLER_FOLDER = new URL('../../handler/', import.meta.url);
const SHELL = ['lambda', 'watchdog'];

/** In local time on purpose: a zip holds local times, so this date gives the same bytes in every time zone. */
const MTIME = new Date(1980, 0, 1);
const MADE_BY_UNIX = 3;
const READABLE_FILE = 0o100644;
/** Level 6 to 9 differ by a percent in size and by half in time. */
const LEVEL = 6;

/** Zips a bundle; the work is done in threads, not on the event loop. */
export async function buildZip(bundle: {
  readonly hash: string;
  readonly code: string | Uint8Array;
}): Promise<LambdaZip> {
  const text = new TextEncoder();
  const files: Record<string, Uint8Array> = {
    'bundle.cjs': typeof bundle.code === 'string' ? text.encode(bundle.code) : bundle.code,
    'bundle.hash': text.encode(bundle.hash),
    ...(await buildShell()),
  };
  const bytes = await zipped(files);
  const sha256 = createHash('sha256').update(bytes).digest('base64');
  const unpackedBytes = Object.values(files).reduce((sum, file) => sum + file.length, 0);
  return { bytes, sha256, unpackedBytes };
}

/** The shell's modules, each with its imports bundled in. */
async function buildShell(): Promise<Record<string, Uint8Array>> {
  const built = await withEsbuild((esbuild) =>
    esbuild.build({
      entryPoints: SHELL.map((name) => ({
        in: fileURLToPath(new URL(`${name}.ts`, HANDLER_FOLDER)),
        out: name,
      })),
      outdir: '.',
      outExtension: { '.js': '.mjs' },
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      target: 'node24',
      minify: true,
      legalComments: 'none',
      tsconfigRaw: {},
    }),
  );
  return Object.fromEntries(built.outputFiles.map(({ path, contents }) => [basename(path), contents]));
}

function zipped(files: Record<string, Uint8Array>): Promise<Uint8Array> {
  const attributes = { mtime: MTIME, os: MADE_BY_UNIX, attrs: READABLE_FILE << 16, level: LEVEL } as const;
  const entries: AsyncZippable = Object.fromEntries(
    Object.entries(files)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, file]) => [name, [file, attributes]]),
  );
  return new Promise((resolve, reject) => {
    zip(entries, (error, bytes) => {
      if (error) reject(error);
      else resolve(bytes);
    });
  });
}
