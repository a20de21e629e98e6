/** A process that opens and closes a state folder on command: one line in, one line of JSON out. */
import { createInterface } from 'node:readline';
import { openState, type State } from '../../../src/state.ts';

/** What the process answers. */
export interface Answer {
  readonly held?: string;
  readonly fault?: string;
}

let state: State | undefined;

function answer(said: Answer): void {
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

answer({});
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'close') {
    state?.close();
    answer({});
    continue;
  }
  try {
    state = openState(line);
    answer({ held: state.pool });
  } catch (error) {
    answer({ fault: error instanceof Error ? error.message : String(error) });
  }
}
