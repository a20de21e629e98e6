/** A binary min-heap of numbers by key, on typed arrays: a million events a second cost next to nothing. */

export class NumberHeap {
  #keys = new Float64Array(1024);
  #values = new Int32Array(1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The least key, or Infinity when empty. */
  get leastKey(): number {
    return this.#size === 0 ? Infinity : this.#keys[0]!;
  }

  /** The value of the least key; -1 when empty. */
  get leastValue(): number {
    return this.#size === 0 ? -1 : this.#values[0]!;
  }

  push(key: number, value: number): void {
    if (this.#size === this.#keys.length) this.#grow();
    const keys = this.#keys;
    const values = this.#values;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (keys[parent]! <= key) break;
      keys[at] = keys[parent]!;
      values[at] = values[parent]!;
      at = parent;
    }
    keys[at] = key;
    values[at] = value;
  }

  /** Takes the value of the least key; -1 when empty. Values of equal keys come in an order fixed by the pushes. */
  pop(): number {
    if (this.#size === 0) return -1;
    const keys = this.#keys;
    const values = this.#values;
    const least = values[0]!;
    const size = --this.#size;
    const key = keys[size]!;
    const value = values[size]!;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && keys[child + 1]! < keys[child]!) child++;
      if (keys[child]! >= key) break;
      keys[at] = keys[child]!;
      values[at] = values[child]!;
      at = child;
    }
    keys[at] = key;
    values[at] = value;
    return least;
  }

  #grow(): void {
    const keys = new Float64Array(this.#keys.length * 2);
    keys.set(this.#keys);
    this.#keys = keys;
    const values = new Int32Array(this.#values.length * 2);
    values.set(this.#values);
    this.#values = values;
  }
}
