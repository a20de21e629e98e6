/** The last three minutes, a column for each line of the charts. */

/** @import { Snapshot } from '../operations.ts' */

/** How far back the charts go, in seconds. */
export const WINDOW_S = 180;
/** Snapshots come every second; a line is broken where they are further apart than this, in seconds. */
const GAP_S = 3;

/** @typedef {'load' | 'running' | 'n' | 'max' | 'waitMs' | 'thresholdMs' | 'poolRate' | 'cloudRate' | 'poolP50' | 'poolP99' | 'cloudP50' | 'cloudP99'} Line */

/** @type {Readonly<Record<Line, (snapshot: Snapshot) => number | null>>} */
const LINES = {
  running: ({ status }) => status.pool.busySlots,
  load: ({ status }) => status.pool.busySlots + status.pool.ahead + status.pool.queued,
  // N and 2N are workers; the load is in slots, and so are its limits.
  n: ({ status }) => status.pool.min * status.pool.slotsPerWorker,
  max: ({ status }) => status.pool.max * status.pool.slotsPerWorker,
  waitMs: ({ status }) => status.pool.expectedWaitMs,
  thresholdMs: ({ status }) => status.offload.waitMs,
  poolRate: ({ rates }) => rates.pool.perSecond,
  cloudRate: ({ rates }) => rates.cloud.perSecond,
  poolP50: ({ rates }) => (rates.pool.perSecond > 0 ? rates.pool.p50Ms : null),
  poolP99: ({ rates }) => (rates.pool.perSecond > 0 ? rates.pool.p99Ms : null),
  cloudP50: ({ rates }) => (rates.cloud.perSecond > 0 ? rates.cloud.p50Ms : null),
  cloudP99: ({ rates }) => (rates.cloud.perSecond > 0 ? rates.cloud.p99Ms : null),
};
const NAMES = /** @type {readonly Line[]} */ (Object.keys(LINES));

export class History {
  /** Seconds since the epoch. @type {number[]} */
  times = [];
  /** @type {Record<Line, (number | null)[]>} */
  lines = /** @type {any} */ (Object.fromEntries(NAMES.map((name) => [name, []])));

  /** @param {Snapshot} snapshot */
  add(snapshot) {
    const at = snapshot.at / 1000;
    const last = this.times.at(-1);
    // A clock that was set back would fold the lines over themselves.
    if (last !== undefined && at <= last) {
      if (last - at < GAP_S) return;
      this.#dropBefore(Infinity);
    } else if (last !== undefined && at - last > GAP_S) this.#append(last + 1, () => null);
    this.#append(at, (name) => LINES[name](snapshot));
    this.#dropBefore(at - WINDOW_S);
  }

  /**
   * The sum of a line over the last seconds: of calls a second, the calls.
   * @param {Line} name
   * @param {number} seconds
   */
  sum(name, seconds) {
    const from = (this.times.at(-1) ?? 0) - seconds;
    return this.lines[name].reduce((/** @type {number} */ sum, value, index) => {
      return (this.times[index] ?? 0) > from ? sum + (value ?? 0) : sum;
    }, 0);
  }

  /** @param {number} at @param {(name: Line) => number | null} value */
  #append(at, value) {
    this.times.push(at);
    for (const name of NAMES) this.lines[name].push(value(name));
  }

  /** @param {number} from */
  #dropBefore(from) {
    const kept = this.times.findIndex((at) => at >= from);
    const gone = kept === -1 ? this.times.length : kept;
    if (gone === 0) return;
    this.times.splice(0, gone);
    for (const name of NAMES) this.lines[name].splice(0, gone);
  }
}
