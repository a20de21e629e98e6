/** Feeds inputs to a target, and makes a finding of what it says. */
import { mutate, randomOf, shrink } from './mutate.ts';
import type { Target } from './target.ts';

/** What was found wrong. */
export interface Finding {
  readonly target: string;
  readonly what: string;
  readonly seed: number;
  readonly index: number;
  readonly input: Buffer;
}

/** How a run went. */
export interface FuzzReport {
  readonly target: string;
  readonly inputs: number;
  readonly seconds: number;
  /** Resident memory at the end over that at a tenth of the run, in MB. */
  readonly grownMb: number;
  readonly finding: Finding | undefined;
}

/** An input that isn't dealt with by then is a hang, in milliseconds. */
const HANG_MS = 10_000;
/** A feeder gives way to all others after so many inputs. */
const TURN_INPUTS = 20;
/** More than this over a run is a leak, in MB. */
const LEAK_MB = 400;
const MB = 1024 * 1024;

/** The input of this index: the first ones are the corpus itself. */
export function inputOf(target: Target, seed: number, index: number): Buffer {
  const own = target.corpus[index];
  if (own !== undefined) return own;
  return mutate(randomOf(Math.imul(seed, 0x9e37_79b1) ^ index), target.corpus, target.dictionary);
}

/** Runs until so many inputs or so many milliseconds are over, or something is found. */
export async function fuzz(
  target: Target,
  seed: number,
  limit: { inputs: number; ms: number },
): Promise<FuzzReport> {
  const startedAt = performance.now();
  let next = 0;
  let finding: Finding | undefined;
  let earlyBytes = 0;
  const crash = new Error('');
  const onCrash = (error: unknown): void => {
    crash.message = `it crashed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  };
  process.on('uncaughtException', onCrash);
  process.on('unhandledRejection', onCrash);
  const feed = async (): Promise<void> => {
    let fed = 0;
    while (finding === undefined && next < limit.inputs && performance.now() - startedAt < limit.ms) {
      const index = next++;
      const share = Math.max(index / limit.inputs, (performance.now() - startedAt) / limit.ms);
      if (earlyBytes === 0 && share >= 0.1) earlyBytes = process.memoryUsage.rss();
      const input = inputOf(target, seed, index);
      const said = attempt(target, input, index);
      const what = (said instanceof Promise ? await orHang(said) : said) ?? (crash.message || undefined);
      if (what !== undefined) finding ??= { target: target.name, what, seed, index, input };
      // Inputs that are answered at once must not keep the timers and sockets of others from their turn.
      if (fed++ % TURN_INPUTS === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await Promise.all(Array.from({ length: target.parallel }, feed));
  if (finding !== undefined) {
    const found = finding;
    const input = await shrink(found.input, async (shorter) => {
      const said = attempt(target, shorter, found.index);
      return (await (said instanceof Promise ? orHang(said) : said)) !== undefined;
    });
    finding = { ...found, input };
  } else {
    const what = (await target.finish()) ?? (crash.message || undefined);
    if (what !== undefined) {
      finding = { target: target.name, what, seed, index: next - 1, input: Buffer.alloc(0) };
    }
  }
  process.off('uncaughtException', onCrash);
  process.off('unhandledRejection', onCrash);
  const grownMb = earlyBytes === 0 ? 0 : (process.memoryUsage.rss() - earlyBytes) / MB;
  if (finding === undefined && grownMb > LEAK_MB) {
    const what = `memory grew by ${Math.round(grownMb)} MB`;
    finding = { target: target.name, what, seed, index: next - 1, input: Buffer.alloc(0) };
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { target: target.name, inputs: next, seconds, grownMb, finding };
}

function attempt(
  target: Target,
  input: Buffer,
  index: number,
): Promise<string | undefined> | string | undefined {
  const crashed = (error: unknown): string =>
    `it threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  try {
    const said = target.run(input, index);
    return said instanceof Promise ? said.catch(crashed) : said;
  } catch (error) {
    return crashed(error);
  }
}

async function orHang(said: Promise<string | undefined>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no end after ${HANG_MS / 1000} s`), HANG_MS);
  });
  const what = await Promise.race([said, hang]);
  clearTimeout(timer);
  return what;
}
