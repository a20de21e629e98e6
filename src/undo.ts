/** What a start has done, to be undone in the reverse order. */

/** One step back. */
type Step = () => Promise<void> | void;

/** Each step is undone once, and one at a time, whoever asks. */
export class Undo {
  readonly #steps: Step[] = [];
  #undoing: Promise<void> = Promise.resolve();

  /** How many steps there are to undo. */
  get length(): number {
    return this.#steps.length;
  }

  push(step: Step): void {
    this.#steps.push(step);
  }

  /**
   * Undoes all steps from that one on. Resolves when that is done, and what another began to undo before: a signal may come
   * while a failed start undoes itself. A step that fails keeps none of the others from being undone.
   * @throws what the first one threw that failed
   */
  from(first: number): Promise<void> {
    const steps = this.#steps.splice(first).reverse();
    const before = this.#undoing.catch(() => undefined);
    this.#undoing = before.then(() => undoAll(steps));
    return this.#undoing;
  }
}

async function undoAll(steps: readonly Step[]): Promise<void> {
  const failed: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failed.push(error);
    }
  }
  if (failed.length > 0) throw failed[0];
}
