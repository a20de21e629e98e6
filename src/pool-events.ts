/** Who hears what of the pool: a part of the composition root. */
import { stripVTControlCharacters } from 'node:util';
import type { Recorder } from './admin/recorder.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import type { Logger } from './log.ts';
import type { PoolListener } from './pool/pool.ts';
import type { Verdict } from './pool/liveness.ts';
import type { Worker } from './pool/worker.ts';

/** What hears of workers. */
export interface PoolAudience {
  readonly log: Logger;
  readonly recorder: Recorder;
  readonly calls: Dispatcher;
  /** Who keeps the workers; undefined while nobody does. */
  readonly crew: () => PoolCrew | undefined;
}

interface PoolCrew {
  workerReady(id: string): void;
  workerDrained(id: string): void;
  workerLost(id: string, reason: string): void;
}

/** Passes on what the pool tells: the crew first, since a call that is placed then may need what it brings. */
export function poolEvents({ log, recorder, calls, crew }: PoolAudience): PoolListener {
  return {
    room: calls.pump,
    workerReady(worker) {
      recorder.worker('ready', '');
      crew()?.workerReady(worker.id);
      calls.pump();
    },
    workerDrained(worker) {
      crew()?.workerDrained(worker.id);
    },
    workerLost(worker, why) {
      recorder.worker('lost', why);
      crew()?.workerLost(worker.id, why);
      calls.pump();
    },
    slotEnded(worker, why) {
      recorder.worker('slot ended', why);
      log.warn({ worker: worker.id, reason: why }, 'a slot process ended; its worker starts another');
    },
    printed(worker, { text, ...about }) {
      log.info({ worker: worker.id, ...about }, stripVTControlCharacters(text));
    },
  };
}

/** Passes on what the watch over the workers decides. */
export function watchEvents(recorder: Recorder, log: Logger): (verdict: Verdict<Worker>) => void {
  return ({ worker, verdict, reason }) => {
    if (verdict === 'lose') return; // workerLost tells
    const event = verdict === 'eject' ? 'ejected' : 'readmitted';
    recorder.worker(event, reason);
    log.warn({ worker: worker.id, reason }, `worker ${event}`);
  };
}
