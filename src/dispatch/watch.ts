import type { Expiring } from './deadlines.ts';

/** The moment at which a call is to be looked at again. */
export class Watch implements Expiring {
  readonly deadlineAt: number;
  readonly #due: () => void;

  constructor(deadlineAt: number, due: () => void) {
    this.deadlineAt = deadlineAt;
    this.#due = due;
  }

  expire(): void {
    this.#due();
  }
}
