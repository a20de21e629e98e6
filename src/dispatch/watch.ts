import type { Expiring } from './deadlines.ts';
import type { Place } from './line.ts';

/** The moment at which a call is to be looked at again. */
export class Watch implements Expiring {
  readonly deadlineAt: number;
  due: Place<unknown> | undefined = undefined;
  readonly #look: () => void;

  constructor(deadlineAt: number, due: () => void) {
    this.deadlineAt = deadlineAt;
    this.#look = due;
  }

  expire(): void {
    this.#look();
  }
}
