/** The image that worker containers are started from: built here, or the operator's own. */

import type Docker from 'dockerode';
import { PassThrough } from 'node:stream';
import { answer, messageOf, statusOf } from './docker-client.ts';
import { RuntimeUnavailable } from './launcher.ts';
import type { WorkerProgram } from './program.ts';

/** Lines of a failed build that are shown. */
const SHOWN_LINES = 10;

/** What the image is made of, and who is told how it goes. */
export interface ImageOptions {
  readonly program: WorkerProgram;
  /** The operator's own image, used as it is. */
  readonly image?: string | undefined;
  readonly onProgress: (step: string) => void;
}

/**
 * Makes sure that the worker image is there, and returns its name. It is built or pulled only if it is missing.
 * @throws RuntimeUnavailable with the engine's last words
 */
export async function ensureImage(docker: Docker, options: ImageOptions): Promise<string> {
  const name =
    options.image === undefined ? `spillway-worker:${options.program.version}` : withTag(options.image);
  if (await hasImage(docker, name)) return name;
  if (options.image === undefined) await buildImage(docker, name, options);
  else await pullImage(docker, name, options.onProgress);
  return name;
}

async function hasImage(docker: Docker, name: string): Promise<boolean> {
  try {
    await answer('inspect an image', () => docker.getImage(name).inspect());
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw new RuntimeUnavailable(`the worker image ${name} can't be inspected: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function buildImage(
  docker: Docker,
  name: string,
  { program, onProgress }: ImageOptions,
): Promise<void> {
  onProgress(`building the worker image ${name}`);
  const lines: string[] = [];
  try {
    // forcerm: without it a failed step leaves its container behind.
    const context = await buildContext(program);
    const output = await docker.buildImage(context, { t: name, rm: true, forcerm: true });
    await follow(output, lines, onProgress);
  } catch (error) {
    throw failed(`the worker image can't be built: ${messageOf(error)}`, lines, error);
  }
}

async function pullImage(docker: Docker, name: string, onProgress: (step: string) => void): Promise<void> {
  onProgress(`pulling the worker image ${name}`);
  const lines: string[] = [];
  try {
    const output = await docker.pull(name);
    await follow(output, lines, onProgress);
  } catch (error) {
    throw failed(
      `the worker image ${name} is missing and can't be pulled: ${messageOf(error)}`,
      lines,
      error,
    );
  }
}

function failed(message: string, lines: readonly string[], cause: unknown): RuntimeUnavailable {
  return new RuntimeUnavailable([message, ...lines.slice(-SHOWN_LINES)].join('\n  '), { cause });
}

/** A tar of the Dockerfile and both programs, without times, so that the engine's build cache recognises it. */
async function buildContext(program: WorkerProgram): Promise<NodeJS.ReadableStream> {
  // Loaded only for it: mostly the image is there.
  const { pack } = await import('tar-stream');
  const tar = pack();
  const files = { Dockerfile: program.dockerfile, 'main.js': program.main, 'slot.js': program.slot };
  for (const [name, text] of Object.entries(files))
    tar.entry({ name, mode: 0o644, mtime: new Date(0) }, text);
  tar.finalize();
  // tar-stream has streams of its own kind.
  return tar.pipe(new PassThrough());
}

/**
 * Reads the engine's progress to its end. (dockerode's followProgress takes a failed step, and a connection lost in the
 * middle, for success.)
 * @throws Error with what the failing step said
 */
async function follow(
  output: NodeJS.ReadableStream,
  lines: string[],
  onProgress: (step: string) => void,
): Promise<void> {
  let rest = '';
  output.setEncoding('utf8');
  for await (const chunk of output) {
    const entries = (rest + String(chunk)).split('\n');
    rest = entries.pop() ?? '';
    for (const entry of entries) note(entry.trim(), lines, onProgress);
  }
  note(rest.trim(), lines, onProgress);
}

function note(entry: string, lines: string[], onProgress: (step: string) => void): void {
  if (entry === '') return;
  const said = JSON.parse(entry) as { stream?: string; status?: string; error?: string };
  if (said.error !== undefined) throw new Error(said.error.trim());
  const text = (said.stream ?? '').trim();
  if (text !== '') lines.push(...text.split('\n'));
  if (text.startsWith('Step ')) onProgress(text);
  // A pull reports every layer many times over; only its start is a step.
  if (said.status?.startsWith('Pulling from') === true) onProgress(said.status);
}

/** Without a tag or digest the engine would pull every tag of the repository. */
function withTag(image: string): string {
  const lastPart = image.slice(image.lastIndexOf('/') + 1);
  return lastPart.includes(':') || lastPart.includes('@') ? image : `${image}:latest`;
}
