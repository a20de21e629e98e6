/** Whether a call to the cloud would meet a warm instance, from the calls that were there lately. Pure. */

/**
 * How long an idle instance certainly stays, and when it has certainly gone, in milliseconds: what users of Lambda have
 * measured lies between 5 and 15 minutes. Corrected by what the answers say.
 */
const SURELY_KEPT_MS = 300_000;
const SURELY_GONE_MS = 600_000;
/** The least that an unexpected cold start can make of it, in milliseconds. */
const LEAST_KEPT_MS = 10_000;
/** More idle instances than this are not remembered: nobody needs them at once. */
const MOST_IDLE = 10_000;

/**
 * An instance serves one call at a time, and the cloud takes the one used last. So each answer leaves an idle instance, each
 * call takes the youngest, and the chance of a cold start is
 *     1 without an idle one, else (age − kept) / (gone − kept) between 0 and 1, of the youngest one's age.
 */
export class WarmInstances {
  /** When each idle instance was last used, ascending. */
  readonly #idleSince: number[] = [];
  #keptMs = SURELY_KEPT_MS;

  /** The chance (0 … 1) that a call sent now starts an instance. */
  coldChance(nowMs: number): number {
    const youngest = this.#idleSince.at(-1);
    if (youngest === undefined) return 1;
    const goneMs = this.#keptMs + SURELY_GONE_MS - SURELY_KEPT_MS;
    return Math.min(1, Math.max(0, (nowMs - youngest - this.#keptMs) / (goneMs - this.#keptMs)));
  }

  /** A call is sent. Returns how long its instance was idle, in milliseconds; undefined where there is none. */
  sent(nowMs: number): number | undefined {
    const since = this.#idleSince.pop();
    return since === undefined ? undefined : nowMs - since;
  }

  /** It was answered. `idleMs` is what sent() returned, `cold` what the answer says. */
  answered(idleMs: number | undefined, cold: boolean, nowMs: number): void {
    if (idleMs !== undefined && cold) {
      // Those idle for as long or longer have gone too.
      const gone = this.#idleSince.findLastIndex((since) => nowMs - since >= idleMs);
      this.#idleSince.splice(0, gone + 1);
      this.#keptMs = Math.min(this.#keptMs, Math.max(LEAST_KEPT_MS, idleMs * 0.8));
    } else if (idleMs !== undefined && idleMs > this.#keptMs) {
      this.#keptMs = Math.min(idleMs, SURELY_GONE_MS);
    }
    if (this.#idleSince.length < MOST_IDLE) this.#idleSince.push(nowMs);
  }
}
