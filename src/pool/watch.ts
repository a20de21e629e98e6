/** Looks at all workers of a pool now and then, on one timer, and acts on what their heartbeats say. */
import { LOOK_MS, judge, type Judged, type Verdict } from './liveness.ts';

/** A worker that can be acted upon. */
interface Watched extends Judged {
  readonly id: string;
  eject(reason: string): void;
  readmit(): void;
  lose(reason: string): void;
}

/** Watches until close(). */
export class Watch<W extends Watched> {
  readonly #pool: { readonly workers: readonly W[] };
  readonly #onVerdict: (verdict: Verdict<W>) => void;
  readonly #timer: NodeJS.Timeout;
  #at = performance.now();

  /** @param onVerdict hears of everything that is about to be done */
  constructor(pool: { readonly workers: readonly W[] }, onVerdict: (verdict: Verdict<W>) => void) {
    this.#pool = pool;
    this.#onVerdict = onVerdict;
    this.#timer = setInterval(() => {
      this.#look();
    }, LOOK_MS);
  }

  /** Nobody is ejected or lost for silence any more. */
  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    const elapsedMs = now - this.#at;
    this.#at = now;
    for (const verdict of judge(this.#pool.workers, elapsedMs)) {
      this.#onVerdict(verdict);
      const { worker, reason } = verdict;
      if (verdict.verdict === 'lose') worker.lose(reason);
      else if (verdict.verdict === 'eject') worker.eject(reason);
      else worker.readmit();
    }
  }
}
