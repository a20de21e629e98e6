/** The workers' CPU and memory, asked of the runtime only while somebody looks. A part of the composition root. */
import type { Launcher, WorkerUsage } from './runtime/launcher.ts';

/** What one worker uses. */
export interface WorkerLoad {
  /** Share of one core between the last two looks; absent after the first. */
  readonly cpu?: number;
  readonly memoryMb: number;
}

/** Asking costs the engine several milliseconds a container: no more often than this, in milliseconds. */
const FRESH_MS = 2000;
/** Figures older than this say nothing of now, in milliseconds. */
const STALE_MS = 10_000;
const MIB = 2 ** 20;

interface Sample {
  readonly at: number;
  readonly usage: ReadonlyMap<string, WorkerUsage>;
}

/** Keeps the last two samples. */
export class WorkerUsages {
  readonly #launcher: Pick<Launcher, 'usage'>;
  #last: Sample | undefined;
  #before: Sample | undefined;
  #asked = -Infinity;
  #asking = false;

  constructor(launcher: Pick<Launcher, 'usage'>) {
    this.#launcher = launcher;
  }

  /** What is known now; has it renewed in the background, for the next look. */
  look(): (id: string) => WorkerLoad | undefined {
    const now = performance.now();
    if (!this.#asking && now - this.#asked >= FRESH_MS) void this.#ask(now);
    const [last, before] = [this.#last, this.#before];
    if (last === undefined || now - last.at > STALE_MS) return () => undefined;
    return (id) => {
      const used = last.usage.get(id);
      if (used === undefined) return undefined;
      const memoryMb = Math.round((used.memoryBytes / MIB) * 10) / 10;
      const earlier = before?.usage.get(id);
      if (before === undefined || earlier === undefined || last.at - before.at > STALE_MS)
        return { memoryMb };
      const cpu = (used.cpuMs - earlier.cpuMs) / (last.at - before.at);
      return { cpu: Math.max(0, Math.round(cpu * 1000) / 1000), memoryMb };
    };
  }

  async #ask(now: number): Promise<void> {
    this.#asking = true;
    this.#asked = now;
    try {
      const usage = await this.#launcher.usage();
      this.#before = this.#last;
      this.#last = { at: performance.now(), usage };
    } catch {
      // An engine that is down is told of elsewhere; here there are just no figures.
    } finally {
      this.#asking = false;
    }
  }
}
