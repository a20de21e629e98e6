/** A trace: calls by arrival. One typed array a column, since a trace may hold millions of calls. */

/** The deadline of a call that names none, in milliseconds (SPILLWAY_TIMEOUT_MS). */
const DEFAULT_DEADLINE_MS = 30_000;

/**
 * The longest time that a trace may span, in milliseconds: 31 days. The pool is looked at in each of its seconds, whether a
 * call comes or not.
 */
export const MOST_SPAN_MS = 31 * 86_400_000;

/** The columns have one entry a call, in order of arrival; the first call needn't arrive at 0. */
export interface Trace {
  readonly name: string;
  /** Milliseconds since the trace began. */
  readonly arrivalMs: Float64Array;
  /** Run time on a free core, in milliseconds. */
  readonly durationMs: Float64Array;
  /** The whole time allowed, waiting included, in milliseconds. */
  readonly deadlineMs: Float64Array;
  /** Index into `methods`. */
  readonly method: Uint16Array;
  readonly methods: readonly string[];
  /** The size of the params in bytes; 0 where it isn't known. */
  readonly bytes: Float64Array;
}

/** One call of a trace, as its source gives it. */
export interface TraceCall {
  readonly arrivalMs: number;
  readonly durationMs: number;
  readonly deadlineMs?: number;
  readonly method?: string;
  readonly bytes?: number;
}

/** The most functions of one trace: what the column's type holds. */
const MOST_METHODS = 65_536;

/** Collects calls, in any order, into a trace. */
export class TraceBuilder {
  #arrival = new Float64Array(1024);
  #duration = new Float64Array(1024);
  #deadline = new Float64Array(1024);
  #bytes = new Float64Array(1024);
  #method = new Uint16Array(1024);
  readonly #methods = new Map<string, number>();
  #length = 0;

  /** @throws Error if it is the 65,537th function */
  add({
    arrivalMs,
    durationMs,
    deadlineMs = DEFAULT_DEADLINE_MS,
    method = 'call',
    bytes = 0,
  }: TraceCall): void {
    if (this.#length === this.#arrival.length) this.#grow();
    let index = this.#methods.get(method);
    if (index === undefined) {
      index = this.#methods.size;
      if (index === MOST_METHODS) throw new Error(`a trace can hold at most ${MOST_METHODS} functions`);
      this.#methods.set(method, index);
    }
    this.#arrival[this.#length] = arrivalMs;
    this.#duration[this.#length] = durationMs;
    this.#deadline[this.#length] = deadlineMs;
    this.#bytes[this.#length] = bytes;
    this.#method[this.#length] = index;
    this.#length++;
  }

  get length(): number {
    return this.#length;
  }

  /**
   * The trace, sorted by arrival; calls that arrived together stay in the order they were added.
   * @param begin whether it begins at time 0, or with its first call, whenever that was
   */
  build(name: string, begin: 'at 0' | 'with the first call' = 'at 0'): Trace {
    const order = this.#order();
    const methods = [...this.#methods.keys()];
    const pick = <T extends Float64Array | Uint16Array>(column: T, into: T): T => {
      for (let at = 0; at < into.length; at++) into[at] = column[order === undefined ? at : order[at]!]!;
      return into;
    };
    const length = this.#length;
    const arrivalMs = pick(this.#arrival, new Float64Array(length));
    const originMs = begin === 'at 0' ? 0 : (arrivalMs[0] ?? 0);
    return {
      name,
      arrivalMs: arrivalMs.map((at) => at - originMs),
      durationMs: pick(this.#duration, new Float64Array(length)),
      deadlineMs: pick(this.#deadline, new Float64Array(length)),
      method: pick(this.#method, new Uint16Array(length)),
      methods,
      bytes: pick(this.#bytes, new Float64Array(length)),
    };
  }

  /** The calls' indexes by arrival, or undefined where they are in order already. */
  #order(): Uint32Array | undefined {
    const arrival = this.#arrival;
    let sorted = true;
    for (let at = 1; at < this.#length; at++) sorted &&= arrival[at]! >= arrival[at - 1]!;
    if (sorted) return undefined;
    return Uint32Array.from({ length: this.#length }, (_, at) => at).sort(
      (one, other) => arrival[one]! - arrival[other]! || one - other,
    );
  }

  #grow(): void {
    const double = (column: Float64Array): Float64Array<ArrayBuffer> => {
      const wider = new Float64Array(column.length * 2);
      wider.set(column);
      return wider;
    };
    this.#arrival = double(this.#arrival);
    this.#duration = double(this.#duration);
    this.#deadline = double(this.#deadline);
    this.#bytes = double(this.#bytes);
    const method = new Uint16Array(this.#method.length * 2);
    method.set(this.#method);
    this.#method = method;
  }
}
