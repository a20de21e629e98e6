/**
 * Whether workers still say that they live, and for how long one that fell silent is kept out. Pure: time is what has
 * passed between two looks at the pool, so a balancer that didn't listen for a while holds that against nobody.
 */

/** How often the pool is looked at, in milliseconds. */
export const LOOK_MS = 250;
/** A look that comes later than this after the last one was held up, in milliseconds: so was the reading of beats. */
const STALLED_MS = 2 * LOOK_MS;
/** Silent for three beats: no new calls, and those it has go elsewhere where they may; in milliseconds. */
const EJECT_AFTER_MS = 1500;
/** Silent for five: it is given up, in milliseconds. With a look's delay at both ends that is within 3 s. */
const LOSE_AFTER_MS = 2500;
/** A worker whose last beat is no older than this is there again, in milliseconds: one beat, and some delay. */
const BEATING_MS = 750;
/** How long a worker that was paused may take until its first beat, in milliseconds; unpausing takes 20. */
const RESUME_MS = 5000;
/** How long the first ejection lasts, in milliseconds; each one that follows doubles it. */
const FIRST_EJECTION_MS = 1000;
/** And at the longest. */
const LONGEST_EJECTION_MS = 60_000;
/** For each time of this length without an ejection one is forgotten, in milliseconds. */
const STEADY_MS = 30_000;
/** With less than this share of the pool ready, silence says more about the machine than about the workers (Envoy). */
const LEAST_READY = 0.5;

/** One worker's signs of life. */
export class Liveness {
  #heard = false;
  #silentMs = 0;
  #suspended = false;
  #graceMs = 0;
  #ejections = 0;
  #keptOutMs = 0;
  #steadyMs = 0;

  /** For how long nothing was heard, in milliseconds. */
  get silentMs(): number {
    return this.#silentMs;
  }

  /** For how long it is still kept out at the least, in milliseconds. */
  get keptOutMs(): number {
    return this.#keptOutMs;
  }

  /** It said something on its control connection. */
  beat(): void {
    this.#heard = true;
  }

  /** It is going to be paused: its silence means nothing. */
  suspend(): void {
    this.#suspended = true;
  }

  /** It runs again. It is judged from its first beat on, or after a while without one. */
  resume(): void {
    this.#suspended = false;
    this.#graceMs = RESUME_MS;
    this.forget();
  }

  /** Starts afresh: nobody expected anything of it until now. */
  forget(): void {
    this.#heard = false;
    this.#silentMs = 0;
  }

  /** `ms` milliseconds of listening have passed. */
  pass(ms: number): void {
    if (this.#suspended) return;
    if (this.#heard) this.#graceMs = 0;
    if (this.#heard || this.#graceMs > 0) this.forget();
    else this.#silentMs += ms;
    this.#graceMs = Math.max(0, this.#graceMs - ms);
    this.#keptOutMs = Math.max(0, this.#keptOutMs - ms);
    if (this.#ejections > 0 && this.#keptOutMs === 0) this.#steadyMs += ms;
    if (this.#steadyMs < STEADY_MS) return;
    this.#steadyMs = 0;
    this.#ejections -= 1;
  }

  /** It is being ejected. */
  eject(): void {
    this.#keptOutMs = Math.min(LONGEST_EJECTION_MS, FIRST_EJECTION_MS * 2 ** this.#ejections);
    this.#ejections += 1;
    this.#steadyMs = 0;
  }
}

/** A worker, as far as it is judged. */
export interface Judged {
  /** A worker's state, in the words of DESIGN.md. */
  readonly state: string;
  readonly liveness: Liveness;
}

/** What is to be done with a worker, and why. */
export interface Verdict<W> {
  readonly worker: W;
  readonly verdict: 'eject' | 'readmit' | 'lose';
  readonly reason: string;
}

/**
 * Judges every worker, `elapsedMs` milliseconds after the last time. A silent one is ejected, and lost if it stays silent;
 * one that is back is readmitted when its time is over. The last ready worker, and so many that half of the pool stays,
 * are not ejected for late beats: a slow worker is better than none. They are lost like any other if they stay silent.
 */
export function judge<W extends Judged>(workers: readonly W[], elapsedMs: number): Verdict<W>[] {
  const ms = elapsedMs > STALLED_MS ? LOOK_MS : elapsedMs;
  const verdicts: Verdict<W>[] = [];
  const inService: W[] = [];
  for (const worker of workers) {
    const { state, liveness } = worker;
    // A starting one is its starter's to watch, a standby is paused.
    if (state !== 'ready' && state !== 'ejected' && state !== 'draining') {
      liveness.forget();
      continue;
    }
    liveness.pass(ms);
    if (liveness.silentMs >= LOSE_AFTER_MS)
      verdicts.push({ worker, verdict: 'lose', reason: silence(liveness) });
    else if (state !== 'draining') inService.push(worker);
  }
  return [...verdicts, ...judgeService(inService)];
}

function judgeService<W extends Judged>(inService: readonly W[]): Verdict<W>[] {
  const verdicts: Verdict<W>[] = [];
  const least = Math.max(1, inService.length * LEAST_READY);
  const ready = inService.filter(({ state }) => state === 'ready');
  let readyLeft = ready.length;
  const silent = ready.filter(({ liveness }) => liveness.silentMs >= EJECT_AFTER_MS);
  silent.sort((a, b) => b.liveness.silentMs - a.liveness.silentMs);
  for (const worker of silent) {
    if (readyLeft - 1 < least) break;
    readyLeft -= 1;
    worker.liveness.eject();
    verdicts.push({ worker, verdict: 'eject', reason: silence(worker.liveness) });
  }
  for (const worker of inService) {
    const { state, liveness } = worker;
    if (state !== 'ejected' || liveness.silentMs > BEATING_MS) continue;
    if (liveness.keptOutMs > 0 && readyLeft >= least) continue;
    readyLeft += 1;
    const reason = liveness.keptOutMs > 0 ? 'too few others are ready' : 'it is heard again';
    verdicts.push({ worker, verdict: 'readmit', reason });
  }
  return verdicts;
}

function silence({ silentMs }: Liveness): string {
  return `silent for ${(silentMs / 1000).toFixed(1)} s`;
}
